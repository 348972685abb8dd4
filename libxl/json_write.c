/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>

#include "libxl/json_internal.h"
#include "libxl/json_memory.h"

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
    if (!w->rc && !json_is_utf8((const unsigned char *)s, strlen(s)))
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
