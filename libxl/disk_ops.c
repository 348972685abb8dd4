/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/disk_ops.h"
#include "libxl/qemu_img.h"

static bool running(const struct disk_set *set)
{
    return set->domain.domid != LIBXL_SNAPSHOT_NO_DOMAIN;
}

static struct qemu_img tool_of(const struct disk_set *set)
{
    return (struct qemu_img){ set->sctx->qemu_img, set->sctx->lg };
}

static const char *vdev_of(const struct disk_set *set, int i)
{
    return set->disks[i].facts.disk->vdev;
}

static const char *path_of(const struct disk_set *set, int i)
{
    return set->disks[i].facts.disk->pdev_path;
}

static const char *format_of(const struct disk_set *set, int i)
{
    return xls_format_driver(set->disks[i].facts.disk->format);
}

static bool is_external(const struct disk_set *set, int i)
{
    return plan_overlay(set->disks[i].handle);
}

static bool any_internal(const struct disk_set *set)
{
    int i;

    for (i = 0; i < set->num_disks; i++)
        if (!is_external(set, i)) return true;
    return false;
}

static const char *name_of(const struct disk_set *set, int i)
{
    return set->disks[i].handle->u.qcow2.name;
}

int disk_set_missing(const struct disk_set *set, int i,
                     libxl_snapshot_diag *diag)
{
    return xls_diag(diag, ERROR_NOTFOUND, vdev_of(set, i),
                    "disk %s: its image %s has no snapshot '%s'",
                    vdev_of(set, i), path_of(set, i), name_of(set, i));
}

int disk_set_find_snapshot(const struct disk_set *set, int i,
                           const struct image_info *info,
                           const struct image_snapshot **snapshot_r,
                           libxl_snapshot_diag *diag)
{
    int rc = image_info_find_snapshot(info, name_of(set, i), snapshot_r);

    if (rc == ERROR_INVAL)
        xls_diag(diag, rc, vdev_of(set, i),
                 "disk %s: its image has several snapshots '%s', and which one"
                 " is meant cannot be known", vdev_of(set, i),
                 name_of(set, i));
    return rc;
}

/* ---- look ---- */

static int export_snapshot(const struct image_snapshot *from,
                           libxl_disk_snapshot *to)
{
    libxl_disk_snapshot_init(to);
    libxl_snapshot_handle_init_format(&to->handle, LIBXL_DISK_FORMAT_QCOW2);
    to->handle.u.qcow2.name = strdup(from->name);
    to->id = strdup(from->id);
    to->date_sec = from->date_sec;
    to->date_nsec = from->date_nsec;
    to->vm_state_size = from->vm_state_size;
    if (to->handle.u.qcow2.name && to->id) return 0;
    libxl_disk_snapshot_dispose(to);
    return ERROR_NOMEM;
}

/* An external snapshot is the frozen image itself: there is nothing in an
 * image to be found again. */
static int export_external(const struct disk_set *set, int i,
                           libxl_disk_snapshot *to)
{
    int rc;

    libxl_disk_snapshot_init(to);
    rc = libxl_snapshot_handle_copy(set->sctx->ctx, &to->handle,
                                    set->disks[i].handle);
    if (rc) libxl_disk_snapshot_dispose(to);
    return rc;
}

/* Called with each disk's image as its QEMU, or qemu-img, describes it; not
 * for external snapshots. */
typedef int image_visitor(struct disk_set *set, int i,
                          const struct image_info *info, void *user,
                          libxl_snapshot_diag *diag);

static int visit_online(struct disk_set *set, image_visitor *visit, void *user,
                        libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    const struct block_node *node;
    int i, rc;

    domain_monitor_init(&monitor);
    rc = domain_monitor_open(&monitor, set->sctx, &set->domain, diag);
    if (!rc) rc = domain_monitor_look(&monitor, diag);
    for (i = 0; i < set->num_disks && !rc; i++) {
        if (is_external(set, i)) continue;
        rc = domain_monitor_find(&monitor, &set->disks[i].facts, &node, diag);
        if (!rc) rc = visit(set, i, &node->image, user, diag);
    }
    domain_monitor_dispose(&monitor);
    return rc;
}

static int visit_offline(struct disk_set *set, image_visitor *visit,
                         void *user, libxl_snapshot_diag *diag)
{
    struct qemu_img tool = tool_of(set);
    struct image_info info;
    struct diag d = { "" };
    int i, rc = 0;

    for (i = 0; i < set->num_disks && !rc; i++) {
        if (is_external(set, i)) continue;
        image_info_init(&info);
        rc = qemu_img_info(&tool, path_of(set, i), format_of(set, i),
                           deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &info, &d);
        if (rc)
            xls_diag(diag, rc, vdev_of(set, i), "disk %s: %s", vdev_of(set, i),
                     d.text);
        else
            rc = visit(set, i, &info, user, diag);
        image_info_dispose(&info);
    }
    return rc;
}

static int visit_images(struct disk_set *set, image_visitor *visit, void *user,
                        libxl_snapshot_diag *diag)
{
    if (!any_internal(set)) return 0;
    return running(set) ? visit_online(set, visit, user, diag)
                        : visit_offline(set, visit, user, diag);
}

struct description {
    libxl_disk_snapshot *list;
    int num;
};

struct looking {
    libxl_disk_snapshot *list;
    bool missing_ok;
};

static int describe(struct disk_set *set, int i, const struct image_info *info,
                    void *user, libxl_snapshot_diag *diag)
{
    const struct looking *looking = user;
    const struct image_snapshot *snapshot;
    int rc;

    rc = disk_set_find_snapshot(set, i, info, &snapshot, diag);
    if (rc == ERROR_NOTFOUND && looking->missing_ok) return 0;
    if (rc == ERROR_NOTFOUND) disk_set_missing(set, i, diag);
    if (rc) return rc;
    return export_snapshot(snapshot, &looking->list[i]);
}

int disk_set_describe(struct disk_set *set, bool missing_ok,
                      libxl_disk_snapshot *list_r, libxl_snapshot_diag *diag)
{
    struct looking looking = { list_r, missing_ok };
    int i, rc = 0;

    for (i = 0; i < set->num_disks; i++) libxl_disk_snapshot_init(&list_r[i]);
    for (i = 0; i < set->num_disks && !rc; i++)
        if (is_external(set, i)) rc = export_external(set, i, &list_r[i]);
    if (!rc) rc = visit_images(set, describe, &looking, diag);
    if (rc)
        for (i = 0; i < set->num_disks; i++)
            libxl_disk_snapshot_dispose(&list_r[i]);
    return rc;
}

static int collect(struct disk_set *set, int i, const struct image_info *info,
                   void *user, libxl_snapshot_diag *diag)
{
    struct description *to = user;
    size_t k;
    int rc = 0;

    to->list = calloc(info->num_snapshots + 1, sizeof(*to->list));
    if (!to->list) return ERROR_NOMEM;
    for (k = 0; k < info->num_snapshots && !rc; k++) {
        rc = export_snapshot(&info->snapshots[k], &to->list[k]);
        if (!rc) to->num++;
    }
    return rc;
}

int disk_set_list(struct disk_set *set, libxl_disk_snapshot **list_r,
                  int *num_r, libxl_snapshot_diag *diag)
{
    struct description to = { NULL, 0 };
    int rc;

    rc = visit_images(set, collect, &to, diag);
    if (rc) {
        libxl_disk_snapshot_list_free(to.list, to.num);
    } else {
        *list_r = to.list;
        *num_r = to.num;
    }
    return rc;
}

/* ---- revert ---- */

/* The image's bitmaps say what changed since some backup. Nothing of that
 * holds after going back, and qemu-img refuses to go back while they stay. */
static int remove_bitmaps(struct disk_set *set, int i,
                          const struct image_info *info,
                          libxl_snapshot_diag *diag)
{
    struct qemu_img tool = tool_of(set);
    struct diag d = { "" };
    size_t k;
    int rc = 0;

    for (k = 0; k < info->num_bitmaps && !rc; k++) {
        rc = qemu_img_bitmap_remove(&tool, path_of(set, i), format_of(set, i),
                                    info->bitmaps[k].name,
                                    deadline_after(XLS_QEMU_IMG_TIMEOUT_MS),
                                    &d);
        if (rc)
            xls_diag(diag, rc, vdev_of(set, i),
                     "disk %s: cannot remove the dirty bitmap '%s': %s",
                     vdev_of(set, i), info->bitmaps[k].name, d.text);
    }
    return rc;
}

static int revert(struct disk_set *set, int i, const struct image_info *info,
                  void *user, libxl_snapshot_diag *diag)
{
    struct qemu_img tool = tool_of(set);
    const struct image_snapshot *snapshot;
    struct diag d = { "" };
    int rc;

    rc = disk_set_find_snapshot(set, i, info, &snapshot, diag);
    if (rc == ERROR_NOTFOUND) disk_set_missing(set, i, diag);
    if (rc) return rc;
    rc = remove_bitmaps(set, i, info, diag);
    if (rc) return rc;
    rc = qemu_img_snapshot_apply(&tool, path_of(set, i), format_of(set, i),
                                 snapshot->name,
                                 deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &d);
    if (rc)
        xls_diag(diag, rc, vdev_of(set, i), "disk %s: %s", vdev_of(set, i),
                 d.text);
    return rc;
}

int disk_set_revert(struct disk_set *set, libxl_snapshot_diag *diag)
{
    int rc;

    rc = disk_set_wait_unused(set, LIBXL_SNAPSHOT_NO_DOMAIN,
                              XLS_UNUSED_TIMEOUT_MS, diag);
    if (rc) return rc;
    rc = visit_images(set, revert, NULL, diag);
    if (rc) return rc;
    return disk_set_flush(set, diag);
}

/* ---- repair ---- */

int disk_set_repair(struct disk_set *set, libxl_snapshot_diag *diag)
{
    struct qemu_img tool = tool_of(set);
    struct qemu_img_check check;
    struct diag d = { "" };
    int i, rc;

    rc = disk_set_wait_unused(set, LIBXL_SNAPSHOT_NO_DOMAIN, 0, diag);
    for (i = 0; i < set->num_disks && !rc; i++) {
        rc = qemu_img_repair(&tool, path_of(set, i), format_of(set, i),
                             deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &check,
                             &d);
        if (!rc && check.corruptions + check.errors) {
            diag_set(&d, "%s is damaged, as 'qemu-img check' shows",
                     path_of(set, i));
            rc = ERROR_INVAL;
        }
        if (rc)
            xls_diag(diag, rc, vdev_of(set, i), "disk %s: %s", vdev_of(set, i),
                     d.text);
    }
    return rc;
}
