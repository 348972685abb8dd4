/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deleting internal snapshots from a set of disks. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/disk_ops.h"
#include "libxl/qemu_img.h"

static const char *vdev_of(const struct disk_set *set, int i)
{
    return set->disks[i].facts.disk->vdev;
}

static const char *path_of(const struct disk_set *set, int i)
{
    return set->disks[i].facts.disk->pdev_path;
}

static const char *name_of(const struct disk_set *set, int i)
{
    return set->disks[i].handle->u.qcow2.name;
}

/* With the session open and the guest standing still. */
static int delete_in_qemu(struct disk_set *set, struct domain_monitor *monitor,
                          libxl_snapshot_diag *diag)
{
    const struct image_snapshot *snapshot;
    const struct block_node *node;
    struct diag d = { "" };
    int i, rc = 0;

    for (i = 0; i < set->num_disks && !rc; i++) {
        if (plan_overlay(set->disks[i].handle)) continue;
        rc = domain_monitor_find(monitor, &set->disks[i].facts, &node, diag);
        if (rc) break;
        rc = disk_set_find_snapshot(set, i, &node->image, &snapshot, diag);
        if (rc == ERROR_NOTFOUND) {
            rc = 0;
            continue;
        }
        if (rc) break;
        rc = qmp_block_snapshot_delete(monitor_client(monitor->session),
                                       node->name, snapshot->id,
                                       snapshot->name,
                                       deadline_after(XLS_QMP_SNAPSHOT_TIMEOUT_MS),
                                       &d);
        if (rc)
            xls_diag(diag, rc, vdev_of(set, i), "disk %s: %s", vdev_of(set, i),
                     d.text);
    }
    return rc;
}

static int check_present(struct disk_set *set, struct domain_monitor *monitor,
                         libxl_snapshot_diag *diag)
{
    const struct image_snapshot *snapshot;
    const struct block_node *node;
    int i, rc = 0;

    for (i = 0; i < set->num_disks && !rc; i++) {
        if (plan_overlay(set->disks[i].handle)) continue;
        rc = domain_monitor_find(monitor, &set->disks[i].facts, &node, diag);
        if (rc) return rc;
        rc = disk_set_find_snapshot(set, i, &node->image, &snapshot, diag);
        if (rc == ERROR_NOTFOUND) disk_set_missing(set, i, diag);
    }
    return rc;
}

static int delete_online(struct disk_set *set, bool missing_ok,
                         libxl_snapshot_diag *diag)
{
    libxl_ctx *ctx = set->sctx->ctx;
    uint32_t domid = set->domain.domid;
    struct domain_monitor monitor;
    bool paused = false;
    int rc, rc2;

    domain_monitor_init(&monitor);
    rc = domain_monitor_open(&monitor, set->sctx, &set->domain, diag);
    if (rc) goto out;
    rc = domain_monitor_look(&monitor, diag);
    if (rc) goto out;
    if (!missing_ok) {
        rc = check_present(set, &monitor, diag);
        if (rc) goto out;
    }
    /* A hypercall and nothing more, so it may be made with the session open. */
    rc = libxl_domain_pause(ctx, domid, NULL);
    if (rc) {
        xls_diag(diag, rc, NULL, "cannot pause the domain");
        goto out;
    }
    paused = true;
    rc = delete_in_qemu(set, &monitor, diag);
out:
    domain_monitor_dispose(&monitor);
    if (paused) {
        /* Pauses are counted: an administrator's own one stays. */
        rc2 = xls_unpause(set->sctx, domid, set->domain.paused);
        if (rc2) {
            xls_diag(diag, rc2, NULL, "cannot unpause the domain; do so by"
                     " 'xl unpause %u'", domid);
            if (!rc) rc = rc2;
        }
    }
    return rc;
}

static int delete_offline(struct disk_set *set, bool missing_ok,
                          libxl_snapshot_diag *diag)
{
    struct qemu_img tool = { set->sctx->qemu_img, set->sctx->lg };
    struct diag d = { "" };
    int i, rc;

    rc = disk_set_wait_unused(set, LIBXL_SNAPSHOT_NO_DOMAIN,
                              XLS_UNUSED_TIMEOUT_MS, diag);
    for (i = 0; i < set->num_disks && !rc; i++) {
        if (plan_overlay(set->disks[i].handle)) continue;
        rc = qemu_img_snapshot_delete(&tool, path_of(set, i), "qcow2",
                                      name_of(set, i),
                                      deadline_after(XLS_QEMU_IMG_TIMEOUT_MS),
                                      &d);
        if (rc == ERROR_NOTFOUND && missing_ok)
            rc = 0;
        else if (rc)
            xls_diag(diag, rc, vdev_of(set, i), "disk %s: %s", vdev_of(set, i),
                     d.text);
    }
    return rc;
}

int disk_set_delete(struct disk_set *set, bool missing_ok,
                    libxl_snapshot_diag *diag)
{
    int i = 0;

    while (i < set->num_disks && plan_overlay(set->disks[i].handle)) i++;
    if (i == set->num_disks) return 0;
    if (set->domain.domid != LIBXL_SNAPSHOT_NO_DOMAIN)
        return delete_online(set, missing_ok, diag);
    return delete_offline(set, missing_ok, diag);
}
