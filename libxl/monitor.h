/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One session with a domain's QEMU: libxl's lock, then a connection, ready
 * for commands. Keep it short (libxl's callers wait for it), and call no
 * libxl function that may need the monitor before it is closed.
 */
#ifndef XLS_MONITOR_H
#define XLS_MONITOR_H

#include <stdint.h>

#include <libxl.h>

#include "libxl/diag.h"
#include "libxl/monitor_lock.h"

struct monitor;
struct qmp_client;

struct monitor_paths {
    const char *run_dir;            /* where QEMU's sockets are */
    const char *lib_dir;            /* where libxl's locks are */
};

struct monitor_params {
    struct monitor_paths paths;
    uint32_t domid;
    const char *uuid;               /* lower case, 8-4-4-4-12 */
    unsigned int timeout_ms;        /* for lock, connection and greeting together */
    monitor_domain_check *check;    /* may be NULL; see monitor_lock.h */
    void *check_user;
    xentoollog_logger *lg;          /* may be NULL */
};

/*
 * ERROR_NOTFOUND: the domain has no QEMU, or one without a monitor.
 * ERROR_TIMEDOUT: somebody else has the lock or the monitor, or QEMU hangs.
 * Else as monitor_lock_acquire and qmp_client_negotiate.
 */
int monitor_open(const struct monitor_params *params,
                 struct monitor **monitor_r, struct diag *diag);

/* The client, valid until the session is closed. */
struct qmp_client *monitor_client(struct monitor *monitor);

/* Disconnect, then release the lock. NULL is fine. */
void monitor_close(struct monitor *monitor);

#endif
