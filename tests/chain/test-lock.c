/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One writer at a time, whoever it is and however it ends. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/chain/util.h"

struct scene {
    char *dir;
    chain_store *store;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->dir = util_make_dir();
    assert_int_equal(0, chain_store_open(s->dir, "guest", &s->store, NULL));
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    chain_store_close(s->store);
    util_remove_dir(s->dir);
    free(s);
    return 0;
}

/* Another process takes the lock, says so, and holds it for hold_ms, or, with
 * -1, until it is killed. */
static pid_t hold_elsewhere(const struct scene *s, int hold_ms)
{
    int ready[2];
    chain_store *store;
    pid_t pid;
    char c;

    assert_int_equal(0, pipe(ready));
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        if (chain_store_open(s->dir, "guest", &store, NULL) ||
            chain_store_lock(store, "snapshot-create", 0, NULL) ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        if (hold_ms < 0) pause();
        usleep((useconds_t)hold_ms * 1000);
        chain_store_close(store);
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(1, read(ready[0], &c, 1));
    close(ready[0]);
    return pid;
}

static void assert_exits(pid_t pid)
{
    int status;

    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFEXITED(status));
    assert_int_equal(0, WEXITSTATUS(status));
}

static void another_process(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    char expected[64];
    int status;
    pid_t pid;

    pid = hold_elsewhere(s, -1);
    assert_int_equal(ERROR_LOCK_FAIL,
                     chain_store_lock(s->store, "x", 0, &err));
    assert_false(chain_store_is_locked(s->store));
    snprintf(expected, sizeof(expected),
             "is locked by process %ld (snapshot-create)", (long)pid);
    if (!strstr(err.text, expected)) fail_msg("%s", err.text);
    /* a bounded wait ends, too */
    assert_int_equal(ERROR_LOCK_FAIL,
                     chain_store_lock(s->store, "x", 50, &err));

    /* the lock of who is killed is free */
    assert_int_equal(0, kill(pid, SIGKILL));
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, chain_store_lock(s->store, "x", 0, &err));
    assert_true(chain_store_is_locked(s->store));
}

static void waiting_for_it(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    pid_t pid = hold_elsewhere(s, 100);

    assert_int_equal(0, chain_store_lock(s->store, "x", 60000, &err));
    assert_exits(pid);
}

static void within_one_process(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    chain_store *other;

    assert_int_equal(0, chain_store_open(s->dir, "guest", &other, NULL));
    assert_int_equal(0, chain_store_lock(s->store, "snapshot-list", 0, NULL));
    assert_int_equal(ERROR_LOCK_FAIL, chain_store_lock(other, "x", 0, &err));
    assert_int_equal(ERROR_INVAL, chain_store_lock(s->store, "x", 0, &err));
    chain_store_unlock(s->store);
    chain_store_unlock(s->store);
    assert_int_equal(0, chain_store_lock(other, "x", 0, &err));
    chain_store_close(other);
    /* closing unlocks */
    assert_int_equal(0, chain_store_lock(s->store, "x", 0, &err));
}

/* The holder's name is no more than a courtesy. */
static void unreadable_holder(void **state)
{
    static const char *const texts[] = { "", "x", "12", "\033[2J 1 2", "5 %s" };
    struct scene *s = *state;
    char *path = util_path(chain_store_dir(s->store), "lock");
    struct chain_error err;
    size_t i;
    pid_t pid;

    pid = hold_elsewhere(s, -1);
    for (i = 0; i < 5; i++) {
        util_write_file(path, texts[i], strlen(texts[i]));
        assert_int_equal(ERROR_LOCK_FAIL,
                         chain_store_lock(s->store, "x", 0, &err));
        assert_non_null(strstr(err.text, "is locked by another process"));
    }
    assert_int_equal(0, kill(pid, SIGKILL));
    assert_int_equal(pid, waitpid(pid, NULL, 0));
    free(path);
}

/* Somebody removes the directory while we hold or want the lock: who comes
 * next makes and locks a file of its own, not the one that has gone. */
static void removed_file(void **state)
{
    struct scene *s = *state;
    char *path = util_path(chain_store_dir(s->store), "lock");
    struct chain_error err;
    pid_t pid = hold_elsewhere(s, -1);

    assert_int_equal(0, unlink(path));
    assert_int_equal(0, chain_store_lock(s->store, "x", 0, &err));
    assert_true(util_exists(path));
    assert_int_equal(0, kill(pid, SIGKILL));
    assert_int_equal(pid, waitpid(pid, NULL, 0));
    free(path);
}

/* A child that was only forked has the descriptor, and must not keep the
 * lock beyond our unlocking; one that was exec'ed has not got it. */
static void children(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    pid_t forked, executed;

    assert_int_equal(0, chain_store_lock(s->store, "x", 0, &err));
    forked = fork();
    assert_true(forked >= 0);
    if (!forked) {
        pause();
        _exit(0);
    }
    chain_store_unlock(s->store);
    assert_int_equal(0, chain_store_lock(s->store, "x", 0, &err));
    executed = fork();
    assert_true(executed >= 0);
    if (!executed) {
        execlp("sh", "sh", "-c",
               "for f in /proc/$$/fd/*; do case $(readlink $f) in "
               "*/guest/lock) exit 1;; esac; done; exit 0", (char *)NULL);
        _exit(2);
    }
    assert_exits(executed);
    assert_int_equal(0, kill(forked, SIGKILL));
    assert_int_equal(forked, waitpid(forked, NULL, 0));
}

/* Four processes add ten snapshots each: none is lost. */
static void nobody_loses(void **state)
{
    struct scene *s = *state;
    struct chain_model m;
    char name[32];
    pid_t pids[4];
    int i, j;

    for (i = 0; i < 4; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i]) continue;
        for (j = 0; j < 10; j++) {
            if (chain_store_lock(s->store, "x", 60000, NULL)) _exit(1);
            chain_model_init(&m);
            if (chain_store_load(s->store, &m, NULL)) _exit(2);
            snprintf(name, sizeof(name), "p%d-%d", i, j);
            util_add(&m, 0, name);
            if (chain_store_save(s->store, &m, NULL)) _exit(3);
            chain_model_dispose(&m);
            chain_store_unlock(s->store);
        }
        _exit(0);
    }
    /* and who reads meanwhile sees a whole chain each time */
    for (i = 0; i < 200; i++) {
        chain_model_init(&m);
        assert_int_equal(0, chain_store_load(s->store, &m, NULL));
        util_assert_sound(&m);
        chain_model_dispose(&m);
    }
    for (i = 0; i < 4; i++) assert_exits(pids[i]);
    chain_model_init(&m);
    assert_int_equal(0, chain_store_load(s->store, &m, NULL));
    util_assert_sound(&m);
    assert_int_equal(40, m.tree.num_snapshots);
    chain_model_dispose(&m);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(another_process), T(waiting_for_it), T(within_one_process),
        T(unreadable_holder), T(removed_file), T(children), T(nobody_loses),
    };

    return cmocka_run_group_tests_name("chain-lock", tests, NULL, NULL);
}
