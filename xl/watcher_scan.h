/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which processes wait for a domain's end to act on it? Nobody keeps a list.
 * But each xl that watches, the system's and ours, says so in its log, once
 * for every domain it starts to watch:
 *
 *     Waiting for domain NAME (domid N) to die [pid P]
 *
 * and has that log open as its standard error. So the last such line with the
 * process's own pid, in the file behind its descriptor 2, names the domid that
 * it watches now. Reading through the descriptor survives renamed domains,
 * rotated and deleted logs.
 */
#ifndef XL_WATCHER_SCAN_H
#define XL_WATCHER_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The hidden subcommand that our own watchers run as. */
#define WATCHER_SUBCOMMAND "snapshot-monitor"
/* Their logs: not the name of xl's own, whose starting would rotate away the
 * log that a daemon still writes. */
#define WATCHER_LOG_PREFIX "xl-snapshot-"

struct watcher {
    pid_t pid;
    bool ours;          /* started as xl snapshot-monitor */
};

/*
 * The watchers of domid, in no order; *list_r is malloc'd. name, the domain's
 * name, may be NULL: it serves for daemons whose log was truncated under them
 * (logrotate's copytruncate) so that only its file's name is left to go by,
 * xl-NAME.log or xl-snapshot-NAME.log.
 *
 * Only processes of our own user whose executable is called xl count: nobody
 * else can act on a domain. A foreground xl (create -F) counts when its
 * standard error is a file.
 *
 * proc_dir: "/proc", except in tests. 0, ERROR_FAIL with errno, ERROR_NOMEM.
 */
int watcher_find(const char *proc_dir, uint32_t domid, const char *name,
                 struct watcher **list_r, size_t *num_r);

/*
 * The domid in the last line of pid's in an open log; reads at most the last
 * megabytes and moves no file offset. 0, ERROR_NOTFOUND, ERROR_FAIL.
 */
int watcher_log_domid(int fd, pid_t pid, uint32_t *domid_r);

/* Does this process live, as an xl of our user's? A zombie does not. */
bool watcher_alive(const char *proc_dir, pid_t pid);

/* The descriptor that a process logs to, opened anew for reading; or -1. */
int watcher_open_log(const char *proc_dir, pid_t pid);

/* One line, without its newline. The name may contain anything, so the line is
 * read from its end. */
bool watcher_parse_line(const char *line, pid_t *pid_r, uint32_t *domid_r);

#endif
