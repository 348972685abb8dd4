/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

static const struct option longopts[] = { OPTIONS_COMMON };

int main_snapshot_rename(struct xl_app *app, int argc, char **argv)
{
    const char *domain, *name, *new_name;
    struct manage_error err;
    char *plan = NULL;
    int rc, status;

    while (options_next(app, argc, argv, longopts) != -1)
        ;
    if (options_done(app, argc, argv, 3, 3, &status)) return status;
    domain = argv[optind];
    name = argv[optind + 1];
    new_name = argv[optind + 2];

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_rename(app->manage, domain, name, new_name, app->dry_run,
                       &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_renamed(app, domain, name, new_name);
out:
    return command_end(app, rc, &err, MANAGE_OK);
}
