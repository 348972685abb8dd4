/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

static const struct option longopts[] = {
    OPTIONS_COMMON
};

/* What should have been possible to read, and was not. */
static enum manage_outcome found(const struct manage_difference *difference)
{
    int i;

    if (difference->memory.failed) return MANAGE_DAMAGED;
    for (i = 0; i < difference->num_disks; i++)
        if (difference->disks[i].failed) return MANAGE_DAMAGED;
    return MANAGE_OK;
}

int main_snapshot_diff(struct xl_app *app, int argc, char **argv)
{
    enum manage_outcome outcome = MANAGE_OK;
    struct manage_difference difference;
    struct manage_diff args;
    struct manage_error err;
    int rc, status;

    while (options_next(app, argc, argv, longopts) != -1)
        ;
    if (options_done(app, argc, argv, 2, 3, &status)) return status;
    args = (struct manage_diff){
        .domain = argv[optind], .a = argv[optind + 1],
        .b = argv[optind + 2],          /* NULL, past the last one */
    };

    command_error_init(&err);
    manage_difference_init(&difference);
    rc = app_open(app, APP_ATTEND, &err);
    if (rc) goto out;
    rc = manage_diff(app->manage, &args, &difference, &err);
    if (rc) goto out;
    output_difference(app, &args, &difference);
    outcome = found(&difference);
out:
    manage_difference_dispose(&difference);
    return command_end(app, rc, &err, outcome);
}
