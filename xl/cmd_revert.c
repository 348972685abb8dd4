/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"
#include "xl/text.h"

enum { OPT_RUNNING = OPT_OWN, OPT_PAUSED, OPT_OFF, OPT_UNDO, OPT_NO_UNDO,
       OPT_HOOK_TIMEOUT,
       OPT_NO_SET_CLOCK, OPT_CLOCK_TIMEOUT };

static const struct option longopts[] = {
    { "running", no_argument, NULL, OPT_RUNNING },
    { "paused", no_argument, NULL, OPT_PAUSED },
    { "off", no_argument, NULL, OPT_OFF },
    { "undo", no_argument, NULL, OPT_UNDO },
    { "no-undo", no_argument, NULL, OPT_NO_UNDO },
    { "hook-timeout", required_argument, NULL, OPT_HOOK_TIMEOUT },
    { "no-set-clock", no_argument, NULL, OPT_NO_SET_CLOCK },
    { "clock-timeout", required_argument, NULL, OPT_CLOCK_TIMEOUT },
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

/* A line, with what somebody else chose made harmless. */
static void tell(const char *before, const char *text)
{
    char *safe = text ? text_escape(text, text_locale_is_utf8()) : NULL;

    output_stderr(before);
    output_stderr(safe ? safe : "?");
    output_stderr("\n");
    free(safe);
}

/* The disks that leave and return are told with the rest, so that a person
 * decides on all of it. */
static void tell_losses(const struct manage_revert *args,
                        const struct manage_losses *losses)
{
    char *text;
    int i;

    for (i = 0; i < losses->num; i++) {
        text = output_loss_text(&losses->list[i], args->name);
        tell(output_is_lost(&losses->list[i]) ? "  - " : "Note: ", text);
        free(text);
    }
}

static bool something_lost(const struct manage_losses *losses)
{
    int i;

    for (i = 0; i < losses->num; i++)
        if (output_is_lost(&losses->list[i])) return true;
    return false;
}

/* False: they thought better of it. */
static bool ask(struct manage_revert *args)
{
    char answer[16];

    for (;;) {
        output_stderr("Keep the present as a snapshot first? [Y]es, [n]o, "
                      "[c]ancel: ");
        if (!fgets(answer, sizeof(answer), stdin)) return false;
        switch (answer[0]) {
        case '\n': case 'y': case 'Y': args->undo = true;  return true;
        case 'n': case 'N':            args->undo = false; return true;
        case 'c': case 'C': case 'q':  return false;
        }
    }
}

/*
 * At a terminal, people see what they would lose, and are asked. That is
 * looked up without a lock: nobody has to wait for the answer. What an
 * interrupted command left in flight keeps it from being known; then it is
 * said in general.
 */
static int look_and_ask(struct xl_app *app, struct manage_revert *args,
                        struct manage_error *err)
{
    struct manage_losses losses;
    int rc;

    manage_losses_init(&losses);
    rc = app_open(app, APP_ATTEND, err);
    if (!rc) rc = manage_revert_losses(app->manage, args, &losses, err);
    app_close(app);
    if (rc && err->outcome != MANAGE_NEEDS_RECOVERY) goto out;
    command_error_init(err);

    if (rc || something_lost(&losses))
        tell("This gives up, of the domain ", args->domain);
    if (rc)
        output_stderr("  - its memory, and what was written to its disks"
                      " since its last snapshot\n");
    tell_losses(args, &losses);
    if (!rc && !something_lost(&losses)) goto out;
    rc = 0;
    if (ask(args)) goto out;
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "cancelled; nothing was changed");
    rc = ERROR_ABORTED;
out:
    manage_losses_dispose(&losses);
    return rc;
}

static bool is_asked(const struct xl_app *app, int undo)
{
    return !undo && !app->dry_run && !app->json && isatty(STDIN_FILENO) &&
           isatty(STDERR_FILENO);
}

int main_snapshot_revert(struct xl_app *app, int argc, char **argv)
{
    struct manage_revert args = { .state = CHAIN_DOMAIN_STATE_UNKNOWN,
                                  .clock = { .set = true } };
    struct manage_revert_result result;
    struct manage_error err;
    char *plan = NULL;
    int opt, rc, status, undo = 0;
    bool asked;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_RUNNING: want(app, &args, CHAIN_DOMAIN_STATE_RUNNING); break;
        case OPT_PAUSED:  want(app, &args, CHAIN_DOMAIN_STATE_PAUSED);  break;
        case OPT_OFF:     want(app, &args, CHAIN_DOMAIN_STATE_OFF);     break;
        case OPT_HOOK_TIMEOUT: options_hook_timeout(app);               break;
        case OPT_NO_SET_CLOCK: args.clock.set = false;                  break;
        case OPT_CLOCK_TIMEOUT:
            args.clock.timeout_ms = options_seconds(app, optarg);
            break;
        default:          want_undo(app, &undo, opt);                   break;
        }
    }
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    args.domain = argv[optind];
    args.name = argv[optind + 1];
    args.dry_run = app->dry_run;

    args.undo = undo == OPT_UNDO;
    asked = is_asked(app, undo);

    command_error_init(&err);
    manage_revert_result_init(&result);
    rc = asked ? look_and_ask(app, &args, &err) : 0;
    if (rc) goto out;
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_revert(app->manage, &args, &result, &plan, &err);
    if (rc) goto out;

    if (app->dry_run) {
        rc = command_print_plan(plan, &err);
        goto out;
    }
    /* Who was not asked, and has not said that it may go, is told. */
    if (!asked) output_losses_notes(app, args.name, &result.lost, !undo);
    output_reverted(app, args.domain, args.name, &result);
out:
    manage_revert_result_dispose(&result);
    return command_end(app, rc, &err, MANAGE_OK);
}
