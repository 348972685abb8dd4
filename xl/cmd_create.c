/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/diskspec.h"
#include "xl/options.h"
#include "xl/output.h"

enum {
    OPT_DESCRIPTION = OPT_OWN, OPT_DISK_ONLY, OPT_CONFIG, OPT_EXTERNAL,
    OPT_DISKSPEC, OPT_QUIESCE, OPT_QUIESCE_TIMEOUT, OPT_HOOK_TIMEOUT,
    OPT_MEMORY_BUFFER, OPT_MEMORY_DIGEST, OPT_MEMORY_LEVEL, OPT_PAUSE_BUDGET,
};

/* As in struct manage_create. */
#define MAX_LEVEL   19
#define NOT_PACKED  (-1)

#define MAX_BUDGET_MS   3600000


static const struct option longopts[] = {
    { "description", required_argument, NULL, OPT_DESCRIPTION },
    { "disk-only", no_argument, NULL, OPT_DISK_ONLY },
    { "config", required_argument, NULL, OPT_CONFIG },
    { "external", no_argument, NULL, OPT_EXTERNAL },
    { "diskspec", required_argument, NULL, OPT_DISKSPEC },
    { "hook-timeout", required_argument, NULL, OPT_HOOK_TIMEOUT },
    { "memory-buffer", required_argument, NULL, OPT_MEMORY_BUFFER },
    { "memory-digest", required_argument, NULL, OPT_MEMORY_DIGEST },
    { "memory-level", required_argument, NULL, OPT_MEMORY_LEVEL },
    { "pause-budget", required_argument, NULL, OPT_PAUSE_BUDGET },
    { "quiesce", no_argument, NULL, OPT_QUIESCE },
    { "quiesce-timeout", required_argument, NULL, OPT_QUIESCE_TIMEOUT },
    OPTIONS_COMMON
};

static void add_spec(struct xl_app *app, struct diskspecs *specs)
{
    char why[200];

    if (!diskspecs_add(specs, optarg, why, sizeof(why)))
        options_wrong(app, "--diskspec: %s", why);
}

int main_snapshot_create(struct xl_app *app, int argc, char **argv)
{
    struct manage_create args = { 0 };
    struct diskspecs specs = { 0 };
    struct manage_error err;
    chain_snapshot snapshot;
    char *plan = NULL;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_DESCRIPTION: args.description = optarg;    break;
        case OPT_DISK_ONLY:   args.disk_only = true;        break;
        case OPT_CONFIG:      app->config_file = optarg;    break;
        case OPT_EXTERNAL:    args.external = true;         break;
        case OPT_DISKSPEC:    add_spec(app, &specs);        break;
        case OPT_HOOK_TIMEOUT: options_hook_timeout(app);   break;
        case OPT_MEMORY_BUFFER:
            args.memory_buffer = options_size(app, optarg);
            break;
        case OPT_MEMORY_DIGEST:
            if (strcmp(optarg, "sha256"))
                options_wrong(app, "--memory-digest: '%s' is not known here, only"
                              " sha256 is", optarg);
            args.memory_sha256 = true;
            break;
        case OPT_MEMORY_LEVEL:
            args.memory_level = (int)options_number(app, optarg, MAX_LEVEL);
            if (!args.memory_level) args.memory_level = NOT_PACKED;
            break;
        case OPT_PAUSE_BUDGET:
            args.pause_budget_ms = options_number(app, optarg, MAX_BUDGET_MS);
            break;
        case OPT_QUIESCE:     args.quiesce = true;          break;
        case OPT_QUIESCE_TIMEOUT:
            args.quiesce_timeout_ms = options_seconds(app, optarg);
            break;
        }
    }
    if (args.quiesce && !args.disk_only)
        options_wrong(app, "--quiesce is for snapshots without memory: add "
                      "--disk-only");
    if (args.quiesce_timeout_ms && !args.quiesce)
        options_wrong(app, "--quiesce-timeout goes with --quiesce");
    if (args.disk_only && (args.memory_buffer || args.memory_level ||
                           args.memory_sha256))
        options_wrong(app, "--memory-buffer, --memory-level and --memory-digest"
                      " do not go with --disk-only");
    if (options_done(app, argc, argv, 1, 2, &status)) {
        diskspecs_dispose(&specs);
        return status;
    }
    args.domain = argv[optind];
    args.name = argv[optind + 1];       /* NULL, past the last one */
    args.specs = specs.list;
    args.num_specs = specs.num;
    args.dry_run = app->dry_run;

    command_error_init(&err);
    chain_snapshot_init(&snapshot);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_create(app->manage, &args, &snapshot, &plan, &err);
    if (rc) goto out;

    if (app->config_file && !app->config_file_used)
        output_note(app, "--config was not needed: the domain is running, or "
                    "its configuration is known from earlier snapshots");
    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_created(app, args.domain, &snapshot);
out:
    diskspecs_dispose(&specs);
    chain_snapshot_dispose(&snapshot);
    return command_end(app, rc, &err, MANAGE_OK);
}
