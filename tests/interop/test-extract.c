/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An internal snapshot becomes an image of its own, by the real qemu-img. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "libxl/child.h"
#include "libxl/internal.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/scratch.h"

struct fixture {
    struct scratch scratch;
    struct libxl_snapshot_ctx sctx;
    char image[128], copy[128];
    libxl_device_disk disk;
    libxl_snapshot_handle handle;
    libxl_snapshot_callbacks callbacks;
    libxl_snapshot_diag diag;
    uint64_t done, total;
    bool stop;
};

/* With the image as $1 and the copy as $2; it must succeed. */
static void shell(struct fixture *f, const char *command)
{
    const char *const argv[] = {
        "sh", "-ec", command, "sh", f->image, f->copy, NULL
    };
    struct child_result result;
    struct diag diag;

    child_result_init(&result);
    if (child_run(argv, 1u << 20, deadline_after(30000), &result, &diag))
        fail_msg("%s: %s", command, diag.text);
    if (!WIFEXITED(result.status) || WEXITSTATUS(result.status))
        fail_msg("%s: %s", command, result.err);
    child_result_dispose(&result);
}

static void progress(void *user, uint64_t done, uint64_t total)
{
    struct fixture *f = user;

    assert_true(done >= f->done && done <= total);
    f->done = done;
    f->total = total;
}

static bool cancelled(void *user)
{
    const struct fixture *f = user;

    return f->stop;
}

#define WRITE(pattern, at) \
    "qemu-io -f qcow2 -c 'write -P " pattern " " at " 64k' \"$1\";"
#define READ(pattern, at) \
    "qemu-io -f qcow2 -c 'read -P " pattern " " at " 64k' \"$2\" " \
    "| (! grep -i 'verification failed');"

static void begin(struct fixture *f)
{
    char *program = getenv("QEMU_IMG");

    memset(f, 0, sizeof(*f));
    scratch_make(&f->scratch);
    f->sctx.qemu_img = program ? program : (char *)"qemu-img";
    strcpy(f->image, scratch_path(&f->scratch, "image"));
    strcpy(f->copy, scratch_path(&f->scratch, "copy"));
    f->disk.vdev = (char *)"xvda";
    f->disk.pdev_path = f->image;
    f->disk.format = LIBXL_DISK_FORMAT_QCOW2;
    f->handle.format = LIBXL_DISK_FORMAT_QCOW2;
    f->handle.u.qcow2.name = (char *)"then";
    f->callbacks = (libxl_snapshot_callbacks){
        .user = f, .progress = progress, .cancelled = cancelled,
    };
    libxl_snapshot_diag_init(&f->diag);
    /* below: 9 at 0 and at 1M; then: 1 at 0; now: 2 at 0 */
    shell(f, "qemu-img create -q -f raw \"$1.base\" 256M;"
          "qemu-io -f raw -c 'write -P 9 0 64k' -c 'write -P 9 1M 64k' \"$1.base\";"
          "qemu-img create -q -f qcow2 -b \"$1.base\" -F raw \"$1\";"
          WRITE("1", "0") "qemu-img snapshot -c other \"$1\";"
          "qemu-img snapshot -c then \"$1\";" WRITE("2", "0")
          WRITE("2", "2M"));
}

static void end(struct fixture *f)
{
    libxl_snapshot_diag_dispose(&f->diag);
    scratch_remove(&f->scratch);
}

static int extract(struct fixture *f)
{
    libxl_snapshot_diag_dispose(&f->diag);
    return libxl_disk_snapshot_extract(&f->sctx, &f->disk, &f->handle, f->copy,
                                       &f->callbacks, &f->diag);
}

static void fails(struct fixture *f, int rc, const char *words)
{
    assert_int_equal(extract(f), rc);
    assert_non_null(f->diag.message);
    if (!strstr(f->diag.message, words))
        fail_msg("no \"%s\": %s", words, f->diag.message);
    assert_string_equal(f->diag.vdev, "xvda");
}

static void test_content(void **state)
{
    struct fixture f;
    struct stat st;

    begin(&f);
    if (extract(&f)) fail_msg("%s", f.diag.message);
    shell(&f, READ("1", "0") READ("9", "1M") READ("0", "2M")
          "! qemu-img info \"$2\" | grep backing;"
          "qemu-img info \"$2\" | grep -q '^virtual size: 256 MiB'");
    assert_int_equal(stat(f.copy, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(st.st_blocks * 512 < 4 << 20);      /* no more than there is */
    assert_int_equal(f.total, 256u << 20);
    assert_int_equal(f.done, f.total);
    end(&f);
}

/* What is said beforehand is enough, and not much too much. */
static void test_measure(void **state)
{
    uint64_t bytes = 0, whole = 0;
    struct fixture f;
    struct stat st;

    begin(&f);
    if (libxl_disk_measure(&f.sctx, &f.disk, &f.handle, &bytes, &f.diag))
        fail_msg("%s", f.diag.message);
    if (libxl_disk_measure(&f.sctx, &f.disk, NULL, &whole, &f.diag))
        fail_msg("%s", f.diag.message);
    assert_int_equal(extract(&f), 0);
    assert_int_equal(stat(f.copy, &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 <= bytes);
    assert_true(bytes < (uint64_t)st.st_blocks * 512 + (1 << 20));
    /* the image itself has one cluster more, at 2 MiB */
    assert_int_equal(whole, bytes + 65536);

    f.handle.u.qcow2.name = (char *)"never";
    libxl_snapshot_diag_dispose(&f.diag);
    assert_int_equal(libxl_disk_measure(&f.sctx, &f.disk, &f.handle, &bytes,
                                        &f.diag), ERROR_NOTFOUND);
    assert_non_null(strstr(f.diag.message, "no snapshot 'never'"));
    scratch_write(&f.scratch, "tool", "#!/bin/sh\necho '{}'\n", 0700);
    f.sctx.qemu_img = (char *)scratch_path(&f.scratch, "tool");
    libxl_snapshot_diag_dispose(&f.diag);
    whole = 17;
    assert_int_equal(libxl_disk_measure(&f.sctx, &f.disk, NULL, &whole,
                                        &f.diag), ERROR_QEMU_API);
    assert_int_equal(whole, 17);
    assert_string_equal(f.diag.vdev, "xvda");
    end(&f);
}

static void test_refusals(void **state)
{
    struct fixture f;

    begin(&f);
    f.handle.u.qcow2.name = (char *)"never";
    fails(&f, ERROR_NOTFOUND, "no snapshot 'never'");
    f.handle.u.qcow2.name = (char *)"then";
    shell(&f, "echo mine > \"$2\"");
    fails(&f, ERROR_DEVICE_EXISTS, "exists");
    shell(&f, "grep -q mine \"$2\"; rm \"$2\"");
    shell(&f, "qemu-img snapshot -c then \"$1\"");
    fails(&f, ERROR_INVAL, "several snapshots");
    f.disk.format = LIBXL_DISK_FORMAT_RAW;
    fails(&f, ERROR_INVAL, "only a qcow2");
    assert_false(scratch_exists(&f.scratch, "copy"));
    end(&f);
}

static void test_failures(void **state)
{
    char tool[128];
    struct fixture f;

    begin(&f);
    f.stop = true;
    fails(&f, ERROR_ABORTED, "as asked");
    assert_false(scratch_exists(&f.scratch, "copy"));
    f.stop = false;
    /* no space: in the middle of it */
    scratch_write(&f.scratch, "tool", "#!/bin/sh\n"
                  "case $1 in convert) ulimit -f 100 ;; esac\n"
                  "exec qemu-img \"$@\"\n", 0700);
    strcpy(tool, scratch_path(&f.scratch, "tool"));
    f.sctx.qemu_img = tool;
    fails(&f, ERROR_FAIL, "qemu-img convert");
    assert_false(scratch_exists(&f.scratch, "copy"));
    f.sctx.qemu_img = (char *)"qemu-img";
    assert_int_equal(extract(&f), 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
