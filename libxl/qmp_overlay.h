/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A second image's node in QEMU, beside those that the guest uses, until a
 * transaction puts it on top of one of them.
 */
#ifndef XLS_QMP_OVERLAY_H
#define XLS_QMP_OVERLAY_H

#include <stdbool.h>

#include "libxl/qmp_client.h"

/* QEMU allows node names of 31 bytes. */
#define QMP_NODE_NAME_SIZE 32

/* What the names of ours begin with, until QEMU is done with them. */
#define XLS_OVERLAY_NODE "xls-ovl-"

struct qmp_overlay {
    const char *node;           /* the name that it shall have */
    const char *path;
    const char *format;
    bool block_device;          /* path is one */
    bool direct, no_flush;      /* how the image below was opened */
    bool discard;
    const char *detect_zeroes;  /* NULL: QEMU's default */
};

/*
 * Open it, as the disk's image was opened by Xen's qdisk: without image
 * locks, and without its backing image, which is the node that it will be
 * put on.
 */
int qmp_overlay_attach(struct qmp_client *client,
                       const struct qmp_overlay *overlay, deadline by,
                       struct diag *diag);

/* Close it again. Refused by QEMU when something uses it. */
int qmp_overlay_detach(struct qmp_client *client, const char *node,
                       deadline by, struct diag *diag);

#endif
