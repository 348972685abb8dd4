/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of a guest's memory differs between two images of it. */
#ifndef MEMORY_DIFF_H
#define MEMORY_DIFF_H

#include "memory/chain.h"

/* Page frames. One without content is none of the guest's. */
struct memory_difference {
    uint64_t pages_a, pages_b;
    uint64_t changed;           /* of those in both */
    uint64_t only_a, only_b;
    uint64_t zero_a, zero_b;    /* of pages_a, pages_b; by content */
};

/*
 * Each image with all that it builds on, as memory_chain_open takes them. The
 * files from the first that both have (by its UUID) on are read once, and what
 * both sides leave to them is the same without a look at it. stop, which may
 * be NULL, is asked now and then; with true: ERROR_ABORTED.
 */
int memory_diff(const struct memory_file *a, unsigned num_a,
                const struct memory_file *b, unsigned num_b,
                struct work_pool *pool, bool (*stop)(void *user), void *user,
                struct memory_difference *difference_r, struct diag *diag);

#endif
