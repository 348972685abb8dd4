/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of QEMU's monitor with which images of a running domain are
 * merged. As qmp_block.h: each waits up to its deadline, and on anything but
 * success or a refusal the outcome is not known.
 *
 * They change the block graph, now or when the job ends. Below QEMU 8.1 a
 * qdisk does not strictly stand still for that, so the domain must.
 */
#ifndef XLS_QMP_MERGE_H
#define XLS_QMP_MERGE_H

#include "libxl/block_graph.h"
#include "libxl/qmp_client.h"

/*
 * top's data into base. With top the disk's root node, the job becomes ready
 * and waits for job-complete; else it becomes pending and waits for
 * job-finalize, upon which the overlays that QEMU has open get backing_file
 * into their headers.
 */
struct qmp_block_commit {
    const char *job;
    const char *root, *top, *base;  /* nodes */
    const char *backing_file;   /* NULL with top == root */
};

int qmp_block_commit(struct qmp_client *client,
                     const struct qmp_block_commit *commit, deadline by,
                     struct diag *diag);

/*
 * What lies between top and below into top. The job becomes pending and waits
 * for job-finalize, upon which top's header gets backing_file.
 */
struct qmp_block_stream {
    const char *job;
    const char *top, *below;    /* nodes; below may be NULL: there is nothing */
    const char *backing_file;   /* NULL without below */
    uint64_t speed;             /* bytes in a second; 0: no limit */
    bool stops;                 /* at an error, rather than end: it is there,
                                 * paused, until somebody cancels it */
};

int qmp_block_stream(struct qmp_client *client,
                     const struct qmp_block_stream *stream, deadline by,
                     struct diag *diag);

/*
 * Bring to the disk what QEMU has not written yet of an image, metadata
 * included. There is no such command but for people; it says nothing when all
 * is well.
 */
int qmp_block_flush(struct qmp_client *client, const char *node, deadline by,
                    struct diag *diag);

/* Close a node that nothing uses, and its file. */
int qmp_blockdev_del(struct qmp_client *client, const char *node, deadline by,
                     struct diag *diag);

/*
 * In one transaction: what one bitmap of a node has noted is added to the one
 * of the same name of another node, of the same size, which with add is made
 * (persistent) first, and takes note of new writes afterwards or not.
 */
struct qmp_bitmap_union {
    const char *from, *to;      /* nodes */
    const char *name;
    bool add;
    uint64_t granularity;       /* with add */
    bool recording;
};

int qmp_bitmap_union(struct qmp_client *client,
                     const struct qmp_bitmap_union *what, deadline by,
                     struct diag *diag);

int qmp_bitmap_remove(struct qmp_client *client, const char *node,
                      const char *name, deadline by, struct diag *diag);

#endif
