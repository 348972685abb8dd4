/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The blocks of one memory image, in order: read, checked and unpacked by the
 * pool ahead of who wants them.
 */
#ifndef MEMORY_BLOCKS_H
#define MEMORY_BLOCKS_H

#include "memory/format.h"
#include "memory/work.h"

struct memory_blocks;

struct memory_wanted {
    enum {
        MEMORY_BLOCKS_PAGES,
        MEMORY_BLOCKS_REST,     /* those with something of bytes from to to of it */
        MEMORY_BLOCKS_CHECKED,  /* all of them, as they are stored */
    } what;
    uint64_t from, to;
};

struct memory_content {
    const struct memory_block *block;
    const uint8_t *data;        /* unpacked; of a block that is only checked, nothing */
};

/* fd, name, for messages, index and pool stay the caller's, who keeps them. */
int memory_blocks_alloc(int fd, const char *name,
                        const struct memory_index *index,
                        struct work_pool *pool, struct memory_blocks **blocks_r,
                        struct diag *diag);
void memory_blocks_free(struct memory_blocks *blocks);

/* What comes next are these; nothing is under way any more. */
int memory_blocks_begin(struct memory_blocks *blocks,
                        const struct memory_wanted *wanted, struct diag *diag);

bool memory_blocks_more(const struct memory_blocks *blocks);

/* The next one; it stays whole until it is released. */
int memory_blocks_take(struct memory_blocks *blocks,
                       struct memory_content *content_r, struct diag *diag);
void memory_blocks_release(struct memory_blocks *blocks);

#endif
