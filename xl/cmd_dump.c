/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

static const struct option longopts[] = { OPTIONS_COMMON };

int main_snapshot_dump(struct xl_app *app, int argc, char **argv)
{
    enum manage_outcome outcome = MANAGE_OK;
    const chain_snapshot *snapshot;
    struct manage_view view;
    struct manage_error err;
    char *text = NULL;
    const char *name;
    int rc, status;

    while (options_next(app, argc, argv, longopts) != -1)
        ;
    if (options_done(app, argc, argv, 1, 2, &status)) return status;
    name = argv[optind + 1];            /* NULL, past the last one */

    command_error_init(&err);
    manage_view_init(&view);
    rc = app_open(app, APP_READ, &err);
    if (rc) goto out;
    rc = manage_look(app->manage, argv[optind], &view, &err);
    if (rc) goto out;

    outcome = command_remark(app, &view);
    snapshot = name ? command_find(&view, name, &err)
                    : command_find_current(&view, &err);
    if (!snapshot) {
        rc = ERROR_NOTFOUND;
        goto out;
    }
    rc = manage_dump(app->manage, &view, snapshot, &text, &err);
    if (!rc) rc = command_print_plan(text, &err);
out:
    manage_view_dispose(&view);
    return command_end(app, rc, &err, outcome);
}
