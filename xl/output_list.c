/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot-list: the chains of one or more domains, in one style. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xl/output_list.h"
#include "xl/text.h"

static void print_line(const char *text)
{
    char *safe = text_escape(text, text_locale_is_utf8());

    printf("%s\n", safe ? safe : "?");
    free(safe);
}

static void print_heading(const struct manage_view *view)
{
    char *safe = text_escape(view->domain, text_locale_is_utf8());

    if (view->running)
        printf("%s (domain %" PRIu32 ")\n", safe ? safe : "?", view->domid);
    else
        printf("%s\n", safe ? safe : "?");
    free(safe);
}

static bool has_heading(const struct output_list *how)
{
    switch (how->style) {
    case OUTPUT_TREE:   return true;
    case OUTPUT_DOT:    return false;
    default:            return how->headings && !how->no_header;
    }
}

static int print_domain(const struct output_list *how,
                        const struct output_domain *domain)
{
    struct chain_filtered *entries = NULL;
    size_t num = 0, i;
    int rc;

    rc = chain_filter_apply(&domain->view.chain, &how->filter, &entries, &num,
                            NULL);
    if (rc) return rc;
    if (has_heading(how)) print_heading(&domain->view);
    switch (how->style) {
    case OUTPUT_TABLE:
        rc = output_table(how, domain, entries, num);
        break;
    case OUTPUT_TREE:
        rc = output_tree(domain, entries, num);
        break;
    case OUTPUT_DOT:
        rc = output_dot(domain, entries, num);
        break;
    case OUTPUT_NAMES:
        for (i = 0; i < num; i++)
            print_line(entries[i].snapshot->name);
        break;
    }
    free(entries);
    return rc;
}

int output_list(const struct xl_app *app, const struct output_domain *domains,
                size_t num, const struct output_list *how,
                struct manage_error *err)
{
    size_t i;

    if (app->json) return output_json_list(domains, num, how, err);

    for (i = 0; i < num; i++) {
        if (how->headings && how->style == OUTPUT_NAMES)
            print_line(domains[i].name);
        else if (domains[i].err.outcome == MANAGE_OK &&
                 print_domain(how, &domains[i]))
            return output_out_of_memory(err);
    }
    return 0;
}
