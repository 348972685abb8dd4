/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl's own locks around what belongs to one domain: flock() on
 * userdata-l.<domid>.<uuid>.<name> in libxl's state directory. Whoever leaves
 * removes the file first, and so does libxl when the domain is destroyed; a
 * lock on a file that is no longer the one at that path is worth nothing, and
 * the taking is begun again.
 *
 * flock belongs to the open file, not to the process: a libxl function that
 * takes the same lock, called while it is held here, waits for itself.
 *
 * libxl takes them in this order: its device lock, the monitor's, the
 * configuration's. Whoever holds the last may not wait for the others.
 */
#ifndef XLS_DOMAIN_LOCK_H
#define XLS_DOMAIN_LOCK_H

#include <stdint.h>

#include <libxl.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"

/* Around connecting to the domain's QEMU; see monitor_lock.h. */
#define DOMAIN_LOCK_MONITOR "qmp-socket-lock"
/* Around reading and writing the domain's userdata, its configuration too. */
#define DOMAIN_LOCK_USERDATA "domain-userdata-lock"

struct domain_lock;

/* Called with the lock just taken: 0 if the domain is still there, else an
 * error to fail with (libxl_domain_info is allowed, it takes no lock). */
typedef int domain_lock_check(void *user);

struct domain_lock_params {
    const char *lib_dir;            /* libxl's state directory */
    uint32_t domid;
    const char *uuid;               /* lower case, 8-4-4-4-12 */
    const char *name;
    const char *what;               /* it protects, for people */
    domain_lock_check *check;       /* may be NULL */
    void *check_user;
};

/* ERROR_TIMEDOUT: somebody else kept it. ERROR_LOCK_FAIL: the file could not
 * be opened or locked. Else whatever the check said. */
int domain_lock_acquire(const struct domain_lock_params *params, deadline by,
                        struct domain_lock **lock_r, struct diag *diag);

/* NULL is fine. */
void domain_lock_release(struct domain_lock *lock);

#endif
