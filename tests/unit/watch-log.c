/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who watches a domain, as its log has it. */
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

static char top[] = "/tmp/watch-log.XXXXXX";

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

/* A folder of its own for each test, with log in it. */
static int setup(void **state)
{
    char path[PATH_MAX];
    char *dir;

    in_dir(path, top, "t.XXXXXX");
    dir = mkdtemp(path) ? strdup(path) : NULL;
    if (!dir) return -1;
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

/* ---- lines ---- */

static void check_line(const char *line, long pid, uint32_t domid)
{
    pid_t got_pid = -1;
    uint32_t got_domid = 0;

    assert_true(watcher_parse_line(line, &got_pid, &got_domid));
    assert_int_equal(got_pid, pid);
    assert_int_equal(got_domid, domid);
}

static void test_line(void **state)
{
    check_line("Waiting for domain guest (domid 7) to die [pid 4711]", 4711, 7);
    check_line("Waiting for domain  (domid 0) to die [pid 1]", 1, 0);
    check_line("Waiting for domain a b)c (domid 12) to die [pid 2147483647]",
               INT_MAX, 12);
    /* A name that plays a line: the real end counts. */
    check_line("Waiting for domain x (domid 3) to die [pid 9] (domid 4) to die "
               "[pid 10]", 10, 4);
    check_line("Waiting for domain \xff\xfe (domid 4294967295) to die [pid 5]",
               5, UINT32_MAX);
}

static void test_no_line(void **state)
{
    static const char *const lines[] = {
        "",
        "Waiting for domain",
        "Waiting for domain ",
        " Waiting for domain x (domid 1) to die [pid 2]",
        "Waiting for domain x (domid 1) to die [pid 2] ",
        "Waiting for domain x (domid 1) to die [pid 2",
        "Waiting for domain x (domid 1) to die [pid ]",
        "Waiting for domain x (domid ) to die [pid 2]",
        "Waiting for domain x (domid -1) to die [pid 2]",
        "Waiting for domain x (domid 1) to die [pid -2]",
        "Waiting for domain x (domid 1) to die [pid 0]",
        "Waiting for domain x (domid 1) to die [pid 2147483648]",
        "Waiting for domain x (domid 4294967296) to die [pid 2]",
        "Waiting for domain x (domid 1) to die [pid 99999999999999999999]",
        "Waiting for domain x (domid 18446744073709551617) to die [pid 2]",
        "Waiting for domain x(domid 1) to die [pid 2]",
        "Waiting for domain (domid 1) to die [pid 2]",
        "Waiting for domain x (domid 0x1) to die [pid 2]",
        "Domain 1 has shut down, reason code 1 0x1",
    };
    uint32_t domid = 77;
    pid_t pid = 88;
    size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (watcher_parse_line(lines[i], &pid, &domid))
            fail_msg("taken for one: %s", lines[i]);
    }
    assert_int_equal(domid, 77);
    assert_int_equal(pid, 88);
}

/* ---- logs ---- */

static int log_domid(const char *dir, const char *log, pid_t pid,
                     uint32_t *domid_r)
{
    char path[PATH_MAX];
    int fd, rc;

    in_dir(path, dir, "log/%s", log);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    rc = watcher_log_domid(fd, pid, domid_r);
    close(fd);
    return rc;
}

static void test_log_last_own_line(void **state)
{
    uint32_t domid = 0;

    fake_log(*state, "a", LINE(1, 50) "Domain 1 has shut down, reason code 1 "
             "0x1\nDone. Rebooting now\n" LINE(2, 50) LINE(9, 51)
             "libxl: error: something\n");
    assert_int_equal(log_domid(*state, "a", 50, &domid), 0);
    assert_int_equal(domid, 2);
    assert_int_equal(log_domid(*state, "a", 51, &domid), 0);
    assert_int_equal(domid, 9);
    domid = 5;
    assert_int_equal(log_domid(*state, "a", 52, &domid), ERROR_NOTFOUND);
    assert_int_equal(domid, 5);
}

static void test_log_hostile(void **state)
{
    static char flood[10000];
    uint32_t domid = 0;

    fake_log(*state, "empty", "");
    assert_int_equal(log_domid(*state, "empty", 50, &domid), ERROR_NOTFOUND);

    /* A line that is still being written is none yet. */
    fake_log(*state, "half",
             "Waiting for domain x (domid 3) to die [pid 50]");
    assert_int_equal(log_domid(*state, "half", 50, &domid), ERROR_NOTFOUND);

    /* The end of an overlong line is not a line. */
    memset(flood, 'x', sizeof(flood) - 1);
    fake_log(*state, "long", flood);
    fake_log(*state, "long", LINE(4, 50));
    assert_int_equal(log_domid(*state, "long", 50, &domid), ERROR_NOTFOUND);
    fake_log(*state, "long", LINE(5, 50));
    assert_int_equal(log_domid(*state, "long", 50, &domid), 0);
    assert_int_equal(domid, 5);
}

static void test_log_huge(void **state)
{
    char path[PATH_MAX];
    uint32_t domid = 0;

    /* 5 MB of nothing, sparse, with a line before and one after. */
    fake_log(*state, "huge", LINE(4, 50));
    in_dir(path, *state, "log/huge");
    assert_int_equal(truncate(path, 5000000), 0);
    assert_int_equal(log_domid(*state, "huge", 50, &domid), ERROR_NOTFOUND);
    fake_log(*state, "huge", "\n" LINE(6, 50));
    assert_int_equal(log_domid(*state, "huge", 50, &domid), 0);
    assert_int_equal(domid, 6);
}

static void test_log_not_a_file(void **state)
{
    uint32_t domid = 0;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(watcher_log_domid(fds[0], 50, &domid), ERROR_FAIL);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(watcher_log_domid(-1, 50, &domid), ERROR_FAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_no_line),
        cmocka_unit_test_setup_teardown(test_log_last_own_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_hostile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_huge, setup, teardown),
        cmocka_unit_test(test_log_not_a_file),
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
