/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can what a disk's active image reads through to be copied into it now, and
 * from where? Decided from QEMU's block graph alone. Pure but for the telling
 * apart of files.
 */
#ifndef XLS_PULL_PLAN_H
#define XLS_PULL_PLAN_H

#include "libxl/block_graph.h"

struct pull_request {
    const char *vdev;
    const char *image;          /* its active image's path */
    const char *driver;         /* QEMU's name of its format */
    const char *base;           /* what it is to build on; NULL: on nothing */
    block_identify *identify;   /* as for block_graph_identify; NULL: stat() */
    void *identify_user;
};

/* Of the graph; base and base_file are NULL without one. */
struct pull_plan {
    const struct block_node *active, *base;
    const char *base_file;      /* the request's base */
};

/*
 * The graph's nodes must have been identified. ERROR_NOTFOUND: no such disk.
 * ERROR_NOT_READY: a job is on it, or another that may be; its images are given
 * up, or open twice. ERROR_INVAL: nothing to pull; base is not below; there are
 * internal snapshots in the active image.
 */
int pull_plan_make(const struct block_graph *graph,
                   const struct pull_request *request,
                   struct pull_plan *plan_r, struct diag *diag);

/* The one node that has this image open, filters and files apart; NULL: none,
 * or several. */
const struct block_node *pull_plan_node(const struct block_graph *graph,
                                        const struct pull_request *request,
                                        const char *path);

#endif
