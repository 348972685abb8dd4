/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monitor's states, step by step, without a hypervisor. */
#include "config.h"

#include <dirent.h>
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
#include <libxl_utils.h>

#include "fake_xen.h"
#include "xl/monitor.h"
#include "xl/watcher_scan.h"

#define DOMID 3

static char top[] = "/tmp/watch-monitor.XXXXXX";
static char proc_dir[64];

static struct monitor m;
static xentoollog_logger *quiet;
static pid_t other_xl;      /* a made-up xl that watches, if there is one */

static int setup(void **state)
{
    fake_reset();
    fake_add(DOMID, "guest");
    fake.config.on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    fake.config.on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME;
    fake.config.on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART;
    fake.config.on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;

    monitor_init(&m);
    m.run_dir = top;
    m.proc_dir = proc_dir;
    m.system_xl = "/nonexistent/xl";
    m.lg = quiet;
    m.domid = DOMID;
    m.uuid = fake.dom[DOMID].uuid;
    other_xl = 0;
    return 0;
}

/* The process ends, and nothing in our /proc tells of it any more. */
static void end_other_xl(void)
{
    char path[PATH_MAX];
    static const char *const files[] = { "exe", "cmdline", "fd/2", "fd", "" };
    size_t i;

    if (!other_xl) return;
    kill(other_xl, SIGKILL);
    waitpid(other_xl, NULL, 0);
    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%ld/%s", proc_dir, (long)other_xl,
                 files[i]);
        if (unlink(path)) rmdir(path);
    }
    snprintf(path, sizeof(path), "%s/xl-log", top);
    unlink(path);
    other_xl = 0;
}

static int teardown(void **state)
{
    monitor_disarm(&m);
    monitor_dispose(&m);
    end_other_xl();
    fake_dispose();
    return 0;
}

static void other_xl_says(uint32_t domid)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/xl-log", top);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "Waiting for domain guest (domid %u) to die "
                        "[pid %ld]\n", domid, (long)other_xl) > 0);
    close(fd);
}

/* A process, and what our /proc tells of it. */
static void start_other_xl(void)
{
    char path[PATH_MAX], log[PATH_MAX];

    other_xl = fork();
    assert_true(other_xl >= 0);
    if (!other_xl) {
        for (;;)
            pause();
    }
    snprintf(path, sizeof(path), "%s/%ld", proc_dir, (long)other_xl);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/%ld/fd", proc_dir, (long)other_xl);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/%ld/exe", proc_dir, (long)other_xl);
    assert_int_equal(symlink("/usr/lib/xen-4.17/bin/xl", path), 0);
    snprintf(log, sizeof(log), "%s/xl-log", top);
    snprintf(path, sizeof(path), "%s/%ld/fd/2", proc_dir, (long)other_xl);
    assert_int_equal(symlink(log, path), 0);
    other_xl_says(DOMID);
}

static int begin(pid_t after_pid)
{
    struct manage_error err = { .text = "" };

    return monitor_begin(&m, after_pid, &err);
}

/* Runs to its end, which must come before the script's. */
static void run(const char *trace)
{
    int rc = monitor_run(&m);

    assert_string_equal(fake.trace, trace);
    assert_int_equal(rc, 0);
}

static void run_fails(const char *trace)
{
    int rc = monitor_run(&m);

    assert_string_equal(fake.trace, trace);
    assert_int_equal(rc, ERROR_FAIL);
}

/* ---- the plain ends ---- */

static bool script_poweroff(int step)
{
    fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    return step == 1;
}

static void test_poweroff(void **state)
{
    fake.script = script_poweroff;
    assert_int_equal(begin(0), 0);
    run("destroy(3) ");
}

static bool script_reboot_then_gone(int step)
{
    if (step == 1) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_REBOOT);
    if (step == 2) {
        assert_true(m.domid == 9);
        assert_int_equal(monitor_lock_holder(top, DOMID), 0);
        fake_shutdown(9, LIBXL_SHUTDOWN_REASON_REBOOT);
    }
    if (step == 3) fake_gone(10);
    return step <= 3;
}

static void test_reboot(void **state)
{
    fake.script = script_reboot_then_gone;
    assert_int_equal(begin(0), 0);
    run("destroy(3) create(guest) unpause(9) "
        "destroy(9) create(guest) unpause(10) ");
}

static bool script_crash_then_gone(int step)
{
    if (step == 1) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_CRASH);
    if (step == 2) fake_gone(9);
    return step <= 2;
}

static void test_rename_restart(void **state)
{
    fake.script = script_crash_then_gone;
    assert_int_equal(begin(0), 0);
    run("preserve(3) create(guest) unpause(9) ");
    /* The old one stays, under another name, and is nobody's business. */
    assert_true(fake.dom[DOMID].exists && fake.dom[DOMID].shutdown);
    assert_int_equal(strncmp(fake.dom[DOMID].name, "guest-2", 7), 0);
}

static void test_preserve_fails(void **state)
{
    fake.script = script_crash_then_gone;
    fake.preserve_fails = true;
    assert_int_equal(begin(0), 0);
    run_fails("preserve(3) ");
    assert_true(fake.dom[DOMID].exists);
}

static void test_preserve(void **state)
{
    fake.script = script_crash_then_gone;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
    assert_int_equal(begin(0), 0);
    run("");
    assert_true(fake.dom[DOMID].exists);
}

static bool script_watchdog_then_gone(int step)
{
    if (step == 1) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_WATCHDOG);
    if (step == 2) fake_gone(9);
    return step <= 2;
}

static void test_coredump(void **state)
{
    fake.script = script_watchdog_then_gone;
    assert_int_equal(begin(0), 0);
    run("core(" XEN_LIB_DIR "/dump/guest) destroy(3) create(guest) "
        "unpause(9) ");
}

static bool script_soft_reset(int step)
{
    if (step == 1) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    if (step == 2) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    return step <= 2;
}

static void test_soft_reset(void **state)
{
    fake.script = script_soft_reset;
    assert_int_equal(begin(0), 0);
    run("soft-reset(3) unpause(3) destroy(3) ");
}

static void test_soft_reset_fails(void **state)
{
    fake.script = script_soft_reset;
    fake.soft_reset_fails = true;
    assert_int_equal(begin(0), 0);
    run_fails("soft-reset(3) destroy(3) ");
}

static bool script_gone(int step)
{
    fake_gone(DOMID);
    return step == 1;
}

static void test_destroyed_by_others(void **state)
{
    fake.script = script_gone;
    assert_int_equal(begin(0), 0);
    run("");
    monitor_dispose(&m);
    assert_int_equal(monitor_lock_holder(top, DOMID), 0);
}

static void test_config_unreadable_at_the_end(void **state)
{
    fake.script = script_poweroff;
    assert_int_equal(begin(0), 0);
    fake.retrieve_fails = true;
    /* What it was at the beginning still says what to do. */
    run("destroy(3) ");
}

static bool script_setting_changed(int step)
{
    fake.config.on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
    return script_poweroff(step);
}

static void test_config_changed(void **state)
{
    fake.script = script_setting_changed;
    assert_int_equal(begin(0), 0);
    run("");
}

static void test_create_tried_again(void **state)
{
    fake.script = script_crash_then_gone;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    fake.create_failures = 1;
    assert_int_equal(begin(0), 0);
    fake.next_domid = 8;
    run("destroy(3) create(guest) destroy(8) create(guest) unpause(9) ");
}

static void test_create_fails(void **state)
{
    fake.script = script_crash_then_gone;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    fake.create_failures = 100;
    assert_int_equal(begin(0), 0);
    run_fails("destroy(3) create(guest) destroy(9) create(guest) destroy(10) "
              "create(guest) destroy(11) ");
}

/* ---- suspends ---- */

static bool script_suspends(int step)
{
    switch (step) {
    case 1: fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND); break;
    /* Another domain goes away meanwhile: seen again, still suspended. */
    case 2: fake_gone(5); break;
    case 3: fake_resume(DOMID); fake_gone(5); break;
    case 4: fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND); break;
    case 5: fake_resume(DOMID);
            fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF); break;
    }
    return step <= 5;
}

static void test_suspends(void **state)
{
    fake.script = script_suspends;
    assert_int_equal(begin(0), 0);
    run("destroy(3) ");
    /* Each step was waited for once: there is no loop between. */
    assert_int_equal(fake.step, 5);
}

/*
 * The report of the suspend has been taken; before there is a new generator
 * the domain resumes and powers off. The old one keeps that to itself.
 */
static bool script_ended_between(int step)
{
    fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND);
    fake.reason_after_report = LIBXL_SHUTDOWN_REASON_POWEROFF;
    fake.reason_changes = true;
    return step == 1;
}

static void test_ended_between(void **state)
{
    fake.script = script_ended_between;
    assert_int_equal(begin(0), 0);
    run("destroy(3) ");
}

/* ---- standing by ---- */

static bool script_daemon_exits_at_suspend(int step)
{
    switch (step) {
    case 1:
        /* The daemon still watches: its business. */
        fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_SUSPEND);
        break;
    case 2:
        fake_resume(DOMID);
        end_other_xl();
        break;
    case 3:
        if (m.after_pid) {      /* not noticed yet */
            fake.step--;
            break;
        }
        fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
        break;
    }
    return step <= 3;
}

static void test_take_over(void **state)
{
    start_other_xl();
    fake.script = script_daemon_exits_at_suspend;
    assert_int_equal(begin(other_xl), 0);
    assert_int_equal(m.after_pid, other_xl);
    run("destroy(3) ");
}

static bool script_daemon_acts(int step)
{
    if (step == 1) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    if (step == 2) fake_gone(DOMID);
    return step <= 2;
}

static void test_stand_by_does_not_act(void **state)
{
    start_other_xl();
    fake.script = script_daemon_acts;
    assert_int_equal(begin(other_xl), 0);
    run("");
}

static bool script_daemon_killed_before_it_acts(int step)
{
    if (step == 1) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    if (step == 2) end_other_xl();
    return step <= 50;
}

static void test_take_over_a_dead_domain(void **state)
{
    start_other_xl();
    fake.script = script_daemon_killed_before_it_acts;
    assert_int_equal(begin(other_xl), 0);
    run("destroy(3) ");
}

static bool script_daemon_renames_and_restarts(int step)
{
    if (step == 1) fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_CRASH);
    if (step == 2) {
        fake_add(12, "guest");
        other_xl_says(12);
    }
    if (step == 3) end_other_xl();
    return step <= 50;
}

/* It is the daemon's work already: not a second time. */
static void test_daemon_had_acted(void **state)
{
    start_other_xl();
    fake.script = script_daemon_renames_and_restarts;
    assert_int_equal(begin(other_xl), 0);
    run("");
    assert_int_equal(fake.dom[DOMID].preserved, 0);
}

static void test_after_pid_ended_before(void **state)
{
    pid_t pid;

    start_other_xl();
    pid = other_xl;
    end_other_xl();
    fake.script = script_poweroff;
    assert_int_equal(begin(pid), 0);
    assert_int_equal(m.after_pid, 0);
    run("destroy(3) ");
}

/* The number is that of another process by now. */
static void test_after_pid_reused(void **state)
{
    fake.script = script_poweroff;
    assert_int_equal(begin(getpid()), 0);
    assert_int_equal(m.after_pid, 0);
    run("destroy(3) ");
}

static bool script_poweroff_with_daemon(int step)
{
    if (step == 1) {
        start_other_xl();
        fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    }
    if (step == 2) {
        assert_int_equal(m.after_pid, other_xl);
        fake_gone(DOMID);
    }
    return step <= 2;
}

/* Nobody told it of the daemon: it looks before it acts. */
static void test_yields_to_daemon(void **state)
{
    fake.script = script_poweroff_with_daemon;
    assert_int_equal(begin(0), 0);
    run("");
}

/* ---- drives ---- */

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
    if (step == 1) fake_eject(DOMID, "hdc");
    if (step == 2) fake_eject(DOMID, "hda");
    if (step == 3) fake_gone(DOMID);
    return step <= 3;
}

static void test_eject(void **state)
{
    add_drive("hda", false);
    add_drive("hdc", true);
    fake.script = script_eject;
    assert_int_equal(begin(0), 0);
    run("empty(hdc) eject-unseen ");
}

static void test_stand_by_ejects_nothing(void **state)
{
    add_drive("hdc", true);
    start_other_xl();
    fake.script = script_eject;
    assert_int_equal(begin(other_xl), 0);
    run("eject-unseen eject-unseen ");
}

/* ---- xl config-update ---- */

static void write_xl(char *path, size_t size)
{
    FILE *f;

    snprintf(path, size, "%s/fake-xl", top);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\necho \"$1 $2: $(cat $2)\" >>%s/xl-was-told\n"
            "[ ! -e %s/xl-fails ]\n", top, top);
    fclose(f);
    assert_int_equal(chmod(path, 0755), 0);
}

static void check_xl_told(const char *text)
{
    char path[PATH_MAX], have[256] = "";
    FILE *f;

    snprintf(path, sizeof(path), "%s/xl-was-told", top);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(have, sizeof(have), f));
    fclose(f);
    unlink(path);
    assert_string_equal(have, text);
}

static bool script_reboot(int step)
{
    fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_REBOOT);
    return step == 1;
}

static void test_updated_config(void **state)
{
    char xl[PATH_MAX];

    write_xl(xl, sizeof(xl));
    m.system_xl = xl;
    snprintf(fake.dom[DOMID].updated, sizeof(fake.dom[DOMID].updated),
             "name='guest'");
    fake.script = script_reboot;
    assert_int_equal(begin(0), 0);
    run("destroy(3) ");
    check_xl_told("create /dev/stdin: name='guest'\n");
    unlink(xl);
}

static void test_updated_config_fails(void **state)
{
    char xl[PATH_MAX], fails[PATH_MAX];
    int fd;

    write_xl(xl, sizeof(xl));
    snprintf(fails, sizeof(fails), "%s/xl-fails", top);
    fd = open(fails, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    m.system_xl = xl;
    snprintf(fake.dom[DOMID].updated, sizeof(fake.dom[DOMID].updated), "bad");
    fake.script = script_reboot;
    assert_int_equal(begin(0), 0);
    run_fails("destroy(3) ");
    check_xl_told("create /dev/stdin: bad\n");
    unlink(xl);
    unlink(fails);
}

/* ---- beginnings ---- */

static void test_begin_gone(void **state)
{
    fake_gone(DOMID);
    assert_int_equal(begin(0), ERROR_DOMAIN_NOTFOUND);
}

static void test_begin_other_uuid(void **state)
{
    m.uuid.uuid[0] ^= 1;
    assert_int_equal(begin(0), ERROR_DOMAIN_NOTFOUND);
}

static void test_begin_no_config(void **state)
{
    fake.retrieve_fails = true;
    assert_int_equal(begin(0), ERROR_FAIL);
}

static void test_begin_twice(void **state)
{
    int status;
    pid_t pid;

    assert_int_equal(begin(0), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct manage_error err = { .text = "" };
        struct monitor second;

        monitor_init(&second);
        second.run_dir = top;
        second.domid = DOMID;
        second.uuid = m.uuid;
        second.lg = quiet;
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
    assert_int_equal(begin(0), 0);
    fake_shutdown(DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    run("destroy(3) ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_poweroff),
        TEST(test_reboot),
        TEST(test_rename_restart),
        TEST(test_preserve_fails),
        TEST(test_preserve),
        TEST(test_coredump),
        TEST(test_soft_reset),
        TEST(test_soft_reset_fails),
        TEST(test_destroyed_by_others),
        TEST(test_config_unreadable_at_the_end),
        TEST(test_config_changed),
        TEST(test_create_tried_again),
        TEST(test_create_fails),
        TEST(test_suspends),
        TEST(test_ended_between),
        TEST(test_take_over),
        TEST(test_stand_by_does_not_act),
        TEST(test_take_over_a_dead_domain),
        TEST(test_daemon_had_acted),
        TEST(test_after_pid_ended_before),
        TEST(test_after_pid_reused),
        TEST(test_yields_to_daemon),
        TEST(test_eject),
        TEST(test_stand_by_ejects_nothing),
        TEST(test_updated_config),
        TEST(test_updated_config_fails),
        TEST(test_begin_gone),
        TEST(test_begin_other_uuid),
        TEST(test_begin_no_config),
        TEST(test_begin_twice),
        TEST(test_begin_dead),
    };
    FILE *null = fopen("/dev/null", "w");
    int failed;

    if (!null || !mkdtemp(top)) return 99;
    snprintf(proc_dir, sizeof(proc_dir), "%s/proc", top);
    if (mkdir(proc_dir, 0755)) return 99;
    quiet = (xentoollog_logger *)xtl_createlogger_stdiostream(null, XTL_DEBUG, 0);
    if (!quiet) return 99;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xtl_logger_destroy(quiet);
    fclose(null);
    if (rmdir(proc_dir) || rmdir(top)) return 98;   /* all is tidied up */
    return failed;
}
