/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* At most one monitor per domid, whoever dies how. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "xl/monitor_lock.h"

static char dir[] = "/tmp/watch-lock.XXXXXX";

static int try_lock(struct monitor_lock *lock, uint32_t domid)
{
    monitor_lock_init(lock);
    return monitor_lock_take(lock, dir, domid);
}

/* A process that holds the lock until it is killed, or has a child that
 * inherited everything and lives on. */
static pid_t start_holder(uint32_t domid, pid_t *heir_r)
{
    int fds[2];
    pid_t pid, heir = 0;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct monitor_lock lock;

        if (try_lock(&lock, domid)) _exit(1);
        if (heir_r) {
            heir = fork();
            if (!heir) {
                close(fds[0]);
                close(fds[1]);
                for (;;)
                    pause();
            }
        }
        if (write(fds[1], &heir, sizeof(heir)) != sizeof(heir)) _exit(1);
        for (;;)
            pause();
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &heir, sizeof(heir)), sizeof(heir));
    close(fds[0]);
    if (heir_r) *heir_r = heir;
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_one_holder(void **state)
{
    struct monitor_lock lock, other;
    pid_t pid = start_holder(5, NULL);

    assert_int_equal(try_lock(&lock, 5), ERROR_LOCK_FAIL);
    assert_int_equal(lock.fd, -1);
    assert_int_equal(monitor_lock_holder(dir, 5), pid);
    assert_int_equal(try_lock(&other, 6), 0);
    monitor_lock_release(&other);

    /* Killed, it leaves its file, which is in nobody's way. */
    end(pid);
    assert_int_equal(monitor_lock_holder(dir, 5), 0);
    assert_int_equal(try_lock(&lock, 5), 0);
    monitor_lock_release(&lock);
}

/* What libxl forks for a while must not keep the next monitor out. */
static void test_not_inherited(void **state)
{
    struct monitor_lock lock;
    pid_t heir, pid = start_holder(7, &heir);

    end(pid);
    assert_int_equal(kill(heir, 0), 0);
    assert_int_equal(try_lock(&lock, 7), 0);
    monitor_lock_release(&lock);
    kill(heir, SIGKILL);
}

static void test_release(void **state)
{
    struct monitor_lock lock;
    struct stat st;
    char path[sizeof(lock.path)];

    assert_int_equal(try_lock(&lock, 8), 0);
    memcpy(path, lock.path, sizeof(path));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    monitor_lock_release(&lock);
    assert_int_equal(stat(path, &st), -1);
    monitor_lock_release(&lock);
    assert_int_equal(monitor_lock_holder(dir, 8), 0);
}

static void test_errors(void **state)
{
    struct monitor_lock lock;
    char path[sizeof(lock.path)], longer[300];

    monitor_lock_init(&lock);
    assert_int_equal(monitor_lock_take(&lock, "/nonexistent", 1), ERROR_FAIL);
    assert_int_equal(errno, ENOENT);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(monitor_lock_take(&lock, longer, 1), ERROR_FAIL);
    assert_int_equal(errno, ENAMETOOLONG);

    /* Somebody's trap in the place of the file. */
    snprintf(path, sizeof(path), "%s/xl-snapshot-monitor-9.lock", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(monitor_lock_take(&lock, dir, 9), ERROR_FAIL);
    assert_int_equal(errno, ELOOP);
    unlink(path);
}

/* Many take and give it up all the time, each removing the file: never two. */
#define RACERS 6
#define ROUNDS 300

static void race(const char *inside)
{
    struct monitor_lock lock;
    int fd, rounds = 0;

    while (rounds < ROUNDS) {
        if (try_lock(&lock, 10)) continue;
        fd = open(inside, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0) _exit(1);
        close(fd);
        if (unlink(inside)) _exit(2);
        monitor_lock_release(&lock);
        rounds++;
    }
    _exit(0);
}

static void test_race(void **state)
{
    char inside[128];
    pid_t pids[RACERS];
    int i, status;

    snprintf(inside, sizeof(inside), "%s/inside", dir);
    for (i = 0; i < RACERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (!pids[i]) race(inside);
    }
    for (i = 0; i < RACERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_holder),
        cmocka_unit_test(test_not_inherited),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_race),
    };
    int failed;

    if (!mkdtemp(dir)) return 99;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (rmdir(dir)) return 98;      /* every holder has cleaned up */
    return failed;
}
