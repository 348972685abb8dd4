/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_CHILDREN = OPT_OWN, OPT_CHILDREN_ONLY, OPT_METADATA, OPT_MERGE,
       OPT_MERGE_FORCE, OPT_DISCARD, OPT_DISCARD_FORCE,
       OPT_HOOK_TIMEOUT };

static const struct option longopts[] = {
    { "children", no_argument, NULL, OPT_CHILDREN },
    { "children-only", no_argument, NULL, OPT_CHILDREN_ONLY },
    { "metadata", no_argument, NULL, OPT_METADATA },
    { "merge", no_argument, NULL, OPT_MERGE },
    { "merge-force", no_argument, NULL, OPT_MERGE_FORCE },
    { "discard", no_argument, NULL, OPT_DISCARD },
    { "discard-force", no_argument, NULL, OPT_DISCARD_FORCE },
    { "hook-timeout", required_argument, NULL, OPT_HOOK_TIMEOUT },
    OPTIONS_COMMON
};

/* The older words for what is done with the data: one of them at most. */
static void way(struct xl_app *app, int *chosen, int opt)
{
    if (*chosen && *chosen != opt)
        options_wrong(app, "--merge, --merge-force, --discard and "
                      "--discard-force exclude each other");
    *chosen = opt;
}

static void apply_way(struct xl_app *app, struct manage_delete *args, int way)
{
    if (way && (args->children || args->children_only || args->metadata))
        options_wrong(app, "--merge, --merge-force, --discard and "
                      "--discard-force go with none of --children, "
                      "--children-only and --metadata");
    args->merge_now = way == OPT_MERGE;
    args->leaf_only = way == OPT_DISCARD;
    if (way == OPT_DISCARD_FORCE) args->children = true;
}

int main_snapshot_delete(struct xl_app *app, int argc, char **argv)
{
    struct manage_delete args = { 0 };
    struct manage_error err;
    char *plan = NULL;
    struct manage_delete_result result = { 0 };
    int opt, rc, status, chosen = 0;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_CHILDREN:      args.children = true;       break;
        case OPT_CHILDREN_ONLY: args.children_only = true;  break;
        case OPT_METADATA:      args.metadata = true;       break;
        case OPT_HOOK_TIMEOUT:  options_hook_timeout(app);  break;
        default:                way(app, &chosen, opt);     break;
        }
    }
    apply_way(app, &args, chosen);
    if (args.children && args.children_only)
        options_wrong(app, "--children and --children-only exclude each other");
    if (options_done(app, argc, argv, 2, 2, &status)) return status;
    args.domain = argv[optind];
    args.name = argv[optind + 1];
    args.dry_run = app->dry_run;

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = manage_delete(app->manage, &args, &result, &plan, &err);
    if (rc) goto out;

    if (app->dry_run)
        rc = command_print_plan(plan, &err);
    else
        output_deleted(app, &args, &result);
out:
    free(result.note);
    return command_end(app, rc, &err, MANAGE_OK);
}
