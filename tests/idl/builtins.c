/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions that a schema may leave to be written by hand, one of each
 * shape that idl/README.md lists. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "idl/runtime.h"
#include "tests/idl/builtins.h"
#include "tests/idl/_constructs_json.h"

/* ---- flag: by reference, owns nothing ---- */

static const struct xidl_enum_value flag_names[] = {
    { "unset", 0 }, { "no", 1 }, { "yes", 2 }, { NULL, 0 }
};

bool idlt_flag_is_default(const idlt_flag *p)
{
    return !p->state;
}

int idlt_flag_gen_json(xjson_writer *w, const idlt_flag *p)
{
    return xidl_write_enum(w, flag_names[p->state].s);
}

int idlt_flag_parse_json(const xjson *v, idlt_flag *p, struct xjson_error *err)
{
    if (xidl_enum_from_string(flag_names, xidl_enum_string(v), &p->state))
        return xidl_unknown_value(v, err);
    return 0;
}

/* ---- bits: by reference, owns memory ---- */

void idlt_bits_dispose(idlt_bits *p)
{
    free(p->map);
    memset(p, 0, sizeof(*p));
}

int idlt_bits_copy_alloc(libxl_ctx *ctx, idlt_bits *dst, const idlt_bits *src)
{
    if (!src->map) return 0;
    dst->map = malloc(src->size);
    if (!dst->map) return ERROR_NOMEM;
    memcpy(dst->map, src->map, src->size);
    dst->size = src->size;
    return 0;
}

bool idlt_bits_is_empty(const idlt_bits *p)
{
    return !p->size;
}

int idlt_bits_gen_json(xjson_writer *w, const idlt_bits *p)
{
    uint32_t i;

    xjson_write_array(w);
    for (i = 0; i < p->size * 8; i++)
        if (p->map[i / 8] & 1 << i % 8) xjson_write_uint(w, i);
    return xjson_write_array_end(w);
}

int idlt_bits_parse_json(const xjson *v, idlt_bits *p, struct xjson_error *err)
{
    const xjson *e;
    uint64_t n;

    for (e = xjson_first(v); e; e = xjson_next(e)) {
        if (xjson_uint(e, 63, &n)) {
            xjson_error_set(err, "expected a bit's number");
            return ERROR_INVAL;
        }
        if (!p->map) {
            p->map = calloc(8, 1);
            if (!p->map) return xidl_nomem(err);
            p->size = 8;
        }
        p->map[n / 8] |= (uint8_t)(1 << n % 8);
    }
    return 0;
}

/* ---- mac: an array type ---- */

void idlt_mac_copy(libxl_ctx *ctx, idlt_mac *dst, const idlt_mac *src)
{
    memcpy(*dst, *src, sizeof(*dst));
}

int idlt_mac_gen_json(xjson_writer *w, const idlt_mac *p)
{
    const uint8_t *m = *p;
    char text[32];

    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
             m[2], m[3], m[4], m[5]);
    return xjson_write_string(w, text);
}

int idlt_mac_parse_json(const xjson *v, idlt_mac *p, struct xjson_error *err)
{
    const char *s = xjson_string(v);
    unsigned int m[6];
    int i, n = 0;

    if (!s) return 0;           /* null */
    if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3],
               &m[4], &m[5], &n) != 6 || s[n]) {
        xjson_error_set(err, "expected a MAC address");
        return ERROR_INVAL;
    }
    for (i = 0; i < 6; i++) (*p)[i] = (uint8_t)m[i];
    return 0;
}

/* ---- label: by value ---- */

int idlt_label_copy(libxl_ctx *ctx, idlt_label *dst, const idlt_label *src)
{
    return xidl_copy_string(dst, *src);
}

int idlt_write_label(xjson_writer *w, idlt_label p)
{
    return xjson_write_string(w, p);
}

int idlt_read_label(const xjson *v, idlt_label *p, struct xjson_error *err)
{
    return xidl_parse_string(v, p, err);
}

/* ---- counter: has an init ---- */

void idlt_counter_start(idlt_counter *p)
{
    p->n = 100;
}

bool idlt_counter_is_default(const idlt_counter *p)
{
    return p->n == 100;
}

int idlt_counter_gen_json(xjson_writer *w, const idlt_counter *p)
{
    return xjson_write_uint(w, p->n);
}

int idlt_counter_parse_json(const xjson *v, idlt_counter *p,
                            struct xjson_error *err)
{
    return xidl_parse_uint(v, &p->n, sizeof(p->n), err);
}

/* ---- odd: a number with its own JSON ---- */

int idlt_odd_gen_json(xjson_writer *w, idlt_odd_t p)
{
    return xjson_write_bool(w, p & 1);
}

int idlt_odd_parse_json(const xjson *v, idlt_odd_t *p, struct xjson_error *err)
{
    bool odd;
    int rc;

    rc = xidl_parse_bool(v, &odd, err);
    if (!rc) *p = odd;
    return rc;
}

/* ---- functions of the schema's own types ---- */

bool idlt_code_is_default(const idlt_code *p)
{
    return *p == TOP_CODE_OTHER;
}

int idlt_word_gen_json(xjson_writer *w, const idlt_word *p)
{
    return xjson_write_uint(w, p->number);
}

int idlt_word_parse_json(const xjson *v, idlt_word *p, struct xjson_error *err)
{
    return xidl_parse_uint(v, &p->number, sizeof(p->number), err);
}

void idlt_by_hand_init(idlt_by_hand *p)
{
    memset(p, 0, sizeof(*p));
    p->generation = 1;
}

void idlt_by_hand_dispose(idlt_by_hand *p)
{
    free(p->text);
    memset(p, 0, sizeof(*p));
}

int idlt_by_hand_copy(libxl_ctx *ctx, idlt_by_hand *dst,
                      const idlt_by_hand *src)
{
    idlt_by_hand_init(dst);
    dst->generation = src->generation + 1;
    return xidl_copy_string(&dst->text, src->text);
}

int idlt_by_hand_gen_json(xjson_writer *w, const idlt_by_hand *p)
{
    return xjson_write_string(w, p->text);
}

int idlt_by_hand_parse_json(const xjson *v, idlt_by_hand *p,
                            struct xjson_error *err)
{
    return xidl_parse_string(v, &p->text, err);
}
