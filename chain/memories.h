/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which memory image builds on which. Pure.
 *
 * A memory image holds the differences to that of another snapshot, its base, or
 * is whole. When a snapshot is deleted whose image others build on, the image
 * stays, hidden: in the tree's memories. With one image that builds on it, it can
 * be made one with that; with none it can go; with several it waits.
 */
#ifndef CHAIN_MEMORIES_H
#define CHAIN_MEMORIES_H

#include <stdbool.h>

#include "chain/model.h"

/* The serial of what the image with this serial builds on; 0: it is whole, or there
 * is none. */
uint64_t chain_memory_base(const struct chain_model *model, uint64_t serial);

/* Is it one that no snapshot has any more? */
bool chain_memory_is_hidden(const struct chain_model *model, uint64_t serial);

/* Do others build on it? */
bool chain_memory_is_base(const struct chain_model *model, uint64_t serial);

/* How many images it builds on, and the bytes of all those but the last, which
 * is whole: *whole_r has these. */
unsigned chain_memory_depth(const struct chain_model *model, uint64_t serial,
                            uint64_t *differences_r, uint64_t *whole_r);

/* Before the snapshot is taken out of the tree: what others build on stays. */
int chain_memory_keep(struct chain_model *model, const chain_snapshot *snapshot,
                      struct chain_error *err);

struct chain_memory_step {
    uint64_t hidden;            /* to be made one with heir; 0: nothing to do */
    uint64_t heir;              /* what builds on it; 0: nothing does, it can go */
};

/* What can be done with a hidden one. after: not those up to this serial. */
struct chain_memory_step chain_memories_next(const struct chain_model *model,
                                             uint64_t after);

/* The heir has become one with the hidden one, which is gone from the tree;
 * bytes: of the heir's file, whose SHA-256 is another one now. Without heir it is simply gone. */
void chain_memory_merged(struct chain_model *model,
                         const struct chain_memory_step *step, uint64_t bytes);

/* Is all of it sound? Messages are of ERROR_BADFAIL. */
int chain_memories_check(const chain_tree *tree, struct chain_error *err);

#endif
