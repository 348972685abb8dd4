/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests/idl/ok/constructs.idl calls its builtins. */
#ifndef XLS_TESTS_IDL_BUILTINS_H
#define XLS_TESTS_IDL_BUILTINS_H

#include <stdbool.h>
#include <stdint.h>

#include "libxl/json.h"

#define IDLT_MEMKB_DEFAULT (~UINT64_C(0))

typedef struct { int state; } idlt_flag;    /* unset, no, yes */
typedef struct { uint8_t *map; uint32_t size; } idlt_bits;
typedef uint8_t idlt_mac[6];
typedef char *idlt_label;
typedef int idlt_devid;
typedef struct idlt_link { struct idlt_link *next, *prev; } idlt_link;
typedef void *idlt_handle_ptr;
typedef struct { uint32_t n; } idlt_counter;
typedef unsigned char idlt_odd_t;

bool idlt_flag_is_default(const idlt_flag *p);
int idlt_flag_gen_json(xjson_writer *w, const idlt_flag *p);
int idlt_flag_parse_json(const xjson *v, idlt_flag *p, struct xjson_error *err);

void idlt_bits_dispose(idlt_bits *p);
int idlt_bits_copy_alloc(libxl_ctx *ctx, idlt_bits *dst, const idlt_bits *src);
bool idlt_bits_is_empty(const idlt_bits *p);
int idlt_bits_gen_json(xjson_writer *w, const idlt_bits *p);
int idlt_bits_parse_json(const xjson *v, idlt_bits *p, struct xjson_error *err);

/* Returns nothing, as libxl's own copy functions do. */
void idlt_mac_copy(libxl_ctx *ctx, idlt_mac *dst, const idlt_mac *src);
int idlt_mac_gen_json(xjson_writer *w, const idlt_mac *p);
int idlt_mac_parse_json(const xjson *v, idlt_mac *p, struct xjson_error *err);

int idlt_label_copy(libxl_ctx *ctx, idlt_label *dst, const idlt_label *src);
int idlt_write_label(xjson_writer *w, idlt_label p);
int idlt_read_label(const xjson *v, idlt_label *p, struct xjson_error *err);

void idlt_counter_start(idlt_counter *p);
bool idlt_counter_is_default(const idlt_counter *p);
int idlt_counter_gen_json(xjson_writer *w, const idlt_counter *p);
int idlt_counter_parse_json(const xjson *v, idlt_counter *p,
                            struct xjson_error *err);

int idlt_odd_gen_json(xjson_writer *w, idlt_odd_t p);
int idlt_odd_parse_json(const xjson *v, idlt_odd_t *p,
                        struct xjson_error *err);

#endif
