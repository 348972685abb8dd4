/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The overlays of a set of disks: their files, and their nodes in QEMU. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/disk_ops.h"
#include "libxl/image_users.h"
#include "libxl/qemu_img_overlay.h"
#include "libxl/vdev.h"

static const libxl_snapshot_overlay *overlay_of(const struct disk_set *set,
                                                int i)
{
    return plan_overlay(set->disks[i].handle);
}

static const libxl_device_disk *disk_of(const struct disk_set *set, int i)
{
    return set->disks[i].facts.disk;
}

/* ---- what they must be like ---- */

/* A name that no node has: ours, the disk's number, and a counter. */
static int name_node(const struct block_graph *graph, const char *vdev,
                     struct disk_overlay *overlay)
{
    uint32_t number;
    unsigned int n;

    if (vdev_number(vdev, &number)) return ERROR_INVAL;
    for (n = 1; n <= graph->num_nodes + 1; n++) {
        snprintf(overlay->node, sizeof(overlay->node),
                 XLS_OVERLAY_NODE "%" PRIu32 "-%u", number, n);
        if (!block_graph_node(graph, overlay->node)) return 0;
    }
    return ERROR_FAIL;
}

/* A backup to come asks what changed since the one before it, and the answer
 * is in a bitmap that must go on recording. */
static bool goes_on(const struct image_bitmap *bitmap)
{
    return bitmap->name && bitmap->persistent && bitmap->recording &&
           !bitmap->busy && !bitmap->inconsistent;
}

static int note_bitmaps(const struct block_node *node,
                        struct disk_overlay *overlay)
{
    const struct image_bitmap *from;
    struct image_bitmap *to;
    size_t k;

    overlay->bitmaps = calloc(node->num_bitmaps + 1,
                              sizeof(*overlay->bitmaps));
    if (!overlay->bitmaps) return ERROR_NOMEM;
    for (k = 0; k < node->num_bitmaps; k++) {
        from = &node->bitmaps[k];
        if (!goes_on(from)) continue;
        to = &overlay->bitmaps[overlay->num_bitmaps];
        to->granularity = from->granularity;
        to->name = strdup(from->name);
        if (!to->name) return ERROR_NOMEM;
        overlay->num_bitmaps++;
    }
    return 0;
}

int disk_set_note_overlay(struct disk_set *set, int i,
                          const struct block_graph *graph,
                          const struct block_node *node,
                          libxl_snapshot_diag *diag)
{
    struct disk_overlay *overlay = &set->overlays[i];
    const char *vdev = disk_of(set, i)->vdev;
    const struct block_disk *disk;
    int rc;

    if (!overlay_of(set, i)) return 0;
    disk = block_graph_disk(graph, vdev);
    if (disk && disk->num_images >= BLOCK_CHAIN_MAX)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: it is made of %zu images already; merge some of them"
            " before adding another", vdev, disk->num_images);
    overlay->direct = node->direct;
    overlay->no_flush = node->no_flush;
    if (node->detect_zeroes) {
        overlay->detect_zeroes = strdup(node->detect_zeroes);
        if (!overlay->detect_zeroes) return ERROR_NOMEM;
    }
    rc = note_bitmaps(node, overlay);
    if (rc) return rc;
    if (overlay->num_bitmaps && overlay_of(set, i)->format !=
        LIBXL_DISK_FORMAT_QCOW2)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: it has checkpoints (the dirty bitmap '%s'), which only a"
            " qcow2 overlay can go on with", vdev, overlay->bitmaps[0].name);
    rc = name_node(graph, vdev, overlay);
    if (rc)
        return xls_diag(diag, rc, vdev, "disk %s: no name for its overlay's"
                        " node", vdev);
    set->disks[i].overlay_node = overlay->node;
    return 0;
}

/* ---- files ---- */

int disk_set_make_overlays(struct disk_set *set, libxl_snapshot_diag *diag)
{
    const struct qemu_img tool = { set->sctx->qemu_img, set->sctx->lg };
    struct diag d = { "" };
    int i, rc = 0;

    for (i = 0; i < set->num_disks && !rc; i++) {
        const libxl_snapshot_overlay *overlay = overlay_of(set, i);
        struct overlay_layout layout;

        if (!overlay || overlay->reuse) continue;
        layout = (struct overlay_layout){
            .path = overlay->path,
            .format = xls_format_driver(overlay->format),
            .backing = disk_of(set, i)->pdev_path,
            .backing_format = xls_format_driver(disk_of(set, i)->format),
            .virtual_size = set->overlays[i].virtual_size,
        };
        rc = qemu_img_overlay_create(&tool, &layout,
                                     deadline_after(XLS_QEMU_IMG_TIMEOUT_MS),
                                     &d);
        if (rc)
            xls_diag(diag, rc, disk_of(set, i)->vdev,
                     "disk %s: its overlay %s", disk_of(set, i)->vdev, d.text);
        else
            set->overlays[i].made = true;
    }
    return rc;
}

/* ---- nodes ---- */

static bool discards(const libxl_device_disk *disk)
{
    return libxl_defbool_is_default(disk->discard_enable)
        ? disk->readwrite : libxl_defbool_val(disk->discard_enable);
}

static int attach(struct disk_set *set, int i, struct domain_monitor *monitor,
                  libxl_snapshot_diag *diag)
{
    const libxl_snapshot_overlay *overlay = overlay_of(set, i);
    struct disk_overlay *state = &set->overlays[i];
    const struct qmp_overlay request = {
        .node = state->node,
        .path = overlay->path,
        .format = xls_format_driver(overlay->format),
        .block_device = set->disks[i].overlay.block,
        .direct = state->direct,
        .no_flush = state->no_flush,
        .discard = discards(disk_of(set, i)),
        .detect_zeroes = state->detect_zeroes,
    };
    struct diag d = { "" };
    int rc;

    rc = qmp_overlay_attach(monitor_client(monitor->session), &request,
                            deadline_after(XLS_QMP_TIMEOUT_MS), &d);
    /* Without an answer it may be open. */
    state->attached = !qmp_error_is_refusal(rc);
    if (rc)
        xls_diag(diag, rc, disk_of(set, i)->vdev,
                 "disk %s: its overlay %s cannot be opened: %s",
                 disk_of(set, i)->vdev, overlay->path, d.text);
    return rc;
}

int disk_set_attach_overlays(struct disk_set *set, libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    int i, rc;

    domain_monitor_init(&monitor);
    rc = domain_monitor_open(&monitor, set->sctx, &set->domain, diag);
    for (i = 0; i < set->num_disks && !rc; i++)
        if (overlay_of(set, i)) rc = attach(set, i, &monitor, diag);
    domain_monitor_dispose(&monitor);
    return rc;
}

/* ---- the way back ---- */

/* The node by that name is ours if it is our file. */
static bool is_ours(const struct block_node *node, const char *path)
{
    struct image_inode inode;

    return node && node->identified && !image_inode_of(path, &inode, NULL) &&
           node->dev == inode.dev && node->ino == inode.ino;
}

static int detach(struct disk_set *set, int i, struct domain_monitor *monitor,
                  libxl_snapshot_diag *diag)
{
    struct disk_overlay *state = &set->overlays[i];
    const char *path = overlay_of(set, i)->path;
    const char *vdev = disk_of(set, i)->vdev;
    struct diag d = { "" };
    int rc;

    if (is_ours(block_graph_node(&monitor->graph, state->node), path)) {
        rc = qmp_overlay_detach(monitor_client(monitor->session), state->node,
                                deadline_after(XLS_QMP_TIMEOUT_MS), &d);
        if (rc)
            return xls_diag(diag, rc, vdev, "disk %s: its overlay %s stays"
                            " open in QEMU: %s", vdev, path, d.text);
    }
    state->attached = false;
    return 0;
}

static bool any_attached(const struct disk_set *set)
{
    int i;

    for (i = 0; i < set->num_disks; i++)
        if (set->overlays[i].attached) return true;
    return false;
}

static int detach_all(struct disk_set *set, libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    int i, rc, first = 0;

    if (!any_attached(set)) return 0;
    domain_monitor_init(&monitor);
    rc = domain_monitor_open(&monitor, set->sctx, &set->domain, diag);
    if (rc == ERROR_NOTFOUND) {
        /* No QEMU, nothing open. */
        for (i = 0; i < set->num_disks; i++)
            set->overlays[i].attached = false;
        rc = 0;
        goto out;
    }
    if (!rc) rc = domain_monitor_look(&monitor, diag);
    if (rc) goto out;
    for (i = 0; i < set->num_disks; i++) {
        if (!set->overlays[i].attached) continue;
        rc = detach(set, i, &monitor, diag);
        if (rc && !first) first = rc;
    }
    rc = first;
out:
    domain_monitor_dispose(&monitor);
    return rc;
}

int disk_set_drop_overlays(struct disk_set *set, libxl_snapshot_diag *diag)
{
    struct diag d = { "" };
    int i, rc, first;

    first = detach_all(set, diag);
    for (i = 0; i < set->num_disks; i++) {
        struct disk_overlay *state = &set->overlays[i];

        if (!state->made || state->attached) continue;
        rc = qemu_img_overlay_remove(overlay_of(set, i)->path, &d);
        if (!rc)
            state->made = false;
        else if (!first)
            first = xls_diag(diag, rc, disk_of(set, i)->vdev,
                             "disk %s: its overlay %s", disk_of(set, i)->vdev,
                             d.text);
    }
    return first;
}

/* ---- what became of them ---- */

void disk_set_find_state(struct disk_set *set)
{
    struct domain_monitor monitor;
    const struct block_disk *disk;
    int i, used = 0, external = 0, rc;

    set->state = OVERLAYS_UNKNOWN;
    domain_monitor_init(&monitor);
    rc = domain_monitor_open(&monitor, set->sctx, &set->domain, NULL);
    if (!rc) rc = domain_monitor_look(&monitor, NULL);
    if (rc) goto out;
    for (i = 0; i < set->num_disks; i++) {
        if (!overlay_of(set, i)) continue;
        external++;
        disk = block_graph_disk(&monitor.graph, disk_of(set, i)->vdev);
        if (disk && disk->top && !strcmp(disk->top, set->overlays[i].node))
            used++;
        else if (!disk || !disk->top ||
                 strcmp(disk->top, set->disks[i].node))
            goto out;           /* neither the one nor the other */
    }
    /* It is one transaction: all or none. */
    if (used == external) set->state = OVERLAYS_USED;
    else if (!used) set->state = OVERLAYS_UNUSED;
out:
    domain_monitor_dispose(&monitor);
}

int disk_set_store_paths(struct disk_set *set, libxl_snapshot_diag *diag)
{
    const libxl_snapshot_overlay *overlay;
    int i, rc, first = 0;

    for (i = 0; i < set->num_disks; i++) {
        overlay = overlay_of(set, i);
        if (!overlay) continue;
        rc = libxl_disk_set_path(set->sctx, set->domain.domid,
                                 disk_of(set, i)->vdev, overlay->path,
                                 overlay->format, diag);
        if (rc && !first) first = rc;
    }
    return first;
}
