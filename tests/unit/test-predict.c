/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What will be written where, and how long the guest will stand still: from
 * facts alone. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/predict.h"
#include "tests/chain/util.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* ---- sums ---- */

struct sum_case {
    const char *name;
    struct {
        uint64_t volume, bytes;
        bool hard;
        uint64_t freed, freed_volume;
    } needs[4];
    struct {
        uint64_t id, hard, most;
    } volumes[2];
};

#define HARD(volume, bytes) { volume, bytes, true, 0, 0 }
#define MOST(volume, bytes) { volume, bytes, false, 0, 0 }

static const struct sum_case sum_cases[] = {
    { "one", { HARD(1, 10) }, { { 1, 10, 10 } } },
    { "together", { HARD(1, 10), HARD(1, 5) }, { { 1, 15, 15 } } },
    { "two volumes", { HARD(7, 10), HARD(1, 5), HARD(7, 1) },
      { { 7, 11, 11 }, { 1, 5, 5 } } },
    { "an estimate", { HARD(1, 10), MOST(1, 5) }, { { 1, 10, 15 } } },
    { "freed before the next", { { 1, 10, true, 10, 1 }, { 1, 8, true, 8, 1 } },
      { { 1, 10, 10 } } },
    { "freed too little", { { 1, 10, true, 4, 1 }, HARD(1, 8) },
      { { 1, 14, 14 } } },
    { "freed elsewhere", { { 1, 10, true, 10, 2 }, { 2, 30, true, 30, 2 },
                           HARD(1, 1) },
      { { 1, 11, 11 }, { 2, 20, 20 } } },
    { "freed where nothing is written", { { 1, 10, true, 99, 5 } },
      { { 1, 10, 10 } } },
    { "an estimate frees no certain bytes",
      { HARD(1, 10), { 1, 20, false, 30, 1 }, HARD(1, 5) },
      { { 1, 15, 30 } } },
    { "beyond all bounds", { HARD(1, UINT64_MAX), HARD(1, 5) },
      { { 1, INT64_MAX, INT64_MAX } } },
    { "nothing", { HARD(1, 0) }, { { 0, 0, 0 } } },
};

static void test_sums(void **state)
{
    size_t i, k;

    for (i = 0; i < NUM(sum_cases); i++) {
        const struct sum_case *c = &sum_cases[i];
        struct prediction p;

        prediction_init(&p);
        for (k = 0; k < NUM(c->needs) && c->needs[k].volume; k++) {
            assert_int_equal(0, predict_need(&p, "/a", "it",
                                             c->needs[k].volume,
                                             c->needs[k].bytes,
                                             c->needs[k].hard));
            predict_freed(&p, c->needs[k].freed, c->needs[k].freed_volume);
        }
        assert_int_equal(0, predict_sum(&p));
        for (k = 0; k < p.num_volumes; k++)
            if (p.volumes[k].id != c->volumes[k].id ||
                p.volumes[k].hard != c->volumes[k].hard ||
                p.volumes[k].most != c->volumes[k].most)
                fail_msg("%s: volume %zu: %llu %llu", c->name, k,
                         (unsigned long long)p.volumes[k].hard,
                         (unsigned long long)p.volumes[k].most);
        if (k < NUM(c->volumes) && c->volumes[k].id)
            fail_msg("%s: volume %zu is missing", c->name, k);
        prediction_dispose(&p);
    }
}

static void expect_shortage(const struct prediction *p, bool most,
                            const char *expected)
{
    const struct predicted_volume *v = predict_short(p, most);
    char *text;

    if (!expected) {
        assert_null(v);
        return;
    }
    assert_non_null(v);
    text = predict_shortage(p, v, most);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void test_words(void **state)
{
    struct prediction p;

    prediction_init(&p);
    predict_need(&p, "/a/memory", "the memory image", 1, 100 * MIB + 1, true);
    predict_need(&p, "/b/x", "the snapshot in xvda", 2, 8 * MIB, true);
    predict_need(&p, "/a/y", "merging images", 1, 50 * MIB, false);
    assert_int_equal(0, predict_sum(&p));
    p.volumes[0].free = 500 * MIB;
    p.volumes[1].free = 8 * MIB;
    expect_shortage(&p, false, NULL);
    expect_shortage(&p, true, NULL);
    p.volumes[0].free = 150 * MIB;
    expect_shortage(&p, false, NULL);
    expect_shortage(&p, true, "up to 151 MiB are needed on the volume of"
                    " /a/memory, which has 150 MiB free, for the memory image,"
                    " merging images");
    p.volumes[1].free = 8 * MIB - 1;
    expect_shortage(&p, false, "8 MiB are needed on the volume of /b/x, which"
                    " has 7 MiB free, for the snapshot in xvda");
    p.volumes[0].free = 0;
    expect_shortage(&p, false, "101 MiB are needed on the volume of /a/memory,"
                    " which has 0 MiB free, for the memory image");
    prediction_dispose(&p);

    predict_need(&p, "/a", "a", 1, MIB, true);
    predict_need(&p, "/a", "b", 1, MIB, true);
    predict_need(&p, "/a", "c", 1, MIB, true);
    predict_need(&p, "/a", "d", 1, MIB, true);
    predict_need(&p, "/a", "e", 1, MIB, true);
    assert_int_equal(0, predict_sum(&p));
    expect_shortage(&p, false, "5 MiB are needed on the volume of /a, which"
                    " has 0 MiB free, for a, b, c and 2 more");
    prediction_dispose(&p);
}

/* ---- bytes ---- */

struct merge_case {
    const char *name;
    struct space_facts source, target;
    uint64_t most;
};

#define QCOW2(allocated, size) { 1, true, allocated, allocated, size, 65536 }
#define RAW(allocated, size) { 1, true, allocated, size, size, 0 }

static const struct merge_case merge_cases[] = {
    { "what the overlay has", QCOW2(3 * GIB, 64 * GIB),
      QCOW2(9 * GIB, 64 * GIB), 3 * GIB },
    { "never more than the disk", QCOW2(30 * GIB, 10 * GIB),
      QCOW2(1 * GIB, 10 * GIB), 10 * GIB + 10 * GIB / 4096 + 256 * KIB },
    { "a disk that has grown", QCOW2(30 * GIB, 20 * GIB),
      QCOW2(1 * GIB, 10 * GIB), 20 * GIB + 20 * GIB / 4096 + 256 * KIB },
    { "raw, with holes left", QCOW2(3 * GIB, 10 * GIB),
      RAW(8 * GIB, 10 * GIB), 2 * GIB },
    { "raw, full", QCOW2(3 * GIB, 10 * GIB), RAW(10 * GIB, 10 * GIB), 0 },
    { "larger clusters", QCOW2(MIB, 64 * GIB),
      { 1, true, MIB, MIB, 64 * GIB, 2 * MIB }, 32 * MIB },
    { "smaller clusters", { 1, true, MIB, MIB, 64 * GIB, 2 * MIB },
      QCOW2(MIB, 64 * GIB), MIB },
    { "size not known", QCOW2(MIB, 0), { 1, true, MIB, MIB, 0, 0 }, MIB },
    { "impossible numbers", { 1, true, UINT64_MAX, 0, UINT64_MAX, 512 },
      { 1, true, UINT64_MAX, 0, UINT64_MAX, 2 * MIB }, UINT64_MAX },
};

static void test_merge_bytes(void **state)
{
    size_t i;

    for (i = 0; i < NUM(merge_cases); i++) {
        const struct merge_case *c = &merge_cases[i];
        uint64_t most = predict_merge_bytes(&c->source, &c->target);

        if (most != c->most)
            fail_msg("%s: %llu, not %llu", c->name, (unsigned long long)most,
                     (unsigned long long)c->most);
    }
}

static void test_other_bytes(void **state)
{
    const struct space_facts small = RAW(MIB, 10 * MIB);
    const struct space_facts huge = RAW(GIB, 1024 * GIB);
    const struct space_facts image = QCOW2(8 * GIB, 1024 * GIB);

    assert_int_equal(predict_memory_bytes(0), 0);
    assert_int_equal(predict_memory_bytes(GIB), GIB + 2 * MIB);
    assert_int_equal(predict_internal_bytes(&image), 8 * MIB + 128 * KIB);
    assert_int_equal(predict_apply_bytes(&image), 256 * KIB + 128 * KIB);
    assert_int_equal(predict_overlay_bytes(&small), 256 * KIB);
    assert_int_equal(predict_overlay_bytes(&huge), 256 * KIB + 16 * KIB);
    assert_int_equal(predict_overlay_bytes(&image), 256 * KIB + 16 * KIB);
}

/* ---- merges of a chain ---- */

struct chain_rig {
    struct chain_model chain;
    struct space_facts facts[8];
};

static void add_image(struct chain_rig *rig, const char *path,
                      const char *backing, bool ours, uint64_t allocated,
                      uint64_t volume)
{
    struct space_facts *facts = &rig->facts[rig->chain.tree.num_images];

    assert_int_equal(0, chain_images_add(&rig->chain, path,
                                         LIBXL_DISK_FORMAT_QCOW2, ours,
                                         backing, LIBXL_DISK_FORMAT_QCOW2,
                                         NULL));
    *facts = (struct space_facts)QCOW2(allocated, 64 * GIB);
    facts->volume = volume;
}

static void set_active(struct chain_rig *rig, const char *path)
{
    assert_int_equal(0, chain_images_set_active(&rig->chain, "xvda", path,
                                                LIBXL_DISK_FORMAT_QCOW2,
                                                NULL));
}

static void add_external(struct chain_rig *rig, const char *name,
                         const char *path)
{
    chain_snapshot s;

    util_snapshot(&s, rig->chain.tree.next_serial, rig->chain.tree.current,
                  name);
    util_external(&s, 0, path, LIBXL_DISK_FORMAT_QCOW2);
    assert_int_equal(0, chain_model_add(&rig->chain, &s, NULL));
    chain_snapshot_dispose(&s);
}

/* base (the user's) <- one <- two <- three, the present; nobody else names
 * any of them. two lies on another volume. */
static void rig_init(struct chain_rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    chain_model_init(&rig->chain);
    assert_int_equal(0, chain_model_set_empty(&rig->chain, "guest", NULL));
    add_image(rig, "/v/base", NULL, false, 9 * GIB, 1);
    set_active(rig, "/v/base");
    add_image(rig, "/v/one", "/v/base", true, 100 * MIB, 1);
    set_active(rig, "/v/one");
    add_image(rig, "/w/two", "/v/one", true, 200 * MIB, 2);
    set_active(rig, "/w/two");
    add_image(rig, "/v/three", "/w/two", true, 50 * MIB, 1);
    set_active(rig, "/v/three");
}

static void expect_need(const struct prediction *p, size_t i,
                        const char *path, uint64_t bytes, uint64_t freed)
{
    assert_true(i < p->num_needs);
    assert_string_equal(p->needs[i].path, path);
    assert_int_equal(p->needs[i].bytes, bytes);
    assert_int_equal(p->needs[i].freed, freed);
}

static void test_merges(void **state)
{
    struct chain_rig rig;
    struct prediction p;

    rig_init(&rig);
    prediction_init(&p);
    assert_int_equal(0, predict_merges(&p, &rig.chain, rig.facts, true));
    /* each into the base, from the bottom up, and gone before the next */
    assert_int_equal(p.num_needs, 3);
    expect_need(&p, 0, "/v/base", 100 * MIB, 100 * MIB);
    expect_need(&p, 1, "/v/base", 200 * MIB, 200 * MIB);
    expect_need(&p, 2, "/v/base", 50 * MIB, 50 * MIB);
    assert_int_equal(0, predict_sum(&p));
    assert_int_equal(p.num_volumes, 1);
    /* one is freed on this volume before two comes to it */
    assert_int_equal(p.volumes[0].hard, 250 * MIB);
    prediction_dispose(&p);

    /* a snapshot of one: what it holds moves to the base, and what is above
     * it merges, too; the smaller of two images of ours goes into the larger */
    add_external(&rig, "s", "/v/one");
    assert_int_equal(0, predict_merges(&p, &rig.chain, rig.facts, false));
    assert_int_equal(p.num_needs, 2);
    expect_need(&p, 0, "/v/base", 100 * MIB, 100 * MIB);
    expect_need(&p, 1, "/w/two", 50 * MIB, 50 * MIB);
    assert_false(p.needs[1].hard);
    assert_int_equal(0, predict_sum(&p));
    assert_int_equal(p.num_volumes, 2);
    assert_int_equal(p.volumes[0].hard, 0);
    assert_int_equal(p.volumes[0].most, 100 * MIB);
    assert_int_equal(p.volumes[1].hard, 0);
    assert_int_equal(p.volumes[1].most, 50 * MIB);
    prediction_dispose(&p);

    rig.facts[2].allocated = 10 * MIB;
    assert_int_equal(0, predict_merges(&p, &rig.chain, rig.facts, false));
    assert_int_equal(p.num_needs, 2);
    expect_need(&p, 1, "/v/three", 10 * MIB, 10 * MIB);
    prediction_dispose(&p);

    /* one that the user keeps is not merged */
    rig.chain.tree.images[2].keep = true;
    assert_int_equal(0, predict_merges(&p, &rig.chain, rig.facts, false));
    assert_int_equal(p.num_needs, 1);
    expect_need(&p, 0, "/v/base", 100 * MIB, 100 * MIB);
    prediction_dispose(&p);
    chain_model_dispose(&rig.chain);
}

/* ---- the pause ---- */

struct pause_case {
    const char *name;
    struct {
        bool memory, live, external;
        uint64_t memory_bytes, pause_us;
        chain_domain_state state;
    } before[3];                /* oldest first; no pause: none */
    struct pause_facts now;
    enum pause_from from;
    uint64_t pause_us;
};

#define RUNNING CHAIN_DOMAIN_STATE_RUNNING

static const struct pause_case pause_cases[] = {
    { "off", { { 0 } }, { .running = false, .internal = 1 }, PAUSE_NONE, 0 },
    { "off, though it ran before",
      { { true, false, false, GIB, 500000, RUNNING } },
      { .running = false }, PAUSE_NONE, 0 },
    { "the first, of disks", { { 0 } },
      { .running = true, .internal = 1, .clusters = 0 }, PAUSE_ESTIMATED,
      7000 },
    { "64 GiB in clusters of 64 KiB", { { 0 } },
      { .running = true, .internal = 1, .clusters = 1 << 20 },
      PAUSE_ESTIMATED, 7000 + 83886 },
    { "1 TiB", { { 0 } },
      { .running = true, .internal = 1, .clusters = 16 << 20 },
      PAUSE_ESTIMATED, 7000 + 83886 + 15728 * 420 },
    { "overlays are quick", { { 0 } },
      { .running = true, .external = 3, .clusters = 0 }, PAUSE_ESTIMATED,
      17000 },
    { "memory, stopped", { { 0 } },
      { .running = true, .memory = true, .memory_bytes = 512 * MIB,
        .external = 1 }, PAUSE_ESTIMATED, 5000 + 100000 + 512000 },
    { "memory, live", { { 0 } },
      { .running = true, .memory = true, .live = true,
        .memory_bytes = 512 * MIB, .external = 1 }, PAUSE_ESTIMATED,
      5000 + 100000 + 200000 },
    { "as the last time", { { false, false, false, 0, 4321, RUNNING } },
      { .running = true, .internal = 1, .clusters = 99 }, PAUSE_MEASURED,
      4321 },
    { "the last one counts",
      { { false, false, false, 0, 4321, RUNNING },
        { false, false, false, 0, 1234, RUNNING } },
      { .running = true, .internal = 1 }, PAUSE_MEASURED, 1234 },
    { "stopped memory in proportion",
      { { true, false, true, 256 * MIB, 300000, RUNNING } },
      { .running = true, .memory = true, .memory_bytes = 1024 * MIB,
        .external = 1 }, PAUSE_MEASURED, 1200000 },
    { "live memory as it is",
      { { true, true, true, 256 * MIB, 90000, RUNNING } },
      { .running = true, .memory = true, .live = true,
        .memory_bytes = 1024 * MIB, .external = 1 }, PAUSE_MEASURED, 90000 },
    { "another kind of disk says nothing",
      { { false, false, true, 0, 4321, RUNNING } },
      { .running = true, .internal = 1 }, PAUSE_ESTIMATED, 7000 },
    { "nor another kind of save",
      { { true, true, false, GIB, 4321, RUNNING },
        { false, false, false, 0, 99, RUNNING } },
      { .running = true, .memory = true, .memory_bytes = MIB, .internal = 1 },
      PAUSE_ESTIMATED, 5000 + 100000 + 1000 },
    { "nor one of a paused domain",
      { { false, false, false, 0, 1, CHAIN_DOMAIN_STATE_PAUSED } },
      { .running = true, .internal = 1 }, PAUSE_ESTIMATED, 7000 },
};

static void add_before(struct chain_model *chain, const struct pause_case *c,
                       size_t k)
{
    chain_snapshot s;
    char name[16];

    snprintf(name, sizeof(name), "s%zu", k);
    util_snapshot(&s, chain->tree.next_serial, chain->tree.current, name);
    s.memory = c->before[k].memory;
    s.live = c->before[k].live;
    s.memory_bytes = s.ram_bytes = c->before[k].memory_bytes;
    s.pause_us = c->before[k].pause_us;
    s.state = c->before[k].state;
    if (c->before[k].external) {
        assert_int_equal(0, chain_images_add(chain, "/v/base",
                                             LIBXL_DISK_FORMAT_QCOW2, false,
                                             NULL, LIBXL_DISK_FORMAT_UNKNOWN,
                                             NULL));
        util_external(&s, 0, "/v/base", LIBXL_DISK_FORMAT_QCOW2);
    }
    assert_int_equal(0, chain_model_add(chain, &s, NULL));
    chain_snapshot_dispose(&s);
}

static void test_pause(void **state)
{
    size_t i, k;

    for (i = 0; i < NUM(pause_cases); i++) {
        const struct pause_case *c = &pause_cases[i];
        struct chain_model chain;
        struct prediction p;

        chain_model_init(&chain);
        assert_int_equal(0, chain_model_set_empty(&chain, "guest", NULL));
        for (k = 0; k < NUM(c->before) && c->before[k].pause_us; k++)
            add_before(&chain, c, k);
        prediction_init(&p);
        predict_pause(&p, &c->now, &chain);
        if (p.pause_from != c->from || p.pause_us != c->pause_us)
            fail_msg("%s: %d, %llu us", c->name, p.pause_from,
                     (unsigned long long)p.pause_us);
        prediction_dispose(&p);
        chain_model_dispose(&chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_merge_bytes),
        cmocka_unit_test(test_other_bytes),
        cmocka_unit_test(test_merges),
        cmocka_unit_test(test_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
