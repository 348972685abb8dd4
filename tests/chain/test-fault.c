/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * At every system call of every change something goes wrong: it fails, it and
 * all that follow fail, or the process is killed. The chain is that of before
 * or of after, and the next command clears up and then succeeds.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/chain/disk.h"
#include "tests/chain/flows.h"

struct scene {
    const struct flow *flow;
    char *dir;
    char *statedir;
    char *texts[2];     /* the chain before and after */
    char where[120];
};

static void prepare(struct scene *s, const struct flow *flow)
{
    struct chain_error err;

    s->flow = flow;
    s->dir = util_make_dir();
    s->statedir = util_path(s->dir, "state");
    if (flow->prepare(s->statedir, &err)) fail_msg("%s", err.text);
    s->texts[0] = flow_text(s->statedir);
    if (flow->change(s->statedir, &err)) fail_msg("%s", err.text);
    s->texts[1] = flow_text(s->statedir);
    flow_check(s->statedir, (const char *const *)&s->texts[1], 1, flow->name);
}

static void again(struct scene *s)
{
    struct chain_error err;

    util_empty_dir(s->dir);
    if (s->flow->prepare(s->statedir, &err)) fail_msg("%s", err.text);
}

static void done(struct scene *s)
{
    free(s->texts[0]);
    free(s->texts[1]);
    free(s->statedir);
    util_remove_dir(s->dir);
}

/* After the fault: check, and if the change was not made, make it. */
static void check(struct scene *s)
{
    struct chain_error err;
    char *text;

    flow_check(s->statedir, (const char *const *)s->texts, 2, s->where);
    text = flow_text(s->statedir);
    if (!strcmp(text, s->texts[0]) && s->flow->change(s->statedir, &err))
        fail_msg("%s, again: %s", s->where, err.text);
    free(text);
    flow_check(s->statedir, (const char *const *)&s->texts[1], 1, s->where);
}

/* A call that fails alone leaves its own temporary file to nobody. */
static void check_no_temporary(const struct scene *s)
{
    char *path = util_path(s->statedir, "guest");
    struct dirent *entry;
    DIR *dir = opendir(path);

    while (dir && (entry = readdir(dir)))
        if (strstr(entry->d_name, ".tmp"))
            fail_msg("%s: %s is left", s->where, entry->d_name);
    if (dir) closedir(dir);
    free(path);
}

/* Whether the n-th call was reached. */
static bool fail_at(struct scene *s, enum disk_fault fault, unsigned int n,
                    int errnum)
{
    struct chain_error err = { 0 };
    bool reached;
    int rc;

    again(s);
    snprintf(s->where, sizeof(s->where), "%s, call %u, fault %d, errno %d",
             s->flow->name, n, (int)fault, errnum);
    disk_fault_begin(fault, n, errnum);
    rc = s->flow->change(s->statedir, &err);
    reached = disk_fault_end();
    if (rc && !reached) fail_msg("%s: rc %d", s->where, rc);
    /* What failed once may have been tried again: then it is done. */
    if (reached && !rc)
        flow_check(s->statedir, (const char *const *)&s->texts[1], 1,
                   s->where);
    if (rc && (rc != ERROR_FAIL || err.rc != rc || err.errnum != errnum ||
               !strstr(err.text, strerror(errnum))))
        fail_msg("%s: rc %d, errnum %d: %s", s->where, rc, err.errnum,
                 err.text);
    if (fault == DISK_FAIL_ONCE) check_no_temporary(s);
    check(s);
    return reached;
}

static void each_call_fails(void **state)
{
    static const int errnums[] = { EIO, ENOSPC };
    struct scene s;
    unsigned int n;
    size_t i, j;

    for (i = 0; i < flow_num; i++) {
        prepare(&s, &flow_table[i]);
        for (j = 0; j < 2; j++) {
            for (n = 1; fail_at(&s, DISK_FAIL_ONCE, n, errnums[j]); n++) ;
            assert_true(n > 8);
            for (n = 1; fail_at(&s, DISK_FAIL_FROM, n, errnums[j]); n++) ;
            assert_true(n > 8);
        }
        done(&s);
    }
}

static bool kill_at(struct scene *s, unsigned int n)
{
    int status;
    pid_t pid;

    again(s);
    snprintf(s->where, sizeof(s->where), "%s, killed at %u", s->flow->name, n);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        disk_fault_begin(DISK_KILL, n, 0);
        _exit(s->flow->change(s->statedir, NULL) ? 1 : 0);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    if (WIFEXITED(status)) assert_int_equal(0, WEXITSTATUS(status));
    check(s);
    return WIFSIGNALED(status);
}

static void each_call_is_the_last(void **state)
{
    struct scene s;
    unsigned int n;
    size_t i;

    for (i = 0; i < flow_num; i++) {
        prepare(&s, &flow_table[i]);
        for (n = 1; kill_at(&s, n); n++) ;
        assert_true(n > 8);
        done(&s);
    }
}

/* Short writes and interrupted calls are no failures. */
static void stutter(void **state)
{
    struct chain_error err;
    struct scene s;
    size_t i;

    for (i = 0; i < flow_num; i++) {
        prepare(&s, &flow_table[i]);
        again(&s);
        disk_fault_begin(DISK_STUTTER, 0, 0);
        if (s.flow->change(s.statedir, &err))
            fail_msg("%s: %s", s.flow->name, err.text);
        assert_true(disk_fault_end());
        flow_check(s.statedir, (const char *const *)&s.texts[1], 1, "stutter");
        done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_fails),
        cmocka_unit_test(each_call_is_the_last),
        cmocka_unit_test(stutter),
    };

    return cmocka_run_group_tests_name("chain-fault", tests, NULL, NULL);
}
