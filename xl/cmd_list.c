/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/domains.h"
#include "xl/options.h"
#include "xl/output_list.h"

enum {
    OPT_TREE = OPT_OWN, OPT_NAMES, OPT_DOT,
    OPT_ROOTS, OPT_LEAVES, OPT_NO_LEAVES, OPT_INTERNAL, OPT_EXTERNAL,
    OPT_DISK_ONLY, OPT_ACTIVE, OPT_INACTIVE,
    OPT_FROM, OPT_CURRENT, OPT_DESCENDANTS,
    OPT_PARENT, OPT_TOPOLOGICAL,
    OPT_COLUMNS = 'o', OPT_NO_HEADER = 'H', OPT_EXACT = 'p',
};

static const char shortopts[] = "o:Hp";

static const struct option longopts[] = {
    { "tree", no_argument, NULL, OPT_TREE },
    { "names", no_argument, NULL, OPT_NAMES },
    { "dot", no_argument, NULL, OPT_DOT },
    { "roots", no_argument, NULL, OPT_ROOTS },
    { "leaves", no_argument, NULL, OPT_LEAVES },
    { "no-leaves", no_argument, NULL, OPT_NO_LEAVES },
    { "internal", no_argument, NULL, OPT_INTERNAL },
    { "external", no_argument, NULL, OPT_EXTERNAL },
    { "disk-only", no_argument, NULL, OPT_DISK_ONLY },
    { "active", no_argument, NULL, OPT_ACTIVE },
    { "inactive", no_argument, NULL, OPT_INACTIVE },
    { "from", required_argument, NULL, OPT_FROM },
    { "current", no_argument, NULL, OPT_CURRENT },
    { "descendants", no_argument, NULL, OPT_DESCENDANTS },
    { "parent", no_argument, NULL, OPT_PARENT },
    { "topological", no_argument, NULL, OPT_TOPOLOGICAL },
    { "columns", required_argument, NULL, OPT_COLUMNS },
    { "no-header", no_argument, NULL, OPT_NO_HEADER },
    { "exact", no_argument, NULL, OPT_EXACT },
    OPTIONS_COMMON
};

/* What was asked for. */
struct request {
    struct output_list how;
    const char *from;           /* --from */
    bool from_current;          /* --current */
    bool parent;                /* --parent */
    bool help_columns;          /* -o help */
};

static void want(struct xl_app *app, struct request *request,
                 enum output_list_style wanted)
{
    enum output_list_style *style = &request->how.style;

    if (*style != OUTPUT_TABLE && *style != wanted)
        options_wrong(app, "--tree, --names and --dot exclude each other");
    *style = wanted;
}

static void want_columns(struct xl_app *app, struct request *request,
                         const char *list)
{
    char reason[sizeof(app->usage_error)];

    if (!strcmp(list, "help"))
        request->help_columns = true;
    else if (!output_columns_add(&request->how.columns, list, reason,
                                 sizeof(reason)))
        options_wrong(app, "%s", reason);
}

static void option(struct xl_app *app, struct request *request, int opt)
{
    struct chain_filter *filter = &request->how.filter;

    switch (opt) {
    case OPT_TREE:          want(app, request, OUTPUT_TREE);        break;
    case OPT_NAMES:         want(app, request, OUTPUT_NAMES);       break;
    case OPT_DOT:           want(app, request, OUTPUT_DOT);         break;
    case OPT_ROOTS:         filter->roots = true;                   break;
    case OPT_LEAVES:        filter->leaves = true;                  break;
    case OPT_NO_LEAVES:     filter->no_leaves = true;               break;
    case OPT_INTERNAL:      filter->internal = true;                break;
    case OPT_EXTERNAL:      filter->external = true;                break;
    case OPT_DISK_ONLY:     filter->disk_only = true;               break;
    case OPT_ACTIVE:        filter->active = true;                  break;
    case OPT_INACTIVE:      filter->inactive = true;                break;
    case OPT_FROM:          request->from = optarg;                 break;
    case OPT_CURRENT:       request->from_current = true;           break;
    case OPT_DESCENDANTS:   filter->descendants = true;             break;
    case OPT_PARENT:        request->parent = true;                 break;
    case OPT_TOPOLOGICAL:   request->how.topological = true;        break;
    case OPT_COLUMNS:       want_columns(app, request, optarg);     break;
    case OPT_NO_HEADER:     request->how.no_header = true;          break;
    case OPT_EXACT:         request->how.exact = true;              break;
    }
}

/* What cannot be together, once all options are known. */
static void check(struct xl_app *app, struct request *request, bool one)
{
    struct output_list *how = &request->how;
    bool below = request->from || request->from_current;

    if (request->from && request->from_current)
        options_wrong(app, "--from and --current exclude each other");
    if (below && how->filter.roots)
        options_wrong(app, "nothing that descends from a snapshot is one of "
                      "the --roots");
    if (how->filter.descendants && !below)
        options_wrong(app, "--descendants needs --from or --current");
    if (below && !one)
        options_wrong(app, "--from and --current need a domain");
    if (how->style != OUTPUT_TABLE &&
        (how->columns.num || request->parent || how->no_header || how->exact))
        options_wrong(app, "-o, -H, -p and --parent are for the table, not "
                      "for --tree, --names or --dot");
    if (how->style == OUTPUT_NAMES && !one &&
        !chain_filter_is_empty(&how->filter))
        options_wrong(app, "the names of all domains cannot be filtered; "
                      "name one");
}

/* The usual columns have the parent already. */
static void complete(struct request *request, bool one)
{
    struct output_list *how = &request->how;

    how->headings = !one;
    if (request->parent && how->columns.num &&
        how->columns.num < OUTPUT_MAX_COLUMNS &&
        !output_columns_have(&how->columns, COLUMN_PARENT))
        how->columns.list[how->columns.num++] = COLUMN_PARENT;
    /* A drawing needs what it begins with, and all that is on the way. */
    if (how->style == OUTPUT_TREE || how->style == OUTPUT_DOT)
        how->filter.descendants = how->filter.itself = true;
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

/* --from and --current are of the one domain that there is then. */
static int find_from(struct request *request, const struct domains *domains,
                     struct manage_error *err)
{
    const chain_snapshot *from;

    if (!request->from && !request->from_current) return 0;
    from = request->from
           ? command_find(&domains->list[0].view, request->from, err)
           : command_find_current(&domains->list[0].view, err);
    if (!from) return ERROR_NOTFOUND;
    request->how.filter.from = from->serial;
    return 0;
}

/* Only when somebody wants to know: every file is looked at for it. */
static int find_sizes(struct xl_app *app, const struct request *request,
                      struct domains *domains, struct manage_error *err)
{
    const struct output_columns *columns = &request->how.columns;
    bool freed = output_columns_have(columns, COLUMN_FREED);
    struct output_domain *domain;
    size_t i, num;
    int rc;

    if (!freed && !output_columns_have(columns, COLUMN_SIZE)) return 0;
    for (i = 0; i < domains->num; i++) {
        domain = &domains->list[i];
        if (domain->err.outcome != MANAGE_OK) continue;
        num = domain->view.chain.tree.num_snapshots;
        domain->sizes = calloc(num + 1, sizeof(*domain->sizes));
        if (!domain->sizes) return output_out_of_memory(err);
        rc = manage_sizes(app->manage, &domain->view, freed, domain->sizes,
                          err);
        if (rc) return rc;
    }
    return 0;
}

int main_snapshot_list(struct xl_app *app, int argc, char **argv)
{
    struct request request = { .how = { .style = OUTPUT_TABLE } };
    enum manage_outcome outcome = MANAGE_OK;
    struct domains domains = { 0 };
    struct manage_error err;
    const char *name;
    int opt, rc, status;

    while ((opt = options_next_of(app, argc, argv, shortopts, longopts)) != -1)
        option(app, &request, opt);
    name = argv[optind];                /* NULL, past the last one */
    check(app, &request, name);
    if (options_done(app, argc, argv, 0, 1, &status)) return status;
    if (request.help_columns) {
        output_columns_help();
        return output_finish(app, MANAGE_OK);
    }
    complete(&request, name);

    command_error_init(&err);
    rc = app_open(app, APP_READ, &err);
    if (rc) goto out;
    rc = domains_find(app, name, &domains, &err);
    if (rc) goto out;
    /* The names of all domains are known without reading one chain. */
    if (name || request.how.style != OUTPUT_NAMES || app->json)
        domains_look(app, &domains);
    rc = domains_only_failure(&domains, name, &err);
    if (rc) goto out;

    outcome = remark(app, &domains);
    rc = find_from(&request, &domains, &err);
    if (!rc) rc = find_sizes(app, &request, &domains, &err);
    if (!rc)
        rc = output_list(app, domains.list, domains.num, &request.how, &err);
out:
    domains_dispose(&domains);
    return command_end(app, rc, &err, outcome);
}
