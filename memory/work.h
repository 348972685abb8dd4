/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that do pieces of work. Whoever has some submits it, does something
 * else, and waits for it when the result is needed; who waits in the order in
 * which he submitted gets results in that order, whichever thread was faster.
 */
#ifndef MEMORY_WORK_H
#define MEMORY_WORK_H

#include <stdbool.h>

struct work_pool;

/* Part of whatever the work is about; the submitter's, who zeroes it once. */
struct work {
    void (*run)(struct work *work);
    bool submitted, done;
    struct work *next;
};

/* One thread for each processor that we may use. Returns 0 or ERROR_NOMEM,
 * ERROR_FAIL. The threads take no signals. */
int work_pool_start(struct work_pool **pool_r);

/* When nothing is under way. NULL is fine. */
void work_pool_stop(struct work_pool *pool);

unsigned work_pool_threads(const struct work_pool *pool);

/* It must not be under way; what it did before is forgotten. */
void work_submit(struct work_pool *pool, struct work *work);

/* Returns at once if it is done, or was never submitted. */
void work_wait(struct work_pool *pool, struct work *work);

#endif
