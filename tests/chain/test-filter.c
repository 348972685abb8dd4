/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which snapshots pass a filter: one by one what each condition means, and
 * random filters over random trees against definitions spelled out as loops.
 * The seed is printed; CHAIN_TEST_SEED repeats a run.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/filter.h"
#include "tests/chain/util.h"

#define MOST 40

static void treat(chain_snapshot *snapshot, chain_disk_treatment treatment)
{
    snapshot->disks[0].treatment = treatment;
}

/* The names that pass, one after the other. */
static void expect(const struct chain_model *m,
                   const struct chain_filter *filter, const char *expected)
{
    struct chain_filtered *entries = NULL;
    char names[256] = "";
    size_t num = 0, i;

    assert_int_equal(0, chain_filter_apply(m, filter, &entries, &num, NULL));
    for (i = 0; i < num; i++) {
        if (i) strcat(names, " ");
        strcat(names, entries[i].snapshot->name);
    }
    free(entries);
    assert_string_equal(expected, names);
}

#define EXPECT(m, expected, ...) \
    expect(m, &(struct chain_filter){ __VA_ARGS__ }, expected)

/*
 * base ─┬─ mid ─┬─ left      base: memory, internal    off: off, internal
 *       │       └─ right     mid: disk-only, external  left: memory, mixed
 *       └─ off               right: memory, no disks   other: disk-only,
 * other                                                       manual
 */
static void build(struct chain_model *m)
{
    chain_snapshot *s;

    chain_model_init(m);
    assert_int_equal(0, chain_model_set_empty(m, "guest", NULL));
    util_add(m, 0, "base");
    util_add(m, 1, "mid");
    util_add(m, 2, "left");
    util_add(m, 2, "right");
    util_add(m, 1, "off");
    util_add(m, 0, "other");

    s = m->tree.snapshots;
    s[1].memory = false;
    treat(&s[1], CHAIN_DISK_TREATMENT_EXTERNAL);
    s[2].disks[1].treatment = CHAIN_DISK_TREATMENT_EXTERNAL;
    treat(&s[3], CHAIN_DISK_TREATMENT_EXCLUDED);
    s[4].memory = false;
    s[4].state = CHAIN_DOMAIN_STATE_OFF;
    s[5].memory = false;
    s[5].state = CHAIN_DOMAIN_STATE_PAUSED;
    treat(&s[5], CHAIN_DISK_TREATMENT_MANUAL);
}

static void conditions(void **state)
{
    struct chain_model m;

    build(&m);
    EXPECT(&m, "base mid left right off other", 0);
    EXPECT(&m, "base other", .roots = true);
    EXPECT(&m, "left right off other", .leaves = true);
    EXPECT(&m, "base mid", .no_leaves = true);
    EXPECT(&m, "base left right", .active = true);
    EXPECT(&m, "off", .inactive = true);
    EXPECT(&m, "mid other", .disk_only = true);
    EXPECT(&m, "mid left", .external = true);
    EXPECT(&m, "base right off other", .internal = true);
    EXPECT(&m, "mid off", .from = 1);
    EXPECT(&m, "mid left right off", .from = 1, .descendants = true);
    EXPECT(&m, "mid left right", .from = 2, .descendants = true,
           .itself = true);
    EXPECT(&m, "", .from = 3);
    /* any of a group */
    EXPECT(&m, "mid off other", .inactive = true, .disk_only = true);
    EXPECT(&m, "base mid left right off other", .leaves = true,
           .no_leaves = true);
    EXPECT(&m, "base mid left right off other", .inactive = true,
           .disk_only = true, .active = true);
    EXPECT(&m, "base mid left right off other", .internal = true,
           .external = true);
    /* all of the groups */
    EXPECT(&m, "left right", .leaves = true, .active = true);
    EXPECT(&m, "right", .leaves = true, .active = true, .internal = true);
    EXPECT(&m, "other", .roots = true, .disk_only = true);
    EXPECT(&m, "off", .from = 1, .descendants = true, .inactive = true);
    EXPECT(&m, "", .inactive = true, .external = true);
    chain_model_dispose(&m);
}

static void kinds(void **state)
{
    static const enum chain_kind expected[] = {
        CHAIN_KIND_INTERNAL, CHAIN_KIND_EXTERNAL, CHAIN_KIND_MIXED,
        CHAIN_KIND_NONE, CHAIN_KIND_INTERNAL, CHAIN_KIND_MANUAL,
    };
    struct chain_model m;
    int i;

    build(&m);
    for (i = 0; i < m.tree.num_snapshots; i++)
        assert_int_equal(expected[i],
                         chain_snapshot_kind(&m.tree.snapshots[i]));
    chain_model_dispose(&m);
}

static void place(void **state)
{
    struct chain_filter filter = { .active = true };
    struct chain_filtered *e;
    struct chain_error err;
    struct chain_model m;
    size_t num;

    build(&m);
    /* mid is not there: what hangs on it hangs on base, and says its parent */
    assert_int_equal(0, chain_filter_apply(&m, &filter, &e, &num, NULL));
    assert_int_equal(3, num);
    assert_int_equal(0, e[0].depth);
    assert_true(e[0].last);
    assert_null(e[0].parent);
    assert_int_equal(1, e[1].depth);
    assert_false(e[1].last);
    assert_string_equal("mid", e[1].parent->name);
    assert_int_equal(1, e[2].depth);
    assert_true(e[2].last);
    free(e);

    filter = (struct chain_filter){ .from = 2, .itself = true };
    assert_int_equal(0, chain_filter_apply(&m, &filter, &e, &num, NULL));
    assert_int_equal(3, num);
    assert_string_equal("base", e[0].parent->name);
    free(e);

    filter.from = 99;
    assert_int_equal(ERROR_NOTFOUND,
                     chain_filter_apply(&m, &filter, &e, &num, &err));
    chain_model_dispose(&m);
    assert_true(chain_filter_is_empty(&(struct chain_filter){
        .descendants = true, .itself = true }));
    assert_false(chain_filter_is_empty(&filter));
}

/* ---- random trees, naively ---- */

static const chain_snapshot *find(const struct chain_model *m, uint64_t serial)
{
    int i;

    for (i = 0; i < m->tree.num_snapshots; i++)
        if (m->tree.snapshots[i].serial == serial)
            return &m->tree.snapshots[i];
    return NULL;
}

static bool below(const struct chain_model *m, const chain_snapshot *s,
                  uint64_t serial)
{
    while ((s = find(m, s->parent)))
        if (s->serial == serial) return true;
    return false;
}

static bool naive(const struct chain_model *m, const struct chain_filter *f,
                  const chain_snapshot *s)
{
    bool leaf = true, external = false, off, active, disk_only;
    int i;

    for (i = 0; i < m->tree.num_snapshots; i++)
        if (m->tree.snapshots[i].parent == s->serial) leaf = false;
    for (i = 0; i < s->num_disks; i++)
        if (s->disks[i].treatment == CHAIN_DISK_TREATMENT_EXTERNAL)
            external = true;
    off = s->state == CHAIN_DOMAIN_STATE_OFF;
    active = !off && s->memory;
    disk_only = !off && !s->memory;

    if (f->roots && s->parent) return false;
    if (f->from && !(s->parent == f->from) &&
        !(f->descendants && below(m, s, f->from)) &&
        !(f->itself && s->serial == f->from))
        return false;
    if (f->leaves != f->no_leaves && f->leaves != leaf) return false;
    if (f->internal != f->external && f->external != external) return false;
    if (!f->inactive && !f->active && !f->disk_only) return true;
    return (f->inactive && off) || (f->active && active) ||
           (f->disk_only && disk_only);
}

/* The nearest ancestor that passes; NULL: none. */
static const chain_snapshot *heir(const struct chain_model *m,
                                  const struct chain_filter *f,
                                  const chain_snapshot *s)
{
    while ((s = find(m, s->parent)))
        if (naive(m, f, s)) return s;
    return NULL;
}

static void compare(const struct chain_model *m, const struct chain_filter *f)
{
    struct chain_filtered *e;
    const chain_snapshot *s;
    size_t num, i, k, depth, expected = 0;
    bool last;
    int n;

    assert_int_equal(0, chain_filter_apply(m, f, &e, &num, NULL));
    for (n = 0; n < m->tree.num_snapshots; n++)
        expected += naive(m, f, &m->tree.snapshots[n]);
    assert_int_equal(expected, num);
    for (i = 0; i < num; i++) {
        s = e[i].snapshot;
        assert_true(naive(m, f, s));
        assert_ptr_equal(find(m, s->parent), e[i].parent);
        for (depth = 0; (s = heir(m, f, s)); depth++)
            ;
        assert_int_equal(depth, e[i].depth);
        last = true;
        for (k = 0; k < num; k++) {
            assert_true(k == i || e[k].snapshot != e[i].snapshot);
            if (k > i && heir(m, f, e[k].snapshot) ==
                         heir(m, f, e[i].snapshot)) last = false;
            if (k > i) assert_true(e[k].snapshot != e[i].parent);
        }
        assert_int_equal(last, e[i].last);
    }
    free(e);
}

static struct chain_filter random_filter(uint64_t *seed, size_t num)
{
    uint32_t bits = util_random(seed) & util_random(seed);
    struct chain_filter f = {
        .roots = bits & 1, .leaves = bits & 2, .no_leaves = bits & 4,
        .inactive = bits & 8, .active = bits & 16, .disk_only = bits & 32,
        .internal = bits & 64, .external = bits & 128,
        .descendants = bits & 256, .itself = bits & 512,
    };

    if (!f.roots && util_random(seed) % 2)
        f.from = 1 + util_random(seed) % num;
    return f;
}

static void random_trees(void **state)
{
    const char *given = getenv("CHAIN_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20261121, parent;
    struct chain_filter filter;
    struct chain_model m;
    chain_snapshot *s;
    size_t num, i, round;
    char name[24];

    print_message("CHAIN_TEST_SEED=%" PRIu64 "\n", seed);
    for (round = 0; round < 200; round++) {
        chain_model_init(&m);
        assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
        num = 1 + util_random(&seed) % MOST;
        for (i = 0; i < num; i++) {
            parent = util_random(&seed) % (i + 1);
            /* now and then a long line */
            if (round % 3 == 0) parent = i ? i - util_random(&seed) % 2 : 0;
            snprintf(name, sizeof(name), "n%zu", i);
            util_add(&m, parent, name);
            s = &m.tree.snapshots[i];
            s->memory = util_random(&seed) % 2;
            s->state = 1 + util_random(&seed) % 3;
            s->disks[0].treatment = 1 + util_random(&seed) % 7;
        }
        for (i = 0; i < 30; i++) {
            filter = random_filter(&seed, num);
            compare(&m, &filter);
        }
        chain_model_dispose(&m);
    }
}

/* Lost parents and cycles: what is shown is what the walk shows. */
static void random_damage(void **state)
{
    struct chain_filter filter = { .roots = false }, roots = { .roots = true };
    struct chain_walk_entry *walked;
    struct chain_filtered *e;
    struct chain_model m;
    uint64_t seed = 78;
    size_t num, expected, i, round, num_roots;
    char name[8];

    for (round = 0; round < 300; round++) {
        chain_model_init(&m);
        assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
        for (i = 0; i < 50; i++) {
            snprintf(name, sizeof(name), "n%zu", i);
            util_add(&m, 0, name);
        }
        for (i = 0; i < 50; i++)
            m.tree.snapshots[i].parent = util_random(&seed) % 53;
        assert_int_equal(0, chain_model_walk(&m, 0, &walked, &expected, NULL));
        assert_int_equal(0, chain_filter_apply(&m, &filter, &e, &num, NULL));
        assert_int_equal(expected, num);
        for (i = 0, num_roots = 0; i < num; i++) {
            assert_ptr_equal(walked[i].snapshot, e[i].snapshot);
            assert_int_equal(walked[i].depth, e[i].depth);
            assert_int_equal(walked[i].last, e[i].last);
            assert_int_equal(!walked[i].depth, !e[i].parent);
            num_roots += !walked[i].depth;
        }
        free(e);
        assert_int_equal(0, chain_filter_apply(&m, &roots, &e, &num, NULL));
        assert_int_equal(num_roots, num);
        free(e);
        filter.from = 1 + util_random(&seed) % 50;
        filter.descendants = filter.itself = true;
        assert_int_equal(0, chain_filter_apply(&m, &filter, &e, &num, NULL));
        assert_int_equal(filter.from, e[0].snapshot->serial);
        filter.from = 0;
        free(e);
        free(walked);
        chain_model_dispose(&m);
    }
}

static void nothing(void **state)
{
    struct chain_filter filter = { .leaves = true };
    struct chain_filtered *e = (void *)&filter;
    struct chain_model m;
    size_t num = 7;

    chain_model_init(&m);
    assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
    assert_int_equal(0, chain_filter_apply(&m, &filter, &e, &num, NULL));
    assert_int_equal(0, num);
    assert_null(e);
    chain_model_dispose(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions),
        cmocka_unit_test(kinds),
        cmocka_unit_test(place),
        cmocka_unit_test(random_trees),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(nothing),
    };

    return cmocka_run_group_tests_name("chain-filter", tests, NULL, NULL);
}
