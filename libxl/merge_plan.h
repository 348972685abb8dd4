/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How can an overlay and its backing image become one while a domain's QEMU
 * runs? Decided from its block graph alone. Pure but for the telling apart of
 * files (request.identify).
 */
#ifndef XLS_MERGE_PLAN_H
#define XLS_MERGE_PLAN_H

#include "libxl/block_graph.h"
#include "libxl/internal.h"

enum merge_kind {
    MERGE_ELSEWHERE,        /* neither is in the disk's chain: not by this QEMU */
    MERGE_COMMIT_ACTIVE,    /* the guest goes over to base */
    MERGE_COMMIT_BELOW,     /* what the guest writes to stays */
    MERGE_STREAM,
    MERGE_DONE_ACTIVE,      /* the guest writes to base already */
    MERGE_DONE,             /* done before, and the active image is another */
};

struct merge_image {
    const char *path;       /* NULL: none (below) */
    const char *driver;     /* QEMU's name of the format */
};

struct merge_request {
    libxl_merge_direction direction;
    const char *vdev;
    struct merge_image top, base, below;
    bool lone;              /* COMMIT: nothing else has top as its backing image */
    block_identify *identify;   /* as for block_graph_identify; NULL: stat() */
    void *identify_user;
};

/* Nodes of the graph; NULL where the kind has no such. */
struct merge_plan {
    enum merge_kind kind;
    const struct block_node *root;  /* what the guest writes to */
    const struct block_node *top, *base, *below;
    const struct block_node *over;  /* COMMIT_BELOW: top's overlay */
    const struct block_node *old;   /* nobody's once it is done: to be closed */
};

/*
 * The graph's nodes must have been identified. ERROR_NOTFOUND: no such disk.
 * ERROR_NOT_READY: this passes (a filter, images given up, an emulated disk on
 * the same images). ERROR_INVAL: not an overlay and its backing image here, or
 * other formats than stated.
 *
 * Jobs are not looked at: see merge_plan_check_jobs.
 */
int merge_plan_make(const struct block_graph *graph,
                    const struct merge_request *request,
                    struct merge_plan *plan_r, struct diag *diag);

/* Is there a job that is neither a merge of ours nor, with id, this one? QEMU
 * does not tell which disk it is on. ERROR_NOT_READY. */
int merge_plan_check_jobs(const struct block_graph *graph, const char *vdev,
                          struct diag *diag);

#endif
