/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Overlays: images that hold what was written since, on a backing image that
 * holds what was there before. With qemu-img; see qemu_img.h.
 */
#ifndef XLS_QEMU_IMG_OVERLAY_H
#define XLS_QEMU_IMG_OVERLAY_H

#include "libxl/qemu_img.h"

struct overlay_layout {
    const char *path;           /* absolute; must not exist */
    const char *format;         /* "qcow2" or "qed" */
    const char *backing;        /* absolute */
    const char *backing_format;
    uint64_t virtual_size;      /* bytes; that of the backing image */
};

/*
 * Make the file, 0600, and an empty overlay in it. The backing image is
 * recorded by its absolute path and its format (qed has room only for "raw or
 * not", which is what matters: a raw image must never be guessed at). On
 * return the file and its name are on the disk. ERROR_DEVICE_EXISTS: there is
 * something of that name already. On failure nothing is left.
 *
 * The backing image is opened for reading and may be in use.
 */
int qemu_img_overlay_create(const struct qemu_img *tool,
                            const struct overlay_layout *layout, deadline by,
                            struct diag *diag);

/* The same for one that somebody else has made: bring it to the disk. */
int qemu_img_overlay_sync(const char *path, struct diag *diag);

/* Remove an image's file, and see to it that the removal lasts. */
int qemu_img_overlay_remove(const char *path, struct diag *diag);

/*
 * Does the image itself, without what is below it, hold anything: data,
 * zeroes? *empty_r is untouched on failure.
 */
int qemu_img_overlay_is_empty(const struct qemu_img *tool, const char *path,
                              const char *format, deadline by, bool *empty_r,
                              struct diag *diag);

#endif
