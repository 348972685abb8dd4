/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/domains.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_TREE = OPT_OWN, OPT_NAMES };

static const struct option longopts[] = {
    { "tree", no_argument, NULL, OPT_TREE },
    { "names", no_argument, NULL, OPT_NAMES },
    OPTIONS_COMMON
};

static void want(struct xl_app *app, enum output_list_style *style,
                 enum output_list_style wanted)
{
    if (*style != OUTPUT_TABLE && *style != wanted)
        options_wrong(app, "--tree and --names exclude each other");
    *style = wanted;
}

/* What was wrong with any of them; the first of it is the exit status. */
static enum manage_outcome remark(const struct xl_app *app,
                                  const struct domains *domains)
{
    enum manage_outcome outcome, first;
    size_t i;

    first = domains_report_failures(app, domains);
    for (i = 0; i < domains->num; i++) {
        if (domains->list[i].err.outcome != MANAGE_OK) continue;
        outcome = command_remark(app, &domains->list[i].view);
        if (first == MANAGE_OK) first = outcome;
    }
    return first;
}

int main_snapshot_list(struct xl_app *app, int argc, char **argv)
{
    enum output_list_style style = OUTPUT_TABLE;
    enum manage_outcome outcome = MANAGE_OK;
    struct domains domains = { 0 };
    struct manage_error err;
    const char *name;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1) {
        switch (opt) {
        case OPT_TREE:  want(app, &style, OUTPUT_TREE);     break;
        case OPT_NAMES: want(app, &style, OUTPUT_NAMES);    break;
        }
    }
    if (options_done(app, argc, argv, 0, 1, &status)) return status;
    name = argv[optind];                /* NULL, past the last one */

    command_error_init(&err);
    rc = app_open(app, APP_READ, &err);
    if (rc) goto out;
    rc = domains_find(app, name, &domains, &err);
    if (rc) goto out;
    /* The names of all domains are known without reading one chain. */
    if (name || style != OUTPUT_NAMES || app->json)
        domains_look(app, &domains);
    rc = domains_only_failure(&domains, name, &err);
    if (rc) goto out;

    outcome = remark(app, &domains);
    rc = output_list(app, domains.list, domains.num, style, !name, &err);
out:
    domains_dispose(&domains);
    return command_end(app, rc, &err, outcome);
}
