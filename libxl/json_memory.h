/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for the JSON library, which does not look whether it got any. Each
 * of its blocks is on a list; when there is no more memory, it is left by
 * longjmp to json_memory.nomem, and what it held is freed from the list.
 * For json_read.c and json_write.c alone.
 */
#ifndef XLS_JSON_MEMORY_H
#define XLS_JSON_MEMORY_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <yajl/yajl_common.h>

union json_block {
    struct {
        union json_block *prev, *next;
    } link;
    max_align_t align;
};

/* To be zeroed at first. The library must not be called again after it was
 * left; json_memory_free takes the place of its own functions to free. */
struct json_memory {
    jmp_buf nomem;
    union json_block *first;
};

static inline void json_memory_link(struct json_memory *m, union json_block *b)
{
    b->link.prev = NULL;
    b->link.next = m->first;
    if (m->first) m->first->link.prev = b;
    m->first = b;
}

static inline void json_memory_unlink(struct json_memory *m,
                                      union json_block *b)
{
    if (b->link.prev)
        b->link.prev->link.next = b->link.next;
    else
        m->first = b->link.next;
    if (b->link.next) b->link.next->link.prev = b->link.prev;
}

static inline void json_memory_release(void *ctx, void *p)
{
    union json_block *b = p;

    if (!b) return;
    json_memory_unlink(ctx, --b);
    free(b);
}

static inline void *json_memory_resize(void *ctx, void *p, size_t size)
{
    struct json_memory *m = ctx;
    union json_block *old = p, *b;

    if (size > SIZE_MAX - sizeof(*b)) longjmp(m->nomem, 1);
    if (old) json_memory_unlink(m, --old);
    b = realloc(old, sizeof(*b) + size);
    if (!b) {
        if (old) json_memory_link(m, old);
        longjmp(m->nomem, 1);
    }
    json_memory_link(m, b);
    return b + 1;
}

static inline void *json_memory_get(void *ctx, size_t size)
{
    return json_memory_resize(ctx, NULL, size);
}

static inline yajl_alloc_funcs json_memory_funcs(struct json_memory *m)
{
    return (yajl_alloc_funcs){
        .malloc = json_memory_get,
        .realloc = json_memory_resize,
        .free = json_memory_release,
        .ctx = m,
    };
}

static inline void json_memory_free(struct json_memory *m)
{
    while (m->first) json_memory_release(m, m->first + 1);
}

#endif
