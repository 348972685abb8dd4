/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_RUNNING = OPT_OWN, OPT_PAUSED, OPT_OFF, OPT_UNDO, OPT_NO_UNDO };

static const struct option longopts[] = {
    { "running", no_argument, NULL, OPT_RUNNING },
    { "paused", no_argument, NULL, OPT_PAUSED },
    { "off", no_argument, NULL, OPT_OFF },
    { "undo", no_argument, NULL, OPT_UNDO },
    { "no-undo", no_argument, NULL, OPT_NO_UNDO },
    OPTIONS_COMMON
};

static void want(struct xl_app *app, struct manage_revert *args,
                 chain_domain_state state)
{
    if (args->state != CHAIN_DOMAIN_STATE_UNKNOWN && args->state != state)
        options_wrong(app, "--running, --paused and --off exclude each other");
    args->state = state;
}

static void want_undo(struct xl_app *app, int *undo, int opt)
{
    if (*undo && *undo != opt)
        options_wrong(app, "--undo and --no-undo exclude each other");
    *undo = opt;
}

/* At a terminal, people are asked. False: they thought better of it. */
static bool ask(const struct manage_revert *args, bool *undo_r)
{
    char answer[16];

    for (;;) {
        fprintf(stderr, "Going back to '%s' gives up what '%s' is now: its "
                "memory, and what was written to its disks since its last "
                "snapshot.\nKeep that as a snapshot first? [Y]es, [n]o, "
                "[c]ancel: ", args->name, args->domain);
        fflush(stderr);
        if (!fgets(answer, sizeof(answer), stdin)) return false;
        switch (answer[0]) {
        case '\n': case 'y': case 'Y': *undo_r = true;  return true;
        case 'n': case 'N':            *undo_r = false; return true;
        case 'c': case 'C': case 'q':  return false;
        }
    }
}

static bool decide_undo(struct xl_app *app, struct manage_revert *args,
                        int undo)
{
    args->undo = undo == OPT_UNDO;
    if (undo || app->dry_run || app->json || !isatty(STDIN_FILENO) ||
        !isatty(STDERR_FILENO))
        return true;
    return ask(args, &args->undo);
}

int main_snapshot_revert(struct xl_app *app, int argc, char **argv)
{
    struct manage_revert args = { .state = CHAIN_DOMAIN_STATE_UNKNOWN };
    struct manage_revert_result result = { .state = args.state };
    struct manage_error err;
    char *plan = NULL;
    int opt, rc, status, undo = 0;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_RUNNING: want(app, &args, CHAIN_DOMAIN_STATE_RUNNING); break;
        case OPT_PAUSED:  want(app, &args, CHAIN_DOMAIN_STATE_PAUSED);  break;
        case OPT_OFF:     want(app, &args, CHAIN_DOMAIN_STATE_OFF);     break;
        default:          want_undo(app, &undo, opt);                   break;
        }
    }
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    args.domain = argv[optind];
    args.name = argv[optind + 1];
    args.dry_run = app->dry_run;

    command_error_init(&err);
    if (!decide_undo(app, &args, undo)) {
        err.outcome = MANAGE_FAILED;
        snprintf(err.text, sizeof(err.text), "cancelled; nothing was changed");
        rc = ERROR_ABORTED;
        goto out;
    }
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_revert(app->manage, &args, &result, &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_reverted(app, args.domain, args.name, &result);
out:
    free(result.undo);
    return command_end(app, rc, &err, MANAGE_OK);
}
