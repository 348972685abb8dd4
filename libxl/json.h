/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON in and out. json_read.c and json_write.c alone know the JSON library, so
 * that changing the library touches nothing else.
 *
 * Reading is strict, because the text may come from a hostile guest's device
 * model or from a damaged file: one value only, valid UTF-8, no NUL in a
 * string, no duplicate member, bounded in bytes, depth and count.
 *
 * Functions return 0 or a libxl error (ERROR_INVAL for text that is not
 * acceptable, ERROR_NOMEM); nothing aborts.
 */
#ifndef XLS_JSON_H
#define XLS_JSON_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxl.h>

/* ---- errors ---- */

/*
 * Says what is wrong and where: "snapshots[3].name: expected a string".
 * Every function that takes one accepts NULL.
 */
struct xjson_error {
    char text[256];         /* one line of UTF-8 */
};

void xjson_error_set(struct xjson_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put a place in front of the message, as the error travels up. */
void xjson_error_within_member(struct xjson_error *err, const char *member);
void xjson_error_within_element(struct xjson_error *err, size_t idx);

/* ---- reading ---- */

typedef enum {
    XJSON_NULL,
    XJSON_BOOL,
    XJSON_INTEGER,
    XJSON_REAL,
    XJSON_STRING,
    XJSON_ARRAY,
    XJSON_OBJECT,
} xjson_type;

/* A parsed value. The tree belongs to whoever parsed it; the accessors
 * return pointers into it. */
typedef struct xjson xjson;

#define XJSON_MAX_BYTES (64u << 20)
#define XJSON_MAX_DEPTH 64u
#define XJSON_MAX_VALUES (4u << 20)

/* len bytes at text (no terminator needed) hold exactly one value. */
int xjson_parse(const char *text, size_t len, xjson **value_r,
                struct xjson_error *err);
void xjson_free(xjson *value);

/* All of these accept NULL, which has the type XJSON_NULL. */
xjson_type xjson_type_of(const xjson *value);
const char *xjson_type_name(xjson_type type);

/* Members and elements in their order in the text; NULL past the end. */
const xjson *xjson_first(const xjson *value);
const xjson *xjson_next(const xjson *value);
size_t xjson_count(const xjson *value);
/* The name of a value that is an object's member, else NULL. */
const char *xjson_name(const xjson *value);

/* NULL when there is no such member, or value is no object. */
const xjson *xjson_member(const xjson *value, const char *name);

/* NULL when value is not a string. */
const char *xjson_string(const xjson *value);

/* These fail with ERROR_INVAL, and leave *_r alone, when the value is of
 * another type or does not fit. */
int xjson_bool(const xjson *value, bool *ok_r);
int xjson_int(const xjson *value, int64_t min, int64_t max, int64_t *n_r);
int xjson_uint(const xjson *value, uint64_t max, uint64_t *n_r);

/* Member lookup and conversion in one; NULL or false when it is missing or
 * of another type. For replies whose shape has been checked. */
const char *xjson_member_string(const xjson *value, const char *name);
bool xjson_member_true(const xjson *value, const char *name);

/* ---- writing ---- */

/*
 * A writer remembers its first failure: callers may write a whole document
 * and look at the result of xjson_writer_finish alone.
 */
typedef struct xjson_writer xjson_writer;

/* indent: readable text with line breaks; else one line. */
int xjson_writer_alloc(bool indent, xjson_writer **writer_r);
void xjson_writer_free(xjson_writer *w);

int xjson_write_null(xjson_writer *w);
int xjson_write_bool(xjson_writer *w, bool b);
int xjson_write_int(xjson_writer *w, int64_t n);
int xjson_write_uint(xjson_writer *w, uint64_t n);
/* NULL is written as null. Text that is not UTF-8 is ERROR_INVAL. */
int xjson_write_string(xjson_writer *w, const char *s);
int xjson_write_object(xjson_writer *w);
/* A member's name; its value follows. */
int xjson_write_name(xjson_writer *w, const char *name);
int xjson_write_object_end(xjson_writer *w);
int xjson_write_array(xjson_writer *w);
int xjson_write_array_end(xjson_writer *w);
/* A parsed value, whole. */
int xjson_write_value(xjson_writer *w, const xjson *value);

/* Shorthands for "name": value. */
int xjson_write_member_string(xjson_writer *w, const char *name, const char *s);
int xjson_write_member_bool(xjson_writer *w, const char *name, bool b);
int xjson_write_member_int(xjson_writer *w, const char *name, int64_t n);
int xjson_write_member_uint(xjson_writer *w, const char *name, uint64_t n);

/* The text, malloc'd and terminated, is the caller's. An unfinished document
 * is ERROR_INVAL. */
int xjson_writer_finish(xjson_writer *w, char **text_r, size_t *len_r);

#endif
