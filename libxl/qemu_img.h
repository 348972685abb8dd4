/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qemu-img, for images that nobody has open. It alone knows how to go back to
 * an internal snapshot. No shell is involved; its output is bounded; it is
 * waited for by its pid, and killed when its time is over.
 *
 * Making sure that nobody uses the image is the caller's work
 * (image_users.h): a qdisk takes no image lock, so qemu-img would happily
 * write into a running guest's disk.
 *
 * The format is always stated. A guest can write any header it likes into a
 * raw disk; a tool that guesses would follow it.
 */
#ifndef XLS_QEMU_IMG_H
#define XLS_QEMU_IMG_H

#include "libxl/deadline.h"
#include "libxl/diag.h"
#include "libxl/image_info.h"

struct qemu_img {
    const char *program;        /* a path, or a name to be found in PATH */
    xentoollog_logger *lg;      /* may be NULL */
};

/*
 * All of these: path is absolute, else ERROR_INVAL. format is QEMU's name
 * ("qcow2"). ERROR_TIMEDOUT: it was killed; an image that was being changed
 * is as a crash would have left it. ERROR_FAIL: it failed, diag has the first
 * line it said; or it could not be run at all. ERROR_UNKNOWN_CHILD: this
 * process's SIGCHLD handling reaps other people's children, so the outcome
 * is not known.
 */

/* Reads only, and so is allowed on an image in use (the answer may then be
 * torn). info must be initialised, and is untouched on failure. */
int qemu_img_info(const struct qemu_img *tool, const char *path,
                  const char *format, deadline by, struct image_info *info,
                  struct diag *diag);

/* ERROR_INVAL: not a good name. ERROR_DEVICE_EXISTS: there is one already (the
 * tool itself would make a second). */
int qemu_img_snapshot_create(const struct qemu_img *tool, const char *path,
                             const char *format, const char *name, deadline by,
                             struct diag *diag);

/*
 * Put the image back to the snapshot with this name, which must be there
 * exactly once (ERROR_NOTFOUND, ERROR_INVAL). Refused by the tool while the
 * image has persistent bitmaps: remove them first.
 */
int qemu_img_snapshot_apply(const struct qemu_img *tool, const char *path,
                            const char *format, const char *name, deadline by,
                            struct diag *diag);

/* As above: exactly one. */
int qemu_img_snapshot_delete(const struct qemu_img *tool, const char *path,
                             const char *format, const char *name, deadline by,
                             struct diag *diag);

int qemu_img_bitmap_remove(const struct qemu_img *tool, const char *path,
                           const char *format, const char *bitmap, deadline by,
                           struct diag *diag);

struct qemu_img_check {
    uint64_t corruptions;
    uint64_t leaks;             /* lost space, harmless */
    uint64_t errors;            /* places that could not be checked */
};

/* Looks, repairs nothing. Fails only if no check was possible. */
int qemu_img_check(const struct qemu_img *tool, const char *path,
                   const char *format, deadline by,
                   struct qemu_img_check *check_r, struct diag *diag);

/* Has clusters that are counted too often counted right; changes nothing that
 * is read. *check_r: what is wrong afterwards. ERROR_FAIL: it will not, as counts
 * are too low. */
int qemu_img_repair(const struct qemu_img *tool, const char *path,
                    const char *format, deadline by,
                    struct qemu_img_check *check_r, struct diag *diag);

#endif
