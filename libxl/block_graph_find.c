/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libxl/block_graph.h"
#include "libxl/vdev.h"

/* The disk is known to be this one, or why not. One search, step by step. */
struct search {
    const struct block_graph *graph;
    const struct block_disk_request *request;
    const struct block_node *node;
    struct diag *diag;
};

/* ---- which node ---- */

/* By its device. More than one device of that number is not possible in a
 * sane QEMU, and which one would be meant is not ours to guess. */
static enum block_refusal find_by_device(struct search *s, uint32_t number)
{
    const struct block_disk *disk, *found = NULL;
    size_t i;

    for (i = 0; i < s->graph->num_disks; i++) {
        disk = &s->graph->disks[i];
        if (strcmp(disk->type, "xen-disk") || !disk->has_number ||
            disk->number != number)
            continue;
        if (found) {
            diag_set(s->diag, "disk %s: QEMU has two of it (%s and %s)",
                     s->request->vdev, found->qdev, disk->qdev);
            return BLOCK_REFUSAL_SHARED;
        }
        found = disk;
    }
    if (!found) return BLOCK_REFUSAL_NOT_FOUND;
    s->node = block_graph_node(s->graph, found->top);
    return s->node ? BLOCK_REFUSAL_NONE : BLOCK_REFUSAL_NOT_FOUND;
}

/* By the name a disk's node begins with. Only where QEMU has no Xen disks at
 * all: beside others, a node without a device is a left-over. */
static enum block_refusal find_by_name(struct search *s)
{
    char name[64];              /* QEMU allows 31 */
    size_t i;
    int len;

    for (i = 0; i < s->graph->num_disks; i++) {
        if (!strcmp(s->graph->disks[i].type, "xen-disk"))
            return BLOCK_REFUSAL_NOT_FOUND;
    }
    len = snprintf(name, sizeof(name), "%s-%s", s->request->vdev,
                   s->request->driver);
    if (len < 0 || (size_t)len >= sizeof(name)) return BLOCK_REFUSAL_NOT_FOUND;
    s->node = block_graph_node(s->graph, name);
    return s->node ? BLOCK_REFUSAL_NONE : BLOCK_REFUSAL_NOT_FOUND;
}

static enum block_refusal find_node(struct search *s)
{
    enum block_refusal why;
    uint32_t number;

    if (vdev_number(s->request->vdev, &number)) {
        diag_set(s->diag, "\"%s\" is no virtual disk's name",
                 s->request->vdev);
        return BLOCK_REFUSAL_NOT_FOUND;
    }
    why = find_by_device(s, number);
    if (why == BLOCK_REFUSAL_NOT_FOUND) why = find_by_name(s);
    if (why == BLOCK_REFUSAL_NOT_FOUND)
        diag_set(s->diag, "disk %s: the domain's QEMU does not serve it; only "
                 "disks with backendtype=qdisk, attached and not ejected, can "
                 "be snapshotted", s->request->vdev);
    return why;
}

/* ---- is it fit ---- */

static enum block_refusal check_top(struct search *s)
{
    if (block_driver_is_filter(s->node->driver)) {
        diag_set(s->diag, "disk %s: a block job or filter (%s) is on it; try "
                 "again when it has ended", s->request->vdev,
                 s->node->driver);
        return BLOCK_REFUSAL_JOB;
    }
    if (strcmp(s->node->driver, s->request->driver)) {
        diag_set(s->diag, "disk %s: its image should be %s, but QEMU has it "
                 "open as %s; correct the domain's configuration",
                 s->request->vdev, s->request->driver, s->node->driver);
        return BLOCK_REFUSAL_DRIVER;
    }
    return BLOCK_REFUSAL_NONE;
}

static bool is_same_file(const struct block_node *node,
                         const struct block_disk_request *request)
{
    return node->identified && node->dev == request->dev &&
           node->ino == request->ino;
}

static enum block_refusal check_image(struct search *s)
{
    if (is_same_file(s->node, s->request)) return BLOCK_REFUSAL_NONE;
    diag_set(s->diag, "disk %s: QEMU writes to %s, which is not the image in "
             "the domain's configuration (replaced, renamed, or below an "
             "overlay)", s->request->vdev, s->node->filename);
    return BLOCK_REFUSAL_IMAGE;
}

static enum block_refusal check_writable(struct search *s)
{
    if (s->node->read_only) {
        diag_set(s->diag, "disk %s: it is read-only and cannot take a snapshot",
                 s->request->vdev);
        return BLOCK_REFUSAL_READ_ONLY;
    }
    if (!s->node->active) {
        diag_set(s->diag, "disk %s: QEMU has given up its images, as for a "
                 "migration; try again when the domain runs",
                 s->request->vdev);
        return BLOCK_REFUSAL_INACTIVE;
    }
    return BLOCK_REFUSAL_NONE;
}

static enum block_refusal check_jobs(struct search *s)
{
    const struct block_job *job;

    if (s->request->ignore_jobs || !s->graph->num_jobs)
        return BLOCK_REFUSAL_NONE;
    job = &s->graph->jobs[0];
    diag_set(s->diag, "disk %s: QEMU has a block job (%s, a %s, %s), which may "
             "be this disk's; try again when it is gone", s->request->vdev,
             job->id, job->type, job->status);
    return BLOCK_REFUSAL_JOB;
}

/*
 * Another node that writes to the image, or might: a snapshot made through
 * one of them is overwritten through the other, and the table with it. A
 * local file that could not be identified might be this one.
 */
static bool shares_image(const struct search *s, const struct block_node *other)
{
    if (other == s->node || other->read_only || block_driver_is_protocol(other->driver))
        return false;
    if (other->identified) return is_same_file(other, s->request);
    return other->filename[0] == '/' || !strncmp(other->filename, "json:", 5);
}

static enum block_refusal check_shared(struct search *s)
{
    const struct block_node *other;
    size_t i;

    for (i = 0; i < s->graph->num_nodes; i++) {
        other = &s->graph->nodes[i];
        if (!shares_image(s, other)) continue;
        if (block_driver_is_filter(other->driver)) {
            diag_set(s->diag, "disk %s: a block job or filter (%s) is on it; "
                     "try again when it has ended", s->request->vdev,
                     other->driver);
            return BLOCK_REFUSAL_JOB;
        }
        diag_set(s->diag, "disk %s: QEMU %s its image open for writing a "
                 "second time (node %s); an HVM guest gives up the emulated "
                 "disk when its PV drivers start, try again then",
                 s->request->vdev, other->identified ? "has" : "may have",
                 other->name);
        return BLOCK_REFUSAL_SHARED;
    }
    return BLOCK_REFUSAL_NONE;
}

/* With refcounts of so few bits a cluster cannot belong to many snapshots;
 * QEMU finds out in the middle of making one. */
#define MIN_REFCOUNT_BITS 16

static enum block_refusal check_format(struct search *s)
{
    const struct image_info *image = &s->node->image;
    const char *what = NULL;

    if (image->corrupt)
        what = "its image is marked corrupt; repair it with qemu-img check";
    else if (image->data_file)
        what = "its image keeps the data in another file, and has no snapshots";
    else if (image->refcount_bits && image->refcount_bits < MIN_REFCOUNT_BITS)
        what = "its image was made with refcount_bits under 16, too few for "
               "snapshots";
    if (!what) return BLOCK_REFUSAL_NONE;
    diag_set(s->diag, "disk %s: %s", s->request->vdev, what);
    return BLOCK_REFUSAL_UNSUPPORTED;
}

static int rc_of(enum block_refusal refusal)
{
    switch (refusal) {
    case BLOCK_REFUSAL_NONE:
        return 0;
    case BLOCK_REFUSAL_NOT_FOUND:
        return ERROR_NOTFOUND;
    case BLOCK_REFUSAL_INACTIVE:
    case BLOCK_REFUSAL_JOB:
    case BLOCK_REFUSAL_SHARED:
        return ERROR_NOT_READY;
    case BLOCK_REFUSAL_DRIVER:
    case BLOCK_REFUSAL_IMAGE:
    case BLOCK_REFUSAL_READ_ONLY:
    case BLOCK_REFUSAL_UNSUPPORTED:
        return ERROR_INVAL;
    }
    return ERROR_FAIL;
}

/* In this order: first what would make the later answers meaningless. */
static enum block_refusal (*const steps[])(struct search *) = {
    find_node, check_top, check_image, check_writable, check_jobs,
    check_shared, check_format,
};

int block_graph_find_disk(const struct block_graph *graph,
                          const struct block_disk_request *request,
                          const struct block_node **node_r,
                          enum block_refusal *refusal_r, struct diag *diag)
{
    struct search s = { .graph = graph, .request = request, .diag = diag };
    enum block_refusal why;
    size_t i;

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        why = steps[i](&s);
        if (why == BLOCK_REFUSAL_NONE) continue;
        if (refusal_r) *refusal_r = why;
        return rc_of(why);
    }
    *node_r = s.node;
    return 0;
}
