/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xl rename, which is the system's. Snapshots belong to the domain's name,
 * which is also in the configurations and the memory images that they hold:
 * a domain that has some keeps its name, and none takes the name of others'.
 */
#include "config.h"

#include <stdio.h>

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/output.h"
#include "xl/system_disks.h"
#include "xl/system_xl.h"

/* Whether domain has a chain. One that cannot be read is one. */
static bool has_chain(struct xl_app *app, const char *domain, char *name,
                      size_t len)
{
    struct manage_error err;
    struct manage_view view;
    bool has;

    command_error_init(&err);
    manage_view_init(&view);
    if (manage_look(app->manage, domain, &view, &err))
        has = err.outcome != MANAGE_NOT_FOUND;
    else
        has = view.chain.damaged || view.in_flight ||
              view.chain.tree.num_snapshots || view.chain.tree.num_images;
    snprintf(name, len, "%s", view.domain ? view.domain : domain);
    manage_view_dispose(&view);
    return has;
}

static int check(struct xl_app *app, const char *domain, const char *new_name,
                 struct manage_error *err)
{
    char name[256];

    if (has_chain(app, domain, name, sizeof(name)))
        snprintf(err->text, sizeof(err->text), "domain '%s' has snapshots,"
                 " which belong to that name: delete them first", name);
    else if (has_chain(app, new_name, name, sizeof(name)))
        snprintf(err->text, sizeof(err->text), "there are snapshots of a"
                 " domain '%s' already, which this one would be taken for:"
                 " choose another name", name);
    else
        return 0;
    err->outcome = MANAGE_REFUSED;
    return ERROR_INVAL;
}

int main_domain_rename(struct xl_app *app, int argc, char **argv)
{
    struct manage_error err;
    int rc = 0;

    command_error_init(&err);
    if (argc == 3 && argv[1][0] != '-') {
        rc = app_open(app, APP_READ, &err);
        if (!rc && system_disks_have_chains(app))
            rc = check(app, argv[1], argv[2], &err);
    }
    if (rc) return command_end(app, rc, &err, MANAGE_OK);
    app_close(app);
    return system_xl_exec(app, app->argv);
}
