/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks of which a snapshot is made, as the library takes them. */
#ifndef MANAGE_DISK_CHOICE_H
#define MANAGE_DISK_CHOICE_H

#include "manage/internal.h"

struct disk_choice {
    libxl_device_disk *disks;
    libxl_snapshot_handle *handles;
    libxl_snapshot_overlay *overlays;   /* path NULL: an internal snapshot */
    int *index;                         /* into the snapshot's disks */
    int num;
};

void disk_choice_init(struct disk_choice *choice);
void disk_choice_dispose(struct disk_choice *choice);

/*
 * Those disks of the snapshot that are to have one. Overlays get their paths
 * here, and are noted in op->journal together with the images below them.
 */
int disk_choice_make(struct disk_choice *choice, struct operation *op,
                     const libxl_domain_config *config,
                     const struct manage_create *args,
                     const chain_snapshot *snapshot);

/* The handles, with this name for the internal ones. */
int disk_choice_set_handles(struct disk_choice *choice, struct operation *op,
                            const char *name);

/* Write the internal ones' handles into the snapshot. */
int disk_choice_record_handles(const struct disk_choice *choice,
                               struct operation *op, chain_snapshot *snapshot);

/* And what the images say of them. */
int disk_choice_record_result(const struct disk_choice *choice,
                              struct operation *op,
                              const libxl_domain_snapshot_result *result,
                              chain_snapshot *snapshot);

#endif
