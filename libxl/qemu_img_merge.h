/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The subcommands of qemu-img that move data between images, for images that
 * nobody has open (the caller's work; see qemu_img.h, whose rules and errors
 * hold here too). Killed in the middle, be it by us, each leaves images that
 * read as before, and can be run again.
 *
 * None of them syncs: what was written may still be in the page cache.
 *
 * A path given to qemu-img by itself could be taken for a protocol
 * ("nbd:..."), but for one that begins with a slash.
 */
#ifndef XLS_QEMU_IMG_MERGE_H
#define XLS_QEMU_IMG_MERGE_H

#include "libxl/qemu_img.h"

/* The members may be NULL, and so may a pointer to it. */
struct qemu_img_watch {
    void *user;
    /* Hundredths of a percent, never going back. */
    void (*progress)(void *user, unsigned int permyriad);
    /* Asked a few times a second: end it? The call is then ERROR_ABORTED. */
    bool (*cancelled)(void *user);
};

/* The last complete "(12.34/100%)" in what qemu-img -p has said; false: none
 * that makes sense. */
bool qemu_img_parse_progress(const char *text, size_t len,
                             unsigned int *permyriad_r);

/*
 * Write what top holds into base, which top's header must name as its backing
 * image. top stays as it is. base grows to top's virtual size.
 */
int qemu_img_commit(const struct qemu_img *tool, const char *top,
                    const char *top_format, const char *base,
                    const struct qemu_img_watch *watch, deadline by,
                    struct diag *diag);

/*
 * Give image another backing image (NULL: none), first copying into it all
 * that would read differently then. The header is the last thing written.
 */
int qemu_img_rebase(const struct qemu_img *tool, const char *image,
                    const char *format, const char *backing,
                    const char *backing_format,
                    const struct qemu_img_watch *watch, deadline by,
                    struct diag *diag);

/* The header alone: backing must hold the same as the present one. */
int qemu_img_set_backing(const struct qemu_img *tool, const char *image,
                         const char *format, const char *backing,
                         const char *backing_format, deadline by,
                         struct diag *diag);

/*
 * Add what a dirty bitmap of one qcow2 image has noted to the one of the same
 * name in another, of the same virtual size. With add, it is made there
 * first. Afterwards it takes note of new writes, or not.
 */
struct qemu_img_bitmap_union {
    const char *from, *to;
    const char *name;
    bool add;
    uint64_t granularity;       /* with add */
    bool recording;
};

int qemu_img_bitmap_union(const struct qemu_img *tool,
                          const struct qemu_img_bitmap_union *what,
                          deadline by, struct diag *diag);

/*
 * Copy what the internal snapshot with this id holds, backing images included,
 * to an independent qcow2 image at target: a file that exists, is empty, and
 * keeps its owner and mode. The source may be open elsewhere for reading.
 */
int qemu_img_extract(const struct qemu_img *tool, const char *image,
                     const char *id, const char *target,
                     const struct qemu_img_watch *watch, deadline by,
                     struct diag *diag);

#endif
