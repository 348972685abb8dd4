/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk's snapshot that a program of the user's takes, puts back and deletes.
 * What it is told and what it must do is the manual page's ("HOOKS"), and why,
 * docs/design/manual.md's.
 */
#ifndef MANAGE_HOOK_H
#define MANAGE_HOOK_H

#include "manage/internal.h"

enum hook_action {
    HOOK_CREATE,
    HOOK_REVERT,
    HOOK_DELETE,
};

/* Is the disk one of those, with all that it takes to run its hook? */
bool hook_has(const chain_disk *disk);

/* What its hook shall know each such disk by: the same for all of them, and
 * never anybody else's. */
int hook_set_ids(struct operation *op, chain_snapshot *snapshot);

/* Could it be done? Nothing is changed; refused in words that say why not. */
int hook_check(struct operation *op, enum hook_action action, const char *name,
               const chain_disk *disk);

/* Do it. Each may be done again. name: the snapshot's; NULL: it is known no
 * more. */
int hook_run(struct operation *op, enum hook_action action, const char *name,
             const chain_disk *disk);

#endif
