/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking the snapshots of a set of disks. */
#include "config.h"

#include <stdlib.h>

#include <xentoollog.h>

#include "libxl/disk_ops.h"
#include "libxl/qemu_img.h"
#include "libxl/qmp_transaction.h"

/* ---- running: all at one instant ---- */

static size_t count_actions(const struct disk_set *set)
{
    size_t num = 0;
    int i;

    for (i = 0; i < set->num_disks; i++)
        num += 1 + set->overlays[i].num_bitmaps;
    return num;
}

/* The bitmaps before the guest can write to what they watch. */
static size_t external_actions(const struct disk_set *set, int i,
                               struct qmp_transaction_action *to)
{
    const struct disk_overlay *overlay = &set->overlays[i];
    size_t k;

    for (k = 0; k < overlay->num_bitmaps; k++) {
        to[k].type = QMP_TRANSACTION_BITMAP_ADD;
        to[k].node = overlay->node;
        to[k].name = overlay->bitmaps[k].name;
        to[k].granularity = overlay->bitmaps[k].granularity;
    }
    to[k].type = QMP_TRANSACTION_OVERLAY;
    to[k].node = set->disks[i].node;
    to[k].overlay = overlay->node;
    return k + 1;
}

static int run_transaction(struct disk_set *set, struct domain_monitor *monitor,
                           bool *external_r, struct diag *diag)
{
    struct qmp_transaction_action *actions;
    size_t num = 0;
    int i, rc;

    actions = calloc(count_actions(set), sizeof(*actions));
    if (!actions) return ERROR_NOMEM;
    *external_r = false;
    for (i = 0; i < set->num_disks; i++) {
        if (plan_overlay(set->disks[i].handle)) {
            *external_r = true;
            num += external_actions(set, i, &actions[num]);
        } else {
            actions[num].type = QMP_TRANSACTION_SNAPSHOT;
            actions[num].node = set->disks[i].node;
            actions[num].name = set->disks[i].handle->u.qcow2.name;
            num++;
        }
    }
    rc = qmp_transaction(monitor_client(monitor->session), actions, num,
                         deadline_after(XLS_QMP_SNAPSHOT_TIMEOUT_MS), diag);
    free(actions);
    return rc;
}

static bool outcome_is_known(int rc)
{
    return qmp_error_is_refusal(rc) || rc == ERROR_NOMEM || rc == ERROR_INVAL;
}

int disk_set_create_online(struct disk_set *set, struct domain_monitor *monitor,
                           libxl_snapshot_diag *diag)
{
    struct diag d = { "" };
    bool external = false;
    int rc;

    rc = run_transaction(set, monitor, &external, &d);
    domain_monitor_dispose(monitor);
    if (external && !rc) set->state = OVERLAYS_USED;
    if (external && rc && !outcome_is_known(rc)) {
        disk_set_find_state(set);
        if (set->state == OVERLAYS_USED) {
            xls_log(set->sctx, XTL_WARN, "QEMU's answer was lost (%s), but it"
                    " took the snapshots", d.text);
            rc = 0;
        }
    }
    if (rc)
        xls_diag(diag, rc, NULL, "QEMU did not take the disks' snapshots: %s",
                 d.text);
    return rc;
}

/* ---- not running: one after the other ---- */

int disk_set_create_offline(struct disk_set *set, libxl_snapshot_diag *diag)
{
    struct qemu_img tool = { set->sctx->qemu_img, set->sctx->lg };
    struct diag d = { "" };
    int i, rc = 0;

    for (i = 0; i < set->num_disks && !rc; i++) {
        const libxl_device_disk *disk = set->disks[i].facts.disk;

        if (plan_overlay(set->disks[i].handle)) continue;
        rc = qemu_img_snapshot_create(&tool, disk->pdev_path, "qcow2",
                                      set->disks[i].handle->u.qcow2.name,
                                      deadline_after(XLS_QEMU_IMG_TIMEOUT_MS),
                                      &d);
        if (rc)
            xls_diag(diag, rc, disk->vdev, "disk %s: %s", disk->vdev, d.text);
    }
    return rc;
}
