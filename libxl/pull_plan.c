/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "libxl/pull_plan.h"
#include "libxl/qmp_job.h"

static bool identify(const struct pull_request *request, const char *path,
                     dev_t *dev_r, ino_t *ino_r)
{
    block_identify *how = request->identify ? request->identify
                                            : block_identify_by_stat;

    return !how(request->identify_user, path, dev_r, ino_r);
}

const struct block_node *pull_plan_node(const struct block_graph *graph,
                                        const struct pull_request *request,
                                        const char *path)
{
    const struct block_node *node, *found = NULL;
    dev_t dev;
    ino_t ino;
    size_t i;

    if (!identify(request, path, &dev, &ino)) return NULL;
    for (i = 0; i < graph->num_nodes; i++) {
        node = &graph->nodes[i];
        if (block_driver_is_protocol(node->driver) ||
            block_driver_is_filter(node->driver) || !node->identified ||
            node->dev != dev || node->ino != ino)
            continue;
        if (found) return NULL;
        found = node;
    }
    return found;
}

/* QEMU does not tell which disk a job is on, but ours say so by their names. */
static int check_jobs(const struct block_graph *graph, const char *vdev,
                      struct diag *diag)
{
    static const char *const ours[] = { QMP_JOB_PREFIX, QMP_JOB_PULL_PREFIX };
    const struct block_job *job;
    bool elsewhere;
    size_t i, k, len;

    for (i = 0; i < graph->num_jobs; i++) {
        job = &graph->jobs[i];
        elsewhere = false;
        for (k = 0; k < sizeof(ours) / sizeof(ours[0]); k++) {
            len = strlen(ours[k]);
            if (!strncmp(job->id, ours[k], len) && strcmp(job->id + len, vdev))
                elsewhere = true;
        }
        if (elsewhere) continue;
        diag_set(diag, "QEMU has a block job (%s, a %s, %s) on it; 'xl"
                 " block-job' tells of one of ours, any other must end first",
                 job->id, job->type, job->status);
        return ERROR_NOT_READY;
    }
    return 0;
}

static int find_active(const struct block_graph *graph,
                       const struct pull_request *request,
                       const struct block_node **node_r, struct diag *diag)
{
    struct block_disk_request wanted = {
        .vdev = request->vdev, .driver = request->driver, .ignore_jobs = true,
    };
    int rc;

    if (!identify(request, request->image, &wanted.dev, &wanted.ino)) {
        diag_set(diag, "%s cannot be looked at", request->image);
        return ERROR_INVAL;
    }
    rc = check_jobs(graph, request->vdev, diag);
    return rc ? rc : block_graph_find_disk(graph, &wanted, node_r, NULL, diag);
}

/* Only what the guest reads through to can be built on. */
static bool is_below(const struct block_graph *graph,
                     const struct block_disk *disk,
                     const struct block_node *node)
{
    size_t i;

    for (i = 1; i < disk->num_images; i++)
        if (block_graph_image_node(graph, disk, i) == node) return true;
    return false;
}

int pull_plan_make(const struct block_graph *graph,
                   const struct pull_request *request,
                   struct pull_plan *plan_r, struct diag *diag)
{
    struct pull_plan plan = { NULL, NULL, NULL };
    const struct block_disk *disk;
    int rc;

    rc = find_active(graph, request, &plan.active, diag);
    if (rc) return rc;
    disk = block_graph_disk(graph, request->vdev);
    if (!disk || disk->num_images < 2) {
        diag_set(diag, "%s has no backing image; there is nothing to pull",
                 request->image);
        return ERROR_INVAL;
    }
    if (plan.active->image.num_snapshots) {
        diag_set(diag, "%s holds internal snapshots ('%s'), which read through"
                 " to the images below and would lose that; delete them first",
                 request->image, plan.active->image.snapshots[0].name);
        return ERROR_INVAL;
    }
    if (request->base) {
        plan.base = pull_plan_node(graph, request, request->base);
        if (!plan.base || !is_below(graph, disk, plan.base)) {
            diag_set(diag, "%s is not one of the images below %s; 'xl"
                     " block-chain' lists them", request->base, request->image);
            return ERROR_INVAL;
        }
        if (plan.base == block_graph_image_node(graph, disk, 1)) {
            diag_set(diag, "%s builds on %s already; there is nothing to pull",
                     request->image, request->base);
            return ERROR_INVAL;
        }
        plan.base_file = request->base;
    }
    *plan_r = plan;
    return 0;
}
