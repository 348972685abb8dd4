/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where libxl's messages go. Without -v they are not shown, because libxl
 * calls an error what to us is an answer ("no such domain"); the last of them
 * are kept, and shown when a command failed in a way that needs explaining.
 */
#ifndef XL_LOG_H
#define XL_LOG_H

#include <stdbool.h>

#include <xentoollog.h>

struct xl_log;
struct xl_progress;

/*
 * verbose: 0 shows nothing; 1, 2, 3 are XTL_DETAIL, XTL_VERBOSE and XTL_DEBUG,
 * the levels that xl's -v has. progress, whose line on the terminal must give
 * way, may be NULL; it must outlive the log. NULL when out of memory.
 * Any thread may log.
 */
struct xl_log *log_create(int verbose, bool timestamps,
                          struct xl_progress *progress);
void log_free(struct xl_log *log);
xentoollog_logger *log_logger(struct xl_log *log);

/* Forget what was kept. */
void log_forget(struct xl_log *log);

/* Show what was kept and has not been shown, and forget it. */
void log_show_kept(struct xl_log *log);

#endif
