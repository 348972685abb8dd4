/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's snapshots as a graph in Graphviz' language. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "xl/output_columns.h"
#include "xl/text.h"

/*
 * Within quotes the language knows \" alone, but labels know \n, \l, \N and
 * so on, and HTML's &entities;. The text has no control characters any more.
 */
static void print_quotable(const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '"':   printf("\\\"");     break;
        case '\\':  printf("\\\\");     break;
        case '&':   printf("&amp;");    break;
        default:    putchar(*text);     break;
        }
    }
}

static int print_node(const struct output_domain *domain,
                      const struct chain_filtered *entry, size_t number,
                      bool utf8)
{
    static const enum output_column lines[] = {
        COLUMN_NAME, COLUMN_CREATED, COLUMN_STATE,
    };
    struct cell cell = { .domain = domain, .entry = entry, .utf8 = utf8 };
    char *text;
    size_t i;

    printf("    n%zu [label=\"", number);
    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        text = column_text(lines[i], &cell);
        if (!text) return ERROR_NOMEM;
        if (i) printf("\\n");
        print_quotable(text);
        free(text);
    }
    printf("\"%s];\n", entry->snapshot->serial ==
           domain->view.chain.tree.current ? ", style=bold" : "");
    return 0;
}

/* Nodes have numbers, not names or serials: in a damaged chain two may have
 * the same. above[d]: the number of the last one at depth d. */
static int print_nodes(const struct output_domain *domain,
                       const struct chain_filtered *entries, size_t num,
                       size_t *above, bool utf8)
{
    uint64_t current = domain->view.chain.tree.current;
    size_t i, depth;
    int rc;

    for (i = 0; i < num; i++) {
        depth = entries[i].depth;
        above[depth] = i;
        rc = print_node(domain, &entries[i], i, utf8);
        if (rc) return rc;
        /* Dashed: some in between are not shown. */
        if (depth)
            printf("    n%zu -> n%zu%s;\n", above[depth - 1], i,
                   entries[above[depth - 1]].snapshot == entries[i].parent
                   ? "" : " [style=dashed]");
        if (entries[i].snapshot->serial == current)
            printf("    present [label=\"you are here\", shape=plaintext];\n"
                   "    n%zu -> present;\n", i);
    }
    return 0;
}

int output_dot(const struct output_domain *domain,
               const struct chain_filtered *entries, size_t num)
{
    bool utf8 = text_locale_is_utf8();
    char *name = text_escape(domain->view.domain, utf8);
    size_t *above = calloc(num + 1, sizeof(*above));
    int rc = ERROR_NOMEM;

    if (!name || !above) goto out;
    printf("digraph \"");
    print_quotable(name);
    printf("\" {\n    node [shape=box];\n");
    rc = print_nodes(domain, entries, num, above, utf8);
    printf("}\n");
out:
    free(name);
    free(above);
    return rc;
}
