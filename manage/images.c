/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that we make: their names, and how they get into the journal and
 * from there into the chain. */
#include "config.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chain/durable.h"
#include "chain/images.h"
#include "manage/internal.h"

/* More would mean that something else makes files of these names. */
#define MOST_NAMES 10000

int image_is_gone(struct operation *op, const char *path, bool *gone_r)
{
    struct stat st;

    *gone_r = stat(path, &st) != 0;
    if (!*gone_r || errno == ENOENT || errno == ENOTDIR) return 0;
    return manage_fail(op->err, MANAGE_FAILED, "cannot look at %s: %s", path,
                       strerror(errno));
}

static const chain_image *find(const struct chain_model *model,
                               const char *path)
{
    return path ? chain_images_find(model, path) : NULL;
}

/* The image that all below path began with: its name is the one people know. */
const char *image_root(const struct chain_model *model, const char *path)
{
    const chain_image *image;
    int steps;

    for (steps = 0; steps <= model->tree.num_images; steps++) {
        image = find(model, path);
        if (!image || !image->backing) break;
        path = image->backing;
    }
    return path;
}

static bool in_journal(const chain_journal *journal, const char *path)
{
    int i;

    for (i = 0; i < journal->num_images; i++)
        if (!strcmp(journal->images[i].path, path)) return true;
    return false;
}

static bool is_free(struct operation *op, const char *path)
{
    struct stat st;

    return !find(&op->chain, path) && !in_journal(&op->journal, path) &&
           lstat(path, &st) && errno == ENOENT;
}

int image_choose_path(struct operation *op, const char *image,
                      const char *tag, char **path_r)
{
    const char *root = image_root(&op->chain, image), *stem, *dot, *slash;
    struct stat st;
    char *name;
    int len, rc;

    if (stat(image, &st) || !S_ISREG(st.st_mode))
        return manage_fail(op->err, MANAGE_REFUSED, "%s is not a file, so it"
                           " has no folder to put an overlay into; say where"
                           " with file=PATH", image);
    slash = strrchr(root, '/');
    stem = slash ? slash + 1 : root;
    dot = strrchr(stem, '.');
    len = dot && dot > stem ? (int)(dot - stem) : (int)strlen(stem);
    slash = strrchr(image, '/');
    if (asprintf(&name, "%.*s.%s", len, stem, tag) < 0)
        return manage_fail_nomem(op->err);
    rc = image_choose_name(op, image, (int)(slash - image), name, path_r);
    free(name);
    return rc;
}

int image_choose_name(struct operation *op, const char *folder,
                      int folder_len, const char *stem, char **path_r)
{
    char *path;
    int n;

    for (n = 1; n < MOST_NAMES; n++) {
        char suffix[16] = "";

        if (n > 1) snprintf(suffix, sizeof(suffix), "-%d", n);
        if (asprintf(&path, "%.*s/%s%s.qcow2", folder_len, folder, stem,
                     suffix) < 0)
            return manage_fail_nomem(op->err);
        if (is_free(op, path)) {
            *path_r = path;
            return 0;
        }
        free(path);
    }
    return manage_fail(op->err, MANAGE_FAILED, "there is no free name for a"
                       " new image in %.*s", folder_len, folder);
}

static int add_image(struct operation *op, const char *path,
                     libxl_disk_format format, const char *backing, bool ours)
{
    chain_journal *journal = &op->journal;
    chain_image *grown;

    grown = realloc(journal->images,
                    (journal->num_images + 1) * sizeof(*grown));
    if (!grown) return manage_fail_nomem(op->err);
    journal->images = grown;
    grown += journal->num_images++;
    chain_image_init(grown);
    grown->format = format;
    grown->ours = ours;
    grown->path = strdup(path);
    grown->backing = backing ? strdup(backing) : NULL;
    if (!grown->path || (backing && !grown->backing))
        return manage_fail_nomem(op->err);
    return 0;
}

int image_note(struct operation *op, const char *vdev, const char *path,
               libxl_disk_format format, const char *backing, bool reused)
{
    int rc = add_image(op, path, format, backing, true);

    if (!rc) op->journal.images[op->journal.num_images - 1].keep = reused;
    return rc ? rc : image_note_active(op, vdev, path, format);
}

int image_note_active(struct operation *op, const char *vdev,
                      const char *path, libxl_disk_format format)
{
    chain_journal *journal = &op->journal;
    chain_active_disk *grown;

    grown = realloc(journal->active,
                    (journal->num_active + 1) * sizeof(*grown));
    if (!grown) return manage_fail_nomem(op->err);
    journal->active = grown;
    grown += journal->num_active++;
    chain_active_disk_init(grown);
    grown->format = format;
    grown->vdev = strdup(vdev);
    grown->path = strdup(path);
    return grown->vdev && grown->path ? 0 : manage_fail_nomem(op->err);
}

int image_note_base(struct operation *op, const char *path,
                    libxl_disk_format format)
{
    if (find(&op->chain, path) || in_journal(&op->journal, path)) return 0;
    return add_image(op, path, format, NULL, false);
}

int images_adopt(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    struct chain_error why;
    int i, rc = 0;

    /* A backing image stands before its overlay. */
    for (i = 0; i < journal->num_images && !rc; i++) {
        const chain_image *image = &journal->images[i];
        const chain_image *backing = find(&op->chain, image->backing);

        rc = chain_images_add(&op->chain, image->path, image->format,
                              image->ours, image->backing, backing
                              ? backing->format : LIBXL_DISK_FORMAT_UNKNOWN,
                              &why);
    }
    for (i = 0; i < journal->num_active && !rc; i++)
        rc = chain_images_set_active(&op->chain, journal->active[i].vdev,
                                     journal->active[i].path,
                                     journal->active[i].format, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

uint64_t image_allocated(void *user, const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

bool image_is_kept(void *user, const char *path)
{
    const chain_image *image = find(user, path);

    return image && image->keep;
}

const chain_active_disk *image_disk(const struct chain_model *model,
                                    const char *path)
{
    const chain_tree *tree = &model->tree;
    const chain_image *image;
    int i, steps;

    for (i = 0; i < tree->num_active; i++) {
        image = find(model, tree->active[i].path);
        for (steps = 0; image && steps <= tree->num_images; steps++) {
            if (!strcmp(image->path, path)) return &tree->active[i];
            image = find(model, image->backing);
        }
    }
    return NULL;
}

/* By QEMU's word. */
static int has_image(struct operation *op, const chain_active_disk *disk,
                     bool *has_r)
{
    libxl_disk_image *list = NULL;
    libxl_snapshot_diag diag;
    int rc, num = 0;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_image_list(op->m->sctx, op->domid, disk->vdev, &list, &num,
                               &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    else *has_r = num && !strcmp(list[0].path, disk->path);
    libxl_snapshot_diag_dispose(&diag);
    if (!rc) libxl_disk_image_list_free(list, num);
    return rc;
}

int image_remove(struct operation *op, const char *path)
{
    struct chain_error why;
    struct stat st;
    char *folder;
    bool gone;
    int rc;

    if (!lstat(path, &st) && !S_ISREG(st.st_mode)) return 0;
    /* With its folder it is gone for good. */
    folder = strdup(path);
    if (!folder) return manage_fail_nomem(op->err);
    rc = image_is_gone(op, dirname(folder), &gone);
    free(folder);
    if (rc || gone) return rc;
    rc = chain_durable_remove(path, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

bool image_is_served(struct operation *op, const char *path)
{
    const chain_active_disk *disk;

    if (!op->running) return false;
    disk = image_disk(&op->chain, path);
    return disk && domain_has_disk(op, disk->vdev);
}

/* libxl may name an image still from which the guest has gone: whoever was to
 * tell it was killed, or there was no space to write it down. */
static int follow(struct operation *op, const char *vdev)
{
    const chain_active_disk *disk = chain_images_active(&op->chain, vdev);
    libxl_snapshot_diag diag;
    bool has = false;
    int rc;

    if (!disk) return 0;
    rc = has_image(op, disk, &has);
    if (rc || !has) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_set_path(op->m->sctx, op->domid, vdev, disk->path,
                             disk->format, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

static int forget_path(struct operation *op, const char *path)
{
    libxl_device_disk *disks;
    int i, num = 0, rc = 0;

    disks = libxl_device_disk_list(op->m->ctx, op->domid, &num);
    for (i = 0; i < num && !rc; i++)
        if (disks[i].vdev && disks[i].pdev_path &&
            !strcmp(disks[i].pdev_path, path))
            rc = follow(op, disks[i].vdev);
    if (disks) libxl_device_disk_list_free(disks, num);
    return rc;
}

int image_close(struct operation *op, const char *path)
{
    libxl_snapshot_diag diag;
    int rc;

    if (!op->running) return 0;
    rc = forget_path(op, path);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_overlay_close(op->m->sctx, op->domid, path, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}
