/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an interrupted qemu-img leaves in an image is mended by the recovery. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/manage/host.h"

struct fixture {
    struct host host;
    char *image;
};

/* One cluster of data. In a new image the counts are at 0x20000, two bytes for
 * each cluster: its fourth has the L2 table, its fifth the data. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    host_init(&f->host);
    f->image = host_path(&f->host, "images/a.qcow2");
    host_sh("qemu-img create -q -f qcow2 %s 1M &&"
            " qemu-io -f qcow2 -c 'write -q -P 7 0 64k' %s", f->image,
            f->image);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    host_dispose(&f->host);
    free(f->image);
    free(f);
    return 0;
}

/* As it is when the power fails after a snapshot's clusters were counted and
 * before it is in the table. */
static void count_twice(struct fixture *f)
{
    host_sh("printf '\\0\\2\\0\\2' | dd of=%s bs=1 seek=$((0x20000 + 8))"
            " conv=notrunc status=none", f->image);
    host_sh("! qemu-img check -q %s 2>/dev/null", f->image);
}

static void leave_journal(struct fixture *f, const char *verb,
                          const char *step)
{
    char *path = host_path(&f->host, "state/g/journal.json"), *text;

    if (asprintf(&text, "{\"version\": 1, \"verb\": \"%s\", \"step\": \"%s\","
                 " \"snapshots\": [{\"serial\": 1, \"name\": \"s1\","
                 " \"created\": 100, \"state\": \"off\", \"disks\": ["
                 "{\"vdev\": \"xvda\", \"path\": \"%s\", \"format\": \"qcow2\","
                 " \"treatment\": \"internal\", \"handle\":"
                 " {\"format.qcow2\": {\"name\": \"s1\"}}}]}]}", verb, step,
                 f->image) < 0)
        abort();
    host_sh("mkdir -p -m 700 %s/g", f->host.state);
    host_write(path, text, strlen(text));
    free(text);
    free(path);
}

static void recover(struct fixture *f)
{
    char *report = NULL;

    if (manage_recover(f->host.manage, "g", &report, host_err(&f->host)))
        fail_msg("%s", f->host.err.text);
    free(report);
}

static void expect_sound(struct fixture *f)
{
    host_sh("qemu-img check -q %s && qemu-io -f qcow2 -c 'read -q -P 7 0 64k'"
            " %s", f->image, f->image);
    host_sh("test ! -e %s/g/journal.json", f->host.state);
}

static void test_create(void **state)
{
    struct fixture *f = *state;

    count_twice(f);
    leave_journal(f, "create", "begun");
    recover(f);
    expect_sound(f);
}

/* It is in the image still, too. */
static void test_delete(void **state)
{
    struct fixture *f = *state;

    host_sh("qemu-img snapshot -c s1 %s", f->image);
    host_sh("printf '\\0\\7' | dd of=%s bs=1 seek=$((0x20000 + 10))"
            " conv=notrunc status=none", f->image);
    leave_journal(f, "delete", "removing");
    recover(f);
    expect_sound(f);
    host_sh("test -z \"$(qemu-img snapshot -l %s)\"", f->image);
}

/* A count that is too low is none of this, and is nothing to be guessed at. */
static void test_damage_stays(void **state)
{
    struct fixture *f = *state;
    char *before, *after;

    host_sh("printf '\\0\\0' | dd of=%s bs=1 seek=$((0x20000 + 8))"
            " conv=notrunc status=none", f->image);
    before = host_ask("md5sum <%s", f->image);
    leave_journal(f, "create", "begun");
    recover(f);
    after = host_ask("md5sum <%s", f->image);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_create), T(test_delete), T(test_damage_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
