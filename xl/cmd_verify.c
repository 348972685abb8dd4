/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/domains.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_ALL = OPT_OWN };

static const struct option longopts[] = {
    { "all", no_argument, NULL, OPT_ALL },
    OPTIONS_COMMON
};

/* One that cannot be read keeps no other from it. */
static void verify(struct xl_app *app, struct domains *domains,
                   const char *snapshot)
{
    struct output_domain *domain;
    size_t i;

    for (i = 0; i < domains->num; i++) {
        domain = &domains->list[i];
        command_error_init(&domain->err);
        if (manage_verify(app->manage, domain->name, snapshot,
                          &domain->verified, &domain->num_verified,
                          &domain->err))
            command_error_complete(&domain->err);
    }
}

/* What was found, apart from domains that could not be looked at. */
static enum manage_outcome found(const struct domains *domains)
{
    size_t i;
    int k;

    for (i = 0; i < domains->num; i++)
        for (k = 0; k < domains->list[i].num_verified; k++)
            if (domains->list[i].verified[k].problem) return MANAGE_DAMAGED;
    return MANAGE_OK;
}

int main_snapshot_verify(struct xl_app *app, int argc, char **argv)
{
    enum manage_outcome outcome = MANAGE_OK;
    struct domains domains = { 0 };
    struct manage_error err;
    const char *name, *snapshot;
    bool all = false;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1)
        if (opt == OPT_ALL) all = true;
    if (all && optind < argc)
        options_wrong(app, "--all goes with no domain");
    if (options_done(app, argc, argv, 0, 2, &status)) return status;
    name = argv[optind];                /* NULL, past the last one */
    snapshot = name ? argv[optind + 1] : NULL;

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = domains_find(app, name, &domains, &err);
    if (rc) goto out;
    verify(app, &domains, snapshot);
    rc = domains_only_failure(&domains, name, &err);
    if (rc) goto out;

    output_verified(app, domains.list, domains.num);
    outcome = domains_report_failures(app, &domains);
    if (outcome == MANAGE_OK) outcome = found(&domains);
out:
    domains_dispose(&domains);
    return command_end(app, rc, &err, outcome);
}
