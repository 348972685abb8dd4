/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an exported snapshot says of itself, before any of it is believed. */
#ifndef MANAGE_IMPORT_CHECK_H
#define MANAGE_IMPORT_CHECK_H

#include "manage/manage.h"

struct manifest {
    char *domain;
    chain_snapshot snapshot;
};

void manifest_init(struct manifest *manifest);
void manifest_dispose(struct manifest *manifest);

/*
 * manifest.json, whole: each name is one that a domain, a snapshot and a disk
 * can have. manifest is initialised. Else MANAGE_REFUSED.
 */
int manifest_parse(struct manifest *manifest, const char *text, size_t len,
                   struct manage_error *err);

/* Is there an image of this disk in the archive? */
bool manifest_has_disk(const chain_disk *disk);

/*
 * A qcow2 image that is complete in itself: one with a backing image, or with
 * its data in another file, would show the guest any file of this host. vdev
 * is for messages.
 */
int import_check_image(int fd, const char *vdev, struct manage_error *err);

#endif
