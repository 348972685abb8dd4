/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's snapshots drawn as a tree. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "xl/output_columns.h"
#include "xl/text.h"

struct strokes {
    const char *branch, *corner, *line, *space;
};

static const struct strokes utf8_strokes = {
    "\u251c\u2500 ", "\u2514\u2500 ", "\u2502  ", "   ",
};
static const struct strokes ascii_strokes = { "|- ", "`- ", "|  ", "   " };

/* Deeper than this the drawing goes no further to the right, and a number
 * says how deep it is: a chain of thousands stays readable, and printable. */
#define TREE_MAX_DEPTH 24

/* more[d]: on the way here, the branch at depth d goes on below. */
static void print_branch(const struct strokes *strokes, const bool *more,
                         size_t depth)
{
    size_t shown = depth < TREE_MAX_DEPTH ? depth : TREE_MAX_DEPTH, d;

    for (d = 0; d < shown; d++)
        printf("%s", more[d] ? strokes->line : strokes->space);
    printf("%s", more[depth] ? strokes->branch : strokes->corner);
    if (depth > TREE_MAX_DEPTH) printf("(%zu) ", depth + 1);
}

static int print_snapshot(const struct output_domain *domain,
                          const struct chain_filtered *entry, bool utf8)
{
    static const enum output_column columns[] = {
        COLUMN_NAME, COLUMN_CREATED, COLUMN_STATE, COLUMN_MEMORY,
    };
    struct cell cell = { .domain = domain, .entry = entry, .utf8 = utf8 };
    size_t num = entry->snapshot->memory ? 4 : 3, i;
    char *text;

    for (i = 0; i < num; i++) {
        text = column_text(columns[i], &cell);
        if (!text) return ERROR_NOMEM;
        printf("%s%s", i ? "  " : "", text);
        free(text);
    }
    printf("\n");
    return 0;
}

static bool has_children(const struct chain_filtered *entries, size_t num,
                         size_t i)
{
    return i + 1 < num && entries[i + 1].depth > entries[i].depth;
}

int output_tree(const struct output_domain *domain,
                const struct chain_filtered *entries, size_t num)
{
    bool utf8 = text_locale_is_utf8();
    const struct strokes *strokes = utf8 ? &utf8_strokes : &ascii_strokes;
    bool *more = calloc(num + 2, sizeof(*more));
    size_t i, depth;
    int rc = 0;

    if (!more) return ERROR_NOMEM;
    for (i = 0; i < num && !rc; i++) {
        depth = entries[i].depth;
        more[depth] = !entries[i].last;
        print_branch(strokes, more, depth);
        rc = print_snapshot(domain, &entries[i], utf8);

        /* The present is drawn as the first of current's children. */
        if (!rc && entries[i].snapshot->serial ==
            domain->view.chain.tree.current) {
            more[depth + 1] = has_children(entries, num, i);
            print_branch(strokes, more, depth + 1);
            printf("* you are here\n");
        }
    }
    free(more);
    return rc;
}
