/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether an overlay can be what an external snapshot needs. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "libxl/image_info.h"
#include "libxl/plan.h"

const libxl_snapshot_overlay *plan_overlay(const libxl_snapshot_handle *handle)
{
    const libxl_snapshot_overlay *overlay = NULL;

    if (!handle) return NULL;
    switch (handle->format) {
    case LIBXL_DISK_FORMAT_QCOW2: overlay = &handle->u.qcow2.overlay; break;
    case LIBXL_DISK_FORMAT_RAW: overlay = &handle->u.raw.overlay; break;
    case LIBXL_DISK_FORMAT_QED: overlay = &handle->u.qed.overlay; break;
    default: break;
    }
    return overlay && overlay->path ? overlay : NULL;
}

/* What qcow2 and qed have room for. */
#define MAX_BACKING_PATH 1023

static int check_words(const libxl_device_disk *disk,
                       const libxl_snapshot_overlay *overlay,
                       libxl_snapshot_diag *diag)
{
    const char *vdev = disk->vdev;

    if (overlay->path[0] != '/')
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay's path %s is not absolute", vdev,
            overlay->path);
    if (disk->pdev_path[0] != '/')
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its image's path %s is not absolute, so an overlay"
            " could not name it", vdev, disk->pdev_path);
    if (strlen(disk->pdev_path) > MAX_BACKING_PATH)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its image's path is over %d bytes, more than an overlay"
            " can name", vdev, MAX_BACKING_PATH);
    if (overlay->format != LIBXL_DISK_FORMAT_QCOW2 &&
        overlay->format != LIBXL_DISK_FORMAT_QED)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: an overlay is qcow2 or qed, not %s", vdev,
            libxl_disk_format_to_string(overlay->format));
    return 0;
}

static int check_new(const struct disk_facts *disk,
                     const libxl_snapshot_overlay *overlay,
                     const struct overlay_facts *facts,
                     libxl_snapshot_diag *diag)
{
    const char *vdev = disk->disk->vdev;

    if (!facts->path_errno)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s exists already; remove it, choose another"
            " name, or say that it is to be reused", vdev, overlay->path);
    if (facts->path_errno != ENOENT || facts->dir_errno)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s cannot be made: %s", vdev, overlay->path,
            strerror(facts->dir_errno ? facts->dir_errno
                                      : facts->path_errno));
    return 0;
}

static int check_reused(const struct disk_facts *disk,
                        const libxl_snapshot_overlay *overlay,
                        const struct overlay_facts *facts,
                        libxl_snapshot_diag *diag)
{
    const char *vdev = disk->disk->vdev;

    if (facts->path_errno)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s is to be reused, but cannot be reached:"
            " %s", vdev, overlay->path, strerror(facts->path_errno));
    if (!facts->regular && !facts->block)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s is neither a file nor a block device",
            vdev, overlay->path);
    if (facts->dev == disk->dev && facts->ino == disk->ino)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s is the disk's own image", vdev,
            overlay->path);
    return 0;
}

int plan_check_overlay(const struct disk_facts *disk,
                       const libxl_snapshot_overlay *overlay,
                       const struct overlay_facts *facts,
                       libxl_snapshot_diag *diag)
{
    int rc = check_words(disk->disk, overlay, diag);

    if (rc) return rc;
    return overlay->reuse ? check_reused(disk, overlay, facts, diag)
                          : check_new(disk, overlay, facts, diag);
}

/* ---- the contents of one that is there ---- */

static int check_backing(const struct disk_facts *disk,
                         const libxl_snapshot_overlay *overlay,
                         const struct overlay_facts *facts, const char *format,
                         libxl_snapshot_diag *diag)
{
    const char *vdev = disk->disk->vdev, *recorded = facts->backing_format;
    /* Of a backing format, qed knows only whether it is raw. */
    bool unsaid = overlay->format == LIBXL_DISK_FORMAT_QED && !*recorded &&
                  strcmp(format, "raw");

    if (!facts->has_backing || !facts->backing_found ||
        facts->backing_dev != disk->dev || facts->backing_ino != disk->ino)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s does not have the disk's image %s as its"
            " backing image; make it by 'qemu-img create -b %s -F %s'", vdev,
            overlay->path, disk->disk->pdev_path, disk->disk->pdev_path,
            format);
    if (!unsaid && strcmp(recorded, format))
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s says that its backing image is %s%s, but"
            " it is %s; correct it by 'qemu-img rebase -u -b %s -F %s'", vdev,
            overlay->path, *recorded ? "" : "of some format",
            recorded, format, disk->disk->pdev_path, format);
    return 0;
}

int plan_check_overlay_contents(const struct disk_facts *disk,
                                const libxl_snapshot_overlay *overlay,
                                const struct overlay_facts *facts,
                                const char *format, uint64_t virtual_size,
                                libxl_snapshot_diag *diag)
{
    const char *vdev = disk->disk->vdev;
    const char *what = NULL;
    int rc;

    rc = check_backing(disk, overlay, facts, format, diag);
    if (rc) return rc;
    if (facts->virtual_size < virtual_size)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its overlay %s has a virtual size of %" PRIu64 " bytes,"
            " less than the disk's %" PRIu64, vdev, overlay->path,
            facts->virtual_size, virtual_size);
    if (facts->unsound)
        what = "is corrupt, or keeps its data in another file";
    else if (facts->snapshots)
        what = "holds snapshots";
    else if (facts->bitmaps)
        what = "holds dirty bitmaps";
    else if (!facts->empty)
        what = "holds data, which would hide the disk's";
    if (!what) return 0;
    return xls_diag(diag, ERROR_INVAL, vdev,
        "disk %s: its overlay %s %s; make a new one", vdev, overlay->path,
        what);
}

/* ---- among themselves ---- */

static bool same_place(const struct plan_disk *a, const struct plan_disk *b)
{
    const struct overlay_facts *x = &a->overlay, *y = &b->overlay;

    if (!x->path_errno && !y->path_errno)
        return x->dev == y->dev && x->ino == y->ino;
    return !x->dir_errno && !y->dir_errno && x->dir_dev == y->dir_dev &&
           x->dir_ino == y->dir_ino &&
           !strcmp(strrchr(plan_overlay(a->handle)->path, '/'),
                   strrchr(plan_overlay(b->handle)->path, '/'));
}

static bool is_image_of(const struct plan_disk *a, const struct plan_disk *b)
{
    return !a->overlay.path_errno && a->overlay.dev == b->facts.dev &&
           a->overlay.ino == b->facts.ino;
}

int plan_check_overlays(const struct plan_disk *a, const struct plan_disk *b,
                        libxl_snapshot_diag *diag)
{
    bool a_has = plan_overlay(a->handle), b_has = plan_overlay(b->handle);
    const char *va = a->facts.disk->vdev, *vb = b->facts.disk->vdev;

    if (a_has && b_has && same_place(a, b))
        return xls_diag(diag, ERROR_INVAL, vb,
            "disks %s and %s are to have the same overlay %s", va, vb,
            plan_overlay(b->handle)->path);
    if (b_has && is_image_of(b, a))
        return xls_diag(diag, ERROR_INVAL, vb,
            "disk %s: its overlay %s is the image of disk %s", vb,
            plan_overlay(b->handle)->path, va);
    if (a_has && is_image_of(a, b))
        return xls_diag(diag, ERROR_INVAL, va,
            "disk %s: its overlay %s is the image of disk %s", va,
            plan_overlay(a->handle)->path, vb);
    return 0;
}
