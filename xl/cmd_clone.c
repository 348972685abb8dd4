/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/input.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_RUNNING = OPT_OWN, OPT_PAUSED, OPT_OFF, OPT_DIRECTORY,
       OPT_NO_SET_CLOCK, OPT_CLOCK_TIMEOUT };

static const struct option longopts[] = {
    { "running", no_argument, NULL, OPT_RUNNING },
    { "paused", no_argument, NULL, OPT_PAUSED },
    { "off", no_argument, NULL, OPT_OFF },
    { "directory", required_argument, NULL, OPT_DIRECTORY },
    { "no-set-clock", no_argument, NULL, OPT_NO_SET_CLOCK },
    { "clock-timeout", required_argument, NULL, OPT_CLOCK_TIMEOUT },
    OPTIONS_COMMON
};

static void want(struct xl_app *app, struct manage_clone *args,
                 chain_domain_state state)
{
    if (args->state != CHAIN_DOMAIN_STATE_UNKNOWN && args->state != state)
        options_wrong(app, "--running, --paused and --off exclude each other");
    args->state = state;
}

int main_snapshot_clone(struct xl_app *app, int argc, char **argv)
{
    struct manage_clone args = { .state = CHAIN_DOMAIN_STATE_UNKNOWN,
                                 .clock = { .set = true } };
    struct manage_clone_result result;
    struct manage_error err;
    const char *dir = NULL;
    char *path = NULL, *plan = NULL;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_RUNNING:   want(app, &args, CHAIN_DOMAIN_STATE_RUNNING); break;
        case OPT_PAUSED:    want(app, &args, CHAIN_DOMAIN_STATE_PAUSED);  break;
        case OPT_OFF:       want(app, &args, CHAIN_DOMAIN_STATE_OFF);     break;
        case OPT_DIRECTORY: dir = optarg;                                 break;
        case OPT_NO_SET_CLOCK: args.clock.set = false;                    break;
        case OPT_CLOCK_TIMEOUT:
            args.clock.timeout_ms = options_seconds(app, optarg);
            break;
        }
    }
    if (options_done(app, argc, argv, 3, 3, &status)) return status;
    args.domain = argv[optind];
    args.name = argv[optind + 1];
    args.clone = argv[optind + 2];
    args.dry_run = app->dry_run;

    command_error_init(&err);
    manage_clone_result_init(&result);
    if (dir) {
        args.dir = path = input_directory(dir, &err);
        rc = path ? 0 : ERROR_FAIL;
        if (rc) goto out;
    }
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_clone(app->manage, &args, &result, &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_cloned(app, &args, &result);
out:
    free(path);
    manage_clone_result_dispose(&result);
    return command_end(app, rc, &err, MANAGE_OK);
}
