/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_ALL = OPT_OWN, OPT_PARENT, OPT_CURRENT, OPT_CONFIG };

static const struct option longopts[] = {
    { "all", no_argument, NULL, OPT_ALL },
    { "parent", required_argument, NULL, OPT_PARENT },
    { "current", no_argument, NULL, OPT_CURRENT },
    { "config", required_argument, NULL, OPT_CONFIG },
    OPTIONS_COMMON
};

#define MOST_NAMES 65536        /* as many as an image can hold */

int main_snapshot_adopt(struct xl_app *app, int argc, char **argv)
{
    struct manage_adopt args = { 0 };
    struct manage_redefined done;
    struct manage_error err;
    char *plan = NULL;
    bool all = false;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_ALL:     all = true;                break;
        case OPT_PARENT:  args.parent = optarg;      break;
        case OPT_CURRENT: args.current = true;       break;
        case OPT_CONFIG:  app->config_file = optarg; break;
        }
    }
    if (optind < argc && all == (optind + 1 < argc))
        options_wrong(app, "either names or --all must be given");
    if (options_done(app, argc, argv, 1, 1 + MOST_NAMES, &status))
        return status;
    args.domain = argv[optind];
    args.names = (const char *const *)&argv[optind + 1];
    args.num_names = argc - optind - 1;
    args.dry_run = app->dry_run;

    command_error_init(&err);
    manage_redefined_init(&done);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_adopt(app->manage, &args, &done, &plan, &err);
    if (rc && done.num)
        output_note(app, "before that failed, %d snapshot%s adopted",
                    done.num, done.num == 1 ? " was" : "s were");
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_redefined(app, args.domain, "adopted", &done);
out:
    manage_redefined_dispose(&done);
    return command_end(app, rc, &err, MANAGE_OK);
}
