/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An overlay and its backing image become one, when nobody has them open; and
 * what a merge that QEMU did leaves to be done to other images.
 *
 * Each of these may be cut short at any point, and repeated: copying changes
 * only what the overlay hides (COMMIT) or reads through to (PULL), is synced,
 * and only then do headers change, to name an image that holds the same.
 *
 * Dirty bitmaps that are stored in the images:
 *
 *   COMMIT   A bitmap of base that records takes note of what is written to
 *            it. Beyond that each bitmap of top is added to base's of the same
 *            name, which is made when base has none, and records afterwards
 *            if top's did: it goes on where top's ended.
 *   PULL     Each bitmap of base is added to top's of the same name. One that
 *            records nothing any more and is not in top is made there. One
 *            that records in base and is not in top has missed what top holds,
 *            and is lost. Copying itself is noted too by those of top that
 *            record: a next backup copies more than it must.
 *
 * A bitmap that was not stored properly has nothing to give; the one that it
 * should have been added to would then be wrong, and is removed unless copying
 * has told it all. A raw or qed image holds none: with it for a base, COMMIT
 * loses those of top. Whoever misses a bitmap makes a full backup.
 */
#ifndef XLS_IMAGE_MERGE_H
#define XLS_IMAGE_MERGE_H

#include "libxl/image_users.h"
#include "libxl/internal.h"
#include "libxl/qemu_img_merge.h"

/* QEMU's name for the format; NULL: none that can be merged. */
const char *image_format_name(libxl_disk_format format);

struct image_merge {
    const struct qemu_img *tool;
    const struct image_users_params *users;
    const libxl_disk_merge_params *params;
    const struct qemu_img_watch *watch;     /* may be NULL */
};

/* What can be said from the parameters alone: ERROR_INVAL. */
int image_merge_check(const libxl_disk_merge_params *params,
                      struct diag *diag);

/*
 * All of it: copy, bitmaps, headers of the dependants, sync. A merge that has
 * been done already is done. ERROR_NOT_READY: somebody has top or base open,
 * or has opened them meanwhile. ERROR_INVAL: top is no overlay of base; base
 * is larger than top (COMMIT would change what the disk is); base's own
 * backing image is not below. ERROR_ABORTED: the watch said so.
 */
int image_merge_run(const struct image_merge *merge, struct diag *diag);

/*
 * Let the dependants name base as their backing image in their headers, and
 * sync them. Nobody may have one open whose header does not do so already
 * (QEMU rewrites those that it has open): ERROR_NOT_READY.
 */
int image_merge_dependants(const struct image_merge *merge,
                           struct diag *diag);

/* Bring what the host caches of an image to the disk. */
int image_sync(const char *path, struct diag *diag);

#endif
