/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_RUNNING = OPT_OWN, OPT_PAUSED, OPT_OFF };

static const struct option longopts[] = {
    { "running", no_argument, NULL, OPT_RUNNING },
    { "paused", no_argument, NULL, OPT_PAUSED },
    { "off", no_argument, NULL, OPT_OFF },
    OPTIONS_COMMON
};

static void want(struct xl_app *app, struct manage_revert *args,
                 chain_domain_state state)
{
    if (args->state != CHAIN_DOMAIN_STATE_UNKNOWN && args->state != state)
        options_wrong(app, "--running, --paused and --off exclude each other");
    args->state = state;
}

int main_snapshot_revert(struct xl_app *app, int argc, char **argv)
{
    struct manage_revert args = { .state = CHAIN_DOMAIN_STATE_UNKNOWN };
    struct manage_revert_result result = { .state = args.state };
    struct manage_error err;
    char *plan = NULL;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_RUNNING: want(app, &args, CHAIN_DOMAIN_STATE_RUNNING); break;
        case OPT_PAUSED:  want(app, &args, CHAIN_DOMAIN_STATE_PAUSED);  break;
        case OPT_OFF:     want(app, &args, CHAIN_DOMAIN_STATE_OFF);     break;
        }
    }
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    args.domain = argv[optind];
    args.name = argv[optind + 1];
    args.dry_run = app->dry_run;

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_revert(app->manage, &args, &result, &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_reverted(app, args.domain, args.name, &result);
out:
    return command_end(app, rc, &err, MANAGE_OK);
}
