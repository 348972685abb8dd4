/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the records may be put back, and how. */
#ifndef XLS_MANAGE_REDEFINE_CHECK_H
#define XLS_MANAGE_REDEFINE_CHECK_H

#include "manage/dump_read.h"
#include "manage/internal.h"
#include "manage/preflight.h"

enum action { KEEP, UPDATE, ADD };

struct redefine {
    const struct manage_redefine *args;
    struct operation op;
    struct dumps dumps;
    struct prediction predicted;
    enum action *actions;       /* one for each dump, in the order of the text */
    struct manage_redefined done;
};

/* May this one be put back, and is there anything to do? Only looks. */
int redefine_check(struct redefine *r, const struct dump *dump,
                   enum action *action_r);

/* A file of a payload, or with NULL the payload itself. */
int redefine_payload_has(struct operation *op, uint64_t serial,
                         const char *file, bool *has_r);

#endif
