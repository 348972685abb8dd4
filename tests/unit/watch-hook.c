/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a user's hook: what it is told, how it is ended, and that nothing it
 * started is still at work when the next one begins. */
#include "config.h"

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

#include "xl/hook.h"

struct fixture {
    char dir[64];
    char hook[96];
    struct manage_error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->dir, "/tmp/xl-hook.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->hook, sizeof(f->hook), "%s/hook", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void write_hook(struct fixture *f, const char *script)
{
    FILE *file = fopen(f->hook, "we");

    assert_non_null(file);
    fprintf(file, "#!/bin/sh\ncd '%s'\n%s\n", f->dir, script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(f->hook, 0700), 0);
}

static int run_for(struct fixture *f, unsigned int timeout_s)
{
    char action[] = "XL_SNAPSHOT_ACTION=create";
    char name[] = "XL_SNAPSHOT_NAME=a b;$(c)\"'";
    char *variables[] = { action, name, NULL };

    memset(&f->err, 0, sizeof(f->err));
    return hook_execute(f->dir, "g", f->hook, variables, timeout_s, &f->err);
}

static int run(struct fixture *f, const char *script)
{
    write_hook(f, script);
    return run_for(f, 60);
}

static void says(struct fixture *f, const char *words)
{
    if (!strstr(f->err.text, words))
        fail_msg("'%s' is not in '%s'", words, f->err.text);
    assert_int_equal(f->err.outcome, MANAGE_FAILED);
}

static void test_environment(void **state)
{
    struct fixture *f = *state;

    setenv("XL_SNAPSHOT_STOP_AT", "somewhere", 1);
    setenv("OF_THE_USER", "this", 1);
    assert_int_equal(run(f, "[ \"$XL_SNAPSHOT_ACTION\" = create ] &&"
                         " [ \"$XL_SNAPSHOT_NAME\" = 'a b;$(c)\"'\\' ] &&"
                         " [ \"$OF_THE_USER\" = this ] &&"
                         " [ -z \"$XL_SNAPSHOT_STOP_AT\" ] && [ $# = 0 ] &&"
                         " ! read -r line"), 0);
    unsetenv("XL_SNAPSHOT_STOP_AT");
}

static void test_failure(void **state)
{
    struct fixture *f = *state;

    assert_int_not_equal(run(f, "echo one; echo an error: no room >&2; echo x;"
                             " exit 3"), 0);
    says(f, "exit status 3: an error: no room");
    assert_int_not_equal(run(f, "kill -9 $$"), 0);
    says(f, "signal 9");
    assert_int_equal(unlink(f->hook), 0);
    assert_int_not_equal(run_for(f, 60), 0);
    says(f, "No such file");
}

static void check_gone(struct fixture *f, const char *file)
{
    char path[128], text[32] = "";
    FILE *in;
    int i;

    snprintf(path, sizeof(path), "%s/%s", f->dir, file);
    in = fopen(path, "re");
    assert_non_null(in);
    assert_non_null(fgets(text, sizeof(text), in));
    fclose(in);
    /* A zombie of somebody else's is as good as gone; init may take its time. */
    for (i = 0; i < 500 && !kill(atoi(text), 0); i++) {
        snprintf(path, sizeof(path), "grep -q 'State:.Z' /proc/%d/status",
                 atoi(text));
        if (!system(path)) return;
        usleep(10000);
    }
    assert_int_not_equal(kill(atoi(text), 0), 0);
}

/* It is asked to end, then made to, with all that it started. */
static void test_timeout(void **state)
{
    struct fixture *f = *state;

    write_hook(f, "sleep 300 & echo $! >child; wait");
    assert_int_not_equal(run_for(f, 1), 0);
    says(f, "too long");
    check_gone(f, "child");

    write_hook(f, "trap 'echo told to stop; touch told; exit 1' TERM;"
               " sleep 2 & wait");
    assert_int_not_equal(run_for(f, 1), 0);
    says(f, "told to stop");

    write_hook(f, "trap '' TERM; echo $$ >child; while :; do sleep 1; done");
    assert_int_not_equal(run_for(f, 1), 0);
    says(f, "too long");
    check_gone(f, "child");
}

/* What an earlier one left at work holds the lock. */
static void test_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    char command[256];

    assert_int_equal(run(f, "exec 3<&0; sleep 300 <&3 & echo $! >child"), 0);
    write_hook(f, "touch ran");
    assert_int_not_equal(run_for(f, 1), 0);
    says(f, "still at work");
    says(f, "xl-snapshot-hook-g.lock");
    snprintf(command, sizeof(command), "[ ! -e %s/ran ] &&"
             " kill $(cat %s/child) && rm %s/child", f->dir, f->dir,
             f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(run_for(f, 60), 0);
    snprintf(command, sizeof(command), "[ -e %s/ran ]", f->dir);
    assert_int_equal(system(command), 0);
}

/* Whoever takes over after a kill -9 begins when the hook has come to an end. */
static void test_killed(void **state)
{
    struct fixture *f = *state;
    char command[256];
    pid_t pid;
    int status;

    write_hook(f, "[ -e begun ] || (touch begun; sleep 1; touch done);"
               " [ -e done ]");
    pid = fork();
    if (!pid) {
        run_for(f, 60);
        _exit(0);
    }
    snprintf(command, sizeof(command), "until [ -e %s/begun ]; do sleep 0.01;"
             " done", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(run_for(f, 60), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_environment), T(test_failure), T(test_timeout),
        T(test_one_at_a_time), T(test_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
