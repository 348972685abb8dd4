/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One process at a time may change a chain. The lock is flock on a file; the
 * kernel drops it when its holder dies. The file says who the holder is, for
 * messages only. Of this room only.
 */
#ifndef CHAIN_LOCK_H
#define CHAIN_LOCK_H

#include "chain/error.h"

struct chain_lock;

/* Tries until wait_ms have passed, once at least. ERROR_LOCK_FAIL says who has
 * it. The descriptor is closed by exec; a child that is only forked shares
 * the lock, and loses it when we release it. */
int chain_lock_take(const char *path, const char *verb, unsigned int wait_ms,
                    struct chain_lock **lock_r, struct chain_error *err);

/* NULL is fine. */
void chain_lock_release(struct chain_lock *lock);

#endif
