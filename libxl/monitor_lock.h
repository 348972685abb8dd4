/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl's own lock around a domain's QEMU monitor, which serves one client at
 * a time. libxl takes it before connecting and keeps it until it has
 * disconnected; so must we, or one of us waits for a greeting that never
 * comes.
 *
 * The lock is flock() on userdata-l.<domid>.<uuid>.qmp-socket-lock in libxl's
 * state directory. Whoever leaves removes the file first, and so does libxl
 * when the domain is destroyed; a lock on a file that is no longer the one at
 * that path is worth nothing, and the taking is begun again.
 *
 * flock belongs to the open file, not to the process: a libxl function that
 * needs the monitor (suspend, resume, cdrom, and for HVM reading the
 * configuration) called while the lock is held waits for itself. libxl's own
 * callers give up after 10 s, some of which they may spend waiting for us.
 */
#ifndef XLS_MONITOR_LOCK_H
#define XLS_MONITOR_LOCK_H

#include <stdint.h>

#include <libxl.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"

struct monitor_lock;

/* Called with the lock just taken: 0 if the domain is still there, else an
 * error to fail with (libxl_domain_info is allowed; it needs no monitor). */
typedef int monitor_domain_check(void *user);

struct monitor_lock_params {
    const char *lib_dir;            /* libxl's state directory */
    uint32_t domid;
    const char *uuid;               /* lower case, 8-4-4-4-12 */
    monitor_domain_check *check;    /* may be NULL */
    void *check_user;
};

/* ERROR_TIMEDOUT: somebody else kept it. ERROR_LOCK_FAIL: the file could not
 * be opened or locked. Else whatever the check said. */
int monitor_lock_acquire(const struct monitor_lock_params *params, deadline by,
                         struct monitor_lock **lock_r, struct diag *diag);

/* NULL is fine. */
void monitor_lock_release(struct monitor_lock *lock);

#endif
