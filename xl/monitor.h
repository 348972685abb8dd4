/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our watcher of a domain's end: `xl snapshot-monitor --domid N --uuid U
 * [--after-pid P]`. It does what xl's own daemon does, for the domains that
 * lost theirs to a snapshot or never had one. docs/design/monitor.md has the
 * states and the reasons.
 */
#ifndef XL_MONITOR_H
#define XL_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <libxl.h>
#include <xentoollog.h>

#include "manage/manage.h"
#include "xl/monitor_lock.h"

struct pollfd;

/*
 * Start a monitor of domid as a daemon, and wait until it watches, or says why
 * it cannot. after_pid, if not 0, is the system's xl that watches the domain
 * now: the monitor stands by until that process ends. It is no error when one
 * of ours watches the domain already. (in watch.c)
 */
int watch_start_monitor(libxl_ctx *ctx, uint32_t domid, pid_t after_pid,
                        struct manage_error *err);

/*
 * ---- inside the monitor ----
 */

struct monitor {
    libxl_ctx *ctx;
    xentoollog_logger *lg;
    /* By monitor_init(), the real ones; tests have others. */
    const char *run_dir;
    const char *proc_dir;
    const char *system_xl;
    struct monitor_lock lock;       /* of domid */
    uint32_t domid;
    libxl_uuid uuid;
    libxl_domain_config config;     /* as it was last seen */
    libxl_evgen_domain_death *death;
    libxl_evgen_disk_eject **ejects;
    int num_ejects;
    /* While standing by: the process that watches, else 0, -1 and -1. */
    pid_t after_pid;
    int after_fd;                   /* its pidfd */
    int after_log;                  /* what it logs to, for reading */
    struct pollfd *polls;           /* room for libxl's, and one of ours */
    int num_polls;
};

/* What the caller of a step does next. */
enum monitor_next {
    MONITOR_WAIT,
    MONITOR_DONE,           /* nothing is left to watch */
    MONITOR_FAILED,
};

/* Tell the log, with the time. */
void monitor_say(struct monitor *m, xentoollog_level level, const char *fmt,
                 ...) __attribute__((format(printf, 3, 4)));

void monitor_init(struct monitor *m);
void monitor_dispose(struct monitor *m);

/*
 * Look at the domain and begin to watch it, or to stand by while after_pid
 * does. err->text says why not. ERROR_LOCK_FAIL: one of ours is there.
 * (in monitor_loop.c)
 */
int monitor_begin(struct monitor *m, pid_t after_pid, struct manage_error *err);

/* Until there is nothing more to watch. 0, or a libxl error that was logged. */
int monitor_run(struct monitor *m);

/* Have libxl report the domain's shutdowns and ejected disks, and stop that. */
int monitor_arm(struct monitor *m);
void monitor_disarm(struct monitor *m);

/* The line that others find us by, see watcher_scan.h. */
void monitor_announce(struct monitor *m);

/*
 * The domain has shut down for this reason: do what its configuration says.
 * MONITOR_WAIT: the domain, or its successor, which m is about from now on, is
 * armed and runs. (in monitor_act.c)
 */
enum monitor_next monitor_act(struct monitor *m, int reason);

#endif
