/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Block jobs of a running domain's disks. The journal is for the guest, which is
 * paused when one begins and ends; the images need none: until the end of a pull
 * they are what they were, and what they are after it is told by QEMU and by
 * the images themselves (docs/design/block-jobs.md).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "chain/images.h"
#include "manage/block_job.h"

/* ---- the disk ---- */

static const libxl_device_disk *disk_named(const libxl_domain_config *config,
                                           const char *vdev)
{
    int i;

    for (i = 0; i < config->num_disks; i++)
        if (config->disks[i].vdev && !strcmp(config->disks[i].vdev, vdev))
            return &config->disks[i];
    return NULL;
}

int block_job_disk(struct operation *op, const char *vdev,
                   libxl_device_disk *disk_r)
{
    const chain_active_disk *active = chain_images_active(&op->chain, vdev);
    const libxl_device_disk *disk;
    libxl_domain_config config;
    int rc;

    if (!op->running)
        return manage_fail(op->err, MANAGE_REFUSED, "the domain '%s' is off;"
                           " a block job is its QEMU's, which runs when it"
                           " does", op->domain);
    libxl_domain_config_init(&config);
    rc = domain_configuration(op, &config);
    if (!rc) rc = domain_check_images(op, &config);
    if (rc) goto out;
    disk = disk_named(&config, vdev);
    if (!disk || !disk->pdev_path)
        rc = manage_fail(op->err, MANAGE_NOT_FOUND, "the domain '%s' has no"
                         " disk '%s' with an image", op->domain, vdev);
    else if (active)
        rc = image_to_libxl(vdev, active->path, active->format, disk_r,
                            op->err);
    else
        rc = image_to_libxl(vdev, disk->pdev_path, disk->format, disk_r,
                            op->err);
out:
    libxl_domain_config_dispose(&config);
    return rc;
}

int block_job_library(struct operation *op, int rc, libxl_snapshot_diag *diag)
{
    if (rc) manage_fail_library(op->err, rc, diag);
    libxl_snapshot_diag_dispose(diag);
    return rc;
}

/* ---- how it is ---- */

int manage_block_job_look(struct manage *m, const char *domain,
                          const char *vdev, libxl_disk_job_info *info_r,
                          struct manage_error *err)
{
    libxl_device_disk disk = { .vdev = (char *)vdev };    /* read only */
    libxl_snapshot_diag diag;
    struct manage_view view;
    int rc;

    manage_view_init(&view);
    rc = manage_look(m, domain, &view, err);
    if (rc) goto out;
    if (!view.running) {
        rc = manage_fail(err, MANAGE_REFUSED, "the domain '%s' is off, and has"
                         " no block jobs; one that it had ended with it, and"
                         " its images are right", view.domain);
        goto out;
    }
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_job_query(m->sctx, view.domid, &disk, info_r, &diag);
    if (rc) manage_fail_library(err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
out:
    manage_view_dispose(&view);
    return rc;
}

/* ---- with the guest paused ---- */

/*
 * The library pauses the guest for some milliseconds, and lets it go on whatever
 * comes, unless it is killed: then the guard, or the next command, finds this.
 */
static int write_intent(struct operation *op)
{
    chain_journal *journal = &op->journal;
    char uuid[37];

    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(op->info.uuid));
    journal->verb = CHAIN_VERB_BLOCK_JOB;
    journal->running = true;
    journal->domid = op->domid;
    journal->target_state = op->info.paused ? CHAIN_DOMAIN_STATE_PAUSED
                                            : CHAIN_DOMAIN_STATE_RUNNING;
    journal->domain_uuid = strdup(uuid);
    if (!journal->domain_uuid) return manage_fail_nomem(op->err);
    return operation_journal(op, CHAIN_STEP_STOPPING);
}

/* What has become of the job needs nobody to remember it: it is there still, or
 * QEMU's graph says what the images build on. */
int block_job_recover(struct operation *op, char **report)
{
    int rc;

    if (journal_domain_runs(op) && op->info.paused &&
        op->journal.target_state == CHAIN_DOMAIN_STATE_RUNNING) {
        rc = recover_unpause(op, report);
        if (!rc) rc = operation_look(op);
        if (rc) return rc;
    }
    rc = block_chain_follow(op, report);
    return rc ? rc : operation_journal_clear(op);
}

static void on_stage(void *user, const char *name)
{
    struct operation *op = user;
    char point[64];

    snprintf(point, sizeof(point), "job:%s", name);
    manage_reached(op->m, point);
}

int block_job_do(struct operation *op, block_job_call *call, void *user)
{
    const libxl_snapshot_callbacks callbacks = { .user = op, .stage = on_stage };
    libxl_snapshot_diag diag;
    int rc, rc2;

    rc = write_intent(op);
    if (!rc) {
        libxl_snapshot_diag_init(&diag);
        rc = block_job_library(op, call(op, &callbacks, user, &diag), &diag);
    }
    if (!op->journaled) return rc;
    rc2 = operation_look(op);
    if (!rc2) rc2 = block_job_recover(op, NULL);
    return rc ? rc : rc2;
}

/* ---- its end ---- */

struct ending {
    const libxl_device_disk *disk;
    bool abort;
    libxl_disk_job_info *info;
};

static int end_it(struct operation *op,
                  const libxl_snapshot_callbacks *callbacks, void *user,
                  libxl_snapshot_diag *diag)
{
    const struct ending *e = user;

    return e->abort
        ? libxl_disk_job_abort(op->m->sctx, op->domid, e->disk, callbacks,
                               e->info, diag)
        : libxl_disk_job_finish(op->m->sctx, op->domid, e->disk, callbacks,
                                e->info, diag);
}

static int end_job(struct manage *m, const char *domain, const char *vdev,
                   bool abort, libxl_disk_job_info *info_r,
                   struct manage_error *err)
{
    struct block_images before = { NULL, 0 };
    libxl_device_disk disk;
    struct ending e = { &disk, abort, info_r };
    struct operation op;
    int rc;

    operation_init(&op);
    libxl_device_disk_init(&disk);
    rc = operation_begin(&op, m, "block-job", domain, false, false, err);
    if (!rc) rc = block_job_disk(&op, vdev, &disk);
    if (rc) goto out;
    block_images_note(&op, vdev, &before);
    manage_reached(m, abort ? "job:abort" : "job:finish");
    rc = block_job_do(&op, end_it, &e);
    if (!rc && info_r->status == LIBXL_DISK_JOB_STATUS_COMPLETED)
        block_images_close_left(&op, vdev, &before);
    if (!rc) manage_reached(m, "job:end");
out:
    block_images_dispose(&before);
    libxl_device_disk_dispose(&disk);
    operation_dispose(&op);
    return rc;
}

static bool has_ended(const libxl_disk_job_info *info)
{
    return info->status == LIBXL_DISK_JOB_STATUS_READY ||
           info->status == LIBXL_DISK_JOB_STATUS_COMPLETED ||
           info->status == LIBXL_DISK_JOB_STATUS_FAILED;
}

int manage_block_job_info(struct manage *m, const char *domain,
                          const char *vdev, libxl_disk_job_info *info_r,
                          struct manage_error *err)
{
    int rc;

    rc = manage_block_job_look(m, domain, vdev, info_r, err);
    if (rc || !has_ended(info_r)) return rc;
    return end_job(m, domain, vdev, false, info_r, err);
}

int manage_block_job_abort(struct manage *m, const char *domain,
                           const char *vdev, libxl_disk_job_info *info_r,
                           struct manage_error *err)
{
    return end_job(m, domain, vdev, true, info_r, err);
}

/* ---- its speed ---- */

int manage_block_job_speed(struct manage *m, const char *domain,
                           const char *vdev, uint64_t bandwidth,
                           struct manage_error *err)
{
    libxl_device_disk disk;
    libxl_snapshot_diag diag;
    struct operation op;
    int rc;

    operation_init(&op);
    libxl_device_disk_init(&disk);
    rc = operation_begin(&op, m, "block-job", domain, false, false, err);
    if (!rc) rc = block_job_disk(&op, vdev, &disk);
    if (!rc) {
        libxl_snapshot_diag_init(&diag);
        rc = libxl_disk_job_set_speed(m->sctx, op.domid, &disk, bandwidth,
                                      &diag);
        rc = block_job_library(&op, rc, &diag);
    }
    libxl_device_disk_dispose(&disk);
    operation_dispose(&op);
    return rc;
}
