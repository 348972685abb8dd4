/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An external snapshot's image is frozen: the clone's is an overlay on it. An
 * internal snapshot cannot be read through, by however many images; what it
 * holds is copied out, which is possible while a guest writes to the image,
 * since the clusters of a snapshot do not change as long as it is there.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/durable.h"
#include "chain/images.h"
#include "manage/clone_disks.h"

static bool is_copied(const chain_disk *disk)
{
    return disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL;
}

static bool is_renewed(const chain_disk *disk)
{
    return is_copied(disk) ||
           disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL;
}

/* ---- what cannot work ---- */

static int check_disk(struct operation *op, const chain_snapshot *snapshot,
                      const chain_disk *disk)
{
    bool present, other;
    int rc;

    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_MANUAL:
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: a hook made its"
                           " snapshot, and hooks make no clones", disk->vdev);
    case CHAIN_DISK_TREATMENT_EXCLUDED:
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s was left out of"
                           " the snapshot '%s', and cannot be written by two"
                           " domains; clone a snapshot that has it",
                           disk->vdev, snapshot->name);
    case CHAIN_DISK_TREATMENT_EXTERNAL:
        if (!access(disk->path, R_OK)) return 0;
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: the image %s of"
                           " '%s' cannot be read: %s", disk->vdev, disk->path,
                           snapshot->name, strerror(errno));
    case CHAIN_DISK_TREATMENT_INTERNAL:
        rc = disk_has_snapshot(op, disk, &present, &other);
        if (rc || present) return rc;
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: its image %s"
                           " does not hold the snapshot '%s' any more",
                           disk->vdev, disk->path, snapshot->name);
    default:
        return 0;
    }
}

/* Whatever the records say: two domains must not write to one image. */
static int check_written(struct operation *op, const chain_snapshot *snapshot,
                         const libxl_device_disk *disk)
{
    const chain_disk *found;

    if (disk->is_cdrom || !disk->readwrite || !disk->pdev_path ||
        disk->format == LIBXL_DISK_FORMAT_EMPTY)
        return 0;
    found = disk->vdev ? chain_snapshot_disk(snapshot, disk->vdev) : NULL;
    if (found && is_renewed(found)) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "disk %s of the configuration"
                       " can be written, and the snapshot '%s' holds nothing"
                       " of it: two domains would write to %s",
                       disk->vdev ? disk->vdev : "?", snapshot->name,
                       disk->pdev_path);
}

int clone_disks_check(struct operation *op, const chain_snapshot *snapshot,
                      const libxl_domain_config *config)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++)
        rc = check_disk(op, snapshot, &snapshot->disks[i]);
    for (i = 0; i < config->num_disks && !rc; i++)
        rc = check_written(op, snapshot, &config->disks[i]);
    return rc;
}

/* ---- what is to be made ---- */

static int check_folder(struct operation *op, const chain_disk *disk,
                        const char *dir)
{
    struct stat st;

    if (!dir && (stat(disk->path, &st) || !S_ISREG(st.st_mode)))
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: %s is not a"
                           " file, so it has no folder to put the clone's"
                           " image into; say where with --directory",
                           disk->vdev, disk->path);
    if (!dir) return 0;
    if (stat(dir, &st))
        return manage_fail(op->err, MANAGE_REFUSED, "%s: %s", dir,
                           strerror(errno));
    if (dir[0] == '/' && S_ISDIR(st.st_mode)) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "%s is not the absolute path"
                       " of a directory", dir);
}

/* "/dev/xvda" is a vdev, too. */
static const char *last_part(const char *vdev)
{
    const char *slash = strrchr(vdev, '/');

    return slash ? slash + 1 : vdev;
}

static int choose(struct operation *op, const chain_disk *disk,
                  const char *clone, const char *dir)
{
    char *stem = NULL, *path = NULL;
    int rc, len;

    rc = check_folder(op, disk, dir);
    if (rc) return rc;
    len = dir ? (int)strlen(dir)
              : (int)(strrchr(disk->path, '/') - disk->path);
    if (asprintf(&stem, "%s-%s", clone, last_part(disk->vdev)) < 0)
        return manage_fail_nomem(op->err);
    rc = image_choose_name(op, dir ? dir : disk->path, len, stem, &path);
    if (!rc)
        rc = image_note(op, disk->vdev, path, LIBXL_DISK_FORMAT_QCOW2,
                        is_copied(disk) ? NULL : disk->path, false);
    free(stem);
    free(path);
    return rc;
}

int clone_disks_choose(struct operation *op, const chain_snapshot *snapshot,
                       const char *clone, const char *dir)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++)
        if (is_renewed(&snapshot->disks[i]))
            rc = choose(op, &snapshot->disks[i], clone, dir);
    return rc;
}

const chain_image *clone_disk_image(const struct operation *op,
                                    const char *vdev)
{
    const chain_journal *journal = &op->journal;
    int i, k;

    for (i = 0; i < journal->num_active; i++) {
        if (strcmp(journal->active[i].vdev, vdev)) continue;
        for (k = 0; k < journal->num_images; k++)
            if (!strcmp(journal->images[k].path, journal->active[i].path))
                return &journal->images[k];
    }
    return NULL;
}

/* ---- making them ---- */

static int make_overlay(struct operation *op, const chain_disk *disk,
                        const char *path)
{
    libxl_snapshot_overlay overlay;
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_overlay_init(&overlay);
    overlay.format = LIBXL_DISK_FORMAT_QCOW2;
    overlay.path = strdup(path);
    if (!overlay.path) return manage_fail_nomem(op->err);
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_overlay_create(op->m->sctx, disk->path, disk->format,
                                   &overlay, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_snapshot_overlay_dispose(&overlay);
    return rc;
}

static int copy_out(struct operation *op, const chain_disk *disk, int fd)
{
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    int rc;

    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_export(op->m->sctx, &image, &disk->handle, fd, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

/* The name, too, must survive. */
static int sync_folder_of(struct operation *op, const char *path)
{
    struct chain_error why;
    char *folder = strdup(path);
    int rc;

    if (!folder) return manage_fail_nomem(op->err);
    *strrchr(folder, '/') = '\0';
    rc = chain_durable_sync_dir(*folder ? folder : "/", &why);
    if (rc) manage_fail_chain(op->err, &why);
    free(folder);
    return rc;
}

static int make_copy(struct operation *op, const chain_disk *disk,
                     const char *path)
{
    int fd, rc;

    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = errno == EEXIST ? ERROR_DEVICE_EXISTS : ERROR_FAIL;
        manage_fail(op->err, MANAGE_FAILED, "disk %s: cannot create %s: %s",
                    disk->vdev, path, strerror(errno));
        return rc;
    }
    rc = copy_out(op, disk, fd);
    if (!rc && fsync(fd))
        rc = manage_fail(op->err, MANAGE_FAILED, "disk %s: %s: %s",
                         disk->vdev, path, strerror(errno));
    close(fd);
    if (!rc) rc = sync_folder_of(op, path);
    if (rc) unlink(path);
    return rc;
}

/* Those that were not tried, and one that was there, may be somebody else's. One
 * that failed may be there all the same. */
static void forget_from(chain_journal *journal, const chain_image *image,
                        int rc)
{
    int num = (int)(image - journal->images) + (rc != ERROR_DEVICE_EXISTS);

    while (journal->num_images > num)
        chain_image_dispose(&journal->images[--journal->num_images]);
}

int clone_disks_make(struct operation *op, const chain_snapshot *snapshot)
{
    const chain_image *image;
    char point[64];
    int i, rc;

    for (i = 0; i < snapshot->num_disks; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        image = clone_disk_image(op, disk->vdev);
        if (!image) continue;
        snprintf(point, sizeof(point), "clone:make-%.40s", disk->vdev);
        manage_reached(op->m, point);
        rc = is_copied(disk) ? make_copy(op, disk, image->path)
                             : make_overlay(op, disk, image->path);
        if (rc) {
            forget_from(&op->journal, image, rc);
            return rc;
        }
    }
    return 0;
}

int clone_disks_remove(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    int i, rc = 0;

    for (i = 0; i < journal->num_images && !rc; i++)
        if (!chain_images_find(&op->chain, journal->images[i].path))
            rc = image_remove(op, journal->images[i].path);
    return rc;
}

int clone_disks_adopt(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    struct chain_error why;
    int i, rc;

    for (i = 0; i < journal->num_images; i++) {
        const chain_image *image = &journal->images[i];

        if (!image->backing || chain_images_find(&op->chain, image->path))
            continue;
        rc = chain_images_add_clone(&op->chain, image->path, image->format,
                                    image->backing, journal->clone, &why);
        if (rc) return manage_fail_chain(op->err, &why);
    }
    return 0;
}
