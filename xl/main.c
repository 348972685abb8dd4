/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An xl that knows some more subcommands than the system's. Whatever is not
 * one of ours becomes the system's xl before anything else happens: before
 * output, before a signal is touched, before libxl is opened. But those that
 * give images to domains go through our hands first (xl/system_disks.h).
 */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "xl/app.h"
#include "xl/cmdtable.h"
#include "xl/guard.h"
#include "xl/help.h"
#include "xl/output.h"
#include "xl/system_xl.h"
#include "xl/watch.h"

/* Started by ourselves, not by people: in no help, found by its full name. */
static const struct cmd_spec guard_spec = {
    .name = "snapshot-guard",
    .impl = &guard_main,
    .modifies = true,
};

/* One word of global options, "-vN". False: it has one that is not xl's. */
static bool take_globals(struct xl_app *app, const char *word)
{
    for (word++; *word; word++) {
        switch (*word) {
        case 'v': app->verbose++;           break;
        case 'f': app->force = true;        break;
        case 't': app->progress_cr = true;  break;
        case 'T': app->timestamps = true;   break;
        case 'N': app->dry_run = true;      break;
        default:  return false;
        }
    }
    return true;
}

/*
 * The index of the subcommand in argv; argc when there is none. -1 when there
 * is an option before it that only the system's xl can have an opinion on.
 */
static int find_subcommand(struct xl_app *app, int argc, char **argv,
                           bool *help_r)
{
    int i;

    for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        if (!strcmp(argv[i], "--")) return i + 1;
        if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
            *help_r = true;
        else if (!take_globals(app, argv[i]))
            return -1;
    }
    return i;
}

static int say_ambiguous(struct xl_app *app, const char *typed)
{
    size_t i;

    output_note(app, "'%s' is the beginning of several commands:", typed);
    for (i = 0; i < cmd_table_len; i++) {
        if (!strncmp(cmd_table[i].name, typed, strlen(typed)))
            output_note(app, "%s", cmd_table[i].name);
    }
    return MANAGE_USAGE;
}

/* "xl help [COMMAND]" */
static int help(struct xl_app *app, const char *command, char **argv)
{
    const struct cmd_spec *spec;
    bool ambiguous;

    if (!command) return help_list(app);
    spec = cmdtable_lookup(command, &ambiguous);
    if (ambiguous) return say_ambiguous(app, command);
    if (!spec) return system_xl_exec(app, argv);
    output_help(spec);
    return output_finish(app, MANAGE_OK);
}

int main(int argc, char **argv)
{
    struct xl_app app = {
        .system_xl = SYSTEM_XL,
        .config_dir = XEN_CONFIG_DIR,
        .run_dir = XEN_RUN_DIR,
        .argc = argc,
        .argv = argv,
        .snapshot_dir = SNAPSHOT_DIR,
    };
    bool wants_help = false, ambiguous;
    int at;

    setlocale(LC_ALL, "");

    at = find_subcommand(&app, argc, argv, &wants_help);
    if (at < 0) return system_xl_exec(&app, argv);
    if (wants_help) return help_list(&app);
    if (at >= argc) {
        /* As xl does: the list, but it is an error to want nothing. */
        int status = help_list(&app);

        return status ? status : MANAGE_FAILED;
    }
    if (!strcmp(argv[at], "help"))
        return help(&app, at + 1 < argc ? argv[at + 1] : NULL, argv);
    if (!strcmp(argv[at], "snapshot-monitor"))
        return monitor_main(argc - at, argv + at);

    app.cmd = cmdtable_lookup(argv[at], &ambiguous);
    if (ambiguous) return say_ambiguous(&app, argv[at]);
    if (!app.cmd && !strcmp(argv[at], guard_spec.name)) app.cmd = &guard_spec;
    if (!app.cmd) app.cmd = cmdtable_lookup_system(argv[at]);
    if (!app.cmd) return system_xl_exec(&app, argv);
    return app.cmd->impl(&app, argc - at, argv + at);
}
