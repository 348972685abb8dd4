/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the monitor decides, and xl's settings it decides by. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "xl/death_plan.h"
#include "xl/xl_conf.h"

/* ---- death_plan ---- */

static libxl_action_on_shutdown *setting(libxl_domain_config *config, int reason)
{
    switch (reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF: return &config->on_poweroff;
    case LIBXL_SHUTDOWN_REASON_REBOOT: return &config->on_reboot;
    case LIBXL_SHUTDOWN_REASON_CRASH: return &config->on_crash;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG: return &config->on_watchdog;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET: return &config->on_soft_reset;
    default: return NULL;
    }
}

/* Every reason takes its own setting, whatever the others say. */
static void test_plan(void **state)
{
    static const struct {
        int action;
        bool dump_core;
        enum death_step step;
    } actions[] = {
        { LIBXL_ACTION_ON_SHUTDOWN_DESTROY, false, DEATH_DESTROY },
        { LIBXL_ACTION_ON_SHUTDOWN_RESTART, false, DEATH_RESTART },
        { LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME, false,
          DEATH_RENAME_RESTART },
        { LIBXL_ACTION_ON_SHUTDOWN_PRESERVE, false, DEATH_LEAVE },
        { LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY, true, DEATH_DESTROY },
        { LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART, true, DEATH_RESTART },
        { LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET, false, DEATH_SOFT_RESET },
        { 0, false, DEATH_DESTROY },        /* never set */
        { 99, false, DEATH_DESTROY },       /* from a later libxl */
    };
    static const int reasons[] = {
        LIBXL_SHUTDOWN_REASON_POWEROFF, LIBXL_SHUTDOWN_REASON_REBOOT,
        LIBXL_SHUTDOWN_REASON_CRASH, LIBXL_SHUTDOWN_REASON_WATCHDOG,
        LIBXL_SHUTDOWN_REASON_SOFT_RESET,
    };
    libxl_domain_config config;
    struct death_plan plan;
    size_t r, a, i;

    for (r = 0; r < sizeof(reasons) / sizeof(reasons[0]); r++) {
        for (a = 0; a < sizeof(actions) / sizeof(actions[0]); a++) {
            memset(&config, 0, sizeof(config));
            for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
                *setting(&config, reasons[i]) =
                    actions[a].step == DEATH_LEAVE
                    ? LIBXL_ACTION_ON_SHUTDOWN_RESTART
                    : LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
            *setting(&config, reasons[r]) =
                (libxl_action_on_shutdown)actions[a].action;
            plan = death_plan_make(reasons[r], &config);
            assert_int_equal(plan.step, actions[a].step);
            assert_int_equal(plan.dump_core, actions[a].dump_core);
        }
    }
}

static void test_plan_other_reasons(void **state)
{
    libxl_domain_config config;

    memset(&config, 0, sizeof(config));
    config.on_poweroff = config.on_reboot = config.on_crash =
        config.on_watchdog = config.on_soft_reset =
        LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
    assert_int_equal(death_plan_make(LIBXL_SHUTDOWN_REASON_SUSPEND,
                                     &config).step, DEATH_KEEP_WATCHING);
    assert_int_equal(death_plan_make(LIBXL_SHUTDOWN_REASON_UNKNOWN,
                                     &config).step, DEATH_DESTROY);
    assert_int_equal(death_plan_make(255, &config).step, DEATH_DESTROY);
}

/* ---- xl.conf ---- */

static void test_dom0_mem(void **state)
{
    static const char *const given[] = {
        "dom0_mem=512M", "placeholder dom0_mem=1G,max:1G", "a dom0_mem=max:2G",
        "dom0_mem=1G dom0_mem=2G", "xdom0_mem=1G dom0_mem=min:1G",
        "dom0_mem= dom0_mem=50%",
    };
    static const char *const not_given[] = {
        "", "dom0_mem", "dom0_mem=", "dom0_mem= console=com1",
        "nodom0_mem=512M", "dom0_max_vcpus=2", "x=dom0_mem=1G",
    };
    size_t i;

    for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (!xl_conf_dom0_mem_given(given[i])) fail_msg("%s", given[i]);
    }
    for (i = 0; i < sizeof(not_given) / sizeof(not_given[0]); i++) {
        if (xl_conf_dom0_mem_given(not_given[i])) fail_msg("%s", not_given[i]);
    }
}

static int read_conf(const char *text, struct xl_conf *conf_r)
{
    char path[] = "/tmp/watch-plan.XXXXXX";
    int fd = mkstemp(path), rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    rc = xl_conf_read(NULL, path, conf_r);
    unlink(path);
    return rc;
}

static void test_conf(void **state)
{
    struct xl_conf conf;

    /* As Debian ships it: all commented out. */
    assert_int_equal(read_conf("# a comment\n#autoballoon=\"off\"\n", &conf), 0);
    assert_true(conf.autoballoon);      /* auto, and nobody to ask */
    assert_string_equal(conf.lockfile, "/var/lock/xl");
    assert_true(conf.domid_policy == (uint32_t)INVALID_DOMID);
    xl_conf_dispose(&conf);
    xl_conf_dispose(&conf);

    assert_int_equal(read_conf("autoballoon=\"off\"\nlockfile=\"/run/l\"\n"
                               "domid_policy=\"random\"\nclaim_mode=1\n",
                               &conf), 0);
    assert_false(conf.autoballoon);
    assert_string_equal(conf.lockfile, "/run/l");
    assert_true(conf.domid_policy == (uint32_t)RANDOM_DOMID);
    xl_conf_dispose(&conf);

    assert_int_equal(read_conf("autoballoon=\"1\"\ndomid_policy=\"xen\"\n",
                               &conf), 0);
    assert_true(conf.autoballoon);
    assert_true(conf.domid_policy == (uint32_t)INVALID_DOMID);
    xl_conf_dispose(&conf);
    assert_int_equal(read_conf("autoballoon=\"0\"\n", &conf), 0);
    assert_false(conf.autoballoon);
    xl_conf_dispose(&conf);

    assert_int_equal(xl_conf_read(NULL, "/nonexistent/xl.conf", &conf), 0);
    assert_true(conf.autoballoon);
    xl_conf_dispose(&conf);
}

static void test_conf_bad(void **state)
{
    struct xl_conf conf = { .lockfile = (char *)"untouched" };

    assert_int_equal(read_conf("autoballoon=\"off\n", &conf), ERROR_INVAL);
    assert_int_equal(read_conf("{{{", &conf), ERROR_INVAL);
    assert_string_equal(conf.lockfile, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_plan_other_reasons),
        cmocka_unit_test(test_dom0_mem),
        cmocka_unit_test(test_conf),
        cmocka_unit_test(test_conf_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
