/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Types and their functions.
 * Made from tiny.idl by idl/idlc.py: do not edit.
 */
#ifndef TINY_H
#define TINY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxl.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tiny_kind {
    TINY_KIND_NONE = 0,
    TINY_KIND_FILE = 1,
} tiny_kind;

const char *tiny_kind_to_string(tiny_kind e);
int tiny_kind_from_string(const char *s, tiny_kind *e);
char *tiny_kind_to_json(libxl_ctx *ctx, tiny_kind p);
int tiny_kind_from_json(libxl_ctx *ctx, tiny_kind *p, const char *s);

typedef struct tiny_item {
    uint32_t size;
    int num_tags;
    char **tags;
    tiny_kind kind;
    union {
        struct {
            char *path;
        } file;
    } u;
} tiny_item;

void tiny_item_init(tiny_item *p);
void tiny_item_init_kind(tiny_item *p, tiny_kind kind);
void tiny_item_dispose(tiny_item *p);
int tiny_item_copy(libxl_ctx *ctx, tiny_item *dst, const tiny_item *src);
char *tiny_item_to_json(libxl_ctx *ctx, const tiny_item *p);
int tiny_item_from_json(libxl_ctx *ctx, tiny_item *p, const char *s);

#ifdef __cplusplus
}
#endif

#endif
