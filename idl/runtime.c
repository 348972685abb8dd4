/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "idl/runtime.h"

/* ---- places ---- */

int xidl_within(int rc, const char *member, struct xjson_error *err)
{
    if (rc) xjson_error_within_member(err, member);
    return rc;
}

int xidl_within_element(int rc, int idx, struct xjson_error *err)
{
    if (rc) xjson_error_within_element(err, (size_t)idx);
    return rc;
}

int xidl_nomem(struct xjson_error *err)
{
    xjson_error_set(err, "out of memory");
    return ERROR_NOMEM;
}

/* ---- shapes ---- */

static int wrong_type(const xjson *v, const char *wanted,
                      struct xjson_error *err)
{
    xjson_error_set(err, "expected %s, found %s", wanted,
                    xjson_type_name(xjson_type_of(v)));
    return ERROR_INVAL;
}

int xidl_check_type(const xjson *v, unsigned int types,
                    struct xjson_error *err)
{
    char wanted[128] = "";
    unsigned int t;

    if (types & 1u << xjson_type_of(v)) return 0;
    for (t = XJSON_NULL; t <= XJSON_OBJECT; t++) {
        if (!(types & 1u << t)) continue;
        if (*wanted) strcat(wanted, " or ");
        strcat(wanted, xjson_type_name(t));
    }
    return wrong_type(v, wanted, err);
}

static bool is_listed(const char *name, const char *const *members)
{
    size_t len;

    for (; *members; members++) {
        len = strlen(*members);
        if ((*members)[len - 1] == '.' ? !strncmp(name, *members, len)
                                       : !strcmp(name, *members))
            return true;
    }
    return false;
}

int xidl_check_object(const xjson *v, const char *const *members,
                      struct xjson_error *err)
{
    const xjson *m;

    if (xjson_type_of(v) != XJSON_OBJECT)
        return wrong_type(v, xjson_type_name(XJSON_OBJECT), err);
    if (!members) return 0;
    for (m = xjson_first(v); m; m = xjson_next(m))
        if (!is_listed(xjson_name(m), members)) {
            xjson_error_set(err, "unknown member '%.100s'", xjson_name(m));
            return ERROR_INVAL;
        }
    return 0;
}

int xidl_check_empty(const xjson *v, struct xjson_error *err)
{
    static const char *const none[] = { NULL };

    return xidl_check_object(v, none, err);
}

int xidl_check_array(const xjson *v, int *count_r, struct xjson_error *err)
{
    if (xjson_type_of(v) != XJSON_ARRAY)
        return wrong_type(v, xjson_type_name(XJSON_ARRAY), err);
    if (xjson_count(v) > INT_MAX) {
        xjson_error_set(err, "too many elements");
        return ERROR_INVAL;
    }
    *count_r = (int)xjson_count(v);
    return 0;
}

int xidl_find_variant(const xjson *v, const char *prefix, const xjson **m_r,
                      const char **variant_r, struct xjson_error *err)
{
    const xjson *m, *found = NULL;
    size_t len = strlen(prefix);

    for (m = xjson_first(v); m; m = xjson_next(m)) {
        if (strncmp(xjson_name(m), prefix, len)) continue;
        if (found) {
            xjson_error_set(err, "both '%.100s' and '%.100s' are given",
                            xjson_name(found), xjson_name(m));
            return ERROR_INVAL;
        }
        found = m;
    }
    *m_r = found;
    *variant_r = found ? xjson_name(found) + len : NULL;
    return 0;
}

int xidl_unknown_variant(const xjson *m, struct xjson_error *err)
{
    xjson_error_set(err, "unknown variant '%.100s'", xjson_name(m));
    return ERROR_INVAL;
}

/* ---- values ---- */

int xidl_parse_bool(const xjson *v, bool *b_r, struct xjson_error *err)
{
    if (xjson_bool(v, b_r))
        return wrong_type(v, xjson_type_name(XJSON_BOOL), err);
    return 0;
}

int xidl_parse_string(const xjson *v, char **s_r, struct xjson_error *err)
{
    if (xjson_type_of(v) == XJSON_NULL) {
        *s_r = NULL;
        return 0;
    }
    if (!xjson_string(v))
        return wrong_type(v, xjson_type_name(XJSON_STRING), err);
    return xidl_copy_string(s_r, xjson_string(v)) ? xidl_nomem(err) : 0;
}

static int bad_integer(const xjson *v, struct xjson_error *err)
{
    if (xjson_type_of(v) != XJSON_INTEGER)
        return wrong_type(v, xjson_type_name(XJSON_INTEGER), err);
    xjson_error_set(err, "the number is out of range");
    return ERROR_INVAL;
}

int xidl_parse_int(const xjson *v, void *n_r, size_t size,
                   struct xjson_error *err)
{
    int64_t max = (int64_t)(UINT64_MAX >> (64 - 8 * size + 1));
    int64_t n;

    if (xjson_int(v, -max - 1, max, &n)) return bad_integer(v, err);
    switch (size) {
    case 1: *(int8_t *)n_r = (int8_t)n; break;
    case 2: memcpy(n_r, &(int16_t){ (int16_t)n }, size); break;
    case 4: memcpy(n_r, &(int32_t){ (int32_t)n }, size); break;
    default: memcpy(n_r, &n, sizeof(n)); break;
    }
    return 0;
}

int xidl_parse_uint(const xjson *v, void *n_r, size_t size,
                    struct xjson_error *err)
{
    uint64_t n;

    if (xjson_uint(v, UINT64_MAX >> (64 - 8 * size), &n))
        return bad_integer(v, err);
    switch (size) {
    case 1: *(uint8_t *)n_r = (uint8_t)n; break;
    case 2: memcpy(n_r, &(uint16_t){ (uint16_t)n }, size); break;
    case 4: memcpy(n_r, &(uint32_t){ (uint32_t)n }, size); break;
    default: memcpy(n_r, &n, sizeof(n)); break;
    }
    return 0;
}

/* Not strcasecmp, which asks the locale. */
static bool same_name(const char *a, const char *b)
{
    char c;

    for (;; a++, b++) {
        c = *b >= 'A' && *b <= 'Z' ? (char)(*b + ('a' - 'A')) : *b;
        if (*a != c) return false;
        if (!c) return true;
    }
}

int xidl_enum_from_string(const struct xidl_enum_value *values, const char *s,
                          int *n_r)
{
    for (; s && values->s; values++)
        if (same_name(values->s, s)) {
            *n_r = values->n;
            return 0;
        }
    return ERROR_INVAL;
}

const char *xidl_enum_string(const xjson *v)
{
    const char *s = xjson_string(v);

    return s ? s : "";
}

int xidl_unknown_value(const xjson *v, struct xjson_error *err)
{
    if (!xjson_string(v))
        return wrong_type(v, xjson_type_name(XJSON_STRING), err);
    xjson_error_set(err, "unknown value '%.100s'", xjson_string(v));
    return ERROR_INVAL;
}

int xidl_write_enum(xjson_writer *w, const char *name)
{
    return name ? xjson_write_string(w, name) : ERROR_INVAL;
}

int xidl_copy_string(char **dst_r, const char *src)
{
    char *copy = NULL;

    if (src) {
        copy = strdup(src);
        if (!copy) return ERROR_NOMEM;
    }
    *dst_r = copy;
    return 0;
}
