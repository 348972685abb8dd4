/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a clone does with each disk of the snapshot that it is made from. */
#ifndef MANAGE_CLONE_DISKS_H
#define MANAGE_CLONE_DISKS_H

#include "manage/internal.h"

/* Does the snapshot hold all that the configuration's disks are written to?
 * Is it still there? */
int clone_disks_check(struct operation *op, const chain_snapshot *snapshot,
                      const libxl_domain_config *config);

/* Choose paths for the new images, and note them and the disks in
 * op->journal. dir: NULL: beside the images that there are. */
int clone_disks_choose(struct operation *op, const chain_snapshot *snapshot,
                       const char *clone, const char *dir);

/* The new image of a disk, of op->journal's; NULL: it keeps what it has. */
const chain_image *clone_disk_image(const struct operation *op,
                                    const char *vdev);

/* Make them; durable when this returns 0. After a failure op->journal has only
 * those that are there, or may be. */
int clone_disks_make(struct operation *op, const chain_snapshot *snapshot);

/* Remove those of op->journal. */
int clone_disks_remove(struct operation *op);

/* Have the chain, in memory, keep count of those that read its images. */
int clone_disks_adopt(struct operation *op);

#endif
