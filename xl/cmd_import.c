/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/input.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_NAME = OPT_OWN, OPT_SNAPSHOT_NAME, OPT_DIR };

static const struct option longopts[] = {
    { "name", required_argument, NULL, OPT_NAME },
    { "snapshot-name", required_argument, NULL, OPT_SNAPSHOT_NAME },
    { "dir", required_argument, NULL, OPT_DIR },
    OPTIONS_COMMON
};

int main_snapshot_import(struct xl_app *app, int argc, char **argv)
{
    struct manage_import args = { .fd = -1 };
    struct manage_imported imported;
    const char *dir = NULL;
    struct manage_error err;
    char *path = NULL, *plan = NULL;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_NAME:          args.domain = optarg; break;
        case OPT_SNAPSHOT_NAME: args.name = optarg;   break;
        case OPT_DIR:           dir = optarg;         break;
        }
    }
    if (options_done(app, argc, argv, 1, 1, &status)) return status;
    args.dry_run = app->dry_run;

    command_error_init(&err);
    manage_imported_init(&imported);
    rc = input_open(argv[optind], &args.fd, &err);
    if (rc) goto out;
    if (dir) {
        path = input_directory(dir, &err);
        if (!path) rc = ERROR_FAIL;
        if (rc) goto out;
        args.dir = path;
    }
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_import(app->manage, &args, &imported, &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_imported(app, imported.domain, &imported.snapshot);
out:
    if (args.fd >= 0) close(args.fd);
    free(path);
    manage_imported_dispose(&imported);
    return command_end(app, rc, &err, MANAGE_OK);
}
