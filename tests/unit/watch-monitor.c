/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the monitor does at a domain's end, without a hypervisor. */
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

/* ---- the plain ends ---- */

static bool script_poweroff(int step)
{
    fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    return step == 1;
}

static void test_poweroff(void **state)
{
    fake.script = script_poweroff;
    assert_int_equal(bench_begin(0), 0);
    bench_run("destroy(3) ");
}

static bool script_reboot_then_gone(int step)
{
    if (step == 1) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_REBOOT);
    if (step == 2) {
        assert_true(bench.domid == 9);
        assert_int_equal(monitor_lock_holder(bench_dir, BENCH_DOMID), 0);
        fake_shutdown(9, LIBXL_SHUTDOWN_REASON_REBOOT);
    }
    if (step == 3) fake_gone(10);
    return step <= 3;
}

static void test_reboot(void **state)
{
    fake.script = script_reboot_then_gone;
    assert_int_equal(bench_begin(0), 0);
    bench_run("destroy(3) create(guest) unpause(9) "
        "destroy(9) create(guest) unpause(10) ");
}

static bool script_crash_then_gone(int step)
{
    if (step == 1) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_CRASH);
    if (step == 2) fake_gone(9);
    return step <= 2;
}

static void test_rename_restart(void **state)
{
    fake.script = script_crash_then_gone;
    assert_int_equal(bench_begin(0), 0);
    bench_run("preserve(3) create(guest) unpause(9) ");
    /* The old one stays, under another name, and is nobody's business. */
    assert_true(fake.dom[BENCH_DOMID].exists && fake.dom[BENCH_DOMID].shutdown);
    assert_int_equal(strncmp(fake.dom[BENCH_DOMID].name, "guest-2", 7), 0);
}

static void test_preserve_fails(void **state)
{
    fake.script = script_crash_then_gone;
    fake.preserve_fails = true;
    assert_int_equal(bench_begin(0), 0);
    bench_run_fails("preserve(3) ");
    assert_true(fake.dom[BENCH_DOMID].exists);
}

static void test_preserve(void **state)
{
    fake.script = script_crash_then_gone;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
    assert_int_equal(bench_begin(0), 0);
    bench_run("");
    assert_true(fake.dom[BENCH_DOMID].exists);
}

static bool script_watchdog_then_gone(int step)
{
    if (step == 1) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_WATCHDOG);
    if (step == 2) fake_gone(9);
    return step <= 2;
}

static void test_coredump(void **state)
{
    fake.script = script_watchdog_then_gone;
    assert_int_equal(bench_begin(0), 0);
    bench_run("core(" XEN_LIB_DIR "/dump/guest) destroy(3) create(guest) "
        "unpause(9) ");
}

static bool script_soft_reset(int step)
{
    if (step == 1) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_SOFT_RESET);
    if (step == 2) fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_POWEROFF);
    return step <= 2;
}

static void test_soft_reset(void **state)
{
    fake.script = script_soft_reset;
    assert_int_equal(bench_begin(0), 0);
    bench_run("soft-reset(3) unpause(3) destroy(3) ");
}

static void test_soft_reset_fails(void **state)
{
    fake.script = script_soft_reset;
    fake.soft_reset_fails = true;
    assert_int_equal(bench_begin(0), 0);
    bench_run_fails("soft-reset(3) destroy(3) ");
}

static bool script_gone(int step)
{
    fake_gone(BENCH_DOMID);
    return step == 1;
}

static void test_destroyed_by_others(void **state)
{
    fake.script = script_gone;
    assert_int_equal(bench_begin(0), 0);
    bench_run("");
    monitor_dispose(&bench);
    assert_int_equal(monitor_lock_holder(bench_dir, BENCH_DOMID), 0);
}

static void test_config_unreadable_at_the_end(void **state)
{
    fake.script = script_poweroff;
    assert_int_equal(bench_begin(0), 0);
    fake.retrieve_fails = true;
    /* What it was at the beginning still says what to do. */
    bench_run("destroy(3) ");
}

static bool script_setting_changed(int step)
{
    fake.config.on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
    return script_poweroff(step);
}

static void test_config_changed(void **state)
{
    fake.script = script_setting_changed;
    assert_int_equal(bench_begin(0), 0);
    bench_run("");
}

static void test_create_tried_again(void **state)
{
    fake.script = script_crash_then_gone;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    fake.create_failures = 1;
    assert_int_equal(bench_begin(0), 0);
    fake.next_domid = 8;
    bench_run("destroy(3) create(guest) destroy(8) create(guest) unpause(9) ");
}

static void test_create_fails(void **state)
{
    fake.script = script_crash_then_gone;
    fake.config.on_crash = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    fake.create_failures = 100;
    assert_int_equal(bench_begin(0), 0);
    bench_run_fails("destroy(3) create(guest) destroy(9) create(guest) destroy(10) "
              "create(guest) destroy(11) ");
}

/* ---- xl config-update ---- */

static void write_xl(char *path, size_t size)
{
    FILE *f;

    snprintf(path, size, "%s/fake-xl", bench_dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\necho \"$1 $2: $(cat $2)\" >>%s/xl-was-told\n"
            "[ ! -e %s/xl-fails ]\n", bench_dir, bench_dir);
    fclose(f);
    assert_int_equal(chmod(path, 0755), 0);
}

static void check_xl_told(const char *text)
{
    char path[PATH_MAX], have[256] = "";
    FILE *f;

    snprintf(path, sizeof(path), "%s/xl-was-told", bench_dir);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(have, sizeof(have), f));
    fclose(f);
    unlink(path);
    assert_string_equal(have, text);
}

static bool script_reboot(int step)
{
    fake_shutdown(BENCH_DOMID, LIBXL_SHUTDOWN_REASON_REBOOT);
    return step == 1;
}

static void test_updated_config(void **state)
{
    char xl[PATH_MAX];

    write_xl(xl, sizeof(xl));
    bench.system_xl = xl;
    snprintf(fake.dom[BENCH_DOMID].updated, sizeof(fake.dom[BENCH_DOMID].updated),
             "name='guest'");
    fake.script = script_reboot;
    assert_int_equal(bench_begin(0), 0);
    bench_run("destroy(3) ");
    check_xl_told("create /dev/stdin: name='guest'\n");
    unlink(xl);
}

static void test_updated_config_fails(void **state)
{
    char xl[PATH_MAX], fails[PATH_MAX];
    int fd;

    write_xl(xl, sizeof(xl));
    snprintf(fails, sizeof(fails), "%s/xl-fails", bench_dir);
    fd = open(fails, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    bench.system_xl = xl;
    snprintf(fake.dom[BENCH_DOMID].updated, sizeof(fake.dom[BENCH_DOMID].updated), "bad");
    fake.script = script_reboot;
    assert_int_equal(bench_begin(0), 0);
    bench_run_fails("destroy(3) ");
    check_xl_told("create /dev/stdin: bad\n");
    unlink(xl);
    unlink(fails);
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
    if (step == 1) fake_eject(BENCH_DOMID, "hdc");
    if (step == 2) fake_eject(BENCH_DOMID, "hda");
    if (step == 3) fake_gone(BENCH_DOMID);
    return step <= 3;
}

static void test_eject(void **state)
{
    add_drive("hda", false);
    add_drive("hdc", true);
    fake.script = script_eject;
    assert_int_equal(bench_begin(0), 0);
    bench_run("empty(hdc) eject-unseen ");
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
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
        TEST(test_updated_config),
        TEST(test_updated_config_fails),
        TEST(test_eject),
    };
    int failed;

    if (bench_open()) return 99;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    return bench_close() ? 98 : failed;
}
