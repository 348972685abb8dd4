/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a revert does with each disk of its target. */
#ifndef MANAGE_REVERT_DISKS_H
#define MANAGE_REVERT_DISKS_H

#include "manage/internal.h"

enum revert_disk_way {
    REVERT_DISK_NOTHING,        /* it was left out of the snapshot */
    REVERT_DISK_APPLY,          /* the internal snapshot, in its image */
    REVERT_DISK_OVERLAY,        /* a new overlay on the frozen image */
    REVERT_DISK_COPY,           /* what the internal snapshot holds, copied out
                                 * of an image that others need as it is */
    REVERT_DISK_HOOK,           /* by the program that took it */
};

/* Decided from the chain alone. */
enum revert_disk_way revert_disk_way(const struct chain_model *chain,
                                     const chain_disk *disk);

/*
 * Choose paths for the images that have to be made, and note them and the
 * disks as they are to be in op->journal.
 */
int revert_disks_choose(struct operation *op, const chain_snapshot *target);

/*
 * Do it to all of them; nobody has the images open. May be repeated: an image
 * that an earlier try began to make is made anew.
 */
int revert_disks_apply(struct operation *op, const chain_snapshot *target);

/* The image that the disk is to have: a new one of op->journal's, or that of
 * the snapshot. */
const char *revert_disk_path(const struct operation *op,
                             const chain_disk *disk);

#endif
