/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl_disk_set_path, with a xenstore and a libxl in the mind. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libxl/disk_params.h"
#include "libxl/internal.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/scratch.h"
#include "tests/unit/fake_store.h"

#define UUID "5e7a1c9e-0000-4000-8000-00000000beef"
#define LOCK "userdata-l.7." UUID ".domain-userdata-lock"
#define DATA "userdata-d.7." UUID ".libxl-json"
#define NEW "userdata-n.7." UUID ".libxl-json"
#define BACKEND "/local/domain/0/backend/qdisk/7/51712"
#define LIBXL "/libxl/7/device/vbd/51712"
#define CONFIG(path, format) \
    "{\n  \"disks\": [\n    {\n      \"pdev_path\": \"" path "\",\n" \
    "      \"vdev\": \"xvda\",\n      \"format\": \"" format "\"\n" \
    "    }\n  ]\n}\n"

/* ---- libxl in the mind ---- */

static int domain_rc;       /* what libxl says of the domain from now on */
static int domain_calls_left;   /* and how often it is still there before */

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info_r, uint32_t domid)
{
    static const uint8_t uuid[16] = {
        0x5e, 0x7a, 0x1c, 0x9e, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0xbe, 0xef,
    };

    if (domid != 7) return ERROR_DOMAIN_NOTFOUND;
    if (!domain_calls_left) return domain_rc;
    domain_calls_left--;
    if (info_r) memcpy(info_r->uuid.uuid, uuid, sizeof(uuid));
    return 0;
}

/* ---- the bench ---- */

struct bench {
    struct scratch dir;
    libxl_snapshot_ctx sctx;
    libxl_snapshot_diag diag;
};

static void write_config(struct bench *b, const char *text)
{
    scratch_write(&b->dir, DATA, text, 0600);
}

static void bench_init(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    scratch_make(&b->dir);
    b->sctx.lib_dir = b->dir.path;
    libxl_snapshot_diag_init(&b->diag);
    domain_rc = ERROR_DOMAIN_NOTFOUND;
    domain_calls_left = 1000000;
    write_config(b, CONFIG("/a.raw", "raw"));
    fake_store_reset();
    fake_store_put(LIBXL "/backend", BACKEND);
    fake_store_put(LIBXL "/params", "aio:/a.raw");
    fake_store_put(BACKEND "/params", "aio:/a.raw");
}

static void bench_dispose(struct bench *b)
{
    assert_int_equal(fake_store.open, 0);
    assert_false(scratch_exists(&b->dir, LOCK));
    assert_false(scratch_exists(&b->dir, NEW));
    libxl_snapshot_diag_dispose(&b->diag);
    scratch_remove(&b->dir);
}

static int set(struct bench *b, const char *path, libxl_disk_format format)
{
    int rc;

    libxl_snapshot_diag_dispose(&b->diag);
    libxl_snapshot_diag_init(&b->diag);
    rc = libxl_disk_set_path(&b->sctx, 7, "xvda", path, format, &b->diag);
    if (rc) {
        assert_non_null(b->diag.message);
        assert_null(strchr(b->diag.message, '\n'));
        assert_string_equal(b->diag.vdev, "xvda");
    }
    return rc;
}

static size_t read_config(struct bench *b, char *text, size_t size)
{
    FILE *f = fopen(scratch_path(&b->dir, DATA), "r");
    size_t len;

    assert_non_null(f);
    len = fread(text, 1, size - 1, f);
    text[len] = 0;
    fclose(f);
    return len;
}

/* As it was, or as it shall be, and nothing between. */
static void assert_names(struct bench *b, const char *config,
                         const char *params)
{
    char text[4096];
    size_t len = read_config(b, text, sizeof(text));

    assert_string_equal(text, config);
    assert_true(len == strlen(config) || len == strlen(config) + 1);
    assert_string_equal(fake_store_get(LIBXL "/params"), params);
    assert_string_equal(fake_store_get(BACKEND "/params"), params);
}

static void test_all_copies(void **state)
{
    char text[1024];
    struct bench b;
    struct stat st;

    bench_init(&b);
    assert_int_equal(set(&b, "/b.qcow2", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_names(&b, CONFIG("/b.qcow2", "qcow2"), "qcow2:/b.qcow2");
    /* as libxl writes it: with the NUL, and for root alone */
    assert_int_equal(read_config(&b, text, sizeof(text)),
                     sizeof(CONFIG("/b.qcow2", "qcow2")));
    assert_int_equal(stat(scratch_path(&b.dir, DATA), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    /* and what we wrote is read again */
    assert_int_equal(set(&b, "/c.qed", LIBXL_DISK_FORMAT_QED), 0);
    assert_names(&b, CONFIG("/c.qed", "qed"), "qed:/c.qed");
    bench_dispose(&b);
}

static void test_odd_paths(void **state)
{
    struct bench b;

    bench_init(&b);
    assert_int_equal(set(&b, "/a,b:c \"d\" '\xc3\xa4\xf0\x9f\x90\xa7'\\n",
                         LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_names(&b, CONFIG("/a,b:c \\\"d\\\" '\xc3\xa4\xf0\x9f\x90\xa7'\\\\n",
                            "qcow2"),
                 "qcow2:/a,b:c \"d\" '\xc3\xa4\xf0\x9f\x90\xa7'\\n");
    bench_dispose(&b);
}

static void test_what_qemu_can_read(void **state)
{
    assert_true(disk_params_readable("/a,b:c\"d\"'\xc3\xa4'\\n"));
    assert_true(disk_params_readable(""));
    assert_false(disk_params_readable("/a b"));
    assert_false(disk_params_readable("/a\tb"));
    assert_false(disk_params_readable("/a\n"));
    assert_false(disk_params_readable("/\v"));
}

static void test_again_changes_nothing(void **state)
{
    struct stat before, after;
    struct bench b;
    int calls;

    bench_init(&b);
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_int_equal(stat(scratch_path(&b.dir, DATA), &before), 0);
    calls = fake_store.calls;
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_int_equal(stat(scratch_path(&b.dir, DATA), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    /* two writes fewer */
    assert_int_equal(fake_store.calls - calls, calls - 2);
    bench_dispose(&b);
}

/* A crash between the two, or a killed process: the rest is done. */
static void test_half_done_is_finished(void **state)
{
    struct bench b;

    bench_init(&b);
    write_config(&b, CONFIG("/b", "qcow2"));
    fake_store_put(BACKEND "/params", "qcow2:/b");
    scratch_write(&b.dir, NEW, "half a conf", 0600);
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_names(&b, CONFIG("/b", "qcow2"), "qcow2:/b");
    unlink(scratch_path(&b.dir, NEW));
    write_config(&b, CONFIG("/a.raw", "raw"));
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_names(&b, CONFIG("/b", "qcow2"), "qcow2:/b");
    bench_dispose(&b);
}

static void test_others_change_xenstore(void **state)
{
    struct bench b;

    bench_init(&b);
    fake_store.conflicts = 5;
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_int_equal(fake_store.conflicts, 0);
    assert_names(&b, CONFIG("/b", "qcow2"), "qcow2:/b");
    bench_dispose(&b);
}

static void test_refused(void **state)
{
    struct bench b;

    bench_init(&b);
    assert_int_equal(set(&b, "b", LIBXL_DISK_FORMAT_QCOW2), ERROR_INVAL);
    assert_int_equal(set(&b, "", LIBXL_DISK_FORMAT_QCOW2), ERROR_INVAL);
    assert_int_equal(set(&b, NULL, LIBXL_DISK_FORMAT_QCOW2), ERROR_INVAL);
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_EMPTY), ERROR_INVAL);
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_UNKNOWN), ERROR_INVAL);
    assert_int_equal(set(&b, "/\xff", LIBXL_DISK_FORMAT_RAW), ERROR_INVAL);
    assert_int_equal(libxl_disk_set_path(&b.sctx, 7, "xvdb", "/b",
                                         LIBXL_DISK_FORMAT_RAW, NULL),
                     ERROR_NOTFOUND);
    assert_int_equal(libxl_disk_set_path(&b.sctx, 7, NULL, "/b",
                                         LIBXL_DISK_FORMAT_RAW, NULL),
                     ERROR_INVAL);
    assert_int_equal(libxl_disk_set_path(&b.sctx, 8, "xvda", "/b",
                                         LIBXL_DISK_FORMAT_RAW, NULL),
                     ERROR_DOMAIN_NOTFOUND);
    /* the domain goes between the look and the lock */
    domain_calls_left = 1;
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_RAW),
                     ERROR_DOMAIN_NOTFOUND);
    domain_calls_left = 1000000;
    fake_store_put(LIBXL "/backend", "/local/domain/0/backend/vbd/7/51712");
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_RAW), ERROR_INVAL);
    assert_names(&b, CONFIG("/a.raw", "raw"), "aio:/a.raw");
    unlink(scratch_path(&b.dir, DATA));
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_RAW), ERROR_NOTFOUND);
    bench_dispose(&b);
}

static void test_xenstore_knows_no_such_disk(void **state)
{
    struct bench b;

    bench_init(&b);
    fake_store_reset();
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_RAW), ERROR_NOTFOUND);
    bench_dispose(&b);
}

/* Each call of xenstore fails once, and once from there on. */
static void test_xenstore_fails(void **state)
{
    struct bench b;
    int n, calls, rest;

    bench_init(&b);
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    calls = fake_store.calls;
    assert_true(calls >= 8);
    bench_dispose(&b);
    for (n = 1; n <= calls; n++) {
        for (rest = 0; rest <= 100; rest += 100) {
            bench_init(&b);
            fake_store.fail_at = n;
            fake_store.fail_for = rest;
            fake_store.fail_errno = EIO;
            assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2),
                             ERROR_BADFAIL);
            assert_names(&b, CONFIG("/a.raw", "raw"), "aio:/a.raw");
            bench_dispose(&b);
        }
    }
}

/* The folder takes no more files, once the new one is there. */
static void make_unpublishable(void *user)
{
    struct bench *b = user;
    struct stat st;

    if (!scratch_exists(&b->dir, NEW)) return;
    if (!stat(scratch_path(&b->dir, DATA), &st) && S_ISDIR(st.st_mode)) return;
    unlink(scratch_path(&b->dir, DATA));
    scratch_mkdir(&b->dir, DATA);
}

static void test_the_configuration_cannot_be_replaced(void **state)
{
    struct bench b;
    int calls;

    bench_init(&b);
    fake_store.before = make_unpublishable;
    fake_store.user = &b;
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), ERROR_BADFAIL);
    assert_non_null(strstr(b.diag.message, "cannot replace"));
    assert_null(strstr(b.diag.message, "putting xenstore back failed"));
    assert_string_equal(fake_store_get(LIBXL "/params"), "aio:/a.raw");
    assert_string_equal(fake_store_get(BACKEND "/params"), "aio:/a.raw");
    calls = fake_store.calls / 2;
    bench_dispose(&b);

    /* and the way back is barred too: both are told */
    bench_init(&b);
    fake_store.before = make_unpublishable;
    fake_store.user = &b;
    fake_store.fail_at = calls + 1;
    fake_store.fail_errno = ENOSPC;
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), ERROR_BADFAIL);
    assert_non_null(strstr(b.diag.message, "putting xenstore back failed"));
    assert_non_null(strstr(b.diag.message, "cannot replace"));
    assert_string_equal(fake_store_get(LIBXL "/params"), "qcow2:/b");
    bench_dispose(&b);
}

static void test_no_space(void **state)
{
    struct bench b;

    bench_init(&b);
    scratch_mkdir(&b.dir, NEW);     /* cannot be written */
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), ERROR_FAIL);
    assert_names(&b, CONFIG("/a.raw", "raw"), "aio:/a.raw");
    assert_int_equal(fake_store.calls, 0);
    assert_int_equal(rmdir(scratch_path(&b.dir, NEW)), 0);
    bench_dispose(&b);
}

/* ---- libxl's lock ---- */

/* What libxl does to take it. */
static int lock_as_libxl(const struct bench *b)
{
    int fd;

    fd = open(scratch_path(&b->dir, LOCK), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    return fd;
}

/* Is it held at this moment by whoever called xenstore? */
static void assert_held(void *user)
{
    struct bench *b = user;
    int fd;

    fd = open(scratch_path(&b->dir, LOCK), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    close(fd);
}

static void test_the_lock_is_held(void **state)
{
    struct bench b;

    bench_init(&b);
    fake_store.before = assert_held;
    fake_store.user = &b;
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_true(fake_store.calls > 0);
    bench_dispose(&b);
}

/*
 * Another process has it, and stores another configuration before it leaves:
 * first the file goes, then the lock.
 */
static void test_another_process_holds_it(void **state)
{
    static const char theirs[] = "{\"x\": 1, \"disks\": [{\"vdev\": \"xvda\"}]}";
    char text[1024];
    struct bench b;
    int fd, ready[2], status;
    char byte;
    pid_t pid;

    bench_init(&b);
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        fd = lock_as_libxl(&b);
        if (write(ready[1], "", 1) != 1) _exit(1);
        usleep(200000);
        write_config(&b, theirs);
        unlink(scratch_path(&b.dir, LOCK));
        usleep(50000);
        close(fd);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    read_config(&b, text, sizeof(text));
    assert_non_null(strstr(text, "\"x\": 1"));
    assert_non_null(strstr(text, "\"/b\""));
    close(ready[0]);
    close(ready[1]);
    bench_dispose(&b);
}

/* The linker sends the library's flock() here. */
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

static const struct bench *replace_in;      /* NULL: leave the file alone */

int __wrap_flock(int fd, int operation)
{
    const struct bench *b = replace_in;

    /* libxl has left, and come back, since the file was opened */
    replace_in = NULL;
    if (b) {
        unlink(scratch_path(&b->dir, LOCK));
        scratch_write(&b->dir, LOCK, "", 0666);
    }
    return __real_flock(fd, operation);
}

static void test_the_file_is_replaced_meanwhile(void **state)
{
    struct bench b;

    bench_init(&b);
    replace_in = &b;
    fake_store.before = assert_held;    /* of the file that is there now */
    fake_store.user = &b;
    assert_int_equal(set(&b, "/b", LIBXL_DISK_FORMAT_QCOW2), 0);
    assert_null(replace_in);
    assert_names(&b, CONFIG("/b", "qcow2"), "qcow2:/b");
    bench_dispose(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_copies),
        cmocka_unit_test(test_odd_paths),
        cmocka_unit_test(test_what_qemu_can_read),
        cmocka_unit_test(test_again_changes_nothing),
        cmocka_unit_test(test_half_done_is_finished),
        cmocka_unit_test(test_others_change_xenstore),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_xenstore_knows_no_such_disk),
        cmocka_unit_test(test_xenstore_fails),
        cmocka_unit_test(test_the_configuration_cannot_be_replaced),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_the_lock_is_held),
        cmocka_unit_test(test_another_process_holds_it),
        cmocka_unit_test(test_the_file_is_replaced_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
