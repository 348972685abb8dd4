/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl's lock, and a whole session under it. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libxl/monitor.h"
#include "libxl/qmp_client.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/peer.h"
#include "tests/qmp/scratch.h"

#define UUID "5e7a1c9e-0000-4000-8000-00000000beef"
#define LOCK "userdata-l.7." UUID ".qmp-socket-lock"
#define SOCKET "qmp-libxl-7"

static struct monitor_lock_params lock_params(const struct scratch *scratch)
{
    struct monitor_lock_params params = {
        .lib_dir = scratch->path,
        .domid = 7,
        .uuid = UUID,
    };

    return params;
}

static int acquire(const struct monitor_lock_params *params, unsigned int ms,
                   struct domain_lock **lock_r)
{
    struct diag diag = { "" };
    int64_t started = deadline_now_ms();
    int rc;

    rc = monitor_lock_acquire(params, deadline_after(ms), lock_r, &diag);
    assert_took_less(started, ms + 1000);
    if (rc) assert_true(diag.text[0]);
    return rc;
}

/* What libxl does to take it. */
static int lock_as_libxl(const struct scratch *scratch)
{
    int fd, r;

    fd = open(scratch_path(scratch, LOCK), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    r = flock(fd, LOCK_EX);
    assert_int_equal(r, 0);
    return fd;
}

static void test_taken_and_left(void **state)
{
    struct monitor_lock_params params;
    struct domain_lock *lock, *second = NULL;
    struct scratch scratch;
    int fd, i;

    scratch_make(&scratch);
    params = lock_params(&scratch);
    for (i = 0; i < 3; i++) {
        assert_int_equal(acquire(&params, 1000, &lock), 0);
        assert_true(scratch_exists(&scratch, LOCK));
        fd = open(scratch_path(&scratch, LOCK), O_RDWR | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
        close(fd);
        /* another session of the same process is kept out too */
        assert_int_equal(acquire(&params, 50, &second), ERROR_TIMEDOUT);
        assert_null(second);
        domain_lock_release(lock);
        assert_false(scratch_exists(&scratch, LOCK));
    }
    /* what a dead client leaves behind is no lock */
    scratch_write(&scratch, LOCK, "", 0666);
    assert_int_equal(acquire(&params, 1000, &lock), 0);
    domain_lock_release(lock);
    domain_lock_release(NULL);
    scratch_remove(&scratch);
}

static void test_kept_by_libxl(void **state)
{
    struct monitor_lock_params params;
    struct domain_lock *lock = NULL;
    struct scratch scratch;
    int fd;

    scratch_make(&scratch);
    params = lock_params(&scratch);
    fd = lock_as_libxl(&scratch);
    assert_int_equal(acquire(&params, 100, &lock), ERROR_TIMEDOUT);
    assert_int_equal(acquire(&params, 0, &lock), ERROR_TIMEDOUT);
    assert_true(scratch_exists(&scratch, LOCK));    /* not ours to remove */
    /* the domain is destroyed: the file goes, and the lock with it */
    unlink(scratch_path(&scratch, LOCK));
    assert_int_equal(acquire(&params, 1000, &lock), 0);
    close(fd);
    domain_lock_release(lock);
    scratch_remove(&scratch);
}

struct holder {
    const struct scratch *scratch;
    int fd;
};

/* libxl leaves: first the file goes, then the lock. */
static void *leave_as_libxl(void *user)
{
    struct holder *holder = user;
    struct timespec ts = { 0, 100000000 };

    nanosleep(&ts, NULL);
    unlink(scratch_path(holder->scratch, LOCK));
    nanosleep(&ts, NULL);
    close(holder->fd);
    return NULL;
}

static void test_the_file_is_the_one_at_its_path(void **state)
{
    struct monitor_lock_params params;
    struct domain_lock *lock;
    struct scratch scratch;
    struct holder holder;
    struct stat before, now;
    pthread_t thread;
    int r;

    scratch_make(&scratch);
    params = lock_params(&scratch);
    holder.scratch = &scratch;
    holder.fd = lock_as_libxl(&scratch);
    r = fstat(holder.fd, &before);
    assert_int_equal(r, 0);
    r = pthread_create(&thread, NULL, leave_as_libxl, &holder);
    assert_int_equal(r, 0);
    assert_int_equal(acquire(&params, 5000, &lock), 0);
    pthread_join(thread, NULL);
    r = stat(scratch_path(&scratch, LOCK), &now);
    assert_int_equal(r, 0);
    assert_int_not_equal(now.st_ino, before.st_ino);
    domain_lock_release(lock);
    scratch_remove(&scratch);
}

/* ---- between the opening and the locking ---- */

/* The linker sends the library's flock() here. */
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

static const struct scratch *replace_in;    /* NULL: leave the file alone */

int __wrap_flock(int fd, int operation)
{
    const struct scratch *scratch = replace_in;

    /* libxl has left, and come back, since the file was opened */
    replace_in = NULL;
    if (scratch) {
        unlink(scratch_path(scratch, LOCK));
        scratch_write(scratch, LOCK, "", 0666);
    }
    return __real_flock(fd, operation);
}

static void test_the_file_is_replaced_meanwhile(void **state)
{
    struct monitor_lock_params params;
    struct domain_lock *lock;
    struct scratch scratch;
    int fd;

    scratch_make(&scratch);
    params = lock_params(&scratch);
    replace_in = &scratch;
    assert_int_equal(acquire(&params, 1000, &lock), 0);
    assert_null(replace_in);
    /* what we hold must be the file that the next one finds */
    fd = open(scratch_path(&scratch, LOCK), O_RDWR | O_CLOEXEC);
    assert_int_equal(__real_flock(fd, LOCK_EX | LOCK_NB), -1);
    close(fd);
    domain_lock_release(lock);
    scratch_remove(&scratch);
}

struct checker {
    const struct scratch *scratch;
    bool was_locked;
    int rc;
};

static int check_domain(void *user)
{
    struct checker *checker = user;
    int fd;

    fd = open(scratch_path(checker->scratch, LOCK), O_RDWR | O_CLOEXEC);
    checker->was_locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB);
    if (fd >= 0) close(fd);
    return checker->rc;
}

static void test_the_domain_is_gone(void **state)
{
    struct monitor_lock_params params;
    struct domain_lock *lock = NULL;
    struct scratch scratch;
    struct checker checker = { &scratch, false, ERROR_DOMAIN_NOTFOUND };

    scratch_make(&scratch);
    params = lock_params(&scratch);
    params.check = check_domain;
    params.check_user = &checker;
    assert_int_equal(acquire(&params, 1000, &lock), ERROR_DOMAIN_NOTFOUND);
    assert_null(lock);
    assert_true(checker.was_locked);
    assert_false(scratch_exists(&scratch, LOCK));
    checker.rc = 0;
    assert_int_equal(acquire(&params, 1000, &lock), 0);
    domain_lock_release(lock);
    scratch_remove(&scratch);
}

static void test_bad_parameters(void **state)
{
    static const char *const uuids[] = {
        NULL, "", "x", "../../../../../../../../etc/passwd-x",
        "5E7A1C9E-0000-4000-8000-00000000BEEF", UUID "0",
        "5e7a1c9e00000-4000-8000-00000000beef",
    };
    struct monitor_lock_params params;
    struct domain_lock *lock = NULL;
    struct scratch scratch;
    size_t i;

    scratch_make(&scratch);
    params = lock_params(&scratch);
    for (i = 0; i < sizeof(uuids) / sizeof(uuids[0]); i++) {
        params.uuid = uuids[i];
        assert_int_equal(acquire(&params, 1000, &lock), ERROR_INVAL);
    }
    params = lock_params(&scratch);
    params.lib_dir = "/nonexistent";
    assert_int_equal(acquire(&params, 1000, &lock), ERROR_LOCK_FAIL);
    assert_null(lock);
    scratch_remove(&scratch);
}

/* ---- sessions ---- */

static struct monitor_params session_params(const struct scratch *scratch,
                                            unsigned int ms)
{
    struct monitor_params params = {
        .paths = { .run_dir = scratch->path, .lib_dir = scratch->path },
        .domid = 7,
        .uuid = UUID,
        .timeout_ms = ms,
    };

    return params;
}

static void test_a_session(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        { PEER_RECEIVE, "query-status", 0 },
        { PEER_SEND, "{\"return\": {}, \"id\": \"@ID@\"}", 0 },
        { PEER_SILENCE, NULL, 0 },
    };
    struct monitor_params params;
    struct monitor *monitor;
    struct scratch scratch;
    struct peer *peer;
    struct diag diag;
    int rc;

    scratch_make(&scratch);
    params = session_params(&scratch, 5000);
    peer = peer_listen(script, scratch_path(&scratch, SOCKET));
    rc = monitor_open(&params, &monitor, &diag);
    assert_int_equal(rc, 0);
    assert_true(scratch_exists(&scratch, LOCK));
    rc = qmp_client_execute(monitor_client(monitor), "query-status", NULL, NULL,
                            deadline_after(5000), NULL, &diag);
    assert_int_equal(rc, 0);
    monitor_close(monitor);
    peer_finish(peer);
    assert_false(scratch_exists(&scratch, LOCK));
    monitor_close(NULL);
    scratch_remove(&scratch);
}

/* Whatever goes wrong, the lock is not kept. */
static void test_no_session(void **state)
{
    static const struct peer_step silence[] = { { PEER_SILENCE, NULL, 0 } };
    static const struct peer_step end[] = { { PEER_END, NULL, 0 } };
    static const struct {
        const struct peer_step *script;
        int rc;
    } cases[] = {
        { NULL, ERROR_NOTFOUND },
        { silence, ERROR_TIMEDOUT },
        { end, ERROR_PROTOCOL_ERROR_QMP },
    };
    struct monitor_params params;
    struct monitor *monitor = NULL;
    struct scratch scratch;
    struct peer *peer;
    struct diag diag;
    int64_t started;
    size_t i;
    int rc;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scratch_make(&scratch);
        peer = cases[i].script ?
            peer_listen(cases[i].script, scratch_path(&scratch, SOCKET)) : NULL;
        params = session_params(&scratch, 200);
        started = deadline_now_ms();
        rc = monitor_open(&params, &monitor, &diag);
        assert_int_equal(rc, cases[i].rc);
        assert_took_less(started, 2000);
        assert_null(monitor);
        assert_false(scratch_exists(&scratch, LOCK));
        if (peer) peer_finish(peer);
        scratch_remove(&scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_and_left),
        cmocka_unit_test(test_kept_by_libxl),
        cmocka_unit_test(test_the_file_is_the_one_at_its_path),
        cmocka_unit_test(test_the_file_is_replaced_meanwhile),
        cmocka_unit_test(test_the_domain_is_gone),
        cmocka_unit_test(test_bad_parameters),
        cmocka_unit_test(test_a_session),
        cmocka_unit_test(test_no_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
