/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole changes of a chain, in the order that chain/store.h asks for, with
 * files in the place of a domain's memory; and what must hold of the files
 * however such a change was cut short.
 */
#ifndef TESTS_CHAIN_FLOWS_H
#define TESTS_CHAIN_FLOWS_H

#include "tests/chain/util.h"

/* All of them return where the first call failed, leaving everything as it
 * is, as a killed process would. They mark: "journal", "saved", "cleared". */

/* A new snapshot, child of the current one, and current from then on. */
int flow_create(const char *statedir, const char *name,
                struct chain_error *err);
/* Given up before the chain knows of it. */
int flow_create_undone(const char *statedir, const char *name,
                       struct chain_error *err);
int flow_delete(const char *statedir, uint64_t serial,
                struct chain_error *err);
/* Of the second disk, whose image is then frozen under "/srv/<name>". */
int flow_create_external(const char *statedir, const char *name,
                         struct chain_error *err);
/* What a delete left to be done about an image, without the image. */
int flow_merge(const char *statedir, struct chain_error *err);
int flow_rename(const char *statedir, uint64_t serial, const char *name,
                struct chain_error *err);
int flow_restore(const char *statedir, struct chain_error *err);
/* What the next command does first: finishes or undoes what was in flight. */
int flow_recover(const char *statedir, struct chain_error *err);

/* Each kind of change with what makes the chain that it is made to. */
struct flow {
    const char *name;
    int (*prepare)(const char *statedir, struct chain_error *err);
    int (*change)(const char *statedir, struct chain_error *err);
};
extern const struct flow flow_table[];
extern const size_t flow_num;

/* The chain as text, malloc'd. It must be sound. */
char *flow_text(const char *statedir);

/*
 * The chain is one of the texts; all that it names is there, complete;
 * whatever else is there, a journal speaks of it; and the next command clears
 * it away without changing the chain. where is said when it is not so.
 */
void flow_check(const char *statedir, const char *const *texts, size_t num,
                const char *where);

#endif
