/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clones of a domain that is off, on real images: what they are made of, that
 * what they share stays as it is, and that it is freed when they are gone.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain/images.h"
#include "manage/internal.h"
#include "tests/manage/host.h"

struct fixture {
    struct host host;
    char *image;                /* xvda of g */
    char *overlay;              /* made by the external snapshot "s" */
    char *clone;                /* xvda of twin */
    char *config;               /* of g */
};

static char *config_of(const char *domain, const char *path)
{
    char *text;

    if (asprintf(&text, "{\"c_info\": {\"type\": \"pvh\", \"name\": \"%s\","
                 " \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1}]}", domain,
                 path) < 0)
        abort();
    return text;
}

static void fill(const char *image, int pattern)
{
    host_sh("qemu-io -f qcow2 -c 'write -q -P %d 0 1M' %s", pattern, image);
}

static void has(const char *image, int pattern)
{
    host_sh("qemu-io -r -f qcow2 -c 'read -P %d 0 1M' %s | grep -q '^read'"
            " && ! qemu-io -r -f qcow2 -c 'read -P %d 0 1M' %s |"
            " grep -q 'failed'", pattern, image, pattern, image);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    host_init(&f->host);
    f->image = host_path(&f->host, "images/a.qcow2");
    f->overlay = host_path(&f->host, "images/a.s.qcow2");
    f->clone = host_path(&f->host, "images/twin-xvda.qcow2");
    host_sh("qemu-img create -q -f qcow2 %s 4M", f->image);
    fill(f->image, 1);
    f->config = f->host.config = config_of("g", f->image);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->config);
    host_dispose(&f->host);
    free(f->image);
    free(f->overlay);
    free(f->clone);
    free(f);
    return 0;
}

static void must(struct fixture *f, enum manage_outcome outcome)
{
    if (outcome) fail_msg("%s", f->host.err.text);
}

static enum manage_outcome create(struct fixture *f, const char *domain,
                                  const char *name, bool external)
{
    struct manage_create args = { .domain = domain, .name = name,
                                  .external = external };
    chain_snapshot made;

    chain_snapshot_init(&made);
    manage_create(f->host.manage, &args, &made, NULL, host_err(&f->host));
    chain_snapshot_dispose(&made);
    return f->host.err.outcome;
}

/* What was left for later is then in f->host.warned. */
static enum manage_outcome delete(struct fixture *f, const char *domain,
                                  const char *name, bool merge)
{
    struct manage_delete args = { .domain = domain, .name = name,
                                  .merge_now = merge };
    struct manage_delete_result result = { 0 };

    manage_delete(f->host.manage, &args, &result, NULL, host_err(&f->host));
    snprintf(f->host.warned, sizeof(f->host.warned), "%s", result.note
             ? result.note : "");
    free(result.note);
    return f->host.err.outcome;
}

static enum manage_outcome revert(struct fixture *f, const char *domain,
                                  const char *name)
{
    struct manage_revert args = { .domain = domain, .name = name };
    struct manage_revert_result result;

    manage_revert_result_init(&result);
    manage_revert(f->host.manage, &args, &result, NULL, host_err(&f->host));
    manage_revert_result_dispose(&result);
    return f->host.err.outcome;
}

static void recover(struct fixture *f, const char *domain)
{
    char *report = NULL;

    manage_recover(f->host.manage, domain, &report, host_err(&f->host));
    must(f, f->host.err.outcome);
    snprintf(f->host.warned, sizeof(f->host.warned), "%s", report);
    free(report);
}

static enum manage_outcome clone_as(struct fixture *f, const char *snapshot,
                                    const char *clone, bool dry_run)
{
    struct manage_clone args = { .domain = "g", .name = snapshot,
                                 .clone = clone, .dry_run = dry_run };
    struct manage_clone_result result;
    char *plan = NULL;

    manage_clone_result_init(&result);
    manage_clone(f->host.manage, &args, &result, &plan, host_err(&f->host));
    if (!f->host.err.outcome && !dry_run) {
        assert_int_equal(CHAIN_DOMAIN_STATE_OFF, result.state);
        assert_int_equal(1, result.num_disks);
        assert_int_equal(36, strlen(result.uuid));
    }
    if (dry_run) assert_non_null(plan);
    free(plan);
    manage_clone_result_dispose(&result);
    return f->host.err.outcome;
}

static void refuses(struct fixture *f, const char *snapshot, const char *clone,
                    enum manage_outcome outcome, const char *words)
{
    assert_int_equal(outcome, clone_as(f, snapshot, clone, false));
    if (!strstr(f->host.err.text, words) || strchr(f->host.err.text, '\n'))
        fail_msg("not \"%s\": %s", words, f->host.err.text);
}

static void expect_noted(struct fixture *f, const char *words)
{
    if (!strstr(f->host.warned, words))
        fail_msg("not \"%s\": %s", words, f->host.warned);
}

/* ---- */

static void external(void **state)
{
    struct fixture *f = *state;
    char *before, *after;

    must(f, create(f, "g", "s", true));
    fill(f->overlay, 2);
    before = host_ask("sha256sum < %s", f->image);
    must(f, clone_as(f, "s", "twin", true));
    assert_false(host_has(f->clone));
    must(f, clone_as(f, "s", "twin", false));
    host_sh("[ $(stat -c %%a %s) = 600 ]", f->clone);
    host_sh("qemu-img info %s | grep -q 'backing file: %s'", f->clone,
            f->image);
    has(f->clone, 1);
    fill(f->clone, 3);
    /* The original goes back, and gives the snapshot up. */
    must(f, revert(f, "g", "s"));
    assert_int_equal(MANAGE_REFUSED, delete(f, "g", "s", true));
    must(f, delete(f, "g", "s", false));
    expect_noted(f, "is kept as long as the clone 'twin'");
    recover(f, "g");
    after = host_ask("sha256sum < %s", f->image);
    assert_string_equal(before, after);
    has(f->clone, 3);
    /* It is gone: what is left is one image. */
    host_sh("rm %s", f->clone);
    recover(f, "g");
    has(f->image, 1);
    host_sh("[ $(ls %s | wc -l) = 1 ]", f->host.images);
    free(before);
    free(after);
}

/* One that reads no more of ours is as good as gone. */
static void rebased(void **state)
{
    struct fixture *f = *state;

    must(f, create(f, "g", "s", true));
    must(f, clone_as(f, "s", "twin", false));
    must(f, delete(f, "g", "s", false));
    assert_true(host_has(f->overlay));
    host_sh("qemu-img rebase -f qcow2 -b '' %s", f->clone);
    recover(f, "g");
    assert_false(host_has(f->overlay));
    has(f->clone, 1);
}

/* Its folder is empty: a volume that is not mounted? */
static void folder_empty(void **state)
{
    struct fixture *f = *state;
    struct manage_clone args = { .domain = "g", .name = "s", .clone = "twin" };
    struct manage_clone_result result;
    char *dir = host_path(&f->host, "volume");

    args.dir = dir;
    host_sh("mkdir %s", dir);
    must(f, create(f, "g", "s", true));
    manage_clone_result_init(&result);
    manage_clone(f->host.manage, &args, &result, NULL, host_err(&f->host));
    must(f, f->host.err.outcome);
    manage_clone_result_dispose(&result);
    host_sh("rm %s/twin-xvda.qcow2", dir);
    must(f, delete(f, "g", "s", false));
    expect_noted(f, "not mounted");
    assert_true(host_has(f->overlay));
    host_sh("touch %s/file", dir);
    recover(f, "g");
    assert_false(host_has(f->overlay));
    free(dir);
}

/* Once it is gone, it is in nobody's way; nor is its name. */
static void gone_at_once(void **state)
{
    struct fixture *f = *state;

    must(f, create(f, "g", "s", true));
    must(f, clone_as(f, "s", "twin", false));
    host_sh("rm %s", f->clone);
    must(f, clone_as(f, "s", "twin", false));
    assert_true(host_has(f->clone));
    assert_int_equal(MANAGE_REFUSED, delete(f, "g", "s", true));
    host_sh("rm %s", f->clone);
    must(f, delete(f, "g", "s", true));
    assert_false(host_has(f->overlay));
}

static void internal(void **state)
{
    struct fixture *f = *state;

    must(f, create(f, "g", "s", false));
    fill(f->image, 2);
    must(f, clone_as(f, "s", "twin", false));
    host_sh("! qemu-img info %s | grep -q backing", f->clone);
    has(f->clone, 1);
    has(f->image, 2);
    must(f, delete(f, "g", "s", true));
    has(f->clone, 1);
}

/* An internal snapshot inside the image that the clone reads stays until the
 * clone is gone: deleting it would write there. */
static void internal_below(void **state)
{
    struct fixture *f = *state;
    char *before, *after;

    must(f, create(f, "g", "i", false));
    must(f, create(f, "g", "s", true));
    must(f, clone_as(f, "s", "twin", false));
    before = host_ask("sha256sum < %s", f->image);
    must(f, delete(f, "g", "i", false));
    expect_noted(f, "as long as the clone 'twin' reads it");
    after = host_ask("sha256sum < %s", f->image);
    assert_string_equal(before, after);
    host_sh("rm %s", f->clone);
    recover(f, "g");
    host_sh("! qemu-img snapshot -l %s | grep -q i", f->image);
    free(before);
    free(after);
}

/* What the clone does with snapshots of its own never reaches the image below
 * its first one. */
static void own_snapshots(void **state)
{
    struct fixture *f = *state;
    char *before, *after, *config;
    int external;

    must(f, create(f, "g", "s", true));
    must(f, clone_as(f, "s", "twin", false));
    must(f, delete(f, "g", "s", false));
    fill(f->clone, 3);
    before = host_ask("sha256sum < %s", f->image);
    config = f->host.config = config_of("twin", f->clone);
    for (external = 0; external < 2; external++) {
        must(f, create(f, "twin", "own", external));
        must(f, revert(f, "twin", "own"));
        must(f, delete(f, "twin", "own", true));
        recover(f, "twin");
        has(f->clone, 3);
        host_sh("qemu-img info %s | grep -q 'backing file: %s'", f->clone,
                f->image);
        after = host_ask("sha256sum < %s", f->image);
        assert_string_equal(before, after);
        free(after);
    }
    recover(f, "g");
    after = host_ask("sha256sum < %s", f->image);
    assert_string_equal(before, after);
    free(after);
    free(before);
    free(config);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    char *second = host_path(&f->host, "images/twin-xvda-2.qcow2");

    must(f, create(f, "g", "s", true));
    refuses(f, "s", "17", MANAGE_USAGE, "the number of a domain");
    refuses(f, "s", "a/b", MANAGE_USAGE, "the clone's name: ");
    refuses(f, "s", "Domain-0", MANAGE_USAGE, "dom0");
    refuses(f, "s", "g", MANAGE_REFUSED, "there are snapshots of a domain 'g'");
    refuses(f, "none", "twin", MANAGE_NOT_FOUND, "no snapshot 'none'");
    f->host.dying = "twin";
    refuses(f, "s", "twin", MANAGE_REFUSED, "there is a domain 'twin' already");
    f->host.dying = NULL;
    /* What is there is not overwritten. */
    host_sh("touch %s", f->clone);
    must(f, clone_as(f, "s", "twin", false));
    has(second, 1);
    host_sh("[ ! -s %s ]", f->clone);
    host_sh("mv %s %s.aside", f->image, f->image);
    refuses(f, "s", "other", MANAGE_REFUSED, "cannot be read");
    free(second);
}

static void killed_at(struct fixture *f, const char *point)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        f->host.stop_at = point;
        clone_as(f, "s", "twin", false);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 77);
}

static void killed(void **state)
{
    static const char *const undone[] = {
        "clone:journaled", "clone:make-xvda", "clone:made",
    };
    struct fixture *f = *state;
    size_t i;

    must(f, create(f, "g", "s", true));
    for (i = 0; i < sizeof(undone) / sizeof(undone[0]); i++) {
        killed_at(f, undone[i]);
        recover(f, "g");
        expect_noted(f, "undid the making of the clone 'twin'");
        assert_false(host_has(f->clone));
    }
    killed_at(f, "clone:published");
    recover(f, "g");
    expect_noted(f, "had been made");
    has(f->clone, 1);
    must(f, delete(f, "g", "s", false));
    expect_noted(f, "as long as the clone 'twin'");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(external), T(rebased), T(folder_empty),
        T(gone_at_once), T(internal),
        T(internal_below), T(own_snapshots), T(refused), T(killed),
    };

    return cmocka_run_group_tests_name("clone", tests, NULL, NULL);
}
