/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>

#include "libxl/child.h"
#include "tests/qmp/cmocka_all.h"

#define MAX_OUT 100000

static int run(const char *script, unsigned int ms, struct child_result *result)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    struct diag diag = { "" };
    int64_t started = deadline_now_ms();
    int rc;

    child_result_init(result);
    rc = child_run(argv, MAX_OUT, deadline_after(ms), result, &diag);
    assert_took_less(started, ms + 2000);
    if (rc) {
        assert_true(diag.text[0]);
        assert_null(result->out);
    }
    return rc;
}

static void says(const char *script, const char *out)
{
    struct child_result result;

    assert_int_equal(run(script, 10000, &result), 0);
    assert_true(WIFEXITED(result.status));
    assert_string_equal(result.out, out);
    assert_int_equal(result.out_len, strlen(out));
    child_result_dispose(&result);
}

static void test_results(void **state)
{
    struct child_result result;

    says("echo hello", "hello\n");
    says("", "");
    says("cat", "");                            /* nothing to read */
    says("exec >&-; exec 2>&-; sleep 0.1", "");   /* it ends after its streams */

    assert_int_equal(run("echo out; echo first >&2; echo second >&2; exit 3",
                         10000, &result), 0);
    assert_true(WIFEXITED(result.status));
    assert_int_equal(WEXITSTATUS(result.status), 3);
    assert_string_equal(result.out, "out\n");
    assert_string_equal(result.err, "first\nsecond\n");
    child_result_dispose(&result);

    assert_int_equal(run("kill -9 $$", 10000, &result), 0);
    assert_true(WIFSIGNALED(result.status));
    assert_int_equal(WTERMSIG(result.status), SIGKILL);
    child_result_dispose(&result);
}

static void test_limits(void **state)
{
    struct child_result result;

    /* just fits, and one more */
    assert_int_equal(run("head -c 100000 /dev/zero | tr '\\0' x", 10000, &result), 0);
    assert_int_equal(result.out_len, MAX_OUT);
    child_result_dispose(&result);
    assert_int_equal(run("head -c 100001 /dev/zero", 10000, &result),
                     ERROR_BUFFERFULL);
    assert_int_equal(run("cat /dev/zero", 10000, &result), ERROR_BUFFERFULL);
    /* errors are cut, not refused */
    assert_int_equal(run("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo end",
                         10000, &result), 0);
    assert_int_equal(strlen(result.err), sizeof(result.err) - 1);
    assert_string_equal(result.out, "end\n");
    child_result_dispose(&result);
}

static void test_time(void **state)
{
    struct child_result result;
    char pid_text[64], script[128];
    FILE *file;
    long pid;
    char name[] = "/tmp/xls-child.XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    close(fd);
    snprintf(script, sizeof(script), "echo $$ > %s; exec sleep 1000", name);
    assert_int_equal(run(script, 300, &result), ERROR_TIMEDOUT);
    file = fopen(name, "r");
    assert_non_null(fgets(pid_text, sizeof(pid_text), file));
    fclose(file);
    pid = atol(pid_text);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, 0), -1);  /* killed, and waited for */
    assert_int_equal(errno, ESRCH);
    unlink(name);
    /* its output is closed, but it goes on */
    assert_int_equal(run("exec >&- 2>&-; exec sleep 1000", 300, &result),
                     ERROR_TIMEDOUT);
    /* it is gone, but somebody keeps its output */
    assert_int_equal(run("sleep 2 & exit 0", 300, &result), ERROR_TIMEDOUT);
}

static void test_no_program(void **state)
{
    static const char *const missing[] = { "xls-there-is-no-such-program", NULL };
    static const char *const directory[] = { "/", NULL };
    struct child_result result;
    struct diag diag;

    child_result_init(&result);
    assert_int_equal(child_run(missing, 10, deadline_after(1000), &result, &diag),
                     ERROR_FAIL);
    assert_non_null(strstr(diag.text, missing[0]));
    assert_int_equal(child_run(directory, 10, deadline_after(1000), &result,
                               &diag), ERROR_FAIL);
}

/* Only the three streams, whatever the program around us has open. */
static void test_descriptors(void **state)
{
    int fd = open("/dev/null", O_RDONLY), saved[3], i;

    assert_true(fd >= 0);
    says("ls /proc/self/fd | grep -v '^[0123]$' | wc -l", "0\n");
    close(fd);

    /* a program without standard streams */
    for (i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    {
        const char *const argv[] = { "sh", "-c", "echo out; echo err >&2", NULL };
        struct child_result result;
        int rc;

        child_result_init(&result);
        rc = child_run(argv, MAX_OUT, deadline_after(10000), &result, NULL);
        for (i = 0; i < 3; i++) {
            dup2(saved[i], i);
            close(saved[i]);
        }
        assert_int_equal(rc, 0);
        assert_string_equal(result.out, "out\n");
        assert_string_equal(result.err, "err\n");
        child_result_dispose(&result);
    }
}

static void test_signals(void **state)
{
    struct child_result result;
    sigset_t blocked, before;

    /* what is blocked or ignored here is not so in the child */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGUSR1, SIG_IGN);
    assert_int_equal(run("kill -TERM $$; sleep 5", 10000, &result), 0);
    assert_true(WIFSIGNALED(result.status));
    child_result_dispose(&result);
    assert_int_equal(run("kill -USR1 $$; sleep 5", 10000, &result), 0);
    assert_true(WIFSIGNALED(result.status));
    child_result_dispose(&result);
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGUSR1, SIG_DFL);
    /* not in the terminal's foreground group */
    says("test $(ps -o pgid= -p $$) = $$ && echo own", "own\n");
}

/* A host program that lets the kernel reap: the status is lost, and said so. */
static void test_stolen_status(void **state)
{
    struct child_result result;

    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(run("exit 0", 10000, &result), ERROR_UNKNOWN_CHILD);
    signal(SIGCHLD, SIG_DFL);
}

struct watching {
    int looks, end_at, rc;
    size_t seen;
};

static int look(void *user, const char *out, size_t len)
{
    struct watching *w = user;

    assert_true(len >= w->seen);
    if (len) assert_int_equal(out[len - 1], 'x');
    w->seen = len;
    return ++w->looks == w->end_at ? w->rc : 0;
}

static void test_watched(void **state)
{
    const char *const argv[] = {
        "sh", "-c", "for i in 1 2 3 4; do printf x; sleep 0.1; done", NULL
    };
    struct watching w = { .end_at = 0 };
    const struct child_watch watch = { &w, look };
    struct child_result result;
    struct diag diag = { "" };
    int64_t started;

    child_result_init(&result);
    assert_int_equal(child_run_watched(argv, MAX_OUT, deadline_after(10000),
                                       &watch, &result, &diag), 0);
    assert_true(w.looks >= 4);
    assert_int_equal(w.seen, 4);
    assert_string_equal(result.out, "xxxx");
    child_result_dispose(&result);

    /* also when nothing is said any more */
    started = deadline_now_ms();
    w = (struct watching){ .end_at = 3, .rc = ERROR_ABORTED };
    assert_int_equal(child_run_watched((const char *const[]){ "sleep", "100",
                                                              NULL },
                                       MAX_OUT, deadline_after(20000), &watch,
                                       &result, &diag), ERROR_ABORTED);
    assert_took_less(started, 5000);
    assert_non_null(strstr(diag.text, "stopped, as asked"));
    assert_null(result.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_watched),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_no_program),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_stolen_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
