/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/domains.h"
#include "xl/options.h"
#include "xl/output.h"

enum { OPT_HOOK_TIMEOUT = OPT_OWN };

static const struct option longopts[] = {
    { "hook-timeout", required_argument, NULL, OPT_HOOK_TIMEOUT },
    OPTIONS_COMMON
};

/* One that cannot be recovered keeps no other from it. */
static void recover(struct xl_app *app, struct domains *domains)
{
    struct output_domain *domain;
    size_t i;

    for (i = 0; i < domains->num; i++) {
        domain = &domains->list[i];
        command_error_init(&domain->err);
        if (manage_recover(app->manage, domain->name, &domain->report,
                           &domain->err))
            command_error_complete(&domain->err);
    }
}

int main_snapshot_recover(struct xl_app *app, int argc, char **argv)
{
    enum manage_outcome outcome = MANAGE_OK;
    struct domains domains = { 0 };
    struct manage_error err;
    const char *name;
    int opt, rc, status;

    while ((opt = options_next(app, argc, argv, longopts)) != -1)
        if (opt == OPT_HOOK_TIMEOUT) options_hook_timeout(app);
    if (options_done(app, argc, argv, 0, 1, &status)) return status;
    name = argv[optind];                /* NULL, past the last one */

    command_error_init(&err);
    rc = app_open(app, APP_CHANGE, &err);
    if (rc) goto out;
    rc = domains_find(app, name, &domains, &err);
    if (rc) goto out;
    if (app->dry_run)
        domains_look(app, &domains);
    else
        recover(app, &domains);
    rc = domains_only_failure(&domains, name, &err);
    if (rc) goto out;

    output_recovered(app, domains.list, domains.num, !name);
    outcome = domains_report_failures(app, &domains);
out:
    domains_dispose(&domains);
    return command_end(app, rc, &err, outcome);
}
