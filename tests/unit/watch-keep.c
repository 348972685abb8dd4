/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeping a domain watched, without a hypervisor: the monitor that is started
 * is this program.
 */
#include "config.h"

#include <errno.h>
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
#include "xl/app.h"
#include "xl/child.h"
#include "xl/watch.h"
#include "xl/watcher_scan.h"

#define DOMID 3
#define UUID3 "03030303-0303-0303-0303-030303030303"

/* In the environment, so that the monitor that is started finds it. */
#define TOP "WATCH_KEEP_TOP"

static char top[] = "/tmp/watch-keep.XXXXXX";
static char told_path[64];
static struct xl_app app;
static struct manage_error err;
static pid_t watcher;

static void write_text(const char *path, const char *text, int mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* What was written to the file of what was told, which is then gone. */
static const char *told(void)
{
    static char text[512];
    ssize_t n = 0;
    int fd = open(told_path, O_RDONLY);

    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        unlink(told_path);
    }
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int setup(void **state)
{
    fake_reset();
    memset(&err, 0, sizeof(err));
    memset(&app, 0, sizeof(app));
    watcher = 0;
    unsetenv("WATCH_KEEP_FAILS");
    return 0;
}

static int teardown(void **state)
{
    if (watcher) {
        kill(watcher, SIGKILL);
        waitpid(watcher, NULL, 0);
    }
    unlink(told_path);
    fake_dispose();
    return 0;
}

static void check_error(const char *part)
{
    assert_int_equal(err.outcome, MANAGE_FAILED);
    if (!strstr(err.text, part)) fail_msg("'%s' is not in: %s", part, err.text);
    assert_null(strchr(err.text, '\n'));
}

/* ---- who watches ---- */

/* A real process called xl that says it watches DOMID. script: what it is
 * given to run, which is its second argument. */
static void start_watcher(const char *script)
{
    char exe[128], log[128], line[128];
    char cp[] = "cp", sh_path[] = "/bin/sh";
    char *argv[] = { cp, sh_path, exe, NULL };
    struct child_spec spec = { "/bin/cp", argv, -1, false, 60, NULL, 0 };
    struct child_result result;
    int fd, i;

    snprintf(exe, sizeof(exe), "%s/bin/xl", top);
    snprintf(log, sizeof(log), "%s/xl-guest.log", top);
    assert_int_equal(child_run(&spec, &result), 0);
    assert_true(child_succeeded(&result));
    unlink(log);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    watcher = fork();
    assert_true(watcher >= 0);
    if (!watcher) {
        dup2(fd, 2);
        if (chdir(top)) _exit(127);
        execl(exe, "xl", script, (char *)NULL);
        _exit(127);
    }
    snprintf(line, sizeof(line), "Waiting for domain guest (domid %u) to die "
             "[pid %ld]\n", DOMID, (long)watcher);
    assert_int_equal(write(fd, line, strlen(line)), strlen(line));
    close(fd);
    for (i = 0; i < 250 && !watch_is_watched(&app, DOMID); i++)
        usleep(20000);
}

static void keep(const char *want)
{
    assert_int_equal(watch_keep(&app, DOMID, &err), 0);
    assert_string_equal(told(), want);
}

static void test_keep_nobody(void **state)
{
    fake_add(DOMID, "guest");
    assert_false(watch_is_watched(&app, DOMID));
    keep("snapshot-monitor --domid 3 --uuid " UUID3 "\n");
}

static void test_keep_daemon(void **state)
{
    char want[128];

    fake_add(DOMID, "guest");
    start_watcher("stay");
    assert_true(watch_is_watched(&app, DOMID));
    assert_false(watch_is_watched(&app, DOMID + 1));
    snprintf(want, sizeof(want), "snapshot-monitor --domid 3 --uuid " UUID3
             " --after-pid %ld\n", (long)watcher);
    keep(want);
    fake.version_minor = 19;
    keep(want);
    /* From here on it stays. */
    fake.version_minor = 20;
    keep("");
}

static void test_keep_ours(void **state)
{
    fake_add(DOMID, "guest");
    start_watcher(WATCHER_SUBCOMMAND);
    assert_true(watch_is_watched(&app, DOMID));
    keep("");
}

static void test_keep_libvirt(void **state)
{
    fake_add(DOMID, "guest");
    fake.dom[DOMID].libvirt = true;
    assert_false(watch_is_watched(&app, DOMID));
    keep("");
}

static void test_keep_fails(void **state)
{
    assert_int_equal(watch_keep(&app, DOMID, &err), ERROR_DOMAIN_NOTFOUND);
    check_error("the domain is gone");
    fake_add(DOMID, "guest");
    setenv("WATCH_KEEP_FAILS", "1", 1);
    assert_int_equal(watch_keep(&app, DOMID, &err), ERROR_FAIL);
    check_error("error: no luck");
}

/* ---- this program, as the monitor ---- */

static int as_monitor(int argc, char **argv)
{
    char path[256];
    FILE *f;
    int i;

    if (getenv("WATCH_KEEP_FAILS")) {
        fprintf(stderr, "error: no luck\n");
        return 1;
    }
    snprintf(path, sizeof(path), "%s/told", getenv(TOP));
    f = fopen(path, "w");
    if (!f) return 1;
    for (i = 1; i < argc; i++)
        fprintf(f, "%s%s", argv[i], i < argc - 1 ? " " : "\n");
    return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_keep_nobody),
        TEST(test_keep_daemon),
        TEST(test_keep_ours),
        TEST(test_keep_libvirt),
        TEST(test_keep_fails),
    };
    char rm[] = "rm", rf[] = "-rf";
    char *rm_argv[] = { rm, rf, top, NULL };
    struct child_spec spec = { "/bin/rm", rm_argv, -1, false, 60, NULL, 0 };
    struct child_result result;
    char path[128];
    int failed;

    if (argc > 1 && !strcmp(argv[1], WATCHER_SUBCOMMAND))
        return as_monitor(argc, argv);

    if (!mkdtemp(top) || setenv(TOP, top, 1)) return 99;
    snprintf(told_path, sizeof(told_path), "%s/told", top);
    snprintf(path, sizeof(path), "%s/bin", top);
    if (mkdir(path, 0755)) return 99;
    /* What the copied shell runs: it stands still and keeps its name. */
    snprintf(path, sizeof(path), "%s/stay", top);
    write_text(path, "kill -STOP $$\n", 0644);
    snprintf(path, sizeof(path), "%s/" WATCHER_SUBCOMMAND, top);
    write_text(path, "kill -STOP $$\n", 0644);

    failed = cmocka_run_group_tests(tests, NULL, NULL);
    child_run(&spec, &result);
    return failed;
}
