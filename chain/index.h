/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is whose parent, by position in the tree's array, so that whatever
 * visits a whole chain stays below quadratic. Of this room only.
 */
#ifndef CHAIN_INDEX_H
#define CHAIN_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "chain/model.h"

#define CHAIN_ROOT SIZE_MAX             /* in the place of a parent's position */
#define CHAIN_LOST (SIZE_MAX - 1)       /* there should be a parent */

struct chain_index_entry {
    uint64_t serial;
    size_t pos;
};

struct chain_index {
    size_t num;
    struct chain_index_entry *by_serial;    /* equal serials: by position */
    size_t *parent;                         /* of the snapshot at a position */
};

/* The tree may be damaged in any way. */
int chain_index_build(struct chain_index *index, const chain_tree *tree);
void chain_index_dispose(struct chain_index *index);

/* The first position that has the serial, or CHAIN_LOST. */
size_t chain_index_find(const struct chain_index *index, uint64_t serial);

/* Cuts every cycle: the parent of its lowest position becomes CHAIN_LOST.
 * *num_cut_r says how many there were, *first_r the lowest position cut. */
int chain_index_cut_cycles(struct chain_index *index, size_t *num_cut_r,
                           size_t *first_r);

#endif
