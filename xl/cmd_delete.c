/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_CHILDREN = OPT_OWN, OPT_CHILDREN_ONLY };

static const struct option longopts[] = {
    { "children", no_argument, NULL, OPT_CHILDREN },
    { "children-only", no_argument, NULL, OPT_CHILDREN_ONLY },
    OPTIONS_COMMON
};

int main_snapshot_delete(struct xl_app *app, int argc, char **argv)
{
    struct manage_delete args = { 0 };
    struct manage_error err;
    char *plan = NULL;
    int opt, rc, status, deleted = 0;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_CHILDREN:      args.children = true;       break;
        case OPT_CHILDREN_ONLY: args.children_only = true;  break;
        }
    }
    if (args.children && args.children_only)
        options_wrong(app, "--children and --children-only exclude each other");
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    args.domain = argv[optind];
    args.name = argv[optind + 1];
    args.dry_run = app->dry_run;

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_delete(app->manage, &args, &deleted, &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_deleted(app, &args, deleted);
out:
    return command_end(app, rc, &err, MANAGE_OK);
}
