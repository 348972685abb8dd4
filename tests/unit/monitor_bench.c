/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_xen.h"
#include "monitor_bench.h"

char bench_dir[] = "/tmp/monitor-bench.XXXXXX";
static char proc_dir[64];

struct monitor bench;
static xentoollog_logger *quiet;
pid_t bench_xl;      /* a made-up xl that watches, if there is one */

int bench_setup(void **state)
{
    fake_reset();
    fake_add(BENCH_DOMID, "guest");
    fake.config.on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    fake.config.on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;
    fake.config.on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART;
    fake.config.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;

    monitor_init(&bench);
    bench.run_dir = bench_dir;
    bench.proc_dir = proc_dir;
    bench.system_xl = "/nonexistent/xl";
    bench.lg = quiet;
    bench.domid = BENCH_DOMID;
    bench.uuid = fake.dom[BENCH_DOMID].uuid;
    bench_xl = 0;
    return 0;
}

/* The process ends, and nothing in our /proc tells of it any more. */
void bench_end_xl(void)
{
    char path[PATH_MAX];
    static const char *const files[] = { "exe", "cmdline", "fd/2", "fd", "" };
    size_t i;

    if (!bench_xl) return;
    kill(bench_xl, SIGKILL);
    waitpid(bench_xl, NULL, 0);
    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%ld/%s", proc_dir, (long)bench_xl,
                 files[i]);
        if (unlink(path)) rmdir(path);
    }
    snprintf(path, sizeof(path), "%s/xl-log", bench_dir);
    unlink(path);
    bench_xl = 0;
}

int bench_teardown(void **state)
{
    monitor_disarm(&bench);
    monitor_dispose(&bench);
    bench_end_xl();
    fake_dispose();
    return 0;
}

void bench_xl_says(uint32_t domid)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/xl-log", bench_dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "Waiting for domain guest (domid %u) to die "
                        "[pid %ld]\n", domid, (long)bench_xl) > 0);
    close(fd);
}

/* A process, and what our /proc tells of it. */
void bench_start_xl(void)
{
    char path[PATH_MAX], log[PATH_MAX];
    int fd;

    bench_xl = fork();
    assert_true(bench_xl >= 0);
    if (!bench_xl) {
        for (;;)
            pause();
    }
    snprintf(path, sizeof(path), "%s/%ld", proc_dir, (long)bench_xl);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/%ld/fd", proc_dir, (long)bench_xl);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/%ld/exe", proc_dir, (long)bench_xl);
    assert_int_equal(symlink("/usr/lib/xen-4.17/bin/xl", path), 0);
    snprintf(path, sizeof(path), "%s/%ld/cmdline", proc_dir, (long)bench_xl);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "xl\0create", 10), 10);
    close(fd);
    snprintf(log, sizeof(log), "%s/xl-log", bench_dir);
    snprintf(path, sizeof(path), "%s/%ld/fd/2", proc_dir, (long)bench_xl);
    assert_int_equal(symlink(log, path), 0);
    bench_xl_says(BENCH_DOMID);
}

int bench_begin(pid_t after_pid)
{
    struct manage_error err = { .text = "" };

    return monitor_begin(&bench, after_pid, &err);
}

/* Runs to its end, which must come before the script's. */
void bench_run(const char *trace)
{
    int rc = monitor_run(&bench);

    assert_string_equal(fake.trace, trace);
    assert_int_equal(rc, 0);
}

void bench_run_fails(const char *trace)
{
    int rc = monitor_run(&bench);

    assert_string_equal(fake.trace, trace);
    assert_int_equal(rc, ERROR_FAIL);
}

static FILE *null_file;

int bench_open(void)
{
    null_file = fopen("/dev/null", "w");
    if (!null_file || !mkdtemp(bench_dir)) return -1;
    snprintf(proc_dir, sizeof(proc_dir), "%s/proc", bench_dir);
    if (mkdir(proc_dir, 0755)) return -1;
    quiet = (xentoollog_logger *)xtl_createlogger_stdiostream(null_file,
                                                              XTL_DEBUG, 0);
    return quiet ? 0 : -1;
}

/* Fails if a test has not tidied up. */
int bench_close(void)
{
    xtl_logger_destroy(quiet);
    fclose(null_file);
    return rmdir(proc_dir) || rmdir(bench_dir) ? -1 : 0;
}
