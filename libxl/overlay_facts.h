/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is found at the place of an external snapshot's overlay: gathered
 * here, judged in plan_overlay.c.
 */
#ifndef XLS_OVERLAY_FACTS_H
#define XLS_OVERLAY_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libxl/internal.h"

struct overlay_facts {
    int path_errno;             /* 0: something is there; ENOENT: nothing */
    bool regular, block;
    dev_t dev;
    ino_t ino;
    dev_t dir_dev;              /* of the directory that it is to be in */
    ino_t dir_ino;
    int dir_errno;

    /* Of an image that is to be taken as it is; not before looked. */
    bool looked;
    uint64_t virtual_size;
    bool has_backing;
    bool backing_found;         /* its file is there */
    dev_t backing_dev;
    ino_t backing_ino;
    char backing_format[16];    /* empty: not recorded */
    bool snapshots, bitmaps;
    bool unsound;               /* corrupt, or its data is in another file */
    bool empty;
};

/* By stat alone. Fails never: what cannot be seen is noted. */
void overlay_facts_gather(const libxl_snapshot_overlay *overlay,
                          struct overlay_facts *facts_r);

/* Opens the image, which is there, with qemu-img. */
int overlay_facts_look(libxl_snapshot_ctx *sctx, const char *vdev,
                       const libxl_snapshot_overlay *overlay,
                       struct overlay_facts *facts,
                       libxl_snapshot_diag *diag);

/* QEMU's name for a format that disks or overlays may have; NULL: none. */
const char *xls_format_driver(libxl_disk_format format);
/* And back; UNKNOWN for what libxl does not know. */
libxl_disk_format xls_driver_format(const char *driver);

#endif
