/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What does not fit is refused before anything is touched, by a dry run, too,
 * and what is predicted is enough: real images on a volume that has as much
 * free as the test says.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "libxl/json.h"
#include "manage/internal.h"
#include "tests/manage/host.h"

#define KIB 1024ull
#define MIB (1024 * KIB)

/* What every volume has free. */
static uint64_t free_bytes;

int __wrap_statvfs(const char *path, struct statvfs *fs);

int __wrap_statvfs(const char *path, struct statvfs *fs)
{
    assert_int_equal(access(path, F_OK), 0);
    memset(fs, 0, sizeof(*fs));
    fs->f_frsize = 1;
    fs->f_bavail = free_bytes;
    return 0;
}

struct fixture {
    struct host host;
    char *image;                /* xvda: 32 MiB, of which 3 hold something */
    char *plan;                 /* of the last dry run */
    xjson *predicted;           /* the plan, read */
    int lost;                   /* how much the last revert said it gave up */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    free_bytes = 1024 * MIB;
    host_init(&f->host);
    f->image = host_path(&f->host, "images/a.qcow2");
    host_sh("qemu-img create -q -f qcow2 %s 32M;"
            " qemu-io -f qcow2 -c 'write -P 1 0 3M' %s > /dev/null", f->image,
            f->image);
    if (asprintf(&f->host.config, "{\"c_info\": {\"type\": \"pvh\", \"name\":"
                 " \"g\", \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1}]}", f->image) < 0)
        abort();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->plan);
    xjson_free(f->predicted);
    free(f->host.config);
    host_dispose(&f->host);
    free(f->image);
    free(f);
    return 0;
}

/* ---- what is predicted ---- */

/* A plan that *plan_r is to be, read when it is there. */
static char **plan_of(struct fixture *f)
{
    free(f->plan);
    f->plan = NULL;
    return &f->plan;
}

static const xjson *predicted(struct fixture *f)
{
    struct xjson_error why;

    xjson_free(f->predicted);
    f->predicted = NULL;
    assert_non_null(f->plan);
    if (xjson_parse(f->plan, strlen(f->plan), &f->predicted, &why))
        fail_msg("%s: %s", why.text, f->plan);
    return xjson_member(f->predicted, "predicted");
}

static uint64_t number(const xjson *value)
{
    uint64_t n = 0;

    assert_int_equal(xjson_uint(value, UINT64_MAX, &n), 0);
    return n;
}

/* The bytes of what is written as "what"; 0: nothing. */
static uint64_t written(struct fixture *f, const char *what)
{
    const xjson *w = xjson_first(xjson_member(predicted(f), "writes"));

    for (; w; w = xjson_next(w))
        if (!strcmp(xjson_member_string(w, "what"), what))
            return number(xjson_member(w, "bytes"));
    return 0;
}

/* Of the only volume. */
static uint64_t on_volume(struct fixture *f, const char *member)
{
    const xjson *volumes = xjson_member(predicted(f), "volumes");

    assert_int_equal(xjson_count(volumes), 1);
    return number(xjson_member(xjson_first(volumes), member));
}

/* All files with their contents, to see that nothing was touched. The lock
 * is taken and left. */
static char *all_files(struct fixture *f)
{
    return host_ask("cd %s && find . -type f ! -name '*lock*' | sort |"
                    " xargs sha256sum | sha256sum", f->host.dir);
}

static void expect_untouched(struct fixture *f, char *before)
{
    char *now = all_files(f);

    assert_string_equal(now, before);
    free(now);
    free(before);
}

/* ---- calls ---- */

static enum manage_outcome create(struct fixture *f, const char *name,
                                  bool external, bool dry_run)
{
    struct manage_create args = { .domain = "g", .name = name,
                                  .external = external, .dry_run = dry_run };
    chain_snapshot made;

    chain_snapshot_init(&made);
    manage_create(f->host.manage, &args, &made, plan_of(f),
                  host_err(&f->host));
    chain_snapshot_dispose(&made);
    return f->host.err.outcome;
}

static enum manage_outcome revert(struct fixture *f, const char *name,
                                  bool undo, bool dry_run)
{
    struct manage_revert args = { .domain = "g", .name = name, .undo = undo,
                                  .dry_run = dry_run };
    struct manage_revert_result result;

    manage_revert_result_init(&result);
    manage_revert(f->host.manage, &args, &result, plan_of(f),
                  host_err(&f->host));
    f->lost = result.lost.num;
    manage_revert_result_dispose(&result);
    return f->host.err.outcome;
}

static enum manage_outcome delete(struct fixture *f, const char *name,
                                  bool merge_now, bool dry_run)
{
    struct manage_delete args = { .domain = "g", .name = name,
                                  .merge_now = merge_now,
                                  .dry_run = dry_run };
    struct manage_delete_result result = { 0 };

    f->host.warned[0] = '\0';
    manage_delete(f->host.manage, &args, &result, plan_of(f),
                  host_err(&f->host));
    free(result.note);
    return f->host.err.outcome;
}

static enum manage_outcome export(struct fixture *f, const char *path,
                                  bool dry_run)
{
    struct manage_export args = { .domain = "g", .name = "one", .path = path,
                                  .fd = -1, .dry_run = dry_run };

    manage_export(f->host.manage, &args, plan_of(f), host_err(&f->host));
    return f->host.err.outcome;
}

static void expect_words(struct fixture *f, const char *words)
{
    if (!strstr(f->host.err.text, words))
        fail_msg("no \"%s\": %s", words, f->host.err.text);
}

static void must(struct fixture *f, enum manage_outcome outcome)
{
    if (outcome) fail_msg("%s", f->host.err.text);
}

/* A snapshot "one" inside the image, which "two" then froze. */
static void make_both(struct fixture *f)
{
    must(f, create(f, "one", false, false));
    host_sh("qemu-io -f qcow2 -c 'write -P 2 0 8M' %s > /dev/null", f->image);
    must(f, create(f, "two", true, false));
}

/* ---- */

static void test_create(void **state)
{
    struct fixture *f = *state;
    char *before;

    must(f, create(f, "one", false, true));
    assert_int_equal(written(f, "the memory image"), 0);
    assert_true(written(f, "the snapshot in xvda") > 8 * MIB);
    assert_int_equal(on_volume(f, "free_bytes"), free_bytes);
    assert_int_equal(on_volume(f, "bytes"), on_volume(f, "at_most_bytes"));
    assert_int_equal(on_volume(f, "bytes"),
                     written(f, "the snapshot in xvda") +
                     written(f, "the snapshot's record"));
    /* off: there is no pause */
    assert_non_null(xjson_member(predicted(f), "pause_ms"));
    assert_int_equal(xjson_type_of(xjson_member(predicted(f), "pause_ms")),
                     XJSON_NULL);

    /* each alone would fit, together they do not */
    free_bytes = on_volume(f, "bytes") - 1;
    assert_true(free_bytes > written(f, "the snapshot in xvda"));
    before = all_files(f);
    assert_int_equal(create(f, "one", false, true), MANAGE_NO_SPACE);
    assert_null(f->plan);
    assert_int_equal(create(f, "one", false, false), MANAGE_NO_SPACE);
    expect_words(f, "the snapshot in xvda; nothing was started");
    expect_words(f, f->host.dir);
    assert_int_equal(create(f, "one", true, false), MANAGE_NO_SPACE);
    expect_words(f, "the overlay of xvda, first writes to xvda");
    expect_untouched(f, before);
    free_bytes++;
    must(f, create(f, "one", false, false));
}

/* Out of an image that another snapshot froze: what the snapshot holds, and
 * not what the image has. */
static void test_copy(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes;
    char *before;

    make_both(f);
    must(f, revert(f, "one", false, true));
    bytes = written(f, "a copy of what the snapshot holds of xvda");
    assert_true(bytes > 3 * MIB && bytes < 4 * MIB);
    before = all_files(f);
    free_bytes = bytes - 1;
    assert_int_equal(revert(f, "one", false, true), MANAGE_NO_SPACE);
    assert_int_equal(revert(f, "one", false, false), MANAGE_NO_SPACE);
    expect_words(f, "a copy of what the snapshot holds of xvda");
    expect_words(f, "4 MiB are needed");
    expect_untouched(f, before);
    free_bytes = bytes;
    must(f, revert(f, "one", false, false));
    before = host_ask("stat -c '%%b' %s/images/a.one.qcow2", f->host.dir);
    assert_true(strtoull(before, NULL, 10) * 512 <= bytes);
    free(before);
}

/* The undo's space is asked for before the undo is taken. And its overlay
 * freezes the image: what could be gone back to in place must then be copied
 * out. */
static void test_undo(void **state)
{
    struct fixture *f = *state;
    uint64_t copy;
    char *before;

    make_both(f);
    must(f, revert(f, "one", false, false));        /* a.one.qcow2 */
    must(f, create(f, "three", false, false));      /* inside that */
    must(f, revert(f, "three", false, true));
    assert_true(written(f, "going back in xvda") > 0);
    assert_int_equal(written(f, "the overlay of xvda"), 0);
    must(f, revert(f, "three", true, true));
    assert_int_equal(written(f, "going back in xvda"), 0);
    copy = written(f, "a copy of what the snapshot holds of xvda");
    assert_true(copy > 3 * MIB && copy < 4 * MIB);
    assert_true(written(f, "the overlay of xvda") > 0);
    before = all_files(f);
    free_bytes = copy + 8 * MIB;
    assert_int_equal(revert(f, "three", true, false), MANAGE_NO_SPACE);
    expect_untouched(f, before);
    free_bytes = 1024 * MIB;
    must(f, revert(f, "three", true, false));
}

/* Going back in place is what people do when the volume is full. */
static void test_back_when_full(void **state)
{
    struct fixture *f = *state;

    must(f, create(f, "one", false, false));
    free_bytes = MIB;
    must(f, revert(f, "one", false, false));
    free_bytes = 0;
    assert_int_equal(revert(f, "one", false, false), MANAGE_NO_SPACE);
    expect_words(f, "going back in xvda");
}

/* A delete is done whether or not its merges fit, unless that is asked for. */
static void test_delete(void **state)
{
    struct fixture *f = *state;
    char *overlay = host_path(&f->host, "images/a.two.qcow2"), *before;
    uint64_t most;
    struct stat st;

    must(f, create(f, "two", true, false));
    host_sh("qemu-io -f qcow2 -c 'write -P 3 0 5M' %s > /dev/null", overlay);
    assert_int_equal(stat(overlay, &st), 0);
    must(f, delete(f, "two", false, true));
    most = written(f, "merging images");
    assert_int_equal(most, st.st_blocks * 512);
    assert_int_equal(on_volume(f, "bytes"), 0);
    assert_int_equal(on_volume(f, "at_most_bytes"), most);

    free_bytes = most - 1;
    before = all_files(f);
    assert_int_equal(delete(f, "two", true, true), MANAGE_NO_SPACE);
    assert_int_equal(delete(f, "two", true, false), MANAGE_NO_SPACE);
    expect_words(f, "for merging images; nothing was started");
    assert_string_equal(f->host.warned, "");
    expect_untouched(f, before);
    must(f, delete(f, "two", false, false));
    assert_non_null(strstr(f->host.warned, "up to 6 MiB are needed"));
    assert_non_null(strstr(f->host.warned, "waits, hidden"));
    /* (There was more than was said.) */
    assert_false(host_has(overlay));
    free(overlay);
}

static void test_delete_fits(void **state)
{
    struct fixture *f = *state;

    must(f, create(f, "two", true, false));
    must(f, delete(f, "two", true, false));
    assert_string_equal(f->host.warned, "");
}

/* ---- what a revert gives up ---- */

static const xjson *lost(struct fixture *f)
{
    (void)predicted(f);
    return xjson_member(f->predicted, "lost");
}

static void test_lost(void **state)
{
    struct fixture *f = *state;
    char *overlay = host_path(&f->host, "images/a.two.qcow2"), *config;
    struct manage_revert args = { .domain = "g", .name = "two" };
    struct manage_losses losses;
    const xjson *first;
    struct stat st;

    make_both(f);
    host_sh("qemu-io -f qcow2 -c 'write -P 3 0 5M' %s > /dev/null", overlay);
    assert_int_equal(stat(overlay, &st), 0);
    must(f, revert(f, "two", false, true));
    assert_int_equal(xjson_count(lost(f)), 1);
    first = xjson_first(lost(f));
    assert_string_equal(xjson_member_string(first, "kind"), "writes");
    assert_string_equal(xjson_member_string(first, "path"), overlay);
    assert_string_equal(xjson_member_string(first, "since"), "two");
    assert_int_equal(number(xjson_member(first, "bytes")), st.st_blocks * 512);
    must(f, revert(f, "two", true, true));
    assert_int_equal(xjson_count(lost(f)), 0);

    manage_losses_init(&losses);
    assert_int_equal(manage_revert_losses(f->host.manage, &args, &losses,
                                          host_err(&f->host)), 0);
    assert_int_equal(losses.num, 1);
    args.name = "never";
    assert_int_not_equal(manage_revert_losses(f->host.manage, &args, &losses,
                                              host_err(&f->host)), 0);
    assert_int_equal(f->host.err.outcome, MANAGE_NOT_FOUND);
    assert_int_equal(losses.num, 1);
    manage_losses_dispose(&losses);

    must(f, revert(f, "one", true, false));
    assert_int_equal(f->lost, 0);
    must(f, revert(f, "two", false, false));
    assert_int_equal(f->lost, 1);

    /* One whose image is gone is refused, and says so; nothing else is said
     * to be lost. */
    config = host_path(&f->host, "gone.qcow2");
    host_sh("mv %s %s", f->image, config);
    assert_int_equal(revert(f, "two", false, false), MANAGE_REFUSED);
    expect_words(f, "disk xvda: the image ");
    expect_words(f, "of 'two' cannot be read: No such file");
    assert_int_equal(revert(f, "one", false, false), MANAGE_REFUSED);
    expect_words(f, "is gone, and with it 'one'");
    free(config);
    free(overlay);
}

/* The stream, and one disk's copy at a time. */
static void test_export(void **state)
{
    struct fixture *f = *state;
    char *path = host_path(&f->host, "one.tar");
    char *packed = host_path(&f->host, "one.tar.gz"), *before;
    uint64_t copy, both;
    struct stat st;

    make_both(f);
    must(f, export(f, path, true));
    copy = written(f, "a copy of xvda meanwhile");
    assert_true(copy > 3 * MIB && copy < 4 * MIB);
    assert_int_equal(copy, written(f, "the archive's xvda"));
    both = on_volume(f, "bytes");
    assert_true(both > 2 * copy);
    must(f, export(f, packed, true));
    assert_int_equal(on_volume(f, "bytes"), copy);
    assert_int_equal(on_volume(f, "at_most_bytes"), both);

    before = all_files(f);
    free_bytes = both - 1;
    assert_int_equal(export(f, path, true), MANAGE_NO_SPACE);
    assert_int_equal(export(f, path, false), MANAGE_NO_SPACE);
    expect_words(f, "the archive's xvda, a copy of xvda meanwhile");
    free_bytes = copy - 1;
    assert_int_equal(export(f, packed, false), MANAGE_NO_SPACE);
    expect_untouched(f, before);
    free_bytes = copy;
    must(f, export(f, packed, false));
    free_bytes = both;
    must(f, export(f, path, false));
    assert_int_equal(stat(path, &st), 0);
    assert_true((uint64_t)st.st_size + copy <= both);
    free(path);
    free(packed);
}

/* What an archive that is a file, and not compressed, needs is known before
 * anything of it is received. */
static void test_import(void **state)
{
    struct fixture *f = *state;
    char *path = host_path(&f->host, "one.tar"), *to, *before;
    struct manage_import args = { .domain = "h" };
    struct manage_imported imported;
    struct stat st;

    make_both(f);
    must(f, export(f, path, false));
    assert_int_equal(stat(path, &st), 0);
    to = host_path(&f->host, "to");
    assert_int_equal(mkdir(to, 0700), 0);
    args.dir = to;
    args.dry_run = true;
    args.fd = open(path, O_RDONLY | O_CLOEXEC);
    manage_imported_init(&imported);
    manage_import(f->host.manage, &args, &imported, plan_of(f),
                  host_err(&f->host));
    must(f, f->host.err.outcome);
    assert_true(written(f, "the images") > (uint64_t)st.st_size - MIB);
    free_bytes = on_volume(f, "bytes") - 1;
    close(args.fd);

    before = all_files(f);
    args.dry_run = false;
    args.fd = open(path, O_RDONLY | O_CLOEXEC);
    manage_import(f->host.manage, &args, &imported, NULL, host_err(&f->host));
    assert_int_equal(f->host.err.outcome, MANAGE_NO_SPACE);
    expect_words(f, "the images");
    close(args.fd);
    expect_untouched(f, before);
    manage_imported_dispose(&imported);
    free(path);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_undo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_back_when_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_export, setup, teardown),
        cmocka_unit_test_setup_teardown(test_import, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
