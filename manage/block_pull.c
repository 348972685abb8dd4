/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beginning a pull of a running domain's disk. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "chain/images.h"
#include "manage/block_job.h"

/* ---- what it is about ---- */

static bool is_file(const char *a, const char *b)
{
    struct stat of_a, of_b;

    return !strcmp(a, b) || (!stat(a, &of_a) && !stat(b, &of_b) &&
        of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino);
}

/*
 * An image that the chain does not know may be another domain's: a clone's first
 * image is an overlay on one of the original's, whose chain would go on to keep
 * what that overlay reads, and not what this disk then does.
 */
static int check_base(struct operation *op, const char *base)
{
    if (chain_images_find(&op->chain, base)) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "the snapshots of '%s' do not"
                       " know the image %s, which may be another domain's to"
                       " change or remove; name one that they know, or pull"
                       " from all, without --base", op->domain, base);
}

/* By the name that QEMU has for it, which is the chain's. *bytes_r: at most so
 * much is copied. */
static int find_base(struct operation *op, const char *vdev, const char *base,
                     char **base_r, uint64_t *bytes_r)
{
    libxl_disk_image *list = NULL;
    libxl_snapshot_diag diag;
    int i, rc, num = 0;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_image_list(op->m->sctx, op->domid, vdev, &list, &num,
                               &diag);
    rc = block_job_library(op, rc, &diag);
    if (rc) return rc;
    for (i = 1; i < num && !(base && is_file(base, list[i].path)); i++)
        *bytes_r += image_allocated(NULL, list[i].path);
    if (base && i < num) rc = check_base(op, list[i].path);
    if (!rc && base) {
        *base_r = strdup(i < num ? list[i].path : base);
        if (!*base_r) rc = manage_fail_nomem(op->err);
    }
    libxl_disk_image_list_free(list, num);
    return rc;
}

/* A volume that a job fills fails the guest's writes, too. */
static int check_space(struct operation *op, const char *image, uint64_t bytes)
{
    struct statvfs volume;
    uint64_t available;
    struct stat st;

    if (stat(image, &st) || !S_ISREG(st.st_mode) || statvfs(image, &volume))
        return 0;
    available = (uint64_t)volume.f_bavail * volume.f_frsize;
    if (bytes <= available) return 0;
    return manage_fail(op->err, MANAGE_NO_SPACE, "up to %" PRIu64 " bytes would"
                       " be copied into %s, and its volume has %" PRIu64
                       " free; the guest's own writes would fail, too", bytes,
                       image, available);
}

static int check_internal(struct operation *op, const char *image)
{
    const char *name = chain_images_internal(&op->chain, image);

    if (!name) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "the snapshot '%s' is inside"
                       " %s and reads through to the images below it; a pull"
                       " would destroy it: run 'xl snapshot-delete %s %s'"
                       " first, if it may go", name, image, op->domain, name);
}

struct pull {
    const libxl_device_disk *disk;
    libxl_disk_pull_params params;
};

static int call_library(struct operation *op,
                        const libxl_snapshot_callbacks *callbacks, void *user,
                        libxl_snapshot_diag *diag)
{
    const struct pull *pull = user;

    return libxl_disk_pull_start(op->m->sctx, op->domid, pull->disk,
                                 &pull->params, callbacks, diag);
}

/* The library's refusals come before that of space: they say more. */
static int check(struct operation *op, struct pull *pull, const char *base)
{
    const char *image = pull->disk->pdev_path;
    libxl_snapshot_diag diag;
    uint64_t bytes = 0;
    int rc;

    rc = check_internal(op, image);
    if (!rc)
        rc = find_base(op, pull->disk->vdev, base, &pull->params.base, &bytes);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    pull->params.dry_run = true;
    rc = block_job_library(op, call_library(op, NULL, pull, &diag), &diag);
    pull->params.dry_run = false;
    return rc ? rc : check_space(op, image, bytes);
}

static int start_pull(struct operation *op, const struct manage_block_pull *args,
                      const libxl_device_disk *disk)
{
    struct pull pull = { .disk = disk };
    int rc;

    libxl_disk_pull_params_init(&pull.params);
    pull.params.bandwidth = args->bandwidth;
    rc = check(op, &pull, args->base);
    if (!rc && !args->dry_run) rc = block_job_do(op, call_library, &pull);
    libxl_disk_pull_params_dispose(&pull.params);
    return rc;
}

static int tell_plan(struct operation *op, const struct manage_block_pull *args,
                     const char *image, char **plan_r)
{
    struct plan_writer plan;
    int rc;

    rc = plan_begin(&plan, "block-pull", op);
    if (rc) return rc;
    plan_step(&plan, "write_journal", NULL, NULL);
    plan_step(&plan, "pause", NULL, NULL);
    plan_step(&plan, "pull", args->vdev, image);
    plan_step(&plan, "unpause", NULL, NULL);
    plan_step(&plan, "clear_journal", NULL, NULL);
    plan_end_actions(&plan);
    return plan_end(&plan, plan_r, op->err);
}

int manage_block_pull(struct manage *m, const struct manage_block_pull *args,
                      char **plan_r, struct manage_error *err)
{
    libxl_device_disk disk;
    struct operation op;
    int rc;

    operation_init(&op);
    libxl_device_disk_init(&disk);
    rc = operation_begin(&op, m, "block-pull", args->domain, false,
                         args->dry_run, err);
    if (!rc) rc = block_job_disk(&op, args->vdev, &disk);
    /* One that was begun by a program that is gone may have ended. */
    if (!rc && !args->dry_run) rc = block_chain_follow(&op, NULL);
    if (!rc) manage_reached(m, "job:begin");
    if (!rc) rc = start_pull(&op, args, &disk);
    if (!rc && args->dry_run)
        rc = tell_plan(&op, args, disk.pdev_path, plan_r);
    else if (!rc)
        manage_reached(m, "job:pull");
    libxl_device_disk_dispose(&disk);
    operation_dispose(&op);
    return rc;
}
