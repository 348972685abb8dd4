/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/images.h"
#include "manage/manual.h"
#include "manage/revert_disks.h"

/* An external snapshot's image, or one with an overlay. */
static bool others_need(const struct chain_model *chain, const char *path)
{
    return chain_images_frozen(chain, path, NULL);
}

enum revert_disk_way revert_disk_way(const struct chain_model *chain,
                                     const chain_disk *disk)
{
    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_EXTERNAL:
        return REVERT_DISK_OVERLAY;
    case CHAIN_DISK_TREATMENT_INTERNAL:
        return others_need(chain, disk->path) ? REVERT_DISK_COPY
                                              : REVERT_DISK_APPLY;
    case CHAIN_DISK_TREATMENT_MANUAL:
        return REVERT_DISK_HOOK;
    default:
        return REVERT_DISK_NOTHING;
    }
}

static const chain_active_disk *to_be(const struct operation *op,
                                      const char *vdev)
{
    int i;

    for (i = 0; i < op->journal.num_active; i++)
        if (!strcmp(op->journal.active[i].vdev, vdev))
            return &op->journal.active[i];
    return NULL;
}

const char *revert_disk_path(const struct operation *op,
                             const chain_disk *disk)
{
    const chain_active_disk *active = to_be(op, disk->vdev);

    return active ? active->path : disk->path;
}

/* ---- what is to be made ---- */

static int choose_new(struct operation *op, const chain_snapshot *target,
                      const chain_disk *disk, bool overlay)
{
    char *path = NULL;
    int rc;

    rc = image_choose_path(op, disk->path, target->name, &path);
    if (!rc && overlay) rc = image_note_base(op, disk->path, disk->format);
    if (!rc)
        rc = image_note(op, disk->vdev, path, LIBXL_DISK_FORMAT_QCOW2,
                        overlay ? disk->path : NULL, false);
    free(path);
    return rc;
}

/* An image that the disk goes back to in place becomes its active one, if the
 * chain kept count of that. */
static int choose_same(struct operation *op, const chain_disk *disk)
{
    if (!chain_images_active(&op->chain, disk->vdev) ||
        !chain_images_find(&op->chain, disk->path))
        return 0;
    return image_note_active(op, disk->vdev, disk->path, disk->format);
}

int revert_disks_choose(struct operation *op, const chain_snapshot *target)
{
    int i, rc = 0;

    for (i = 0; i < target->num_disks && !rc; i++) {
        const chain_disk *disk = &target->disks[i];

        switch (revert_disk_way(&op->chain, disk)) {
        case REVERT_DISK_OVERLAY:
            rc = choose_new(op, target, disk, true);
            break;
        case REVERT_DISK_COPY:
            rc = choose_new(op, target, disk, false);
            break;
        case REVERT_DISK_APPLY:
        case REVERT_DISK_HOOK:
            rc = choose_same(op, disk);
            break;
        case REVERT_DISK_NOTHING:
            break;
        }
    }
    return rc;
}

/* ---- doing it ---- */

static int apply(struct operation *op, const chain_disk *disk,
                 libxl_snapshot_diag *diag)
{
    libxl_device_disk image;
    int rc;

    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    rc = libxl_disk_snapshot_revert(op->m->sctx, &image, &disk->handle, diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

/* Nobody has ever used it: it is in no chain and under no domain yet. */
static int remove_earlier_try(struct operation *op, const char *path)
{
    if (unlink(path) && errno != ENOENT)
        return manage_fail(op->err, MANAGE_FAILED, "cannot remove %s: %s",
                           path, strerror(errno));
    return 0;
}

static int make_overlay(struct operation *op, const chain_disk *disk,
                        libxl_snapshot_diag *diag)
{
    libxl_snapshot_overlay overlay;
    int rc;

    libxl_snapshot_overlay_init(&overlay);
    overlay.format = LIBXL_DISK_FORMAT_QCOW2;
    overlay.path = strdup(revert_disk_path(op, disk));
    if (!overlay.path) return manage_fail_nomem(op->err);
    rc = remove_earlier_try(op, overlay.path);
    if (!rc)
        rc = libxl_disk_overlay_create(op->m->sctx, disk->path, disk->format,
                                       &overlay, diag);
    libxl_snapshot_overlay_dispose(&overlay);
    return rc;
}

static void on_progress(void *user, uint64_t bytes, uint64_t estimate)
{
    const struct manage_application *app = user;

    if (app->progress) app->progress(app->user, bytes, estimate);
}

static int make_copy(struct operation *op, const chain_disk *disk,
                     libxl_snapshot_diag *diag)
{
    const libxl_snapshot_callbacks callbacks = {
        .user = &op->m->app, .progress = on_progress,
    };
    const char *path = revert_disk_path(op, disk);
    libxl_device_disk image;
    int rc;

    rc = remove_earlier_try(op, path);
    if (rc) return rc;
    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    rc = libxl_disk_snapshot_extract(op->m->sctx, &image, &disk->handle, path,
                                     &callbacks, diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

static int revert_disk(struct operation *op, const chain_snapshot *target,
                       const chain_disk *disk)
{
    libxl_snapshot_diag diag;
    int rc = 0;

    libxl_snapshot_diag_init(&diag);
    switch (revert_disk_way(&op->chain, disk)) {
    case REVERT_DISK_APPLY:     rc = apply(op, disk, &diag);        break;
    case REVERT_DISK_OVERLAY:   rc = make_overlay(op, disk, &diag); break;
    case REVERT_DISK_COPY:      rc = make_copy(op, disk, &diag);    break;
    case REVERT_DISK_HOOK:      rc = manual_revert(op, target, disk); break;
    case REVERT_DISK_NOTHING:   break;
    }
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

int revert_disks_apply(struct operation *op, const chain_snapshot *target)
{
    char point[64];
    int i, rc = 0;

    for (i = 0; i < target->num_disks && !rc; i++) {
        const chain_disk *disk = &target->disks[i];

        if (revert_disk_way(&op->chain, disk) == REVERT_DISK_NOTHING)
            continue;
        snprintf(point, sizeof(point), "revert:apply-%.40s", disk->vdev);
        manage_reached(op->m, point);
        rc = revert_disk(op, target, disk);
    }
    return rc;
}
