/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "libxl/merge_plan.h"
#include "libxl/qmp_job.h"

/* Nobody has more images on top of each other; and no circle is longer. */
#define MAX_CHAIN 1024

struct file {
    dev_t dev;
    ino_t ino;
};

struct search {
    const struct block_graph *graph;
    const struct merge_request *request;
    struct diag *diag;
    const struct block_node *chain[MAX_CHAIN];  /* from the root down */
    size_t num;
};

/* ---- files and nodes ---- */

static bool identify(const struct merge_request *request, const char *path,
                     struct file *file_r)
{
    block_identify *how = request->identify ? request->identify :
        block_identify_by_stat;

    return path && !how(request->identify_user, path, &file_r->dev,
                        &file_r->ino);
}

static bool is_file(const struct block_node *node, const struct file *file)
{
    return node->identified && node->dev == file->dev &&
        node->ino == file->ino;
}

/* What is on a file itself is no image. */
static bool is_image(const struct block_node *node)
{
    return !block_driver_is_protocol(node->driver) &&
        !block_driver_is_filter(node->driver);
}

static const char *backing_of(const struct block_node *node)
{
    return node->image.full_backing_filename ?
        node->image.full_backing_filename : node->image.backing_filename;
}

/* ---- the disk's chain ---- */

static int find_root(struct search *s, const struct block_node **root_r)
{
    const struct block_disk *disk = block_graph_disk(s->graph,
                                                     s->request->vdev);

    *root_r = disk ? block_graph_node(s->graph, disk->top) : NULL;
    if (*root_r) return 0;
    diag_set(s->diag, "the domain's QEMU does not serve it");
    return ERROR_NOTFOUND;
}

static int check_root(struct search *s, const struct block_node *root)
{
    if (block_driver_is_filter(root->driver)) {
        diag_set(s->diag, "a block job or filter (%s) is on it; try again when "
                 "it has ended", root->driver);
        return ERROR_NOT_READY;
    }
    if (!root->active) {
        diag_set(s->diag, "QEMU has given up its images, as for a migration; "
                 "try again when the domain runs");
        return ERROR_NOT_READY;
    }
    if (root->read_only) {
        diag_set(s->diag, "it is read-only");
        return ERROR_INVAL;
    }
    return 0;
}

/* A file that two nodes have open is one that we do not understand. */
static int node_of_file(struct search *s, const char *path,
                        const struct block_node **node_r)
{
    const struct block_node *node, *found = NULL;
    struct file file;
    size_t i;

    *node_r = NULL;
    if (!identify(s->request, path, &file)) return 0;
    for (i = 0; i < s->graph->num_nodes; i++) {
        node = &s->graph->nodes[i];
        if (!is_image(node) || !is_file(node, &file)) continue;
        if (found) {
            diag_set(s->diag, "QEMU has %s open twice (nodes %s and %s); an "
                     "HVM guest gives up the emulated disk when its PV drivers "
                     "start, try again then", path, found->name, node->name);
            return ERROR_NOT_READY;
        }
        found = node;
    }
    *node_r = found;
    return 0;
}

static int walk(struct search *s, const struct block_node *node)
{
    int rc;

    while (node) {
        if (s->num == MAX_CHAIN) {
            diag_set(s->diag, "its images are backing images of each other, "
                     "without an end");
            return ERROR_INVAL;
        }
        s->chain[s->num++] = node;
        if (!backing_of(node)) return 0;
        rc = node_of_file(s, backing_of(node), &node);
        if (rc) return rc;
    }
    return 0;
}

/* Where in the chain; num: nowhere. */
static size_t position(const struct search *s, const char *path)
{
    struct file file;
    size_t i;

    if (!identify(s->request, path, &file)) return s->num;
    for (i = 0; i < s->num; i++) {
        if (is_file(s->chain[i], &file)) break;
    }
    return i;
}

static const struct block_node *at(const struct search *s, size_t i)
{
    return i < s->num ? s->chain[i] : NULL;
}

/* ---- judging ---- */

static int check_driver(struct search *s, const struct block_node *node,
                        const struct merge_image *image)
{
    if (!strcmp(node->driver, image->driver)) return 0;
    diag_set(s->diag, "%s should be %s, but QEMU has it open as %s",
             image->path, image->driver, node->driver);
    return ERROR_INVAL;
}

/* What base is on must be what was said: below, or nothing. */
static int check_below(struct search *s, const struct block_node *node,
                       size_t below)
{
    const struct merge_request *request = s->request;

    if (!request->below.path && !backing_of(node)) return 0;
    if (request->below.path && at(s, below) &&
        position(s, request->below.path) == below)
        return check_driver(s, at(s, below), &request->below);
    diag_set(s->diag, "%s is on the backing image %s, not %s", node->filename,
             backing_of(node) ? backing_of(node) : "none",
             request->below.path ? request->below.path : "none");
    return ERROR_INVAL;
}

static int not_adjacent(struct search *s)
{
    diag_set(s->diag, "%s is not the backing image of %s in the domain's QEMU",
             s->request->base.path, s->request->top.path);
    return ERROR_INVAL;
}

static int plan_both(struct search *s, size_t top, struct merge_plan *plan)
{
    const struct merge_request *request = s->request;
    int rc;

    plan->top = at(s, top);
    plan->base = at(s, top + 1);
    rc = check_driver(s, plan->top, &request->top);
    if (!rc) rc = check_driver(s, plan->base, &request->base);
    if (rc) return rc;
    if (request->direction == LIBXL_MERGE_DIRECTION_PULL) {
        plan->kind = MERGE_STREAM;
        plan->old = plan->base;
        plan->below = at(s, top + 2);
        return check_below(s, plan->base, top + 2);
    }
    plan->kind = top ? MERGE_COMMIT_BELOW : MERGE_COMMIT_ACTIVE;
    plan->over = top ? at(s, top - 1) : NULL;
    plan->old = plan->top;
    if (!top && !request->lone) {
        /* as soon as the guest writes to base, they would change */
        diag_set(s->diag, "%s has overlays, and so cannot be merged under the "
                 "guest that uses it", request->top.path);
        return ERROR_INVAL;
    }
    if (plan->base->image.virtual_size > plan->top->image.virtual_size) {
        diag_set(s->diag, "%s is larger than its overlay, and so would the "
                 "disk be", request->base.path);
        return ERROR_INVAL;
    }
    return 0;
}

static int plan_commit(struct search *s, size_t top, size_t base,
                       struct merge_plan *plan)
{
    int rc;

    if (top < s->num)
        return base == top + 1 && base < s->num ? plan_both(s, top, plan) :
            not_adjacent(s);
    if (base == s->num) {
        plan->kind = MERGE_ELSEWHERE;
        return 0;
    }
    plan->kind = base ? MERGE_DONE : MERGE_DONE_ACTIVE;
    plan->base = at(s, base);
    rc = check_driver(s, plan->base, &s->request->base);
    if (rc) return rc;
    return node_of_file(s, s->request->top.path, &plan->old);
}

static int plan_pull(struct search *s, size_t top, size_t base,
                     struct merge_plan *plan)
{
    int rc;

    if (top == s->num) {
        plan->kind = MERGE_ELSEWHERE;
        return 0;
    }
    if (base < s->num)
        return base == top + 1 ? plan_both(s, top, plan) : not_adjacent(s);
    plan->kind = MERGE_DONE;
    plan->top = at(s, top);
    rc = check_driver(s, plan->top, &s->request->top);
    if (!rc) rc = check_below(s, plan->top, top + 1);
    if (rc) return rc;
    return node_of_file(s, s->request->base.path, &plan->old);
}

int merge_plan_make(const struct block_graph *graph,
                    const struct merge_request *request,
                    struct merge_plan *plan_r, struct diag *diag)
{
    struct search s = { .graph = graph, .request = request, .diag = diag };
    const struct block_node *root;
    struct merge_plan plan;
    size_t top, base;
    int rc;

    memset(&plan, 0, sizeof(plan));
    rc = find_root(&s, &root);
    if (!rc) rc = check_root(&s, root);
    if (!rc) rc = walk(&s, root);
    if (rc) return rc;
    plan.root = root;
    top = position(&s, request->top.path);
    base = position(&s, request->base.path);
    rc = request->direction == LIBXL_MERGE_DIRECTION_COMMIT ?
        plan_commit(&s, top, base, &plan) : plan_pull(&s, top, base, &plan);
    if (!rc) *plan_r = plan;
    return rc;
}

int merge_plan_check_jobs(const struct block_graph *graph, const char *vdev,
                          struct diag *diag)
{
    const struct block_job *job;
    char own[QMP_JOB_ID_SIZE];
    size_t i;

    qmp_job_id(vdev, own);
    for (i = 0; i < graph->num_jobs; i++) {
        job = &graph->jobs[i];
        if (!strncmp(job->id, QMP_JOB_PREFIX, strlen(QMP_JOB_PREFIX)) &&
            strcmp(job->id, own))
            continue;
        diag_set(diag, "QEMU has a block job (%s, a %s, %s), which may be this "
                 "disk's; try again when it is gone", job->id, job->type,
                 job->status);
        return ERROR_NOT_READY;
    }
    return 0;
}
