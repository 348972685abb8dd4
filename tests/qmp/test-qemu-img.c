/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The runner with a tool that misbehaves; the real one is met in
 * tests/interop/test-qemu-img.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <libxl.h>

#include "libxl/qemu_img.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/scratch.h"

struct fixture {
    struct scratch scratch;
    struct qemu_img tool;
    char program[512];
    struct diag diag;
};

/* script: of a shell, which is then the tool. */
static void begin(struct fixture *f, const char *script)
{
    char text[2048] = "#!/bin/sh\n";

    memset(f, 0, sizeof(*f));
    scratch_make(&f->scratch);
    strcat(text, script);
    scratch_write(&f->scratch, "tool", text, 0700);
    strcpy(f->program, scratch_path(&f->scratch, "tool"));
    f->tool.program = f->program;
}

static void end(struct fixture *f)
{
    scratch_remove(&f->scratch);
}

#define SNAPSHOT(id, name) \
    "{\"id\": \"" id "\", \"name\": \"" name "\", \"vm-state-size\": 0, " \
    "\"date-sec\": 1700000000, \"date-nsec\": 5}"
#define INFO(snapshots) \
    "case $1 in info) cat <<'X'\n{\"filename\": \"f\", \"format\": \"qcow2\", " \
    "\"virtual-size\": 1, \"snapshots\": [" snapshots "]}\nX\n;;\n" \
    "*) echo \"$@\" > ${0%tool}log ;; esac\n"

static void expect_info(const char *script, unsigned int ms, int expected,
                        const char *words)
{
    int64_t started = deadline_now_ms();
    struct image_info info;
    struct fixture f;

    begin(&f, script);
    image_info_init(&info);
    assert_int_equal(qemu_img_info(&f.tool, "/image", "qcow2",
                                   deadline_after(ms), &info, &f.diag),
                     expected);
    assert_took_less(started, ms + 2000);
    if (!strstr(f.diag.text, words))
        fail_msg("no \"%s\": %s", words, f.diag.text);
    assert_null(info.filename);
    image_info_dispose(&info);
    end(&f);
}

static void test_bad_tools(void **state)
{
    expect_info("exit 1\n", 5000, ERROR_FAIL, "failed in silence");
    expect_info("echo 'qemu-img: Could not open' >&2; echo more >&2; exit 1\n",
                5000, ERROR_FAIL, "/image: qemu-img info: Could not open");
    expect_info("kill -SEGV $$\n", 5000, ERROR_FAIL, "signal 11");
    expect_info("exec sleep 100\n", 200, ERROR_TIMEDOUT, "in time");
    expect_info("exec cat /dev/zero\n", 20000, ERROR_BUFFERFULL, "too much");
    expect_info("echo\n", 5000, ERROR_QEMU_API, "not understood");
    expect_info("echo '{'\n", 5000, ERROR_QEMU_API, "not understood");
    expect_info("echo '[]'\n", 5000, ERROR_QEMU_API, "expected");
    expect_info("echo '{}'\n", 5000, ERROR_QEMU_API, "filename");
    expect_info("echo '{\"filename\": \"f\", \"format\": \"qcow2\", "
                "\"virtual-size\": -1}'\n", 5000, ERROR_QEMU_API, "virtual-size");
}

static void test_bad_arguments(void **state)
{
    struct image_info info;
    struct fixture f;

    begin(&f, INFO(""));
    image_info_init(&info);
    assert_int_equal(qemu_img_info(&f.tool, "image", "qcow2",
                                   deadline_after(1000), &info, &f.diag),
                     ERROR_INVAL);
    assert_int_equal(qemu_img_info(&f.tool, "/image", "qcow2,x=y",
                                   deadline_after(1000), &info, &f.diag),
                     ERROR_INVAL);
    assert_int_equal(qemu_img_info(&f.tool, "/image", "", deadline_after(1000),
                                   &info, &f.diag), ERROR_INVAL);
    f.tool.program = "/nonexistent/qemu-img";
    assert_int_equal(qemu_img_info(&f.tool, "/image", "qcow2",
                                   deadline_after(1000), &info, &f.diag),
                     ERROR_FAIL);
    end(&f);
}

/* What the tool was called with, when it was not "info"; "" if it was not. */
static void expect_call(struct fixture *f, const char *expected)
{
    char command[1200], said[600] = "";
    FILE *log;

    snprintf(command, sizeof(command), "%s", scratch_path(&f->scratch, "log"));
    log = fopen(command, "r");
    if (log) {
        assert_non_null(fgets(said, sizeof(said), log));
        said[strcspn(said, "\n")] = 0;
        fclose(log);
        remove(command);
    }
    assert_string_equal(said, expected);
}

#define IMAGE(path) "--image-opts -- driver=qcow2,file.driver=file,file.filename=" path

static void test_calls(void **state)
{
    struct fixture f;

    begin(&f, INFO(SNAPSHOT("1", "a") "," SNAPSHOT("2", "1") ","
                   SNAPSHOT("7", "b") "," SNAPSHOT("8", "c") ","
                   SNAPSHOT("9", "c")));
#define BY deadline_after(5000)
    assert_int_equal(qemu_img_snapshot_create(&f.tool, "/d,i=r/x", "qcow2", "n",
                                              BY, &f.diag), 0);
    expect_call(&f, "snapshot -c n " IMAGE("/d,,i=r/x"));
    assert_int_equal(qemu_img_snapshot_create(&f.tool, "/x", "qcow2", "a", BY,
                                              &f.diag), ERROR_DEVICE_EXISTS);
    assert_int_equal(qemu_img_snapshot_create(&f.tool, "/x", "qcow2", "c", BY,
                                              &f.diag), ERROR_DEVICE_EXISTS);
    assert_int_equal(qemu_img_snapshot_create(&f.tool, "/x", "qcow2", "3", BY,
                                              &f.diag), ERROR_INVAL);
    assert_int_equal(qemu_img_snapshot_create(&f.tool, "/x", "qcow2", "-a", BY,
                                              &f.diag), ERROR_INVAL);
    expect_call(&f, "");
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, "/x", "qcow2", "b", BY,
                                             &f.diag), 0);
    expect_call(&f, "snapshot -a 7 " IMAGE("/x"));
    /* named 1, which is another's id */
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, "/x", "qcow2", "1", BY,
                                             &f.diag), 0);
    expect_call(&f, "snapshot -a 2 " IMAGE("/x"));
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, "/x", "qcow2", "1", BY,
                                              &f.diag), 0);
    expect_call(&f, "snapshot -d 1 " IMAGE("/x"));
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, "/x", "qcow2", "c", BY,
                                              &f.diag), ERROR_INVAL);
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, "/x", "qcow2", "2", BY,
                                              &f.diag), ERROR_NOTFOUND);
    assert_int_equal(qemu_img_snapshot_apply(&f.tool, "/x", "qcow2", "zz", BY,
                                             &f.diag), ERROR_NOTFOUND);
    expect_call(&f, "");
    assert_int_equal(qemu_img_bitmap_remove(&f.tool, "/x", "qcow2", "-b", BY,
                                            &f.diag), 0);
    expect_call(&f, "bitmap --remove " IMAGE("/x") " -b");
    end(&f);
}

/* A missing tool must not look like a missing snapshot. */
static void test_not_found_is_not_not_found(void **state)
{
    struct fixture f;

    begin(&f, "");
    f.tool.program = "/nonexistent/qemu-img";
    assert_int_equal(qemu_img_snapshot_delete(&f.tool, "/x", "qcow2", "a", BY,
                                              &f.diag), ERROR_FAIL);
    assert_int_equal(qemu_img_snapshot_create(&f.tool, "/x", "qcow2", "a", BY,
                                              &f.diag), ERROR_FAIL);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_tools),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_not_found_is_not_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
