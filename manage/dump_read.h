/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What snapshot-dump prints (docs/format/dump.md), read back: one object, or
 * an array of them, put in the order in which they can be added to a chain.
 * Nothing is looked at but the text. What it says may come from anybody.
 */
#ifndef MANAGE_DUMP_READ_H
#define MANAGE_DUMP_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "manage/manage.h"

#define DUMP_VERSION 1u
#define DUMP_MAX 10000u         /* snapshots in one text */

struct dump {
    char *domain;
    chain_snapshot snapshot;    /* its serials are those of the dumped chain */
    char *parent_name;          /* NULL: a root */
    char *config;               /* JSON of a libxl_domain_config; NULL: lost */
    /* The parent, when it is in the same text; else NULL. */
    const struct dump *parent;
};

struct dumps {
    struct dump *list;
    size_t num;
    size_t *order;              /* of list: parents before their children */
};

void dumps_init(struct dumps *dumps);
void dumps_dispose(struct dumps *dumps);

/*
 * dumps is initialised. MANAGE_REFUSED, with the place in the text, when it
 * is not what it should be, when two snapshots have one name, or when some
 * descend from each other.
 */
int dumps_parse(struct dumps *dumps, const char *text, size_t len,
                struct manage_error *err);

#endif
