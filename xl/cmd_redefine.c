/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include "libxl/json.h"
#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/input.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_UPDATE = OPT_OWN, OPT_CURRENT, OPT_DISK_ONLY, OPT_MEMORY };

static const struct option longopts[] = {
    { "update", no_argument, NULL, OPT_UPDATE },
    { "current", no_argument, NULL, OPT_CURRENT },
    { "disk-only", no_argument, NULL, OPT_DISK_ONLY },
    { "memory", required_argument, NULL, OPT_MEMORY },
    OPTIONS_COMMON
};

int main_snapshot_redefine(struct xl_app *app, int argc, char **argv)
{
    struct manage_redefine args = { 0 };
    struct manage_redefined done;
    struct manage_error err;
    char *text = NULL, *plan = NULL;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_UPDATE:    args.update = true;         break;
        case OPT_CURRENT:   args.current = true;        break;
        case OPT_DISK_ONLY: args.without_memory = true; break;
        case OPT_MEMORY:    args.memory = optarg;       break;
        }
    }
    if (args.memory && args.without_memory)
        options_wrong(app, "--memory and --disk-only exclude each other");
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    args.domain = argv[optind];
    args.dry_run = app->dry_run;

    command_error_init(&err);
    manage_redefined_init(&done);
    /* Before signals are held back: it may come from a terminal. */
    rc = input_read(argv[optind + 1], XJSON_MAX_BYTES, &text, &args.len, &err);
    if (rc) goto out;
    args.text = text;
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_redefine(app->manage, &args, &done, &plan, &err);
    if (rc && done.num)
        output_note(app, "before that failed, %d snapshot%s put back",
                    done.num, done.num == 1 ? " was" : "s were");
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_redefined(app, args.domain, args.update ? "updated"
                         : "put back", &done);
out:
    free(text);
    manage_redefined_dispose(&done);
    return command_end(app, rc, &err, MANAGE_OK);
}
