/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is refused, by each verb, for images that another domain uses or that
 * are no longer what the chain says: in one line, and nothing is changed. See
 * docs/design/refusals.md.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "manage/internal.h"
#include "tests/manage/host.h"

struct fixture {
    struct host host;
    char *image;                /* xvda */
    char *overlay;              /* made by "two" */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    host_init(&f->host);
    f->image = host_path(&f->host, "images/a.qcow2");
    f->overlay = host_path(&f->host, "images/a.two.qcow2");
    host_sh("qemu-img create -q -f qcow2 %s 4M", f->image);
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

    free(f->host.config);
    host_dispose(&f->host);
    free(f->image);
    free(f->overlay);
    free(f);
    return 0;
}

static enum manage_outcome create(struct fixture *f, const char *name,
                                  bool external, bool dry_run)
{
    struct manage_create args = { .domain = "g", .name = name,
                                  .external = external, .dry_run = dry_run };
    chain_snapshot made;
    char *plan = NULL;

    chain_snapshot_init(&made);
    manage_create(f->host.manage, &args, &made, &plan, host_err(&f->host));
    chain_snapshot_dispose(&made);
    free(plan);
    return f->host.err.outcome;
}

static enum manage_outcome revert(struct fixture *f, const char *name,
                                  bool dry_run)
{
    struct manage_revert args = { .domain = "g", .name = name,
                                  .dry_run = dry_run };
    struct manage_revert_result result;
    char *plan = NULL;

    manage_revert_result_init(&result);
    manage_revert(f->host.manage, &args, &result, &plan, host_err(&f->host));
    manage_revert_result_dispose(&result);
    free(plan);
    return f->host.err.outcome;
}

/* What was left for later is then in f->host.warned. */
static enum manage_outcome delete(struct fixture *f, const char *name,
                                  bool dry_run)
{
    struct manage_delete args = { .domain = "g", .name = name,
                                  .dry_run = dry_run };
    struct manage_delete_result result = { 0 };
    char *plan = NULL;

    manage_delete(f->host.manage, &args, &result, &plan, host_err(&f->host));
    snprintf(f->host.warned, sizeof(f->host.warned), "%s", result.note
             ? result.note : "");
    free(result.note);
    free(plan);
    return f->host.err.outcome;
}

static void must(struct fixture *f, enum manage_outcome outcome)
{
    if (outcome) fail_msg("%s", f->host.err.text);
}

/* All but the lock, which is taken and left. */
static char *all_files(struct fixture *f)
{
    return host_ask("cd %s && find . -type f ! -name '*lock*' | sort |"
                    " xargs sha256sum | sha256sum", f->host.dir);
}

/* Both by a dry run and in earnest, in one line that begins so and has those
 * words in it, and nothing is touched. */
#define REFUSES(f, call, want, begins, words) do { \
        char *before = all_files(f), *after; \
        bool dry = true; \
        for (;;) { \
            assert_int_equal(call, want); \
            expect_words((f)->host.err.text, begins, words); \
            if (!dry) break; \
            dry = false; \
        } \
        after = all_files(f); \
        assert_string_equal(before, after); \
        free(before); \
        free(after); \
    } while (0)

static void expect_words(const char *text, const char *begins,
                         const char *words)
{
    if (strncmp(text, begins, strlen(begins)) || !strstr(text, words) ||
        strchr(text, '\n'))
        fail_msg("not \"%s...%s\": %s", begins, words, text);
}

static void test_other_domain(void **state)
{
    struct fixture *f = *state;
    const char *in_use = "is in use by the domain 'other' (xvdq); shut that"
        " domain down first";

    must(f, create(f, "one", false, false));
    f->host.other_image = f->image;
    REFUSES(f, create(f, "x", false, dry), MANAGE_BUSY, "disk xvda: its image",
            in_use);
    REFUSES(f, create(f, "x", true, dry), MANAGE_BUSY, "disk xvda: its image",
            in_use);
    REFUSES(f, revert(f, "one", dry), MANAGE_BUSY, "disk xvda: its image",
            in_use);
    REFUSES(f, delete(f, "one", dry), MANAGE_BUSY, "disk xvda: its image",
            in_use);

    /* An external one, whose image another domain has taken. */
    f->host.other_image = NULL;
    must(f, delete(f, "one", false));
    must(f, create(f, "two", true, false));
    f->host.other_image = f->image;
    REFUSES(f, revert(f, "two", dry), MANAGE_BUSY, "disk xvda: its image",
            in_use);
    /* Deleted all the same: what cannot be merged waits, hidden. */
    must(f, delete(f, "two", false));
    f->host.warned[strcspn(f->host.warned, "\n")] = '\0';
    expect_words(f->host.warned, f->image, "is kept for now: the image ");
    expect_words(f->host.warned, f->image, in_use);
    assert_true(host_has(f->overlay));
    f->host.other_image = NULL;
    must(f, create(f, "three", true, false));
    must(f, delete(f, "three", false));
    assert_false(host_has(f->overlay));
    assert_true(host_has(f->image));
}

static void test_at_odds(void **state)
{
    struct fixture *f = *state;

    must(f, create(f, "one", false, false));
    host_sh("qemu-img snapshot -d one %s", f->image);
    REFUSES(f, revert(f, "one", dry), MANAGE_REFUSED, "disk xvda: the image",
            "does not hold 'one', so there is nothing to go back to; it was"
            " deleted by other means than xl");
    REFUSES(f, create(f, "x", false, dry), MANAGE_REFUSED,
            "disk xvda: its image", "does not hold the snapshot 'one' that it"
            " should descend from");
    REFUSES(f, create(f, "x", true, dry), MANAGE_REFUSED,
            "disk xvda: its image", "'xl snapshot-delete g one' first");
    host_sh("sleep 1.1; qemu-img snapshot -c one %s", f->image);
    REFUSES(f, revert(f, "one", dry), MANAGE_REFUSED, "disk xvda: the image",
            "it was replaced by another snapshot of that name");
    REFUSES(f, create(f, "x", false, dry), MANAGE_REFUSED,
            "disk xvda: its image", "holds another snapshot in the place of");
    /* The way out. The other one's is not touched. */
    must(f, delete(f, "one", false));
    host_sh("qemu-img snapshot -l %s | grep -q one", f->image);
}

static void test_gone(void **state)
{
    struct fixture *f = *state;
    char *aside = host_path(&f->host, "aside");

    must(f, create(f, "one", false, false));
    host_sh("mv %s %s", f->image, aside);
    REFUSES(f, create(f, "x", false, dry), MANAGE_REFUSED, "disk xvda: its"
            " image", "does not hold the snapshot 'one'");
    REFUSES(f, revert(f, "one", dry), MANAGE_REFUSED, "disk xvda: the image",
            "is gone, and with it 'one'");
    host_sh("mv %s %s", aside, f->image);
    must(f, create(f, "two", true, false));
    host_sh("mv %s %s", f->image, aside);
    REFUSES(f, revert(f, "two", dry), MANAGE_REFUSED, "disk xvda: the image",
            "of 'two' cannot be read: No such file");
    host_sh("mv %s %s", aside, f->image);
    must(f, revert(f, "two", false));
    free(aside);
}

static void test_dying(void **state)
{
    struct fixture *f = *state;

    must(f, create(f, "one", false, false));
    f->host.dying = "g";
    REFUSES(f, revert(f, "one", dry), MANAGE_BUSY, "the domain 'g' is being"
            " destroyed", "wait until it is gone");
}

static void add_image(struct chain_model *chain, const char *path,
                      const char *backing, bool ours)
{
    assert_int_equal(chain_images_add(chain, path, LIBXL_DISK_FORMAT_QCOW2,
                                      ours, backing, LIBXL_DISK_FORMAT_QCOW2,
                                      NULL), 0);
    assert_int_equal(chain_images_set_active(chain, "xvda", path,
                                             LIBXL_DISK_FORMAT_QCOW2, NULL), 0);
}

/* A domain that was started by other means on an image that has an overlay. */
static void test_started_on_frozen(void **state)
{
    struct manage_error err = { MANAGE_OK, "" };
    libxl_device_disk disk = { .vdev = (char *)"xvda" };
    libxl_domain_config config = { .disks = &disk, .num_disks = 1 };
    struct operation op;

    operation_init(&op);
    op.err = &err;
    op.running = true;
    assert_int_equal(chain_model_set_empty(&op.chain, "g", NULL), 0);
    add_image(&op.chain, "/srv/base", NULL, false);
    add_image(&op.chain, "/srv/over", "/srv/base", true);
    disk.pdev_path = (char *)"/srv/over";
    assert_int_equal(domain_check_images(&op, &config), 0);
    disk.pdev_path = (char *)"/srv/base";
    assert_int_not_equal(domain_check_images(&op, &config), 0);
    assert_int_equal(err.outcome, MANAGE_REFUSED);
    expect_words(err.text, "disk xvda of the running domain is /srv/base,"
                 " which an overlay needs as it was;", "stop it, and start it"
                 " with 'xl create --active'");
    /* Another disk's image of another name is nobody's business. */
    err.outcome = MANAGE_OK;
    disk.pdev_path = (char *)"/srv/new";
    assert_int_equal(domain_check_images(&op, &config), 0);
    operation_dispose(&op);
}

/* One image, named twice. */
static void test_twice(void **state)
{
    struct fixture *f = *state;

    free(f->host.config);
    if (asprintf(&f->host.config, "{\"c_info\": {\"type\": \"pvh\", \"name\":"
                 " \"g\", \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1},"
                 " {\"pdev_path\": \"%s\", \"vdev\": \"xvdb\","
                 " \"format\": \"qcow2\", \"readwrite\": 1}]}", f->image,
                 f->image) < 0)
        abort();
    REFUSES(f, create(f, "x", false, dry), MANAGE_REFUSED, "disks xvda and"
            " xvdb are the same image", "a.qcow2");
    REFUSES(f, create(f, "x", true, dry), MANAGE_REFUSED, "disks xvda and"
            " xvdb are the same image", "a.qcow2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_other_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_at_odds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dying, setup, teardown),
        cmocka_unit_test(test_started_on_frozen),
        cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
