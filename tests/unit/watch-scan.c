/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who watches a domain, in a made-up /proc and in the real one. */
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

#include "xl/child.h"
#include "xl/watcher_scan.h"

static char top[] = "/tmp/watch-scan.XXXXXX";

#define LINE(domid, pid) \
    "Waiting for domain guest (domid " #domid ") to die [pid " #pid "]\n"

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void __attribute__((format(printf, 3, 4)))
in_dir(char *path, const char *dir, const char *fmt, ...)
{
    size_t len = strlen(dir);
    va_list ap;

    memcpy(path, dir, len);
    path[len++] = '/';
    va_start(ap, fmt);
    vsnprintf(path + len, PATH_MAX - len, fmt, ap);
    va_end(ap);
}

/* A folder of its own for each test, with proc and log in it. */
static int setup(void **state)
{
    char path[PATH_MAX];
    char *dir;

    in_dir(path, top, "t.XXXXXX");
    dir = mkdtemp(path) ? strdup(path) : NULL;
    if (!dir) return -1;
    in_dir(path, dir, "proc");
    if (mkdir(path, 0755)) return -1;
    in_dir(path, dir, "log");
    if (mkdir(path, 0755)) return -1;
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void fake_log(const char *dir, const char *log, const char *text)
{
    char path[PATH_MAX];

    in_dir(path, dir, "log/%s", log);
    write_file(path, text);
}

/* args: NUL after each. */
static void fake_process(const char *dir, int pid, const char *exe,
                         const char *args, size_t args_len, const char *log)
{
    char path[PATH_MAX], target[PATH_MAX];
    int fd;

    in_dir(path, dir, "proc/%d", pid);
    assert_int_equal(mkdir(path, 0755), 0);
    in_dir(path, dir, "proc/%d/fd", pid);
    assert_int_equal(mkdir(path, 0755), 0);
    in_dir(path, dir, "proc/%d/exe", pid);
    assert_int_equal(symlink(exe, path), 0);
    in_dir(path, dir, "proc/%d/fd/2", pid);
    in_dir(target, dir, "log/%s", log);
    assert_int_equal(symlink(target, path), 0);
    in_dir(path, dir, "proc/%d/cmdline", pid);
    fd = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, args, args_len), args_len);
    close(fd);
}

#define XL "/usr/lib/xen-4.17/bin/xl"
#define ARGS(text) text, sizeof(text)

/* How many watch, or -1 where it matters that *pid_r is the only one. */
static size_t find(const char *dir, uint32_t domid, const char *name,
                   struct watcher *first_r)
{
    struct watcher *list = NULL;
    char path[PATH_MAX];
    size_t num = 0;

    in_dir(path, dir, "proc");
    assert_int_equal(watcher_find(path, domid, name, &list, &num), 0);
    if (num && first_r) *first_r = list[0];
    free(list);
    return num;
}

/* ---- processes ---- */

static void test_find(void **state)
{
    struct watcher w = { 0, false };
    char path[PATH_MAX];

    fake_log(*state, "xl-a.log", LINE(1, 100) LINE(3, 100));
    fake_log(*state, "xl-b.log", LINE(4, 101));
    fake_log(*state, "xl-snapshot-c.log", LINE(5, 102));
    fake_process(*state, 100, XL, ARGS("xl\0create\0a.cfg"), "xl-a.log");
    fake_process(*state, 101, XL " (deleted)", ARGS("xl\0create\0b.cfg"),
                 "xl-b.log");
    fake_process(*state, 102, "/usr/local/sbin/xl",
                 ARGS("xl\0snapshot-monitor\0--domid\0" "5"),
                 "xl-snapshot-c.log");

    assert_int_equal(find(*state, 3, "a", &w), 1);
    assert_int_equal(w.pid, 100);
    assert_false(w.ours);
    /* It rebooted: domid 1 is past, whatever the log is called. */
    assert_int_equal(find(*state, 1, "a", NULL), 0);
    assert_int_equal(find(*state, 4, NULL, &w), 1);
    assert_int_equal(w.pid, 101);
    assert_false(w.ours);
    assert_int_equal(find(*state, 5, "renamed", &w), 1);
    assert_int_equal(w.pid, 102);
    assert_true(w.ours);

    /* Two daemons on one domain are both there. */
    fake_log(*state, "xl-a2.log", LINE(3, 103));
    fake_process(*state, 103, XL, ARGS("xl\0restore\0a.save"), "xl-a2.log");
    assert_int_equal(find(*state, 3, "a", NULL), 2);

    in_dir(path, *state, "nowhere");
    assert_int_equal(watcher_find(path, 3, NULL, NULL, NULL), ERROR_FAIL);
}

static void test_find_not_xl(void **state)
{
    char path[PATH_MAX];

    fake_log(*state, "log", LINE(3, 100) LINE(3, 101) LINE(3, 102) LINE(3, 103)
             LINE(3, 105));
    fake_process(*state, 100, "/usr/bin/less", ARGS("less\0log"), "log");
    fake_process(*state, 101, "/usr/bin/notxl", ARGS("xl\0create"), "log");
    fake_process(*state, 102, "/usr/bin/xl.old", ARGS("xl\0create"), "log");
    fake_process(*state, 103, XL, ARGS("xl\0create"), "no-such-log");
    /* Its number is not in the log: it only inherited the descriptor. */
    fake_process(*state, 104, XL, ARGS("xl\0create"), "log");
    in_dir(path, *state, "proc/self");
    assert_int_equal(symlink("105", path), 0);
    in_dir(path, *state, "proc/105x");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(find(*state, 3, "guest", NULL), 0);

    /* Another user's process cannot act on a domain, whatever it says. */
    fake_process(*state, 105, XL, ARGS("xl\0create"), "log");
    assert_int_equal(find(*state, 3, "guest", NULL), 1);
    if (geteuid() == 0) {
        in_dir(path, *state, "proc/105");
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(find(*state, 3, "guest", NULL), 0);
    }
}

/* copytruncate took the line away: the file's name has to do. */
static void test_find_truncated(void **state)
{
    struct watcher w = { 0, false };

    fake_log(*state, "xl-web.log", "libxl: warning: later\n");
    fake_log(*state, "xl-snapshot-db.log.1", "");
    fake_log(*state, "xl-web.log.x", "");
    fake_process(*state, 100, XL, ARGS("xl\0create"), "xl-web.log");
    fake_process(*state, 101, "/usr/local/sbin/xl",
                 ARGS("xl\0snapshot-monitor"), "xl-snapshot-db.log.1");
    fake_process(*state, 102, XL, ARGS("xl\0create"), "xl-web.log.x");

    assert_int_equal(find(*state, 3, "web", &w), 1);
    assert_int_equal(w.pid, 100);
    assert_int_equal(find(*state, 3, "we", NULL), 0);
    assert_int_equal(find(*state, 3, "web.log", NULL), 0);
    assert_int_equal(find(*state, 3, NULL, NULL), 0);
    assert_int_equal(find(*state, 4, "db", &w), 1);
    assert_true(w.ours);
    assert_int_equal(find(*state, 4, "snapshot-db", NULL), 0);
}

/* A real process, with its log rotated, then deleted, then its program too. */
static void test_find_real(void **state)
{
    char exe[PATH_MAX], log[PATH_MAX], other[PATH_MAX], line[128];
    struct watcher *list = NULL;
    char cp[] = "cp", sleep_path[] = "/bin/sleep";
    char *argv[] = { cp, sleep_path, exe, NULL };
    struct child_spec spec = { "/bin/cp", argv, -1, false, 60, NULL, 0 };
    struct child_result result;
    size_t num = 0;
    uint32_t domid = 4294901760u;       /* never a real one's */
    pid_t pid;
    int fd, i;

    in_dir(exe, *state, "xl");
    in_dir(log, *state, "log/xl-real.log");
    in_dir(other, *state, "log/xl-real.log.1");
    assert_int_equal(child_run(&spec, &result), 0);
    assert_true(child_succeeded(&result));
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);

    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(fd, 2);
        execl(exe, "xl", "60", (char *)NULL);
        _exit(127);
    }
    snprintf(line, sizeof(line), "Waiting for domain real (domid %u) to die "
             "[pid %ld]\n", domid, (long)pid);
    assert_int_equal(write(fd, line, strlen(line)), strlen(line));
    close(fd);

    for (i = 0; i < 100; i++) {
        assert_int_equal(watcher_find("/proc", domid, "real", &list, &num), 0);
        if (num) break;
        usleep(50000);      /* it has not come to exec yet */
    }
    assert_int_equal(num, 1);
    assert_int_equal(list[0].pid, pid);
    free(list);

    assert_int_equal(rename(log, other), 0);
    assert_int_equal(watcher_find("/proc", domid, "x", &list, &num), 0);
    free(list);
    assert_int_equal(num, 1);

    assert_int_equal(unlink(other), 0);
    assert_int_equal(unlink(exe), 0);
    assert_int_equal(watcher_find("/proc", domid, NULL, &list, &num), 0);
    free(list);
    assert_int_equal(num, 1);

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(watcher_find("/proc", domid, NULL, &list, &num), 0);
    free(list);
    assert_int_equal(num, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_not_xl, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_real, setup, teardown),
    };
    char rm[] = "rm", rf[] = "-rf";
    char *argv[] = { rm, rf, top, NULL };
    struct child_spec spec = { "/bin/rm", argv, -1, false, 60, NULL, 0 };
    struct child_result result;
    int failed;

    if (!mkdtemp(top)) return 99;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    child_run(&spec, &result);
    return failed;
}
