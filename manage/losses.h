/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a revert gives up, before it is given up. Decided from facts alone; no
 * more is said than is known: whether anything was written since a snapshot
 * cannot be told from outside.
 */
#ifndef MANAGE_LOSSES_H
#define MANAGE_LOSSES_H

#include "manage/internal.h"

/* A disk of the present that can be written. */
struct present_disk {
    const char *vdev;
    const char *path;
    uint64_t allocated;         /* what its image has */
};

struct present {
    const struct present_disk *disks;
    int num_disks;
    bool running;               /* it has memory that is of some worth */
    bool can_keep_memory;       /* an undo would have it */
    uint64_t memory_bytes;
    uint64_t running_since;     /* seconds since the epoch; 0: not known */
};

/* undo: the present is kept first. losses_r is initialised and empty. */
int losses_find(const struct chain_model *chain, const chain_snapshot *target,
                const struct present *present, bool undo,
                struct manage_losses *losses_r);

/* The same with the facts looked up. */
int losses_of_revert(struct operation *op, const chain_snapshot *target,
                     bool undo, struct manage_losses *losses_r);

/* "lost", after a plan's last step. */
void plan_losses(struct plan_writer *plan, const struct manage_losses *losses);

#endif
