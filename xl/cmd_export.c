/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_XL = OPT_OWN, OPT_COMPRESS, OPT_WORK_DIR };

static const struct option longopts[] = {
    { "xl", no_argument, NULL, OPT_XL },
    { "compress", required_argument, NULL, OPT_COMPRESS },
    { "work-dir", required_argument, NULL, OPT_WORK_DIR },
    OPTIONS_COMMON
};

int main_snapshot_export(struct xl_app *app, int argc, char **argv)
{
    struct manage_export args = { .fd = -1 };
    struct manage_error err;
    char *plan = NULL;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_XL:       args.xl_image = true;   break;
        case OPT_COMPRESS: args.compress = optarg; break;
        case OPT_WORK_DIR: args.work_dir = optarg; break;
        }
    }
    if (args.xl_image && args.compress)
        options_wrong(app, "--xl and --compress exclude each other: xl reads "
                      "no compressed image");
    if (optind + 2 < argc && !strcmp(argv[optind + 2], "-") && !app->dry_run) {
        if (app->json)
            options_wrong(app, "--json and '-' exclude each other: both are "
                          "for standard output");
        else if (isatty(STDOUT_FILENO))
            options_wrong(app, "'-' writes to standard output, which is a "
                          "terminal");
    }
    if (options_done(app, argc, argv, 3, 3, &status)) return status;
    args.domain = argv[optind];
    args.name = argv[optind + 1];
    if (strcmp(argv[optind + 2], "-"))
        args.path = argv[optind + 2];
    else
        args.fd = STDOUT_FILENO;
    args.dry_run = app->dry_run;

    command_error_init(&err);
    rc = app_open(app, APP_ATTEND, &err);
    if (rc) goto out;
    rc = manage_export(app->manage, &args, &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else if (args.path)
        output_exported(app, &args);
out:
    return command_end(app, rc, &err, MANAGE_OK);
}
