/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values that json_read.c makes. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/json_internal.h"

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
