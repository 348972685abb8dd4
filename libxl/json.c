/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "libxl/json.h"
#include "libxl/json_memory.h"

struct xjson {
    xjson_type type;
    bool boolean;
    bool negative;          /* an integer is a sign and a magnitude, so */
    uint64_t magnitude;     /* that all of int64 and uint64 fits */
    char *name;             /* when this is an object's member */
    char *text;             /* a string, or a real as it was written */
    size_t count;
    struct xjson *parent, *first, *last, *next;
};

/* ---- text ---- */

/*
 * The bytes of the UTF-8 character at s, or 0 when there is none within len
 * bytes. The library lets overlong forms and surrogates pass.
 */
static size_t utf8_length(const unsigned char *s, size_t len)
{
    size_t n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2
             : (*s & 0xf0) == 0xe0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    size_t i;

    if (!n || n > len) return 0;
    for (i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] >= 0xa0) ||
        (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] >= 0x90))
        return 0;
    return n;
}

static bool is_utf8(const unsigned char *s, size_t len)
{
    size_t n;

    for (; len; s += n, len -= n) {
        n = utf8_length(s, len);
        if (!n) return false;
    }
    return true;
}

/* A message quotes hostile text, and was perhaps cut within a character: keep
 * it one line of UTF-8. */
static void tidy_message(char *text)
{
    unsigned char *s = (unsigned char *)text;
    size_t len = strlen(text), n;

    for (; len; s += n, len -= n) {
        n = utf8_length(s, len);
        if (!n || *s < 0x20 || *s == 0x7f) {
            *s = '?';
            n = 1;
        }
    }
}

/* ---- errors ---- */

void xjson_error_set(struct xjson_error *err, const char *fmt, ...)
{
    va_list ap;

    if (!err) return;
    va_start(ap, fmt);
    if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0) err->text[0] = 0;
    va_end(ap);
    tidy_message(err->text);
}

/* A place is one word with a colon after it. */
static bool has_place(const char *text)
{
    size_t len = strcspn(text, " '");

    return len && text[len - 1] == ':';
}

/* "a" + "[3]: x" is "a[3]: x", "a" + "b: x" is "a.b: x" */
static void error_prefix(struct xjson_error *err, const char *prefix)
{
    char old[sizeof(err->text)];
    const char *joint;

    memcpy(old, err->text, sizeof(old));
    joint = !has_place(old) ? ": " : old[0] == '[' ? "" : ".";
    if (snprintf(err->text, sizeof(err->text), "%s%s%s", prefix, joint,
                 old) < 0)
        err->text[0] = 0;
    tidy_message(err->text);
}

void xjson_error_within_member(struct xjson_error *err, const char *member)
{
    if (err) error_prefix(err, member);
}

void xjson_error_within_element(struct xjson_error *err, size_t idx)
{
    char place[32];

    if (!err) return;
    snprintf(place, sizeof(place), "[%zu]", idx);
    error_prefix(err, place);
}

/* ---- reading ---- */

struct reader {
    xjson *root;
    xjson *open;            /* the innermost array or object still open */
    char *name;             /* a member's name whose value has not come yet */
    unsigned int depth;
    unsigned int values;
    int rc;
    struct xjson_error *err;
    struct json_memory memory;
};

static int reader_fail(struct reader *rd, int rc, const char *what)
{
    rd->rc = rc;
    xjson_error_set(rd->err, "%s", what);
    return 0;               /* tells yajl to stop */
}

static char *copy_text(struct reader *rd, const unsigned char *s, size_t len)
{
    char *copy;

    if (memchr(s, 0, len)) {
        reader_fail(rd, ERROR_INVAL, "a string contains a NUL");
        return NULL;
    }
    if (!is_utf8(s, len)) {
        reader_fail(rd, ERROR_INVAL, "a string is not UTF-8");
        return NULL;
    }
    copy = malloc(len + 1);
    if (!copy) {
        reader_fail(rd, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    memcpy(copy, s, len);
    copy[len] = 0;
    return copy;
}

/* Hang a new value into the tree; NULL after a failure was noted. */
static xjson *add_value(struct reader *rd, xjson_type type)
{
    xjson *v;

    if (++rd->values > XJSON_MAX_VALUES) {
        reader_fail(rd, ERROR_INVAL, "too many values");
        return NULL;
    }
    v = calloc(1, sizeof(*v));
    if (!v) {
        reader_fail(rd, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    v->type = type;
    v->name = rd->name;
    rd->name = NULL;
    v->parent = rd->open;
    if (!rd->open) {
        rd->root = v;
        return v;
    }
    if (rd->open->last)
        rd->open->last->next = v;
    else
        rd->open->first = v;
    rd->open->last = v;
    rd->open->count++;
    return v;
}

static int on_null(void *ctx)
{
    return add_value(ctx, XJSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int b)
{
    xjson *v = add_value(ctx, XJSON_BOOL);

    if (!v) return 0;
    v->boolean = b;
    return 1;
}

static int on_number(void *ctx, const char *s, size_t len)
{
    struct reader *rd = ctx;
    xjson *v;
    char *end;
    bool integer = !memchr(s, '.', len) && !memchr(s, 'e', len) &&
                   !memchr(s, 'E', len);

    v = add_value(rd, integer ? XJSON_INTEGER : XJSON_REAL);
    if (!v) return 0;
    v->text = copy_text(rd, (const unsigned char *)s, len);
    if (!v->text) return 0;
    if (!integer) return 1;

    v->negative = v->text[0] == '-';
    errno = 0;
    v->magnitude = strtoull(v->text + v->negative, &end, 10);
    if (errno || *end ||
        (v->negative && v->magnitude > (uint64_t)INT64_MAX + 1))
        return reader_fail(rd, ERROR_INVAL, "a number is out of range");
    return 1;
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
    xjson *v = add_value(ctx, XJSON_STRING);

    if (!v) return 0;
    v->text = copy_text(ctx, s, len);
    return v->text != NULL;
}

static int on_open(struct reader *rd, xjson_type type)
{
    xjson *v;

    if (++rd->depth > XJSON_MAX_DEPTH)
        return reader_fail(rd, ERROR_INVAL, "nested too deep");
    v = add_value(rd, type);
    if (!v) return 0;
    rd->open = v;
    return 1;
}

static int on_object(void *ctx)
{
    return on_open(ctx, XJSON_OBJECT);
}

static int on_array(void *ctx)
{
    return on_open(ctx, XJSON_ARRAY);
}

static int on_name(void *ctx, const unsigned char *s, size_t len)
{
    struct reader *rd = ctx;

    rd->name = copy_text(rd, s, len);
    return rd->name != NULL;
}

static int on_close(void *ctx)
{
    struct reader *rd = ctx;

    rd->open = rd->open->parent;
    rd->depth--;
    return 1;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted rather than pair by pair: the text may be hostile. */
static int on_object_end(void *ctx)
{
    struct reader *rd = ctx;
    const char **names;
    const xjson *v;
    size_t i = 0;
    int ok = 1;

    if (rd->open->count > 1) {
        names = calloc(rd->open->count, sizeof(*names));
        if (!names) return reader_fail(rd, ERROR_NOMEM, "out of memory");
        for (v = rd->open->first; v; v = v->next) names[i++] = v->name;
        qsort(names, i, sizeof(*names), compare_names);
        while (ok && --i > 0)
            if (!strcmp(names[i], names[i - 1])) {
                reader_fail(rd, ERROR_INVAL, "");
                xjson_error_set(rd->err, "duplicate member '%.100s'", names[i]);
                ok = 0;
            }
        free(names);
    }
    return ok && on_close(rd);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_name,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

/* The code unit of an escape (\uXXXX) at s, or -1. */
static long escaped_unit(const char *s, const char *end)
{
    long unit = 0;
    int i;

    if (end - s < 6 || s[0] != '\\' || s[1] != 'u') return -1;
    for (i = 2; i < 6; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *d = s[i] ? strchr(digits, s[i] | 0x20) : NULL;

        if (!d) return -1;
        unit = unit << 4 | (d - digits);
    }
    return unit;
}

/* The library reads half a surrogate pair as a question mark. */
static bool has_lone_surrogate(const char *s, const char *end)
{
    long unit, low;

    while ((s = memchr(s, '\\', (size_t)(end - s)))) {
        unit = escaped_unit(s, end);
        if (unit < 0) {
            s += end - s < 2 ? 1 : 2;
            continue;
        }
        s += 6;
        if (unit < 0xd800 || unit > 0xdfff) continue;
        low = escaped_unit(s, end);
        if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return true;
        s += 6;
    }
    return false;
}

/* Its own frame, with nothing in it that changes: it may be jumped back to. */
static void run_reader(struct reader *rd, const char *text, size_t len)
{
    yajl_alloc_funcs funcs = json_memory_funcs(&rd->memory);
    yajl_handle h;
    yajl_status status;

    if (setjmp(rd->memory.nomem)) {
        reader_fail(rd, ERROR_NOMEM, "out of memory");
        return;
    }
    h = yajl_alloc(&callbacks, &funcs, rd);
    status = yajl_parse(h, (const unsigned char *)text, len);
    if (status == yajl_status_ok) status = yajl_complete_parse(h);
    if (rd->rc || (status == yajl_status_ok && rd->root)) return;
    rd->rc = ERROR_INVAL;
    xjson_error_set(rd->err, "not JSON, or cut short, at byte %zu of %zu",
                    yajl_get_bytes_consumed(h), len);
}

int xjson_parse(const char *text, size_t len, xjson **value_r,
                struct xjson_error *err)
{
    struct reader rd = { .err = err };

    if (len > XJSON_MAX_BYTES) {
        xjson_error_set(err, "longer than %u bytes", XJSON_MAX_BYTES);
        return ERROR_INVAL;
    }
    if (has_lone_surrogate(text, text + len)) {
        xjson_error_set(err, "half of a surrogate pair");
        return ERROR_INVAL;
    }
    run_reader(&rd, text, len);
    json_memory_free(&rd.memory);
    free(rd.name);
    if (rd.rc)
        xjson_free(rd.root);
    else
        *value_r = rd.root;
    return rd.rc;
}

/* By the parent links, not by recursion. */
void xjson_free(xjson *value)
{
    xjson *v = value, *up;

    while (v) {
        if (v->first) {
            xjson *child = v->first;
            v->first = child->next;
            v = child;
            continue;
        }
        up = v == value ? NULL : v->parent;
        free(v->name);
        free(v->text);
        free(v);
        v = up;
    }
}

xjson_type xjson_type_of(const xjson *value)
{
    return value ? value->type : XJSON_NULL;
}

const char *xjson_type_name(xjson_type type)
{
    switch (type) {
    case XJSON_NULL: return "null";
    case XJSON_BOOL: return "a boolean";
    case XJSON_INTEGER: return "an integer";
    case XJSON_REAL: return "a number";
    case XJSON_STRING: return "a string";
    case XJSON_ARRAY: return "an array";
    case XJSON_OBJECT: return "an object";
    }
    return "?";
}

const xjson *xjson_first(const xjson *value)
{
    return value ? value->first : NULL;
}

const xjson *xjson_next(const xjson *value)
{
    return value ? value->next : NULL;
}

size_t xjson_count(const xjson *value)
{
    return value ? value->count : 0;
}

const char *xjson_name(const xjson *value)
{
    return value ? value->name : NULL;
}

const xjson *xjson_member(const xjson *value, const char *name)
{
    const xjson *v;

    if (xjson_type_of(value) != XJSON_OBJECT) return NULL;
    for (v = value->first; v; v = v->next)
        if (!strcmp(v->name, name)) return v;
    return NULL;
}

const char *xjson_string(const xjson *value)
{
    return xjson_type_of(value) == XJSON_STRING ? value->text : NULL;
}

int xjson_bool(const xjson *value, bool *ok_r)
{
    if (xjson_type_of(value) != XJSON_BOOL) return ERROR_INVAL;
    *ok_r = value->boolean;
    return 0;
}

int xjson_int(const xjson *value, int64_t min, int64_t max, int64_t *n_r)
{
    int64_t n;

    if (xjson_type_of(value) != XJSON_INTEGER) return ERROR_INVAL;
    if (value->negative)
        n = value->magnitude == (uint64_t)INT64_MAX + 1 ? INT64_MIN
            : -(int64_t)value->magnitude;
    else if (value->magnitude > INT64_MAX)
        return ERROR_INVAL;
    else
        n = (int64_t)value->magnitude;
    if (n < min || n > max) return ERROR_INVAL;
    *n_r = n;
    return 0;
}

int xjson_uint(const xjson *value, uint64_t max, uint64_t *n_r)
{
    if (xjson_type_of(value) != XJSON_INTEGER) return ERROR_INVAL;
    if (value->negative && value->magnitude) return ERROR_INVAL;
    if (value->magnitude > max) return ERROR_INVAL;
    *n_r = value->magnitude;
    return 0;
}

const char *xjson_member_string(const xjson *value, const char *name)
{
    return xjson_string(xjson_member(value, name));
}

bool xjson_member_true(const xjson *value, const char *name)
{
    bool b = false;

    return !xjson_bool(xjson_member(value, name), &b) && b;
}

/* ---- writing ---- */

struct xjson_writer {
    yajl_gen gen;
    unsigned int depth;
    int rc;
    struct json_memory memory;
};

int xjson_writer_alloc(bool indent, xjson_writer **writer_r)
{
    xjson_writer *w = calloc(1, sizeof(*w));
    yajl_alloc_funcs funcs;

    if (!w) return ERROR_NOMEM;
    if (setjmp(w->memory.nomem)) {
        xjson_writer_free(w);
        return ERROR_NOMEM;
    }
    funcs = json_memory_funcs(&w->memory);
    w->gen = yajl_gen_alloc(&funcs);
    yajl_gen_config(w->gen, yajl_gen_beautify, (int)indent);
    yajl_gen_config(w->gen, yajl_gen_indent_string, "  ");
    *writer_r = w;
    return 0;
}

void xjson_writer_free(xjson_writer *w)
{
    if (!w) return;
    json_memory_free(&w->memory);
    free(w);
}

enum token {
    NOTHING, BOOL, NUMBER, STRING,
    OBJECT, OBJECT_END, ARRAY, ARRAY_END,
};

static yajl_gen_status write_token(xjson_writer *w, enum token token,
                                   const char *text, size_t len)
{
    switch (token) {
    case NOTHING: return yajl_gen_null(w->gen);
    case BOOL: return yajl_gen_bool(w->gen, *text == 't');
    case NUMBER: return yajl_gen_number(w->gen, text, len);
    case STRING:
        return yajl_gen_string(w->gen, (const unsigned char *)text, len);
    case OBJECT: w->depth++; return yajl_gen_map_open(w->gen);
    case OBJECT_END: w->depth--; return yajl_gen_map_close(w->gen);
    case ARRAY: w->depth++; return yajl_gen_array_open(w->gen);
    case ARRAY_END: w->depth--; return yajl_gen_array_close(w->gen);
    }
    return yajl_gen_in_error_state;
}

/* Anything but ok is a misuse, even "complete": a second value was written. */
static int emit(xjson_writer *w, enum token token, const char *text)
{
    if (w->rc) return w->rc;
    if (setjmp(w->memory.nomem)) return w->rc = ERROR_NOMEM;
    if (write_token(w, token, text, text ? strlen(text) : 0))
        w->rc = ERROR_INVAL;
    return w->rc;
}

int xjson_write_null(xjson_writer *w)
{
    return emit(w, NOTHING, NULL);
}

int xjson_write_bool(xjson_writer *w, bool b)
{
    return emit(w, BOOL, b ? "true" : "false");
}

int xjson_write_int(xjson_writer *w, int64_t n)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, n);
    return emit(w, NUMBER, text);
}

int xjson_write_uint(xjson_writer *w, uint64_t n)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64, n);
    return emit(w, NUMBER, text);
}

int xjson_write_string(xjson_writer *w, const char *s)
{
    if (!s) return xjson_write_null(w);
    if (!w->rc && !is_utf8((const unsigned char *)s, strlen(s)))
        w->rc = ERROR_INVAL;
    return emit(w, STRING, s);
}

int xjson_write_name(xjson_writer *w, const char *name)
{
    return xjson_write_string(w, name);
}

int xjson_write_object(xjson_writer *w)
{
    return emit(w, OBJECT, NULL);
}

int xjson_write_object_end(xjson_writer *w)
{
    return emit(w, OBJECT_END, NULL);
}

int xjson_write_array(xjson_writer *w)
{
    return emit(w, ARRAY, NULL);
}

int xjson_write_array_end(xjson_writer *w)
{
    return emit(w, ARRAY_END, NULL);
}

int xjson_write_value(xjson_writer *w, const xjson *value)
{
    const xjson *v;

    switch (xjson_type_of(value)) {
    case XJSON_NULL: return xjson_write_null(w);
    case XJSON_BOOL: return xjson_write_bool(w, value->boolean);
    case XJSON_INTEGER:
    case XJSON_REAL: return emit(w, NUMBER, value->text);
    case XJSON_STRING: return xjson_write_string(w, value->text);
    case XJSON_ARRAY:
        xjson_write_array(w);
        for (v = value->first; v; v = v->next) xjson_write_value(w, v);
        return xjson_write_array_end(w);
    case XJSON_OBJECT:
        xjson_write_object(w);
        for (v = value->first; v; v = v->next) {
            xjson_write_name(w, v->name);
            xjson_write_value(w, v);
        }
        return xjson_write_object_end(w);
    }
    return w->rc = ERROR_INVAL;
}

int xjson_write_member_string(xjson_writer *w, const char *name, const char *s)
{
    xjson_write_name(w, name);
    return xjson_write_string(w, s);
}

int xjson_write_member_bool(xjson_writer *w, const char *name, bool b)
{
    xjson_write_name(w, name);
    return xjson_write_bool(w, b);
}

int xjson_write_member_int(xjson_writer *w, const char *name, int64_t n)
{
    xjson_write_name(w, name);
    return xjson_write_int(w, n);
}

int xjson_write_member_uint(xjson_writer *w, const char *name, uint64_t n)
{
    xjson_write_name(w, name);
    return xjson_write_uint(w, n);
}

int xjson_writer_finish(xjson_writer *w, char **text_r, size_t *len_r)
{
    const unsigned char *buf;
    size_t len;
    char *text;

    if (w->rc) return w->rc;
    if (w->depth || yajl_gen_get_buf(w->gen, &buf, &len) != yajl_gen_status_ok)
        return ERROR_INVAL;
    if (!len) return ERROR_INVAL;
    text = malloc(len + 1);
    if (!text) return ERROR_NOMEM;
    memcpy(text, buf, len);
    text[len] = 0;
    *text_r = text;
    if (len_r) *len_r = len;
    return 0;
}
