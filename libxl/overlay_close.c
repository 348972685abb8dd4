/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An overlay that was opened in QEMU, and that nothing uses: whoever opened it
 * was killed before the guest went over to it, or could not say that it was to
 * be closed after a merge. It would keep the space of a file that is removed.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/domain_monitor.h"
#include "libxl/image_users.h"
#include "libxl/overlay_facts.h"
#include "libxl/qmp_job.h"
#include "libxl/qmp_overlay.h"

struct wanted {
    const char *path;
    bool there;                 /* a file, and which one it is: */
    struct image_inode inode;
};

/* One whose file has been renamed or removed is known by its name alone. */
static bool is_wanted(const struct block_node *node, const struct wanted *w)
{
    char *path;
    bool same;

    if (strncmp(node->name, XLS_OVERLAY_NODE, strlen(XLS_OVERLAY_NODE)))
        return false;           /* a disk's own, say */
    if (w->there)
        return node->identified && node->dev == w->inode.dev &&
               node->ino == w->inode.ino;
    path = block_filename_path(node->filename);
    same = path && !node->identified && !strcmp(path, w->path);
    free(path);
    return same;
}

static const struct block_node *find(const struct block_graph *graph,
                                     const struct wanted *w)
{
    size_t i;

    for (i = 0; i < graph->num_nodes; i++)
        if (is_wanted(&graph->nodes[i], w)) return &graph->nodes[i];
    return NULL;
}

/* What a merge left that was done, and could not say so. */
static int dismiss_jobs(struct domain_monitor *monitor, struct diag *d)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < monitor->graph.num_jobs && !rc; i++) {
        const struct block_job *job = &monitor->graph.jobs[i];

        if (strncmp(job->id, QMP_JOB_PREFIX, strlen(QMP_JOB_PREFIX)) ||
            strcmp(job->status, "concluded"))
            continue;
        rc = qmp_job_dismiss(monitor_client(monitor->session), job->id,
                             deadline_after(XLS_QMP_TIMEOUT_MS), d);
    }
    return rc;
}

static int close_in(struct domain_monitor *monitor, const struct wanted *w,
                    libxl_snapshot_diag *diag)
{
    const struct block_node *node;
    struct diag d = { "" };
    int rc;

    rc = domain_monitor_look(monitor, diag);
    if (rc) return rc;
    rc = dismiss_jobs(monitor, &d);
    if (rc)
        return xls_diag(diag, rc, NULL, "a merge that is done stays in QEMU:"
                        " %s", d.text);
    node = find(&monitor->graph, w);
    if (!node) return 0;
    rc = qmp_overlay_detach(monitor_client(monitor->session), node->name,
                            deadline_after(XLS_QMP_TIMEOUT_MS), &d);
    if (rc)
        xls_diag(diag, rc, NULL, "%s stays open in QEMU: %s", w->path,
                 d.text);
    return rc;
}

int libxl_disk_overlay_close(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const char *path, libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    struct domain_facts domain;
    struct wanted w = { .path = path };
    int rc;

    rc = image_inode_of(path, &w.inode, NULL);
    w.there = !rc;
    if (rc && rc != ERROR_NOTFOUND)
        return xls_diag(diag, rc, NULL, "cannot tell whether QEMU has %s open",
                        path);
    domain_monitor_init(&monitor);
    rc = domain_facts_gather(sctx, domid, &domain, diag);
    if (!rc) rc = domain_monitor_open(&monitor, sctx, &domain, diag);
    if (!rc) rc = close_in(&monitor, &w, diag);
    else if (rc == ERROR_NOTFOUND) rc = 0;      /* no QEMU, nothing open */
    domain_monitor_dispose(&monitor);
    return rc;
}
