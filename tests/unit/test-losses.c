/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a revert gives up, from facts alone. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "manage/losses.h"
#include "tests/chain/util.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/*
 * The chain: "in" has xvda inside /srv/guest.qcow2, and an empty drive xvdb;
 * then "ex" froze that image under /srv/over.qcow2. The present descends from
 * "ex" unless the case says otherwise.
 */
struct losses_case {
    const char *name;
    const char *current;        /* "ex", "in", or none */
    const char *target;
    struct present present;
    bool undo;
    const char *expected;       /* "KIND VDEV PATH BYTES SINCE;" ... */
};

#define DISKS(...) \
    .disks = (const struct present_disk[]){ __VA_ARGS__ }, \
    .num_disks = NUM(((const struct present_disk[]){ __VA_ARGS__ }))
#define OVER { "xvda", "/srv/over.qcow2", 5000 }
#define GUEST { "xvda", "/srv/guest.qcow2", 9000 }
#define OTHER { "xvde", "/srv/other.raw", 7000 }

static const struct losses_case cases[] = {
    { "an overlay tells how much", "ex", "ex", { DISKS(OVER) }, false,
      "writes xvda /srv/over.qcow2 5000 ex;" },
    { "of an image with the snapshot inside nothing is known", "in", "in",
      { DISKS(GUEST) }, false, "writes xvda /srv/guest.qcow2 - in;" },
    { "an overlay that is older than the current snapshot", "in", "ex",
      { DISKS(OVER) }, false, "writes xvda /srv/over.qcow2 - in;" },
    { "no snapshot has any of it", NULL, "ex", { DISKS(OVER) }, false,
      "writes xvda /srv/over.qcow2 - -;" },
    { "memory", "ex", "ex",
      { DISKS(OVER), .running = true, .can_keep_memory = true,
        .memory_bytes = 64 }, false,
      "memory - - 64 -;writes xvda /srv/over.qcow2 5000 ex;" },
    { "an undo keeps all", "ex", "ex",
      { DISKS(OVER), .running = true, .can_keep_memory = true,
        .memory_bytes = 64 }, true, "" },
    { "but not the memory of a paused guest", "ex", "in",
      { DISKS(OVER), .running = true, .can_keep_memory = false,
        .memory_bytes = 64 }, true, "memory - - 64 -;" },
    { "another disk leaves, kept or not", "ex", "ex", { DISKS(OVER, OTHER) },
      true, "disk_leaves xvde /srv/other.raw - -;" },
    { "and what it holds is not lost", "ex", "ex", { DISKS(OVER, OTHER) },
      false, "writes xvda /srv/over.qcow2 5000 ex;"
      "disk_leaves xvde /srv/other.raw - -;" },
    { "the same name on an image of another descent", "ex", "ex",
      { DISKS({ "xvda", "/srv/new.qcow2", 1 }) }, false,
      "disk_leaves xvda /srv/new.qcow2 - -;" },
    { "a disk that is gone returns", "ex", "in", { DISKS(OTHER) }, false,
      "disk_leaves xvde /srv/other.raw - -;"
      "disk_returns xvda /srv/guest.qcow2 - -;" },
    { "one that was left out stays as it is", "ex", "in",
      { DISKS(OVER, { "xvdb", "/srv/b.raw", 3 }) }, false,
      "writes xvda /srv/over.qcow2 5000 ex;" },
    { "no disks", "ex", "ex", { .num_disks = 0 }, true,
      "disk_returns xvda /srv/guest.qcow2 - -;" },
};

static void make_chain(struct chain_model *chain)
{
    chain_snapshot s;

    chain_model_init(chain);
    assert_int_equal(0, chain_model_set_empty(chain, "guest", NULL));
    util_add(chain, 0, "in");
    assert_int_equal(0, chain_images_add(chain, "/srv/guest.qcow2",
                                         LIBXL_DISK_FORMAT_QCOW2, false, NULL,
                                         LIBXL_DISK_FORMAT_UNKNOWN, NULL));
    assert_int_equal(0, chain_images_add(chain, "/srv/over.qcow2",
                                         LIBXL_DISK_FORMAT_QCOW2, true,
                                         "/srv/guest.qcow2",
                                         LIBXL_DISK_FORMAT_QCOW2, NULL));
    util_snapshot(&s, chain->tree.next_serial, 1, "ex");
    util_external(&s, 0, "/srv/guest.qcow2", LIBXL_DISK_FORMAT_QCOW2);
    assert_int_equal(0, chain_model_add(chain, &s, NULL));
    chain_snapshot_dispose(&s);
    assert_int_equal(0, chain_images_set_active(chain, "xvda",
                                                "/srv/over.qcow2",
                                                LIBXL_DISK_FORMAT_QCOW2,
                                                NULL));
}

static char *in_words(const struct manage_losses *losses)
{
    char *text = NULL, bytes[24];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    int i;

    assert_non_null(f);
    for (i = 0; i < losses->num; i++) {
        const struct manage_loss *l = &losses->list[i];

        snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)l->bytes);
        fprintf(f, "%s %s %s %s %s;", manage_loss_kind_to_string(l->kind),
                l->vdev ? l->vdev : "-", l->path ? l->path : "-",
                l->bytes_known ? bytes : "-", l->since ? l->since : "-");
        assert_int_equal(l->since != NULL, l->since_time != 0);
    }
    fclose(f);
    return text;
}

static void test_losses(void **state)
{
    size_t i;

    for (i = 0; i < NUM(cases); i++) {
        const struct losses_case *c = &cases[i];
        const chain_snapshot *current, *target;
        struct manage_losses losses;
        struct chain_model chain;
        char *text;

        make_chain(&chain);
        current = c->current ? chain_model_by_name(&chain, c->current) : NULL;
        assert_int_equal(0, chain_model_set_current(
            &chain, current ? current->serial : 0, NULL));
        target = chain_model_by_name(&chain, c->target);
        manage_losses_init(&losses);
        assert_int_equal(0, losses_find(&chain, target, &c->present, c->undo,
                                        &losses));
        text = in_words(&losses);
        if (strcmp(text, c->expected))
            fail_msg("%s: %s", c->name, text);
        free(text);
        manage_losses_dispose(&losses);
        chain_model_dispose(&chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_losses) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
