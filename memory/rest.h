/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a stream has besides pages, on its way to the image: in memory while it
 * is as small as it normally is, and what is too much for that in a file.
 */
#ifndef MEMORY_REST_H
#define MEMORY_REST_H

#include <stddef.h>
#include <stdint.h>

#include "libxl/diag.h"

#define MEMORY_REST_LIMIT   (64u << 20)

struct memory_rest {
    uint8_t *data;
    size_t used, room;
    int fd;                     /* the caller's */
    uint64_t file_offset, in_file;
};

void memory_rest_init(struct memory_rest *rest);
void memory_rest_dispose(struct memory_rest *rest);

/* Where the file's part would begin is the caller's to set before. */
int memory_rest_add(struct memory_rest *rest, const void *data, size_t len,
                    struct diag *diag);

static inline uint64_t memory_rest_bytes(const struct memory_rest *rest)
{
    return rest->used + rest->in_file;
}

/* All of it, in order, in pieces. */
int memory_rest_each(const struct memory_rest *rest,
                     int (*piece)(void *user, const void *data, size_t len,
                                  struct diag *diag),
                     void *user, struct diag *diag);

#endif
