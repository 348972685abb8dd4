/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl's own lock around a domain's QEMU monitor, which serves one client at
 * a time. libxl takes it before connecting and keeps it until it has
 * disconnected; so must we, or one of us waits for a greeting that never
 * comes.
 *
 * A libxl function that needs the monitor (suspend, resume, cdrom, and for HVM
 * reading the configuration) called while the lock is held waits for itself.
 * libxl's own callers give up after 10 s, some of which they may spend waiting
 * for us.
 */
#ifndef XLS_MONITOR_LOCK_H
#define XLS_MONITOR_LOCK_H

#include "libxl/domain_lock.h"

typedef domain_lock_check monitor_domain_check;

struct monitor_lock_params {
    const char *lib_dir;            /* libxl's state directory */
    uint32_t domid;
    const char *uuid;               /* lower case, 8-4-4-4-12 */
    monitor_domain_check *check;    /* may be NULL */
    void *check_user;
};

/* As domain_lock_acquire; release it with domain_lock_release. */
int monitor_lock_acquire(const struct monitor_lock_params *params, deadline by,
                         struct domain_lock **lock_r, struct diag *diag);

#endif
