/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for a block job. */
#include "config.h"

#include <time.h>

#include "manage/internal.h"

#define POLL_MS 250
/* So often in a row somebody else may have the chain or the monitor. */
#define MAX_BUSY 40

static void nap(void)
{
    const struct timespec ts = { .tv_nsec = POLL_MS * 1000000 };

    nanosleep(&ts, NULL);
}

static int stop(struct manage *m, const struct manage_block_wait *args,
                const char *why, libxl_disk_job_info *info_r,
                struct manage_error *err)
{
    int rc;

    if (args->detach) {
        manage_warn(m, "%s; the job goes on: 'xl block-job %s %s' tells how far"
                    " it is", why, args->domain, args->vdev);
        return 0;
    }
    rc = manage_block_job_abort(m, args->domain, args->vdev, info_r, err);
    if (rc || info_r->status == LIBXL_DISK_JOB_STATUS_COMPLETED) return rc;
    return manage_fail(err, MANAGE_ROLLED_BACK, "%s; the disk is as it was, but"
                       " for what has been copied, from where a next pull goes"
                       " on", why);
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* One look, and its end if it has come. Somebody else may be at it. */
static int step(struct manage *m, const struct manage_block_wait *args,
                libxl_disk_job_info *info_r, int *busy, struct manage_error *err)
{
    struct manage_error why = { MANAGE_OK, "" };
    int rc;

    rc = manage_block_job_info(m, args->domain, args->vdev, info_r, &why);
    if (!rc) {
        *busy = 0;
        return 0;
    }
    if (why.outcome == MANAGE_BUSY && ++*busy <= MAX_BUSY) return 0;
    return manage_fail(err, why.outcome, "%s", why.text);
}

int manage_block_job_wait(struct manage *m, const struct manage_block_wait *args,
                          libxl_disk_job_info *info_r, struct manage_error *err)
{
    const struct manage_application *app = &m->app;
    uint64_t began = now_ms();
    int busy = 0, rc;

    manage_reached(m, "job:pull");
    for (;;) {
        rc = step(m, args, info_r, &busy, err);
        if (rc) return rc;
        if (!busy && args->show) args->show(args->user, info_r);
        if (info_r->status == LIBXL_DISK_JOB_STATUS_COMPLETED && !busy)
            return 0;
        if (info_r->status == LIBXL_DISK_JOB_STATUS_FAILED && !busy)
            return manage_fail(err, MANAGE_ROLLED_BACK, "disk %s: the job"
                               " failed: %s; the disk is as it was, but for"
                               " what has been copied", args->vdev,
                               info_r->error);
        if (info_r->status == LIBXL_DISK_JOB_STATUS_NONE && !busy)
            return manage_fail(err, MANAGE_NOT_FOUND, "disk %s of the domain"
                               " '%s' has no block job (any more)", args->vdev,
                               args->domain);
        if (app->progress)
            app->progress(app->user, info_r->current, info_r->end);
        if (app->cancelled && app->cancelled(app->user))
            return stop(m, args, "stopped, as asked", info_r, err);
        if (args->timeout_ms && now_ms() - began >= args->timeout_ms)
            return stop(m, args, "it takes longer than was allowed", info_r,
                        err);
        nap();
    }
}
