/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold within one snapshot, image or disk, wherever it stands, and
 * of the images of a tree. Of this room only. */
#ifndef CHAIN_VALIDATE_H
#define CHAIN_VALIDATE_H

#include "chain/error.h"
#include "chain/model.h"

/* NULL is fine: unknown. */
int chain_uuid_check(const char *uuid, struct chain_error *err);

/* Absolute. ERROR_INVAL with "path: " in front. */
int chain_path_check(const char *path, struct chain_error *err);

/* ERROR_INVAL with the place in front: "disks[1].vdev: ...". */
int chain_snapshot_check(const chain_snapshot *snapshot,
                         struct chain_error *err);
int chain_image_check(const chain_image *image, struct chain_error *err);
int chain_active_disk_check(const chain_active_disk *disk,
                            struct chain_error *err);

/* Each of them, that none is there twice, and their number. ERROR_INVAL, with
 * the place in the list in front: "[3].path: ...", or ": more than ...". */
int chain_image_list_check(const chain_image *images, int num,
                           struct chain_error *err);
int chain_active_list_check(const chain_active_disk *active, int num,
                            struct chain_error *err);

/* The part of chain_tree_validate that is about images. The snapshots
 * themselves have been checked. */
int chain_tree_images_check(const chain_tree *tree, struct chain_error *err);

/* 0, or ERROR_BADFAIL: a damaged chain is not changed. */
int chain_model_need_sound(const struct chain_model *model,
                           struct chain_error *err);

#endif
