/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of one cell of a list. For the files that print lists. */
#ifndef XL_OUTPUT_COLUMNS_H
#define XL_OUTPUT_COLUMNS_H

#include "xl/output_list.h"

/* One snapshot, and how its cells shall look. */
struct cell {
    const struct output_domain *domain;
    const struct chain_filtered *entry;
    bool exact;
    bool utf8;
};

const char *column_heading(enum output_column column);

/* Escaped, malloc'd; NULL when out of memory. Only a description can be
 * empty: what does not apply, or is not known, is "-". */
char *column_text(enum output_column column, const struct cell *cell);

#endif
