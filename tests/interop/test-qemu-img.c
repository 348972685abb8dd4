/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The offline tool runner with the real qemu-img. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>

#include "libxl/child.h"
#include "libxl/qemu_img.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/scratch.h"

#define BY deadline_after(30000)

struct fixture {
    struct scratch scratch;
    struct qemu_img tool;
    char image[512];
    struct diag diag;
};

/* A shell command, with the image's path as $1; it must succeed. */
static void shell(struct fixture *f, const char *command)
{
    const char *const argv[] = { "sh", "-ec", command, "sh", f->image, NULL };
    struct child_result result;
    int rc;

    child_result_init(&result);
    rc = child_run(argv, 1u << 20, BY, &result, &f->diag);
    if (rc) fail_msg("%s: %s", command, f->diag.text);
    if (!WIFEXITED(result.status) || WEXITSTATUS(result.status))
        fail_msg("%s: %s", command, result.err);
    child_result_dispose(&result);
}

static void begin(struct fixture *f, const char *name)
{
    const char *program = getenv("QEMU_IMG");

    memset(f, 0, sizeof(*f));
    scratch_make(&f->scratch);
    strcpy(f->image, scratch_path(&f->scratch, name));
    f->tool.program = program ? program : "qemu-img";
    shell(f, "qemu-img create -q -f qcow2 \"$1\" 16M");
}

static void end(struct fixture *f)
{
    scratch_remove(&f->scratch);
}

static void info(struct fixture *f, const char *format, struct image_info *info_r)
{
    image_info_init(info_r);
    if (qemu_img_info(&f->tool, f->image, format, BY, info_r, &f->diag))
        fail_msg("%s", f->diag.text);
}

static void expect_snapshots(struct fixture *f, const char *expected)
{
    struct image_info now;
    char names[256] = "";
    size_t i;

    info(f, "qcow2", &now);
    for (i = 0; i < now.num_snapshots; i++) {
        strcat(names, i ? " " : "");
        strcat(names, now.snapshots[i].name);
    }
    assert_string_equal(names, expected);
    image_info_dispose(&now);
}

#define WRITE(pattern) "qemu-io -f qcow2 -c 'write -P " pattern " 0 64k' \"$1\""
#define HOLDS(pattern) "qemu-io -f qcow2 -c 'read -P " pattern " 0 64k' \"$1\" " \
                       "| (! grep -i 'verification failed')"

static void test_create_apply_delete(void **state)
{
    struct qemu_img_check check;
    struct fixture f;

    begin(&f, "image, with = and ,commas.qcow2");
    shell(&f, WRITE("1"));
    assert_int_equal(qemu_img_snapshot_create(&f.tool, f.image, "qcow2", "one",
                                              BY, &f.diag), 0);
    shell(&f, WRITE("2"));
    assert_int_equal(qemu_img_snapshot_create(&f.tool, f.image, "qcow2", "two",
                                              BY, &f.diag), 0);
    shell(&f, WRITE("3"));
    assert_int_equal(qemu_img_snapshot_create(&f.tool, f.image, "qcow2", "two",
                                              BY, &f.diag), ERROR_DEVICE_EXISTS);
    expect_snapshots(&f, "one two");
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "one",
                                             BY, &f.diag), 0);
    shell(&f, HOLDS("1"));
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, f.image, "qcow2", "one",
                                              BY, &f.diag), 0);
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, f.image, "qcow2", "one",
                                              BY, &f.diag), ERROR_NOTFOUND);
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "one",
                                             BY, &f.diag), ERROR_NOTFOUND);
    shell(&f, HOLDS("1"));
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "two",
                                             BY, &f.diag), 0);
    shell(&f, HOLDS("2"));
    expect_snapshots(&f, "two");
    assert_int_equal(qemu_img_check(&f.tool, f.image, "qcow2", BY, &check,
                                    &f.diag), 0);
    assert_int_equal(check.corruptions + check.leaks + check.errors, 0);
    end(&f);
}

/* The second snapshot is named as the first's id. */
static void test_names_that_look_like_ids(void **state)
{
    struct fixture f;

    begin(&f, "image");
    shell(&f, WRITE("1") "; qemu-img snapshot -c first \"$1\"");
    shell(&f, WRITE("2") "; qemu-img snapshot -c 1 \"$1\"");
    shell(&f, WRITE("3"));
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "1", BY,
                                             &f.diag), 0);
    shell(&f, HOLDS("2"));
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, f.image, "qcow2", "1", BY,
                                              &f.diag), 0);
    expect_snapshots(&f, "first");
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "first",
                                             BY, &f.diag), 0);
    shell(&f, HOLDS("1"));

    shell(&f, "qemu-img snapshot -c dup \"$1\"; qemu-img snapshot -c dup \"$1\"");
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, f.image, "qcow2", "dup",
                                              BY, &f.diag), ERROR_INVAL);
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "dup",
                                             BY, &f.diag), ERROR_INVAL);
    expect_snapshots(&f, "first dup dup");
    end(&f);
}

static void test_bitmaps(void **state)
{
    struct image_info now;
    struct fixture f;

    begin(&f, "image");
    shell(&f, WRITE("1") "; qemu-img snapshot -c one \"$1\"; "
          "qemu-img bitmap --add \"$1\" cp1; "
          "qemu-img bitmap --add --disable \"$1\" cp2");
    info(&f, "qcow2", &now);
    assert_int_equal(now.num_bitmaps, 2);
    assert_string_equal(now.bitmaps[0].name, "cp1");
    assert_true(now.bitmaps[0].recording && now.bitmaps[0].persistent);
    assert_false(now.bitmaps[1].recording || now.bitmaps[1].inconsistent);
    assert_int_equal(now.bitmaps[0].granularity, 65536);
    image_info_dispose(&now);

    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "one",
                                             BY, &f.diag), ERROR_FAIL);
    assert_non_null(strstr(f.diag.text, "bitmap"));
    assert_int_equal(qemu_img_bitmap_remove(&f.tool, f.image, "qcow2", "nope",
                                            BY, &f.diag), ERROR_FAIL);
    assert_int_equal(qemu_img_bitmap_remove(&f.tool, f.image, "qcow2", "cp1", BY,
                                            &f.diag), 0);
    assert_int_equal(qemu_img_bitmap_remove(&f.tool, f.image, "qcow2", "cp2", BY,
                                            &f.diag), 0);
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, f.image, "qcow2", "one",
                                             BY, &f.diag), 0);
    end(&f);
}

static void test_what_info_tells(void **state)
{
    struct image_info now;
    struct fixture f;

    begin(&f, "base");
    strcpy(f.image, scratch_path(&f.scratch, "top"));
    shell(&f, "cd \"$(dirname \"$1\")\"; "
          "qemu-img create -q -f qcow2 -b base -F qcow2 \"$1\"");
    info(&f, "qcow2", &now);
    assert_string_equal(now.format, "qcow2");
    assert_int_equal(now.virtual_size, 16u << 20);
    assert_string_equal(now.backing_filename, "base");
    assert_string_equal(now.full_backing_filename,
                        scratch_path(&f.scratch, "base"));
    assert_string_equal(now.backing_format, "qcow2");
    assert_int_equal(now.refcount_bits, 16);
    assert_false(now.data_file || now.corrupt);
    image_info_dispose(&now);

    strcpy(f.image, scratch_path(&f.scratch, "odd"));
    shell(&f, "qemu-img create -q -f qcow2 -o refcount_bits=1 \"$1\" 1M");
    info(&f, "qcow2", &now);
    assert_int_equal(now.refcount_bits, 1);
    image_info_dispose(&now);
    shell(&f, "qemu-img create -q -f qcow2 -o data_file=\"$1.raw\" \"$1\" 1M");
    info(&f, "qcow2", &now);
    assert_true(now.data_file);
    image_info_dispose(&now);
    end(&f);
}

/* A guest's raw disk with a qcow2 header in it stays a raw disk. */
static void test_the_format_is_not_guessed(void **state)
{
    struct image_info now;
    struct fixture f;

    begin(&f, "image");
    shell(&f, "qemu-img snapshot -c hidden \"$1\"");
    info(&f, "raw", &now);
    assert_string_equal(now.format, "raw");
    assert_int_equal(now.num_snapshots, 0);
    image_info_dispose(&now);
    assert_int_equal(qemu_img_snapshot_create(&f.tool, f.image, "raw", "one", BY,
                                              &f.diag), ERROR_FAIL);
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, f.image, "raw", "hidden",
                                              BY, &f.diag), ERROR_NOTFOUND);
    expect_snapshots(&f, "hidden");
    end(&f);
}

static void test_broken_images(void **state)
{
    struct qemu_img_check check;
    struct image_info now;
    struct fixture f;

    begin(&f, "image");
    shell(&f, WRITE("1"));
    /* the first L2 table's reference counts say that nobody uses it */
    shell(&f, "printf '\\0\\0' | dd of=\"$1\" bs=1 seek=$((0x20000 + 8)) "
          "conv=notrunc status=none");
    assert_int_equal(qemu_img_check(&f.tool, f.image, "qcow2", BY, &check,
                                    &f.diag), 0);
    assert_true(check.corruptions > 0);
    /* that is more than a repair of leaks mends */
    assert_int_equal(qemu_img_repair(&f.tool, f.image, "qcow2", BY, &check,
                                     &f.diag), ERROR_FAIL);

    shell(&f, "printf XXXX | dd of=\"$1\" conv=notrunc status=none");
    image_info_init(&now);
    assert_int_equal(qemu_img_info(&f.tool, f.image, "qcow2", BY, &now, &f.diag),
                     ERROR_FAIL);
    assert_non_null(strstr(f.diag.text, "not in qcow2 format"));
    assert_int_equal(qemu_img_check(&f.tool, f.image, "qcow2", BY, &check,
                                    &f.diag), ERROR_FAIL);
    strcpy(f.image, scratch_path(&f.scratch, "nothing"));
    assert_int_equal(qemu_img_info(&f.tool, f.image, "qcow2", BY, &now, &f.diag),
                     ERROR_FAIL);
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, f.image, "qcow2", "one",
                                              BY, &f.diag), ERROR_FAIL);
    end(&f);
}

/* The L2 table and the data of a cluster are counted twice, and both say that
 * they are not: what an interrupted snapshot leaves. */
static void test_repair(void **state)
{
    struct qemu_img_check check;
    struct fixture f;

    begin(&f, "image");
    shell(&f, WRITE("1"));
    shell(&f, "printf '\\0\\2\\0\\2' | dd of=\"$1\" bs=1 "
          "seek=$((0x20000 + 8)) conv=notrunc status=none");
    assert_int_equal(qemu_img_check(&f.tool, f.image, "qcow2", BY, &check,
                                    &f.diag), 0);
    assert_int_equal(check.leaks, 2);
    assert_int_equal(check.corruptions, 2);
    assert_int_equal(qemu_img_repair(&f.tool, f.image, "qcow2", BY, &check,
                                     &f.diag), 0);
    assert_int_equal(check.corruptions + check.leaks + check.errors, 0);
    assert_int_equal(qemu_img_check(&f.tool, f.image, "qcow2", BY, &check,
                                    &f.diag), 0);
    assert_int_equal(check.corruptions + check.leaks + check.errors, 0);
    shell(&f, HOLDS("1"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_apply_delete),
        cmocka_unit_test(test_names_that_look_like_ids),
        cmocka_unit_test(test_bitmaps),
        cmocka_unit_test(test_what_info_tells),
        cmocka_unit_test(test_the_format_is_not_guessed),
        cmocka_unit_test(test_broken_images),
        cmocka_unit_test(test_repair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
