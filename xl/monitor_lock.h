/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * At most one of our monitors per domid. Whoever holds the lock on a domid's
 * file is the monitor of that domain, from before it first looks at the domain
 * until it has done with it.
 */
#ifndef XL_MONITOR_LOCK_H
#define XL_MONITOR_LOCK_H

#include <stdint.h>
#include <sys/types.h>

struct monitor_lock {
    int fd;             /* -1: not held */
    char path[256];
};

void monitor_lock_init(struct monitor_lock *lock);

/*
 * dir: XEN_RUN_DIR, except in tests. 0; ERROR_LOCK_FAIL when another process
 * holds it; ERROR_FAIL with errno. Never waits. Belongs to the process, not to
 * its children: take it after the last fork.
 */
int monitor_lock_take(struct monitor_lock *lock, const char *dir,
                      uint32_t domid);

/* Removes the file as well. Nothing happens when it is not held. */
void monitor_lock_release(struct monitor_lock *lock);

/* Which process holds it; 0: none, or it cannot be told. */
pid_t monitor_lock_holder(const char *dir, uint32_t domid);

#endif
