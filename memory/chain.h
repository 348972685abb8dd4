/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A memory image together with those that it builds on, as if it were whole:
 * page frames in order, each DATA, ZERO or BARE.
 *
 * All images are read side by side, each once from its beginning to its end. Where
 * each page is, is looked up beforehand: a byte for each page frame, 1/4096 of the
 * guest's memory, when the image has any that it leaves to others.
 */
#ifndef MEMORY_CHAIN_H
#define MEMORY_CHAIN_H

#include "memory/reader.h"

struct memory_chain;

struct memory_file {
    int fd;                     /* stays the caller's */
    const char *name;           /* for messages */
};

/* files[0] is the image, files[1] what it builds on, and so on to a whole one.
 * With part, to any: pages that are in none of them are MEMORY_PARENT then. */
int memory_chain_open(const struct memory_file *files, unsigned num_files,
                      bool part, struct work_pool *pool,
                      struct memory_chain **chain_r, struct diag *diag);
void memory_chain_close(struct memory_chain *chain);

/* The image itself, and the last of those that it builds on. */
struct memory_reader *memory_chain_top(const struct memory_chain *chain);
struct memory_reader *memory_chain_bottom(const struct memory_chain *chain);

void memory_chain_rewind(struct memory_chain *chain);

int memory_chain_next(struct memory_chain *chain, struct memory_page *page_r,
                      bool *more_r, struct diag *diag);

/* Read and check every block of all the images. stored_r: bytes. */
int memory_chain_verify(struct memory_chain *chain, uint64_t *stored_r,
                        struct diag *diag);

#endif
