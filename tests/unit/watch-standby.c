/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monitor's beginnings, suspends and hand-overs, without a hypervisor. */
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

#include <libxl.h>

#include "fake_xen.h"
#include "monitor_bench.h"

/* ---- beginnings ---- */

static void test_begin_gone(void **state)
{
    fake_gone(BENCH_DOMID);
    assert_int_equal(bench_begin(0), ERROR_DOMAIN_NOTFOUND);
}

static void test_begin_other_uuid(void **state)
{
    bench.uuid.uuid[0] ^= 1;
    assert_int_equal(bench_begin(0), ERROR_DOMAIN_NOTFOUND);
}

static void test_begin_no_config(void **state)
{
    fake.retrieve_fails = true;
    assert_int_equal(bench_begin(0), ERROR_FAIL);
}

static void test_begin_twice(void **state)
{
    int status;
    pid_t pid;

    assert_int_equal(bench_begin(0), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct manage_error err = { .text = "" };
        struct monitor second;

        monitor_init(&second);
        second.run_dir = bench_dir;
        second.domid = BENCH_DOMID;
        second.uuid = bench.uuid;
        second.lg = bench.lg;
        _exit(monitor_begin(&second, 0, &err) == ERROR_LOCK_FAIL ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* It was dead before anybody looked: an evgen's watch fires at once. */
static bool script_none(int step)
{
    return false;
}

static void test_begin_dead(void **state)
{
    fake.script = script_none;
    assert_int_equal(bench_begin(0), 0);
    fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    bench_run("destroy(3) ");
}

/* ---- suspends ---- */

static bool script_suspends(int step)
{
    switch (step) {
    case 1: fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND); break;
    /* Another domain goes away meanwhile: seen again, still suspended. */
    case 2: fake_gone(5); break;
    case 3: fake_resume(BENCH_DOMID); fake_gone(5); break;
    case 4: fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND); break;
    case 5: fake_resume(BENCH_DOMID);
            fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF); break;
    }
    return step <= 5;
}

static void test_suspends(void **state)
{
    fake.script = script_suspends;
    assert_int_equal(bench_begin(0), 0);
    bench_run("destroy(3) ");
    /* Each step was waited for once: there is no loop between. */
    assert_int_equal(fake.step, 5);
}

/*
 * The report of the suspend has been taken; before there is a new generator
 * the domain resumes and powers off. The old one keeps that to itself.
 */
static bool script_ended_between(int step)
{
    fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND);
    fake.reason_after_report = LIBXL_SHUTDOWN_REASON_POWEROFF;
    fake.reason_changes = true;
    return step == 1;
}

static void test_ended_between(void **state)
{
    fake.script = script_ended_between;
    assert_int_equal(bench_begin(0), 0);
    bench_run("destroy(3) ");
}

/* ---- standing by ---- */

static bool script_poweroff(int step)
{
    fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    return step == 1;
}

static bool script_daemon_exits_at_suspend(int step)
{
    switch (step) {
    case 1:
        /* The daemon still watches: its business. */
        fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND);
        break;
    case 2:
        fake_resume(BENCH_DOMID);
        bench_end_xl();
        break;
    case 3:
        if (bench.after_pid) {      /* not noticed yet */
            fake.step--;
            break;
        }
        fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
        break;
    }
    return step <= 3;
}

static void test_take_over(void **state)
{
    bench_start_xl();
    fake.script = script_daemon_exits_at_suspend;
    assert_int_equal(bench_begin(bench_xl), 0);
    assert_int_equal(bench.after_pid, bench_xl);
    bench_run("destroy(3) ");
}

static bool script_daemon_acts(int step)
{
    if (step == 1) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    if (step == 2) fake_gone(BENCH_DOMID);
    return step <= 2;
}

static void test_stand_by_does_not_act(void **state)
{
    bench_start_xl();
    fake.script = script_daemon_acts;
    assert_int_equal(bench_begin(bench_xl), 0);
    bench_run("");
}

static bool script_daemon_killed_before_it_acts(int step)
{
    if (step == 1) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    if (step == 2) bench_end_xl();
    return step <= 50;
}

static void test_take_over_a_dead_domain(void **state)
{
    bench_start_xl();
    fake.script = script_daemon_killed_before_it_acts;
    assert_int_equal(bench_begin(bench_xl), 0);
    bench_run("destroy(3) ");
}

static bool script_daemon_renames_and_restarts(int step)
{
    if (step == 1) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_CRASH);
    if (step == 2) {
        fake_add(12, "guest");
        bench_xl_says(12);
    }
    if (step == 3) bench_end_xl();
    return step <= 50;
}

/* It is the daemon's work already: not a second time. */
static void test_daemon_had_acted(void **state)
{
    bench_start_xl();
    fake.script = script_daemon_renames_and_restarts;
    assert_int_equal(bench_begin(bench_xl), 0);
    bench_run("");
    assert_int_equal(fake.dom[BENCH_DOMID].preserved, 0);
}

static void test_after_pid_ended_before(void **state)
{
    pid_t pid;

    bench_start_xl();
    pid = bench_xl;
    bench_end_xl();
    fake.script = script_poweroff;
    assert_int_equal(bench_begin(pid), 0);
    assert_int_equal(bench.after_pid, 0);
    bench_run("destroy(3) ");
}

/* The number is that of another process by now. */
static void test_after_pid_reused(void **state)
{
    fake.script = script_poweroff;
    assert_int_equal(bench_begin(getpid()), 0);
    assert_int_equal(bench.after_pid, 0);
    bench_run("destroy(3) ");
}

static bool script_poweroff_with_daemon(int step)
{
    if (step == 1) {
        bench_start_xl();
        fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    }
    if (step == 2) {
        assert_int_equal(bench.after_pid, bench_xl);
        fake_gone(BENCH_DOMID);
    }
    return step <= 2;
}

/* Nobody told it of the daemon: it looks before it acts. */
static void test_yields_to_daemon(void **state)
{
    fake.script = script_poweroff_with_daemon;
    assert_int_equal(bench_begin(0), 0);
    bench_run("");
}

static void add_drive(const char *vdev, bool removable)
{
    libxl_device_disk *disks;
    int n = fake.config.num_disks;

    disks = realloc(fake.config.disks, (n + 1) * sizeof(*disks));
    assert_non_null(disks);
    libxl_device_disk_init(&disks[n]);
    disks[n].vdev = strdup(vdev);
    disks[n].removable = removable;
    fake.config.disks = disks;
    fake.config.num_disks = n + 1;
}

static bool script_eject(int step)
{
    if (step == 1) fake_eject(BENCH_DOMID, "hdc");
    if (step == 2) fake_eject(BENCH_DOMID, "hda");
    if (step == 3) fake_gone(BENCH_DOMID);
    return step <= 3;
}

static void test_stand_by_ejects_nothing(void **state)
{
    add_drive("hdc", true);
    bench_start_xl();
    fake.script = script_eject;
    assert_int_equal(bench_begin(bench_xl), 0);
    bench_run("eject-unseen eject-unseen ");
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_begin_gone),
        TEST(test_begin_other_uuid),
        TEST(test_begin_no_config),
        TEST(test_begin_twice),
        TEST(test_begin_dead),
        TEST(test_suspends),
        TEST(test_ended_between),
        TEST(test_take_over),
        TEST(test_stand_by_does_not_act),
        TEST(test_take_over_a_dead_domain),
        TEST(test_daemon_had_acted),
        TEST(test_after_pid_ended_before),
        TEST(test_after_pid_reused),
        TEST(test_yields_to_daemon),
        TEST(test_stand_by_ejects_nothing),
    };
    int failed;

    if (bench_open()) return 99;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    return bench_close() ? 98 : failed;
}
