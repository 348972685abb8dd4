/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>
#include <sys/stat.h>

#include "chain/images.h"
#include "manage/hook.h"
#include "manage/manual.h"
#include "manage/note.h"

/* The domain is gone, but who served its disks may need a moment. */
#define CLOSE_TIMEOUT_MS 10000

static bool is_manual(const chain_disk *disk)
{
    return disk->treatment == CHAIN_DISK_TREATMENT_MANUAL;
}

bool manual_any(const chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < snapshot->num_disks; i++)
        if (is_manual(&snapshot->disks[i])) return true;
    return false;
}

/* ---- create ---- */

/* A hook sees one file or device, and not those that it is read through. */
static int check_no_overlay(struct operation *op, const chain_disk *disk)
{
    const chain_image *image = chain_images_find(&op->chain, disk->path);

    if (!image || !image->backing) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "disk %s: its image %s is an"
                       " overlay of %s, which a hook would not see; delete the"
                       " external snapshots of the disk first, or take one"
                       " more (--diskspec %s,snapshot=external)", disk->vdev,
                       disk->path, image->backing, disk->vdev);
}

int manual_check_create(struct operation *op, const chain_snapshot *snapshot)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (!is_manual(disk)) continue;
        if (!disk->hook)
            return manage_fail(op->err, MANAGE_USAGE, "disk %s: a manual"
                               " snapshot needs a hook", disk->vdev);
        rc = check_no_overlay(op, disk);
        if (!rc) rc = hook_check(op, HOOK_CREATE, snapshot->name, disk);
    }
    return rc;
}

int manual_create(struct operation *op, const chain_snapshot *snapshot)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++)
        if (is_manual(&snapshot->disks[i]))
            rc = hook_run(op, HOOK_CREATE, snapshot->name,
                          &snapshot->disks[i]);
    return rc;
}

static int leave(struct operation *op, const chain_disk *disk, char **report)
{
    struct chain_error why;
    int rc;

    note_add(report, "%s", op->err ? op->err->text : "a hook failed");
    manage_warn(op->m, "what was begun of disk %s could not be deleted, and is"
                " tried again by the next snapshot-delete or snapshot-recover:"
                " %s", disk->vdev, op->err ? op->err->text : "a hook failed");
    if (op->err) op->err->outcome = MANAGE_OK;
    rc = chain_model_add_leftover(&op->chain, disk, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    return operation_save(op);
}

int manual_undo_create(struct operation *op, const chain_snapshot *snapshot,
                       char **report)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (!hook_has(disk) || leftovers_have(op, disk)) continue;
        if (hook_run(op, HOOK_DELETE, snapshot->name, disk))
            rc = leave(op, disk, report);
    }
    return rc;
}

/* ---- revert ---- */

static const chain_snapshot *with_internal(const struct chain_model *chain,
                                           const char *path)
{
    const chain_tree *tree = &chain->tree;
    int i, k;

    for (i = 0; i < tree->num_snapshots; i++)
        for (k = 0; k < tree->snapshots[i].num_disks; k++) {
            const chain_disk *disk = &tree->snapshots[i].disks[k];

            if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL &&
                disk->path && !strcmp(disk->path, path))
                return &tree->snapshots[i];
        }
    return NULL;
}

/* What the hook replaces must not hold anything that other snapshots need. */
static int check_not_needed(struct operation *op, const chain_disk *disk)
{
    const chain_snapshot *inside = with_internal(&op->chain, disk->path);
    const char *other = NULL;

    if (inside)
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: the snapshot"
                           " '%s' is inside %s, and would be lost with what"
                           " the hook replaces; delete it first", disk->vdev,
                           inside->name, disk->path);
    if (!chain_images_frozen(&op->chain, disk->path, &other)) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "disk %s: %s%s%s needs %s as it"
                       " is, and the hook would replace it; delete the"
                       " external snapshots of the disk first", disk->vdev,
                       other ? "the snapshot '" : "an overlay",
                       other ? other : "", other ? "'" : "", disk->path);
}

/* Whatever the format, the file or device is what counts. One that only the
 * hook and the disk's backend understand is left to them. */
static int wait_unused(struct operation *op, const chain_disk *disk,
                       uint32_t except_domid, int timeout_ms)
{
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    struct stat st;
    int rc;

    if (disk->path[0] != '/' || stat(disk->path, &st)) return 0;
    rc = image_to_libxl(disk->vdev, disk->path, LIBXL_DISK_FORMAT_RAW, &image,
                        op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_snapshot_wait_unused(op->m->sctx, &image, except_domid,
                                         timeout_ms, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

int manual_check_revert(struct operation *op, const chain_snapshot *target,
                        const chain_disk *disk)
{
    int rc;

    rc = hook_check(op, HOOK_REVERT, target->name, disk);
    if (!rc) rc = check_not_needed(op, disk);
    return rc ? rc : wait_unused(op, disk, op->running ? op->domid
                                 : LIBXL_SNAPSHOT_NO_DOMAIN, 0);
}

int manual_revert(struct operation *op, const chain_snapshot *target,
                  const chain_disk *disk)
{
    int rc = wait_unused(op, disk, LIBXL_SNAPSHOT_NO_DOMAIN, CLOSE_TIMEOUT_MS);

    return rc ? rc : hook_run(op, HOOK_REVERT, target->name, disk);
}

/* ---- delete ---- */

int manual_check_delete(struct operation *op, const chain_snapshot *snapshot)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++)
        if (hook_has(&snapshot->disks[i]))
            rc = hook_check(op, HOOK_DELETE, snapshot->name,
                            &snapshot->disks[i]);
    return rc;
}
