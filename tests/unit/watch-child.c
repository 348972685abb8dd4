/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a program: what it inherits, what is kept of it, how it is ended. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "xl/child.h"

static struct child_result run_with(const char *script, int stdin_fd,
                                    unsigned int timeout_s, bool die_with_us)
{
    char sh[] = "sh", c[] = "-c";
    char *copy = strdup(script);
    char *argv[] = { sh, c, copy, NULL };
    struct child_spec spec = { "/bin/sh", argv, stdin_fd, die_with_us,
                               timeout_s, NULL, 0 };
    struct child_result result;

    assert_non_null(copy);
    assert_int_equal(child_run(&spec, &result), 0);
    free(copy);
    return result;
}

static struct child_result run(const char *script)
{
    return run_with(script, -1, 60, false);
}

static void check_line(const char *script, const char *line)
{
    struct child_result result = run(script);

    assert_string_equal(result.line, line);
}

static void test_line(void **state)
{
    check_line("true", "");
    check_line("echo one; echo two", "two");
    check_line("echo one; printf two", "two");
    check_line("echo one; echo; echo '  '", "one");
    check_line("echo a; echo 'libxl: error: why' >&2; echo 'xl: error: so'; "
               "echo end", "libxl: error: why");
    check_line("printf '10%%\\r20%%\\r30%%\\r'", "30%");
    check_line("printf 'a\\033[1mb\\tc\\n'", "a?[1mb c");
}

static void test_flood(void **state)
{
    struct child_result result;

    /* More than a pipe holds, on one line and on many. */
    result = run("head -c 300000 /dev/zero | tr '\\0' x");
    assert_true(child_succeeded(&result));
    assert_int_equal(strlen(result.line), sizeof(result.line) - 1);
    result = run("yes | head -n 200000; echo last");
    assert_true(child_succeeded(&result));
    assert_string_equal(result.line, "last");
}

static void test_status(void **state)
{
    struct child_result result;
    char text[128];

    result = run("exit 0");
    assert_true(child_succeeded(&result));
    result = run("echo xl: error: no; exit 3");
    assert_false(child_succeeded(&result));
    child_describe(&result, text, sizeof(text));
    assert_string_equal(text, "exit status 3: xl: error: no");
    result = run("kill -KILL $$");
    assert_false(child_succeeded(&result));
    assert_false(result.timed_out);
    child_describe(&result, text, sizeof(text));
    assert_string_equal(text, "it was killed by signal 9");
    child_describe(&result, text, 8);
    assert_string_equal(text, "it was ");
}

static void test_not_there(void **state)
{
    char name[] = "xl";
    char *argv[] = { name, NULL };
    struct child_spec spec = { "/nonexistent/xl", argv, -1, true, 60, NULL, 0 };
    struct child_result result = { .status = 4711 };

    assert_int_equal(child_run(&spec, &result), ERROR_NOTFOUND);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(result.status, 4711);
    spec.path = "/";
    assert_int_equal(child_run(&spec, &result), ERROR_NOTFOUND);
    assert_int_equal(errno, EACCES);
    /* Neither is left for somebody's wait. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_stdin(void **state)
{
    int fds[2];

    check_line("cat; echo end", "end");
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "hello\n", 6), 6);
    close(fds[1]);
    assert_string_equal(run_with("cat", fds[0], 60, false).line, "hello");
    close(fds[0]);
}

/* Neither a lock that was left open for exec, nor a pipe of our own. */
static void test_descriptors(void **state)
{
    int low = open("/dev/null", O_RDONLY), high;

    assert_true(low >= 0);
    high = fcntl(low, F_DUPFD, 700);
    assert_int_equal(high, 700);
    /* A pipe or a substitution would add the shell's own to the list. */
    check_line("ls -m /proc/$$/fd; exit", "0, 1, 2");
    close(low);
    close(high);
}

static void test_own_group(void **state)
{
    check_line("set -- $(cat /proc/$$/stat); [ $5 = $$ ] && echo own", "own");
}

static void test_signals(void **state)
{
    struct sigaction ign = { .sa_handler = SIG_IGN }, old;
    sigset_t set, before;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, &before);
    sigaction(SIGPIPE, &ign, &old);
    /* glibc keeps signals 32 and 33 to itself, and make's spawn ignores them. */
    check_line("grep -c -E 'Sig(Blk|Ign):[[:space:]]*0{7}(00|18)0{7}$'"
               " /proc/self/status", "2");
    sigaction(SIGPIPE, &old, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void wait_gone(pid_t pid, bool gone)
{
    int i;

    for (i = 0; i < 100 && !kill(pid, 0); i++) {
        if (!gone) return;
        usleep(20000);
    }
    assert_true(gone == (kill(pid, 0) != 0));
}

static void test_timeout(void **state)
{
    struct child_result result;
    time_t start = time(NULL);
    char text[128];
    pid_t pid;

    /* The whole group goes, and what it held open does not keep us. */
    result = run_with("sleep 300 & echo $!; wait", -1, 1, false);
    assert_true(result.timed_out);
    assert_false(child_succeeded(&result));
    assert_true(time(NULL) - start < 20);
    child_describe(&result, text, sizeof(text));
    assert_non_null(strstr(text, "too long"));
    pid = atoi(result.line);
    assert_true(pid > 1);
    wait_gone(pid, true);
}

static void test_daemon_left_behind(void **state)
{
    struct child_result result;
    time_t start = time(NULL);
    pid_t pid;

    result = run("sleep 300 & echo $!");
    assert_true(child_succeeded(&result));
    assert_true(time(NULL) - start < 20);
    pid = atoi(result.line);
    assert_true(pid > 1);
    wait_gone(pid, false);
    kill(pid, SIGKILL);
}

static pid_t read_pid(const char *path)
{
    char text[32] = "";
    int i, fd;

    for (i = 0; i < 200; i++) {
        fd = open(path, O_RDONLY);
        if (fd >= 0) {
            ssize_t n = read(fd, text, sizeof(text) - 1);

            close(fd);
            if (n > 0 && strchr(text, '\n')) return atoi(text);
        }
        usleep(20000);
    }
    return -1;
}

/* Killed with us, but not the daemon that it had left before. */
static void test_die_with_us(void **state)
{
    char dir[] = "/tmp/watch-child.XXXXXX";
    char main_path[64], daemon_path[64], script[256];
    pid_t pid, main_pid, daemon_pid;

    assert_non_null(mkdtemp(dir));
    snprintf(main_path, sizeof(main_path), "%s/main", dir);
    snprintf(daemon_path, sizeof(daemon_path), "%s/daemon", dir);
    snprintf(script, sizeof(script), "sleep 300 & echo $! >%s; echo $$ >%s; "
             "exec sleep 300", daemon_path, main_path);

    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        run_with(script, -1, 60, true);
        _exit(0);
    }
    main_pid = read_pid(main_path);
    daemon_pid = read_pid(daemon_path);
    assert_true(main_pid > 1 && daemon_pid > 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    wait_gone(main_pid, true);
    wait_gone(daemon_pid, false);
    kill(daemon_pid, SIGKILL);

    unlink(main_path);
    unlink(daemon_path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_stdin),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_own_group),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_daemon_left_behind),
        cmocka_unit_test(test_die_with_us),
    };

    /* A shell's background job is started with these ignored. */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
