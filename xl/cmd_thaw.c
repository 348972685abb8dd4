/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_TIMEOUT = OPT_OWN };

static const struct option longopts[] = {
    { "timeout", required_argument, NULL, OPT_TIMEOUT },
    OPTIONS_COMMON
};

int main_snapshot_thaw(struct xl_app *app, int argc, char **argv)
{
    unsigned int timeout_ms = 0;
    struct manage_error err;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        if (opt == OPT_TIMEOUT) timeout_ms = options_seconds(app, optarg);
    }
    if (options_done(app, argc, argv, 1, 1, &status)) return status;

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_thaw(app->manage, argv[optind], timeout_ms, &err);
    if (!rc) output_thawed(app, argv[optind]);
out:
    return command_end(app, rc, &err, MANAGE_OK);
}
