/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's block graph as a value, and the search for the node that a domain's
 * disk is. Pure: it works on replies, fresh or recorded, and asks nobody. The
 * replies are not trusted.
 *
 * What makes the search more than a comparison of names: the formula
 * "<vdev>-<driver>" names only the node a disk began with; a node by that
 * name may be a left-over of a failed attach; a job puts filters on top; and
 * an HVM guest has its disks open twice until its PV drivers unplug the
 * emulated ones, where a snapshot through one node destroys the snapshot
 * table that the other one holds.
 */
#ifndef XLS_BLOCK_GRAPH_H
#define XLS_BLOCK_GRAPH_H

#include <sys/types.h>

#include "libxl/diag.h"
#include "libxl/image_info.h"
#include "libxl/qmp_block.h"

struct block_node {
    char *name;
    char *driver;
    char *filename;             /* as QEMU writes it */
    bool read_only;
    bool active;                /* QEMU before 10.0 does not tell: true */
    struct image_info image;
    struct image_bitmap *bitmaps;   /* in QEMU's memory, stored or not */
    size_t num_bitmaps;
    bool direct, no_flush;      /* how its cache is used */
    char *detect_zeroes;        /* NULL: not told */
    bool identified;            /* dev and ino are known */
    dev_t dev;
    ino_t ino;
};

/* One image of a disk's backing chain. */
struct block_image {
    char *filename;             /* as QEMU writes it */
    char *driver;
};

struct block_disk {
    char *qdev;                 /* QOM path */
    char *type;                 /* QOM type: "xen-disk" */
    char *top;                  /* its current top node's name */
    bool has_number;
    uint32_t number;            /* of its vdev */
    struct block_image *images; /* the active one, then those below */
    size_t num_images;
};

struct block_job {
    char *id;
    char *type;
    char *status;
};

struct block_graph {
    struct block_node *nodes;
    size_t num_nodes;
    struct block_disk *disks;   /* devices with a medium */
    size_t num_disks;
    struct block_job *jobs;     /* alive, or concluded but not dismissed */
    size_t num_jobs;
};

void block_graph_init(struct block_graph *graph);
void block_graph_dispose(struct block_graph *graph);

/* graph must be initialised, and is untouched on failure (ERROR_QEMU_API,
 * ERROR_NOMEM). */
int block_graph_parse(const struct block_replies *replies,
                      struct block_graph *graph, struct diag *diag);

/*
 * Find out which file each node is. identify() is given a file name as QEMU
 * writes it and answers 0 and the inode, or an error if it cannot tell (the
 * node then stays unidentified). For device nodes dev and ino should be those
 * of the node in /dev, as stat() tells them. NULL: use stat().
 */
typedef int block_identify(void *user, const char *filename,
                           dev_t *dev_r, ino_t *ino_r);
void block_graph_identify(struct block_graph *graph,
                          block_identify *identify, void *user);
block_identify block_identify_by_stat;

/* NULL: none. */
const struct block_node *block_graph_node(const struct block_graph *graph,
                                          const char *name);

/* The domain's disk of that name; NULL: none, or no clear one. */
const struct block_disk *block_graph_disk(const struct block_graph *graph,
                                          const char *vdev);

/*
 * The node of disk->images[i]; NULL: none can be told to be it. What a job
 * puts around an image is no image: block_driver_is_filter.
 */
const struct block_node *block_graph_image_node(const struct block_graph *graph,
                                                const struct block_disk *disk,
                                                size_t i);
bool block_driver_is_filter(const char *driver);
bool block_driver_is_protocol(const char *driver);

/* The path in a file name as QEMU writes it, which is "json:{...}" for an
 * image opened with unusual options. NULL: it has none, or no memory. */
char *block_filename_path(const char *filename);

/*
 * From query-block's "inserted". A reply nests each image in the one above
 * it, and the JSON reader bounds that; so is a chain bounded, well below it.
 */
#define BLOCK_CHAIN_MAX 48
int block_disk_read_images(const xjson *inserted, struct block_disk *disk);

enum block_refusal {
    BLOCK_REFUSAL_NONE,
    BLOCK_REFUSAL_NOT_FOUND,    /* no such disk in this QEMU */
    BLOCK_REFUSAL_DRIVER,       /* another image format than expected */
    BLOCK_REFUSAL_IMAGE,        /* another image file than expected */
    BLOCK_REFUSAL_READ_ONLY,
    BLOCK_REFUSAL_INACTIVE,     /* QEMU has given its images up (live save) */
    BLOCK_REFUSAL_JOB,          /* a block job, a filter: try again later */
    BLOCK_REFUSAL_SHARED,       /* two writable nodes on one image */
    BLOCK_REFUSAL_UNSUPPORTED,  /* refcount_bits, external data file, corrupt */
};

struct block_disk_request {
    const char *vdev;           /* as in the domain's configuration */
    const char *driver;         /* QEMU's: "qcow2" */
    dev_t dev;                  /* the image, by stat() of its path */
    ino_t ino;
    bool ignore_jobs;           /* other jobs of this QEMU do not matter */
};

/*
 * The node to make or delete an internal snapshot on. *node_r points into
 * graph. On failure *refusal_r (may be NULL) says why, diag says it in words,
 * and the result is ERROR_NOTFOUND for NOT_FOUND, ERROR_NOT_READY for JOB,
 * INACTIVE and SHARED (these pass), ERROR_INVAL for the rest.
 *
 * QEMU does not tell to which disk a job belongs, so any job is taken for
 * this disk's, unless ignore_jobs; a filter on this disk counts in any case.
 */
int block_graph_find_disk(const struct block_graph *graph,
                          const struct block_disk_request *request,
                          const struct block_node **node_r,
                          enum block_refusal *refusal_r, struct diag *diag);

#endif
