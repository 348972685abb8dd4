/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a block job does to the chain. */
#ifndef MANAGE_BLOCK_JOB_H
#define MANAGE_BLOCK_JOB_H

#include "manage/internal.h"

/* The running domain's disk, with its active image; disk_r is initialised here. */
int block_job_disk(struct operation *op, const char *vdev,
                   libxl_device_disk *disk_r);

/* What the library said, as ours; disposes of diag. */
int block_job_library(struct operation *op, int rc, libxl_snapshot_diag *diag);

/*
 * Have the library do something that pauses the guest: the journal says so
 * meanwhile. Then the chain follows. block_job_recover does what remains of that
 * for whoever was killed.
 */
typedef int block_job_call(struct operation *op,
                           const libxl_snapshot_callbacks *callbacks,
                           void *user, libxl_snapshot_diag *diag);
int block_job_do(struct operation *op, block_job_call *call, void *user);
int block_job_recover(struct operation *op, char **report);

/*
 * Let the chain say of the running domain's active images what QEMU says: which
 * image each builds on. A pull that ended may not have come to write it down.
 * Published. What QEMU cannot be asked now stays as it is. Adds a line to note
 * (may be NULL) for each that has changed.
 */
int block_chain_follow(struct operation *op, char **note);

/*
 * The images that a disk was made of before its job ended: those that it is not
 * made of any more are closed, so that they can be merged or removed while the
 * domain runs. One that cannot be stays open until somebody needs it closed.
 */
struct block_images {
    libxl_disk_image *list;
    int num;
};

/* Without an answer it is empty. */
void block_images_note(struct operation *op, const char *vdev,
                       struct block_images *images);
void block_images_close_left(struct operation *op, const char *vdev,
                             const struct block_images *before);
void block_images_dispose(struct block_images *images);

#endif
