/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot-diff's disks, apart from the rest of it. */
#ifndef MANAGE_DIFF_H
#define MANAGE_DIFF_H

#include "manage/internal.h"

struct diff_side {
    /* Its disks, as a snapshot has them; of the present, its images are as good
     * as frozen while the domain is off. Borrowed. */
    const chain_snapshot *snapshot;
    bool present;
    char *whose;                /* "the snapshot 'x'", "the present" */
};

struct diff_disks;

/*
 * Open the images of all disks of both sides, into result->disks; why one cannot be
 * compared is noted there. Only being out of memory is a failure.
 */
int diff_disks_open(struct operation *op, const struct diff_side *a,
                    const struct diff_side *b,
                    struct manage_difference *result,
                    struct diff_disks **disks_r);

/* Read them. Fails when that is to be stopped, and for lack of memory. */
int diff_disks_run(struct operation *op, struct diff_disks *disks);

/* NULL is fine. */
void diff_disks_free(struct diff_disks *disks);

/* Are all images that the snapshot is read through still those? Else an
 * operation on the chain has changed them since. */
bool diff_disks_unchanged(const struct chain_model *then,
                          const struct chain_model *now,
                          const chain_snapshot *snapshot);

#endif
