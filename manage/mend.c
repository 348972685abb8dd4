/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an interrupted change of internal snapshots leaves in the images: QEMU
 * counts a cluster before it uses it, and uncounts it after it has let go. So
 * after a crash no count is too low, and the image is sound, but many may be
 * too high, and that space would never be free again.
 */
#include "config.h"

#include <string.h>
#include <sys/stat.h>

#include "manage/internal.h"

static bool has_it(const chain_snapshot *snapshot, int num_disks,
                   const char *path)
{
    int i;

    for (i = 0; i < num_disks; i++)
        if (snapshot->disks[i].treatment == CHAIN_DISK_TREATMENT_INTERNAL &&
            !strcmp(snapshot->disks[i].path, path))
            return true;
    return false;
}

/* Two snapshots that are deleted may be in one image. */
static bool done_before(const struct operation *op, int snapshot, int disk)
{
    const chain_snapshot *list = op->journal.snapshots;
    const char *path = list[snapshot].disks[disk].path;
    int i;

    for (i = 0; i < snapshot; i++)
        if (has_it(&list[i], list[i].num_disks, path)) return true;
    return has_it(&list[snapshot], disk, path);
}

/* Nothing that keeps the domain from being recovered: an image in use has to
 * wait for another time, and one that is damaged is told of. */
static int mend_disk(struct operation *op, const chain_disk *disk)
{
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    struct stat st;
    int rc;

    if (stat(disk->path, &st) ||
        disk_domid(op, disk) != LIBXL_SNAPSHOT_NO_DOMAIN)
        return 0;
    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_image_repair(op->m->sctx, &image, &diag);
    if (rc && rc != ERROR_NOT_READY)
        manage_warn(op->m, "'%s': %s", op->domain, diag.message);
    if (rc == ERROR_INVAL) op->unsound = true;
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    return 0;
}

int mend_images(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    int i, k, rc;

    /* When images are merged, what was inside them is done with. */
    if (journal->step == CHAIN_STEP_MERGING) return 0;
    for (i = 0; i < journal->num_snapshots; i++)
        for (k = 0; k < journal->snapshots[i].num_disks; k++) {
            const chain_disk *disk = &journal->snapshots[i].disks[k];

            if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL ||
                done_before(op, i, k))
                continue;
            rc = mend_disk(op, disk);
            if (rc) return rc;
        }
    return 0;
}
