/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A xenstore in the mind, with transactions: stands in for libxenstore, by
 * defining its calls in the test's own program.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <stdbool.h>

struct fake_store {
    int conflicts;      /* so many commits find that others were quicker */
    int calls;          /* since the reset, of any kind */
    int fail_at;        /* the call of this number fails; 0: none does */
    int fail_errno;
    int fail_for;       /* and so many after it; 0: that one alone */
    int open;           /* handles and transactions not closed yet */
    /* Called before each call, if not NULL. */
    void (*before)(void *user);
    void *user;
};

extern struct fake_store fake_store;

void fake_store_reset(void);
void fake_store_put(const char *path, const char *value);
/* NULL: there is none. */
const char *fake_store_get(const char *path);

#endif
