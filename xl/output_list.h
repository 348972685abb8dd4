/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How snapshot-list prints: which snapshots, which columns, which style. */
#ifndef XL_OUTPUT_LIST_H
#define XL_OUTPUT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "chain/filter.h"
#include "xl/output.h"

enum output_list_style {
    OUTPUT_TABLE,
    OUTPUT_TREE,
    OUTPUT_NAMES,
    OUTPUT_DOT,
};

/* In the order in which they are listed to people. */
enum output_column {
    COLUMN_DOMAIN,
    COLUMN_NAME,
    COLUMN_PARENT,
    COLUMN_CREATED,
    COLUMN_STATE,
    COLUMN_KIND,
    COLUMN_DISKS,
    COLUMN_MEMORY,
    COLUMN_STORED,
    COLUMN_SIZE,
    COLUMN_FREED,
    COLUMN_PAUSE,
    COLUMN_LIVE,
    COLUMN_QUIESCED,
    COLUMN_CURRENT,
    COLUMN_SERIAL,
    COLUMN_UUID,
    COLUMN_DESCRIPTION,
    NUM_COLUMNS
};

/* The same one may be there twice. */
#define OUTPUT_MAX_COLUMNS 64

struct output_columns {
    enum output_column list[OUTPUT_MAX_COLUMNS];
    size_t num;                 /* 0: nobody chose; the usual ones */
};

struct output_list {
    enum output_list_style style;
    struct chain_filter filter;
    struct output_columns columns;
    bool headings;              /* the domains are several, say which is which */
    bool no_header;             /* fields between tabs, for programs */
    bool exact;                 /* plain numbers */
    bool topological;           /* the table too: parents first */
};

/* ---- columns: output_columns.c ---- */

/* Add the columns of "NAME,NAME". False, and columns as they were, when that
 * is wrong: reason then says why. */
bool output_columns_add(struct output_columns *columns, const char *list,
                        char *reason, size_t len);
void output_columns_help(void);
bool output_columns_have(const struct output_columns *columns,
                         enum output_column column);

/* ---- one domain each; all of these return 0 or ERROR_NOMEM ---- */

int output_table(const struct output_list *how,
                 const struct output_domain *domain,
                 struct chain_filtered *entries, size_t num);
int output_tree(const struct output_domain *domain,
                const struct chain_filtered *entries, size_t num);
int output_dot(const struct output_domain *domain,
               const struct chain_filtered *entries, size_t num);

/* All of what snapshot-list prints. 0, or a libxl error with err filled in. */
int output_list(const struct xl_app *app, const struct output_domain *domains,
                size_t num, const struct output_list *how,
                struct manage_error *err);

#endif
