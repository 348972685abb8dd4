/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of a domain's snapshots, for people and, without a header, for
 * programs. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/output_columns.h"
#include "xl/text.h"

/* What is shown when nobody chooses. The description is left away where no
 * snapshot has one; the domain is in the heading, where there are headings. */
static const enum output_column usual[] = {
    COLUMN_DOMAIN, COLUMN_NAME, COLUMN_CREATED, COLUMN_STATE, COLUMN_MEMORY,
    COLUMN_PARENT, COLUMN_DESCRIPTION,
};

struct table {
    const struct output_list *how;
    const struct output_domain *domain;
    struct output_columns columns;
    size_t widths[OUTPUT_MAX_COLUMNS];
    char **cells;               /* row after row */
    size_t num_rows;
    bool utf8;
};

static bool by_serial_before(const struct chain_filtered *a,
                             const struct chain_filtered *b)
{
    return a->snapshot->serial < b->snapshot->serial;
}

static int by_serial(const void *a, const void *b)
{
    return by_serial_before(b, a) - by_serial_before(a, b);
}

static bool some_description(const struct chain_filtered *entries, size_t num)
{
    const char *description;
    size_t i;

    for (i = 0; i < num; i++) {
        description = entries[i].snapshot->description;
        if (description && description[0]) return true;
    }
    return false;
}

static void choose(struct table *table, const struct chain_filtered *entries,
                   size_t num)
{
    const struct output_list *how = table->how;
    struct output_columns *columns = &table->columns;
    size_t i;

    *columns = how->columns;
    if (columns->num) return;
    for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i] == COLUMN_DOMAIN && !(how->headings && how->no_header))
            continue;
        /* A program wants the same columns always. */
        if (usual[i] == COLUMN_DESCRIPTION && !how->no_header &&
            !some_description(entries, num))
            continue;
        columns->list[columns->num++] = usual[i];
    }
}

static char **cell_at(const struct table *table, size_t row, size_t column)
{
    return &table->cells[row * table->columns.num + column];
}

static int fill(struct table *table, const struct chain_filtered *entries,
                size_t num)
{
    struct cell cell = {
        .domain = table->domain,
        .exact = table->how->exact,
        .utf8 = table->utf8,
    };
    size_t row, c, width;
    char *text;

    table->cells = calloc(num * table->columns.num + 1, sizeof(char *));
    if (!table->cells) return ERROR_NOMEM;
    table->num_rows = num;
    for (c = 0; c < table->columns.num; c++)
        table->widths[c] = strlen(column_heading(table->columns.list[c]));
    for (row = 0; row < num; row++) {
        cell.entry = &entries[row];
        for (c = 0; c < table->columns.num; c++) {
            text = column_text(table->columns.list[c], &cell);
            if (!text) return ERROR_NOMEM;
            *cell_at(table, row, c) = text;
            width = text_width(text, table->utf8);
            if (width > table->widths[c]) table->widths[c] = width;
        }
    }
    return 0;
}

static void table_dispose(struct table *table)
{
    size_t i;

    for (i = 0; i < table->num_rows * table->columns.num; i++)
        free(table->cells[i]);
    free(table->cells);
}

/* The last column is not padded: no line ends in spaces. */
static void print_row(const struct table *table, const char *mark,
                      const char *const *cells)
{
    size_t last = table->columns.num - 1, c, width;

    while (last && !cells[last][0])
        last--;
    printf("%s ", mark);
    for (c = 0; c < last; c++) {
        width = text_width(cells[c], table->utf8);
        printf("%s%*s  ", cells[c], (int)(table->widths[c] - width), "");
    }
    printf("%s\n", cells[last]);
}

static void print_header(const struct table *table)
{
    const char *cells[OUTPUT_MAX_COLUMNS] = { NULL };
    size_t c;

    for (c = 0; c < table->columns.num; c++)
        cells[c] = column_heading(table->columns.list[c]);
    print_row(table, " ", cells);
}

/* A tab within a cell was escaped. An empty one would be lost to a shell's
 * "read", to which several tabs are one. */
static void print_fields(const struct table *table, size_t row)
{
    const char *text;
    size_t c;

    for (c = 0; c < table->columns.num; c++) {
        text = *cell_at(table, row, c);
        printf("%s%s", c ? "\t" : "", text[0] ? text : "-");
    }
    printf("\n");
}

int output_table(const struct output_list *how,
                 const struct output_domain *domain,
                 struct chain_filtered *entries, size_t num)
{
    struct table table = {
        .how = how,
        .domain = domain,
        .utf8 = text_locale_is_utf8(),
    };
    uint64_t current = domain->view.chain.tree.current;
    size_t row;
    int rc;

    if (num && !how->topological)
        qsort(entries, num, sizeof(*entries), by_serial);
    choose(&table, entries, num);
    rc = fill(&table, entries, num);
    if (rc) goto out;
    if (!how->no_header) print_header(&table);
    for (row = 0; row < num; row++) {
        if (how->no_header)
            print_fields(&table, row);
        else
            print_row(&table,
                      entries[row].snapshot->serial == current ? "*" : " ",
                      (const char *const *)cell_at(&table, row, 0));
    }
out:
    table_dispose(&table);
    return rc;
}
