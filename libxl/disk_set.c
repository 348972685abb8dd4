/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several disks of one domain: what is known of them, and where they are. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libxl/disk_ops.h"
#include "libxl/image_users.h"
#include "libxl/qemu_img_overlay.h"

void disk_set_init(struct disk_set *set)
{
    memset(set, 0, sizeof(*set));
    domain_facts_init(&set->domain);
}

static void disk_overlay_dispose(struct disk_overlay *overlay)
{
    size_t i;

    free(overlay->detect_zeroes);
    for (i = 0; i < overlay->num_bitmaps; i++)
        image_bitmap_dispose(&overlay->bitmaps[i]);
    free(overlay->bitmaps);
    memset(overlay, 0, sizeof(*overlay));
}

void disk_set_dispose(struct disk_set *set)
{
    int i;

    for (i = 0; set->nodes && i < set->num_disks; i++) free(set->nodes[i]);
    for (i = 0; set->overlays && i < set->num_disks; i++)
        disk_overlay_dispose(&set->overlays[i]);
    free(set->overlays);
    free(set->nodes);
    free(set->disks);
    disk_set_init(set);
}

static int gather_overlay(struct plan_disk *disk, libxl_snapshot_diag *diag)
{
    const libxl_snapshot_overlay *overlay = plan_overlay(disk->handle);

    if (!overlay) return 0;
    overlay_facts_gather(overlay, &disk->overlay);
    return plan_check_overlay(&disk->facts, overlay, &disk->overlay, diag);
}

int disk_set_gather(struct disk_set *set, libxl_snapshot_ctx *sctx,
                    uint32_t domid, const libxl_device_disk *disks,
                    const libxl_snapshot_handle *handles, int num_disks,
                    libxl_snapshot_diag *diag)
{
    int i, rc;

    set->sctx = sctx;
    rc = domain_facts_gather(sctx, domid, &set->domain, diag);
    if (rc) return rc;
    if (!num_disks) return 0;

    set->disks = calloc(num_disks, sizeof(*set->disks));
    set->nodes = calloc(num_disks, sizeof(*set->nodes));
    set->overlays = calloc(num_disks, sizeof(*set->overlays));
    if (!set->disks || !set->nodes || !set->overlays) return ERROR_NOMEM;
    set->num_disks = num_disks;
    for (i = 0; i < num_disks; i++) {
        const libxl_snapshot_handle *handle = handles ? &handles[i] : NULL;

        set->disks[i].handle = handle;
        rc = disk_facts_gather(sctx, domid, &disks[i], &set->disks[i].facts,
                               diag);
        if (rc) return rc;
        rc = plan_check_disk(&set->domain, &set->disks[i].facts, handle,
                             diag);
        if (rc) return rc;
        rc = gather_overlay(&set->disks[i], diag);
        if (rc) return rc;
    }
    return plan_check_disks(set->disks, num_disks, diag);
}

/* ---- where they are ---- */

static int check_name(const struct plan_disk *disk,
                      const struct image_info *info, libxl_snapshot_diag *diag)
{
    const char *name = disk->handle->u.qcow2.name;
    const char *vdev = disk->facts.disk->vdev;
    const struct image_snapshot *snapshot;

    if (image_info_find_snapshot(info, name, &snapshot) == ERROR_NOTFOUND)
        return 0;
    return xls_diag(diag, ERROR_DEVICE_EXISTS, vdev,
                    "disk %s: its image has a snapshot '%s' already; choose"
                    " another name", vdev, name);
}

/* Nobody has it open who might write to it, or read what we write. */
static int check_overlay_unused(struct disk_set *set,
                                const struct plan_disk *disk,
                                libxl_snapshot_diag *diag)
{
    const char *path = plan_overlay(disk->handle)->path;
    const char *vdev = disk->facts.disk->vdev;
    struct image_users_params params = { NULL, NULL };
    libxl_device_disk as_disk = { .pdev_path = (char *)path,
                                  .vdev = (char *)vdev };
    struct disk_facts facts = { .disk = &as_disk, .dev = disk->overlay.dev,
                                .ino = disk->overlay.ino };
    struct image_inode inode;
    struct diag d = { "" };
    int rc;

    rc = domain_facts_image_unused(set->sctx, &facts, LIBXL_SNAPSHOT_NO_DOMAIN,
                                   diag);
    if (rc) return rc;
    rc = image_inode_of(path, &inode, &d);
    if (!rc) rc = image_users_wait(&params, &inode, 1, deadline_after(0), &d);
    if (rc)
        xls_diag(diag, rc, vdev, "disk %s: its overlay %s: %s", vdev, path,
                 d.text);
    return rc;
}

static int check_overlay(struct disk_set *set, int i,
                         libxl_snapshot_diag *diag)
{
    struct plan_disk *disk = &set->disks[i];
    const libxl_device_disk *d = disk->facts.disk;
    const libxl_snapshot_overlay *overlay = plan_overlay(disk->handle);
    struct diag err = { "" };
    int rc;

    if (!overlay->reuse) return 0;
    rc = check_overlay_unused(set, disk, diag);
    if (rc) return rc;
    rc = overlay_facts_look(set->sctx, d->vdev, overlay, &disk->overlay, diag);
    if (rc) return rc;
    rc = plan_check_overlay_contents(&disk->facts, overlay, &disk->overlay,
                                     xls_format_driver(d->format),
                                     set->overlays[i].virtual_size, diag);
    if (rc) return rc;
    rc = qemu_img_overlay_sync(overlay->path, &err);
    if (rc)
        xls_diag(diag, rc, d->vdev, "disk %s: its overlay %s", d->vdev,
                 err.text);
    return rc;
}

/* info: of the image as it is now. */
static int check_fresh(struct disk_set *set, int i,
                       const struct image_info *info,
                       libxl_snapshot_diag *diag)
{
    set->overlays[i].virtual_size = info->virtual_size;
    if (!set->disks[i].handle) return 0;
    return plan_overlay(set->disks[i].handle)
        ? check_overlay(set, i, diag)
        : check_name(&set->disks[i], info, diag);
}

/* Another domain's disk, too? What one of them writes, the other does not
 * know of, and a snapshot made under both is worth nothing. */
static int check_alone(struct disk_set *set, libxl_snapshot_diag *diag)
{
    int i, rc = 0;

    for (i = 0; i < set->num_disks && !rc; i++)
        rc = domain_facts_image_unused(set->sctx, &set->disks[i].facts,
                                       set->domain.domid, diag);
    return rc;
}

static int locate_online(struct disk_set *set, bool fresh,
                         libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    const struct block_node *node;
    int i, rc;

    domain_monitor_init(&monitor);
    rc = fresh ? check_alone(set, diag) : 0;
    if (rc) goto out;
    rc = domain_monitor_open(&monitor, set->sctx, &set->domain, diag);
    if (rc) goto out;
    rc = domain_monitor_look(&monitor, diag);
    /* The look is kept, the session is not: what follows takes time. */
    domain_monitor_close(&monitor);
    if (rc) goto out;
    for (i = 0; i < set->num_disks; i++) {
        rc = domain_monitor_find(&monitor, &set->disks[i].facts, &node, diag);
        if (rc) goto out;
        free(set->nodes[i]);
        set->nodes[i] = strdup(node->name);
        if (!set->nodes[i]) {
            rc = ERROR_NOMEM;
            goto out;
        }
        set->disks[i].node = set->nodes[i];
        if (!fresh) continue;
        rc = disk_set_note_overlay(set, i, &monitor.graph, node, diag);
        if (rc) goto out;
        rc = check_fresh(set, i, &node->image, diag);
        if (rc) goto out;
    }
    rc = 0;
out:
    domain_monitor_dispose(&monitor);
    return rc;
}

static int locate_offline(struct disk_set *set, bool fresh,
                          libxl_snapshot_diag *diag)
{
    struct qemu_img tool = { set->sctx->qemu_img, set->sctx->lg };
    struct image_info info;
    struct diag d = { "" };
    int i, rc;

    rc = disk_set_wait_unused(set, LIBXL_SNAPSHOT_NO_DOMAIN, 0, diag);
    for (i = 0; i < set->num_disks && !rc; i++) {
        const libxl_device_disk *disk = set->disks[i].facts.disk;

        image_info_init(&info);
        rc = qemu_img_info(&tool, disk->pdev_path,
                           xls_format_driver(disk->format),
                           deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &info, &d);
        if (rc)
            xls_diag(diag, rc, disk->vdev, "disk %s: %s", disk->vdev, d.text);
        else if (info.corrupt || info.data_file)
            rc = xls_diag(diag, ERROR_INVAL, disk->vdev,
                          "disk %s: its image %s %s", disk->vdev,
                          disk->pdev_path, info.corrupt
                          ? "is marked as corrupt; repair it first (qemu-img check -r all)"
                          : "keeps its data in another file, which snapshots do not cover");
        else if (fresh)
            rc = check_fresh(set, i, &info, diag);
        image_info_dispose(&info);
    }
    return rc;
}

int disk_set_locate(struct disk_set *set, bool fresh,
                    libxl_snapshot_diag *diag)
{
    if (!set->num_disks) return 0;
    if (set->domain.domid != LIBXL_SNAPSHOT_NO_DOMAIN)
        return locate_online(set, fresh, diag);
    return locate_offline(set, fresh, diag);
}

int disk_set_flush(struct disk_set *set, libxl_snapshot_diag *diag)
{
    int i, fd, r, errnoval;

    for (i = 0; i < set->num_disks; i++) {
        const libxl_device_disk *disk = set->disks[i].facts.disk;

        fd = open(disk->pdev_path, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? -1 : fdatasync(fd);
        errnoval = errno;
        if (fd >= 0) close(fd);
        if (r)
            return xls_diag(diag, ERROR_FAIL, disk->vdev,
                            "disk %s: cannot flush %s: %s", disk->vdev,
                            disk->pdev_path, strerror(errnoval));
    }
    return 0;
}

int disk_set_wait_unused(struct disk_set *set, uint32_t except_domid,
                         int timeout_ms, libxl_snapshot_diag *diag)
{
    struct image_users_params params = { NULL, NULL };
    deadline by = deadline_after(timeout_ms);
    struct image_inode inode;
    struct diag d = { "" };
    int i, rc = 0;

    for (i = 0; i < set->num_disks && !rc; i++) {
        const struct disk_facts *facts = &set->disks[i].facts;
        const libxl_device_disk *disk = facts->disk;
        const char *vdev = disk->vdev ? disk->vdev : "";

        /* Domains first: their answer says more to the reader. */
        rc = domain_facts_image_unused(set->sctx, facts, except_domid, diag);
        if (rc) return rc;
        rc = image_inode_of(disk->pdev_path, &inode, &d);
        if (!rc && except_domid == LIBXL_SNAPSHOT_NO_DOMAIN)
            rc = image_users_wait(&params, &inode, 1, by, &d);
        if (rc)
            xls_diag(diag, rc, disk->vdev, "%s%s%s%s: %s",
                     *vdev ? "disk " : "", vdev, *vdev ? ": " : "",
                     disk->pdev_path, d.text);
    }
    return rc;
}
