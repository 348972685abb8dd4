/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/command.h"
#include "xl/domains.h"

static int out_of_memory(struct manage_error *err)
{
    err->outcome = MANAGE_FAILED;
    snprintf(err->text, sizeof(err->text), "out of memory");
    return ERROR_NOMEM;
}

/* The names, which are then the caller's. */
static int find_names(struct xl_app *app, const char *name, char ***names_r,
                      int *num_r, struct manage_error *err)
{
    char **names;

    if (!name) return manage_list_domains(app->manage, names_r, num_r, err);

    names = malloc(sizeof(*names));
    if (!names) return out_of_memory(err);
    names[0] = strdup(name);
    if (!names[0]) {
        free(names);
        return out_of_memory(err);
    }
    *names_r = names;
    *num_r = 1;
    return 0;
}

int domains_find(struct xl_app *app, const char *name,
                 struct domains *domains_r, struct manage_error *err)
{
    struct output_domain *list;
    char **names = NULL;
    int num = 0, rc, i;

    rc = find_names(app, name, &names, &num, err);
    if (rc) return rc;

    list = calloc(num + 1, sizeof(*list));
    if (!list) {
        for (i = 0; i < num; i++)
            free(names[i]);
        free(names);
        return out_of_memory(err);
    }
    for (i = 0; i < num; i++) {
        list[i].name = names[i];
        list[i].err.outcome = MANAGE_OK;
        manage_view_init(&list[i].view);
    }
    free(names);
    domains_r->list = list;
    domains_r->num = num;
    return 0;
}

void domains_dispose(struct domains *domains)
{
    size_t i;

    for (i = 0; i < domains->num; i++) {
        free((char *)domains->list[i].name);
        free(domains->list[i].report);
        free(domains->list[i].sizes);
        manage_verified_free(domains->list[i].verified,
                             domains->list[i].num_verified);
        manage_view_dispose(&domains->list[i].view);
    }
    free(domains->list);
    domains->list = NULL;
    domains->num = 0;
}

void domains_look(struct xl_app *app, struct domains *domains)
{
    struct output_domain *domain;
    size_t i;

    for (i = 0; i < domains->num; i++) {
        domain = &domains->list[i];
        command_error_init(&domain->err);
        if (manage_look(app->manage, domain->name, &domain->view,
                        &domain->err))
            command_error_complete(&domain->err);
    }
}

int domains_only_failure(const struct domains *domains, const char *name,
                         struct manage_error *err)
{
    if (!name || domains->list[0].err.outcome == MANAGE_OK) return 0;
    *err = domains->list[0].err;
    return ERROR_FAIL;
}

enum manage_outcome domains_report_failures(const struct xl_app *app,
                                            const struct domains *domains)
{
    enum manage_outcome first = MANAGE_OK;
    const struct output_domain *domain;
    size_t i;

    for (i = 0; i < domains->num; i++) {
        domain = &domains->list[i];
        if (domain->err.outcome == MANAGE_OK) continue;
        output_note(app, "%s: %s", domain->name, domain->err.text);
        if (first == MANAGE_OK) first = domain->err.outcome;
    }
    return first;
}
