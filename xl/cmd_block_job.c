/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/block_wait.h"
#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/output.h"
#include "xl/output_block.h"

enum { OPT_INFO = OPT_WAIT_OWN, OPT_ABORT, OPT_SPEED };

static const struct option longopts[] = {
    { "info", no_argument, NULL, OPT_INFO },
    { "abort", no_argument, NULL, OPT_ABORT },
    { "speed", required_argument, NULL, OPT_SPEED },
    BLOCK_WAIT_OPTIONS,
    OPTIONS_COMMON
};

struct request {
    const char *domain, *vdev;
    struct block_wait wait;
    bool info, abort;
};

static void check(struct xl_app *app, const struct request *r)
{
    if (r->info + r->abort + r->wait.wait + !!r->wait.speed > 1)
        options_wrong(app, "--info, --abort, --speed and --wait exclude each"
                      " other");
}

static int stop(struct xl_app *app, const struct request *r,
                libxl_disk_job_info *info, struct manage_error *err)
{
    const struct output_job job = { r->domain, r->vdev, info };
    int rc;

    rc = manage_block_job_abort(app->manage, r->domain, r->vdev, info, err);
    if (rc) return rc;
    if (info->status == LIBXL_DISK_JOB_STATUS_RUNNING ||
        info->status == LIBXL_DISK_JOB_STATUS_READY)
        output_block_job_done(app, &job, "stopped; what was copied stays, and"
                              " a next one goes on from there");
    else
        output_block_job(app, &job);
    return 0;
}

/* With -N nothing is brought to its end. */
static int inform(struct xl_app *app, const struct request *r,
                  libxl_disk_job_info *info, struct manage_error *err)
{
    const struct output_job job = { r->domain, r->vdev, info };
    int rc;

    rc = app->dry_run
        ? manage_block_job_look(app->manage, r->domain, r->vdev, info, err)
        : manage_block_job_info(app->manage, r->domain, r->vdev, info, err);
    if (!rc) output_block_job(app, &job);
    return rc;
}

static int set_speed(struct xl_app *app, const struct request *r,
                     libxl_disk_job_info *info, struct manage_error *err)
{
    int rc;

    rc = manage_block_job_speed(app->manage, r->domain, r->vdev,
                                r->wait.bandwidth, err);
    return rc ? rc : inform(app, r, info, err);
}

int main_block_job(struct xl_app *app, int argc, char **argv)
{
    struct request r = { NULL };
    struct manage_error err;
    libxl_disk_job_info info;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_INFO:  r.info = true;              break;
        case OPT_ABORT: r.abort = true;             break;
        case OPT_SPEED: r.wait.speed = optarg;      break;
        default:        block_wait_option(app, &r.wait, opt);
        }
    }
    check(app, &r);
    block_wait_check(app, &r.wait);
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    r.domain = argv[optind];
    r.vdev = argv[optind + 1];

    command_error_init(&err);
    libxl_disk_job_info_init(&info);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    if (app->dry_run) rc = inform(app, &r, &info, &err);
    else if (r.abort) rc = stop(app, &r, &info, &err);
    else if (r.wait.speed) rc = set_speed(app, &r, &info, &err);
    else if (r.wait.wait)
        rc = block_wait_run(app, &r.wait, r.domain, r.vdev, &err);
    else rc = inform(app, &r, &info, &err);
out:
    libxl_disk_job_info_dispose(&info);
    return command_end(app, rc, &err, MANAGE_OK);
}
