/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The block commands that we use, with C types around them. Each waits up to
 * its deadline and fails as qmp_client_execute does; a reply of an unexpected
 * shape is ERROR_QEMU_API.
 */
#ifndef XLS_QMP_BLOCK_H
#define XLS_QMP_BLOCK_H

#include <stdbool.h>

#include "libxl/image_info.h"
#include "libxl/qmp_client.h"

/* ---- looking ---- */

/* What the QOM says about one device that query-block names. */
struct block_device_properties {
    char *qdev;                 /* its path */
    char *type;
    char *vdev;                 /* NULL unless it is a Xen disk */
    char *drive;                /* its current top node; NULL: unknown */
};

/* QEMU's words about its disks at one time, whole replies
 * ({"return": ...}); block_graph.h makes sense of them. */
struct block_replies {
    xjson *block;               /* query-block */
    xjson *nodes;               /* query-named-block-nodes, flat */
    xjson *jobs;                /* query-jobs */
    struct block_device_properties *devices;
    size_t num_devices;
};

void block_replies_init(struct block_replies *replies);
void block_replies_dispose(struct block_replies *replies);

/*
 * Ask. replies must be initialised, and is untouched on failure. A stream of
 * ours (qmp_job.h) that has ended is dismissed first, for QEMU would not
 * survive the question; ERROR_NOT_READY: there is one that is not ours.
 */
int qmp_query_block_replies(struct qmp_client *client, deadline by,
                            struct block_replies *replies, struct diag *diag);

struct qmp_status {
    char status[32];            /* "running", "paused", "prelaunch", ... */
    bool running;
};

int qmp_query_status(struct qmp_client *client, deadline by,
                     struct qmp_status *status_r, struct diag *diag);

/* As asked for; the greeting told the same (qmp_client_version). */
int qmp_query_version(struct qmp_client *client, deadline by,
                      struct qmp_version *version_r, struct diag *diag);

/* ---- internal snapshots ---- */

struct qmp_block_snapshot {
    const char *node;           /* a root format node */
    const char *name;
};

/* Make all of these in one transaction; see qmp_transaction.h for what its
 * failures mean. */
int qmp_block_snapshot_create(struct qmp_client *client,
                              const struct qmp_block_snapshot *snapshots,
                              size_t num_snapshots, deadline by,
                              struct diag *diag);

/*
 * Delete exactly the snapshot with this id and this name. ERROR_QEMU_API: QEMU
 * says that it has deleted another one.
 */
int qmp_block_snapshot_delete(struct qmp_client *client, const char *node,
                              const char *id, const char *name, deadline by,
                              struct diag *diag);

#endif
