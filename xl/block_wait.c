/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/block_wait.h"
#include "xl/output_block.h"

void block_wait_option(struct xl_app *app, struct block_wait *wait, int opt)
{
    switch (opt) {
    case OPT_WAIT:      wait->wait = true;      break;
    case OPT_DETACH:    wait->detach = true;    break;
    case OPT_BYTES:     wait->bytes = true;     break;
    case OPT_WAIT_TIMEOUT:
        wait->wait = true;
        wait->timeout_ms = options_seconds(app, optarg);
        break;
    }
}

void block_wait_check(struct xl_app *app, struct block_wait *wait)
{
    if (wait->detach && !wait->wait)
        options_wrong(app, "--detach goes with --wait or --timeout; without"
                      " them nobody waits");
    if (wait->speed)
        wait->bandwidth = options_speed(app, wait->speed, wait->bytes);
    else if (wait->bytes)
        options_wrong(app, "--bytes goes with a speed");
}

struct follower {
    struct xl_app *app;
    const char *domain, *vdev;
};

/* A reader of JSON hears of each look; a terminal has its progress. */
static void show(void *user, const libxl_disk_job_info *info)
{
    struct follower *f = user;
    const struct output_job job = { f->domain, f->vdev, info };

    if (f->app->json && info->status == LIBXL_DISK_JOB_STATUS_RUNNING)
        output_block_job(f->app, &job);
}

int block_wait_run(struct xl_app *app, const struct block_wait *wait,
                   const char *domain, const char *vdev,
                   struct manage_error *err)
{
    struct follower f = { app, domain, vdev };
    const struct manage_block_wait args = {
        .domain = domain, .vdev = vdev, .timeout_ms = wait->timeout_ms,
        .detach = wait->detach, .show = show, .user = &f,
    };
    struct output_job job = { domain, vdev, NULL };
    libxl_disk_job_info info;
    int rc;

    libxl_disk_job_info_init(&info);
    rc = manage_block_job_wait(app->manage, &args, &info, err);
    job.info = &info;
    if (!rc) output_block_job(app, &job);
    libxl_disk_job_info_dispose(&info);
    return rc;
}
