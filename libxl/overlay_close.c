/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images that are open in QEMU, and that no disk uses.
 *
 * An overlay: whoever opened it was killed before the guest went over to it,
 * or could not say that it was to be closed after a merge. It would keep the
 * space of a file that is removed.
 *
 * All those of a disk that was detached: QEMU then deletes the node that it
 * made for the disk (xen_block_drive_destroy), and no other. An overlay above
 * that is ours, so neither goes; and a disk of that name cannot be attached
 * again while the first node has the name that its own would have.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/domain_monitor.h"
#include "libxl/image_users.h"
#include "libxl/overlay_facts.h"
#include "libxl/qmp_job.h"
#include "libxl/qmp_overlay.h"
#include "libxl/vdev.h"

struct wanted {
    const char *path;
    const char *vdev;           /* of a detached disk, or NULL */
    bool there;                 /* a file, and which one it is: */
    struct image_inode inode;
};

/* As QEMU names the node with which a disk begins: "<vdev>-<driver>". */
static bool is_first(const struct block_node *node, const char *vdev)
{
    size_t len = strlen(vdev);

    return !strncmp(node->name, vdev, len) && node->name[len] == '-';
}

/* One whose file has been renamed or removed is known by its name alone. */
static bool is_wanted(const struct block_node *node, const struct wanted *w)
{
    char *path;
    bool same;

    if (strncmp(node->name, XLS_OVERLAY_NODE, strlen(XLS_OVERLAY_NODE)) &&
        !(w->vdev && is_first(node, w->vdev)))
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

static int check_detached(const struct block_graph *graph, const char *vdev,
                          libxl_snapshot_diag *diag)
{
    uint32_t number;
    size_t i;
    int rc;

    rc = vdev_number(vdev, &number);
    if (rc)
        return xls_diag(diag, rc, vdev, "\"%s\" is no virtual disk's name",
                        vdev);
    for (i = 0; i < graph->num_disks; i++)
        if (graph->disks[i].has_number && graph->disks[i].number == number)
            return xls_diag(diag, ERROR_NOT_READY, vdev, "disk %s: QEMU"
                            " serves it still", vdev);
    return 0;
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

static int close_one(struct domain_monitor *monitor, const struct wanted *w,
                     libxl_snapshot_diag *diag)
{
    const struct block_node *node = find(&monitor->graph, w);
    struct diag d = { "" };
    int rc;

    if (!node) return 0;
    rc = qmp_overlay_detach(monitor_client(monitor->session), node->name,
                            deadline_after(XLS_QMP_TIMEOUT_MS), &d);
    if (rc)
        xls_diag(diag, rc, NULL, "%s stays open in QEMU: %s", w->path,
                 d.text);
    return rc;
}

/* In this order. Nodes do not change their names, and none comes up while we
 * have libxl's lock: one look tells of all of them. */
static int close_in(struct domain_monitor *monitor, const struct wanted *all,
                    int num, libxl_snapshot_diag *diag)
{
    struct diag d = { "" };
    int rc, i;

    rc = domain_monitor_look(monitor, diag);
    if (rc) return rc;
    if (all->vdev) {
        rc = check_detached(&monitor->graph, all->vdev, diag);
        if (rc) return rc;
    }
    rc = dismiss_jobs(monitor, &d);
    if (rc)
        return xls_diag(diag, rc, NULL, "a merge that is done stays in QEMU:"
                        " %s", d.text);
    for (i = 0; i < num && !rc; i++) rc = close_one(monitor, &all[i], diag);
    return rc;
}

static int close_all(libxl_snapshot_ctx *sctx, uint32_t domid,
                     const struct wanted *all, int num,
                     libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    struct domain_facts domain;
    int rc;

    domain_monitor_init(&monitor);
    rc = domain_facts_gather(sctx, domid, &domain, diag);
    if (!rc) rc = domain_monitor_open(&monitor, sctx, &domain, diag);
    if (!rc) rc = close_in(&monitor, all, num, diag);
    else if (rc == ERROR_NOTFOUND) rc = 0;      /* no QEMU, nothing open */
    domain_monitor_dispose(&monitor);
    return rc;
}

static int want(struct wanted *w, const char *path, const char *vdev,
                libxl_snapshot_diag *diag)
{
    int rc;

    w->path = path;
    w->vdev = vdev;
    rc = image_inode_of(path, &w->inode, NULL);
    w->there = !rc;
    if (rc && rc != ERROR_NOTFOUND)
        return xls_diag(diag, rc, NULL, "cannot tell whether QEMU has %s open",
                        path);
    return 0;
}

int libxl_disk_overlay_close(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const char *path, libxl_snapshot_diag *diag)
{
    struct wanted w;
    int rc;

    rc = want(&w, path, NULL, diag);
    return rc ? rc : close_all(sctx, domid, &w, 1, diag);
}

int libxl_disk_detached_close(libxl_snapshot_ctx *sctx, uint32_t domid,
                              const char *vdev, const char *const *paths,
                              int num, libxl_snapshot_diag *diag)
{
    struct wanted *all;
    int rc = 0, i;

    if (num <= 0) return 0;
    all = calloc(num, sizeof(*all));
    if (!all) return xls_diag(diag, ERROR_NOMEM, NULL, "out of memory");
    for (i = 0; i < num && !rc; i++) rc = want(&all[i], paths[i], vdev, diag);
    if (!rc) rc = close_all(sctx, domid, all, num, diag);
    free(all);
    return rc;
}
