/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/block_wait.h"
#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/output.h"
#include "xl/output_block.h"

enum { OPT_BASE = OPT_WAIT_OWN, OPT_BANDWIDTH };

static const struct option longopts[] = {
    { "base", required_argument, NULL, OPT_BASE },
    { "bandwidth", required_argument, NULL, OPT_BANDWIDTH },
    BLOCK_WAIT_OPTIONS,
    OPTIONS_COMMON
};

static int begun(struct xl_app *app, const struct manage_block_pull *args)
{
    struct output_job job = { args->domain, args->vdev, NULL };
    libxl_disk_job_info info;

    libxl_disk_job_info_init(&info);
    info.kind = LIBXL_DISK_JOB_KIND_PULL;
    info.status = LIBXL_DISK_JOB_STATUS_RUNNING;
    job.info = &info;
    output_block_job_done(app, &job, "begun; 'xl block-job' tells how far it"
                          " is, and brings it to its end");
    libxl_disk_job_info_dispose(&info);
    return 0;
}

int main_block_pull(struct xl_app *app, int argc, char **argv)
{
    struct manage_block_pull args = { 0 };
    struct block_wait wait = { 0 };
    struct manage_error err;
    char *plan = NULL;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_BASE:      args.base = optarg;     break;
        case OPT_BANDWIDTH: wait.speed = optarg;    break;
        default:            block_wait_option(app, &wait, opt);
        }
    }
    block_wait_check(app, &wait);
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    args.domain = argv[optind];
    args.vdev = argv[optind + 1];
    args.bandwidth = wait.bandwidth;
    args.dry_run = app->dry_run;

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (!rc) rc = manage_block_pull(app->manage, &args, &plan, &err);
    if (rc) goto out;
    if (app->dry_run) rc = command_print_plan(plan, &err);
    else if (wait.wait)
        rc = block_wait_run(app, &wait, args.domain, args.vdev, &err);
    else rc = begun(app, &args);
out:
    return command_end(app, rc, &err, MANAGE_OK);
}
