/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making and looking at overlays with a tool that misbehaves; the real one is
 * met in tests/interop. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libxl.h>

#include "libxl/qemu_img_overlay.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/scratch.h"

struct fixture {
    struct scratch scratch;
    struct qemu_img tool;
    char program[512], path[512];
    struct overlay_layout layout;
    struct diag diag;
};

/* script: of a shell, which is then the tool; $f is the overlay. */
static void begin(struct fixture *f, const char *script)
{
    char text[2048] = "#!/bin/sh\nf=${0%tool}new\n";

    memset(f, 0, sizeof(*f));
    scratch_make(&f->scratch);
    strcat(text, script);
    scratch_write(&f->scratch, "tool", text, 0700);
    strcpy(f->program, scratch_path(&f->scratch, "tool"));
    strcpy(f->path, scratch_path(&f->scratch, "new"));
    f->tool.program = f->program;
    f->layout = (struct overlay_layout){
        .path = f->path, .format = "qcow2", .backing = "/i/-base, x",
        .backing_format = "raw", .virtual_size = 1234567890123,
    };
}

static void end(struct fixture *f)
{
    scratch_remove(&f->scratch);
}

static int create(struct fixture *f, unsigned int ms)
{
    return qemu_img_overlay_create(&f->tool, &f->layout, deadline_after(ms),
                                   &f->diag);
}

static void test_create(void **state)
{
    struct fixture f;
    struct stat st;

    begin(&f, "stat -c '%a %s' \"$f\" > \"$f.log\"; echo \"$@\" >> \"$f.log\";"
          " echo made > \"$f\"\n");
    assert_int_equal(create(&f, 5000), 0);
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 5);
    assert_true(scratch_exists(&f.scratch, "new.log"));
    {
        char line[1024], want[1024];
        FILE *log = fopen(scratch_path(&f.scratch, "new.log"), "r");

        assert_non_null(log);
        assert_non_null(fgets(line, sizeof(line), log));
        assert_string_equal(line, "600 0\n");   /* there before the tool is */
        assert_non_null(fgets(line, sizeof(line), log));
        snprintf(want, sizeof(want), "create -q -f qcow2 -b /i/-base, x -F raw"
                 " -- %s 1234567890123\n", f.path);
        assert_string_equal(line, want);
        fclose(log);
    }
    /* What is there is nobody's to write over, or to remove. */
    assert_int_equal(create(&f, 5000), ERROR_DEVICE_EXISTS);
    assert_true(scratch_exists(&f.scratch, "new"));
    assert_int_equal(qemu_img_overlay_remove(f.path, &f.diag), 0);
    assert_false(scratch_exists(&f.scratch, "new"));
    assert_int_equal(qemu_img_overlay_remove(f.path, &f.diag), 0);
    end(&f);
}

static void expect_nothing_left(const char *script, unsigned int ms, int rc,
                                const char *words)
{
    struct fixture f;

    begin(&f, script);
    assert_int_equal(create(&f, ms), rc);
    if (!strstr(f.diag.text, words))
        fail_msg("no \"%s\": %s", words, f.diag.text);
    assert_false(scratch_exists(&f.scratch, "new"));
    end(&f);
}

static void test_failures(void **state)
{
    struct fixture f;

    expect_nothing_left("echo half > \"$f\"; echo 'qemu-img: no' >&2; exit 1\n",
                        5000, ERROR_FAIL, "create: no");
    expect_nothing_left("kill -SEGV $$\n", 5000, ERROR_FAIL, "signal 11");
    expect_nothing_left("exec sleep 100\n", 200, ERROR_TIMEDOUT, "in time");
    expect_nothing_left("rm \"$f\"\n", 5000, ERROR_FAIL, "replaced it");

    /* Somebody else's file, whatever it does there, stays. */
    begin(&f, "echo x > \"$f.other\"; mv \"$f.other\" \"$f\"\n");
    assert_int_equal(create(&f, 5000), ERROR_FAIL);
    assert_true(scratch_exists(&f.scratch, "new"));
    end(&f);

    begin(&f, "exit 0\n");
    f.layout.path = "new";
    assert_int_equal(create(&f, 5000), ERROR_INVAL);
    f.layout.path = "/nonexistent/new";
    assert_int_equal(create(&f, 5000), ERROR_FAIL);
    f.layout.path = f.path;
    f.layout.backing = "base";
    assert_int_equal(create(&f, 5000), ERROR_INVAL);
    assert_false(scratch_exists(&f.scratch, "new"));
    end(&f);
}

/* empty -1: it must fail. */
static void expect_map(const char *script, int rc, int empty)
{
    struct fixture f;
    bool is_empty = false;

    begin(&f, script);
    assert_int_equal(qemu_img_overlay_is_empty(&f.tool, "/i/\"x\"", "qcow2",
                                               deadline_after(20000),
                                               &is_empty, &f.diag), rc);
    if (rc) assert_true(f.diag.text[0]);
    else assert_int_equal(is_empty, empty);
    end(&f);
}

static void test_map(void **state)
{
    bool empty;
    struct fixture f;

    expect_map("echo '[{\"present\": false}]'\n", 0, 1);
    expect_map("echo '[{\"present\": false}, {\"present\": true}]'\n", 0, 0);
    expect_map("echo '[]'\n", 0, 1);
    expect_map("test \"$*\" = 'map -U --output=json -- json:{\"driver\":"
               "\"qcow2\",\"backing\":null,\"file\":{\"driver\":\"file\","
               "\"filename\":\"/i/\\\"x\\\"\"}}' && echo '[]'\n", 0, 1);
    expect_map("yes '[{\"present\": false}, '\n", 0, 0);    /* endless */
    expect_map("echo '[{}]'\n", ERROR_QEMU_API, -1);
    expect_map("echo '[{\"present\": 1}]'\n", ERROR_QEMU_API, -1);
    expect_map("echo '[7]'\n", ERROR_QEMU_API, -1);
    expect_map("echo '{}'\n", ERROR_QEMU_API, -1);
    expect_map("exit 1\n", ERROR_FAIL, -1);

    begin(&f, "echo '[]'\n");
    assert_int_equal(qemu_img_overlay_is_empty(&f.tool, "/i/\xff", "qcow2",
                                               deadline_after(5000), &empty,
                                               &f.diag), ERROR_INVAL);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
