/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What code made by idl/idlc.py calls: the checks and conversions that are
 * the same for every type. Functions return 0 or a libxl error, and on
 * failure say why in *err (which may be NULL); the generated code adds where.
 */
#ifndef XLS_IDL_RUNTIME_H
#define XLS_IDL_RUNTIME_H

#include "libxl/json.h"

struct xidl_enum_value {
    const char *s;
    int n;
};

/* ---- places ---- */

/* Put a member's name, or an element's index, before the message of a
 * failure; returns rc. */
int xidl_within(int rc, const char *member, struct xjson_error *err);
int xidl_within_element(int rc, int idx, struct xjson_error *err);
int xidl_nomem(struct xjson_error *err);

/* ---- shapes ---- */

/* types is a set of 1u << XJSON_... */
int xidl_check_type(const xjson *v, unsigned int types,
                    struct xjson_error *err);
/*
 * v is an object, and each of its members is in the NULL-terminated list; an
 * entry which ends in a dot admits every name that begins with it. No list:
 * any member will do.
 */
int xidl_check_object(const xjson *v, const char *const *members,
                      struct xjson_error *err);
/* {}: the whole of a variant without a value. */
int xidl_check_empty(const xjson *v, struct xjson_error *err);
int xidl_check_array(const xjson *v, int *count_r, struct xjson_error *err);

/*
 * The one member whose name begins with prefix ("format."), and the rest of
 * its name. *m_r is NULL when there is none; two of them are ERROR_INVAL.
 */
int xidl_find_variant(const xjson *v, const char *prefix, const xjson **m_r,
                      const char **variant_r, struct xjson_error *err);
int xidl_unknown_variant(const xjson *m, struct xjson_error *err);

/* ---- values ---- */

int xidl_parse_bool(const xjson *v, bool *b_r, struct xjson_error *err);
/* The string is the caller's; null gives NULL. */
int xidl_parse_string(const xjson *v, char **s_r, struct xjson_error *err);
/* n_r points to an integer type of size bytes. */
int xidl_parse_int(const xjson *v, void *n_r, size_t size,
                   struct xjson_error *err);
int xidl_parse_uint(const xjson *v, void *n_r, size_t size,
                    struct xjson_error *err);

/* values ends with a NULL name. Case does not matter; s may be NULL. */
int xidl_enum_from_string(const struct xidl_enum_value *values, const char *s,
                          int *n_r);
/* "" when v is no string, which no enumeration has as a name. */
const char *xidl_enum_string(const xjson *v);
int xidl_unknown_value(const xjson *v, struct xjson_error *err);
/* name is NULL for a number that has no name: ERROR_INVAL. */
int xidl_write_enum(xjson_writer *w, const char *name);

int xidl_copy_string(char **dst_r, const char *src);

/*
 * Call a copy function of a type that we did not generate: it may return an
 * error, as ours do, or nothing, as libxl's do.
 */
#define XIDL_COPY(fn, ctx, dst, src)                                    \
    __builtin_choose_expr(                                              \
        __builtin_types_compatible_p(__typeof__(fn(ctx, dst, src)), void), \
        (fn(ctx, dst, src), 0), fn(ctx, dst, src))

#endif
