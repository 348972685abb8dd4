/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One monitor of ours on a fake Xen (fake_xen.h), beside a made-up xl that
 * watches as well if a test wants one.
 */
#ifndef MONITOR_BENCH_H
#define MONITOR_BENCH_H

#include <sys/types.h>

#include "xl/monitor.h"

/* The domain that it is about: running, called "guest". */
#define BENCH_DOMID 3

extern struct monitor bench;
extern char bench_dir[];

/* The process of that xl; 0: there is none. */
extern pid_t bench_xl;

/* Around each test, for cmocka; and around all of them. */
int bench_setup(void **state);
int bench_teardown(void **state);
int bench_open(void);
int bench_close(void);

/* It says that it watches BENCH_DOMID. */
void bench_start_xl(void);
/* It writes that it watches domid from now on. */
void bench_xl_says(uint32_t domid);
/* It ends, and nothing in /proc tells of it any more. */
void bench_end_xl(void);

int bench_begin(pid_t after_pid);

/* Runs to its end, which must come before the script's, and compares what was
 * done on the way. */
void bench_run(const char *trace);
void bench_run_fails(const char *trace);

#endif
