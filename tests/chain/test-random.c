/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random changes to a chain, made to an oracle as well that is too simple to
 * be wrong: an array of parents, indexed by serial, searched from end to end.
 * The seed is printed; CHAIN_TEST_SEED repeats a run.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chain/util.h"

#define MOST 400

struct oracle {
    bool there[MOST];
    uint64_t parent[MOST];
    uint64_t next, current;
};

static uint64_t heir(const struct oracle *o, uint64_t serial)
{
    while (serial && !o->there[serial]) serial = o->parent[serial];
    return serial;
}

/* Nothing is ever moved: a parent that has gone is passed by. */
static uint64_t parent(const struct oracle *o, uint64_t serial)
{
    return heir(o, o->parent[serial]);
}

static size_t depth(const struct oracle *o, uint64_t serial)
{
    size_t n = 0;

    while ((serial = parent(o, serial))) n++;
    return n;
}

/* 0 when there is none. */
static uint64_t pick(const struct oracle *o, uint64_t *seed)
{
    return heir(o, util_random(seed) % o->next);
}

static void compare(const struct oracle *o, const struct chain_model *m)
{
    struct chain_walk_entry *entries;
    const chain_snapshot *s;
    uint64_t serial, previous[MOST] = { 0 };
    size_t num, count = 0, i;

    util_assert_sound(m);
    assert_int_equal(o->next, m->tree.next_serial);
    assert_int_equal(heir(o, o->current), m->tree.current);
    for (serial = 1; serial < o->next; serial++) {
        s = chain_model_by_serial(m, serial);
        assert_int_equal(o->there[serial], s != NULL);
        if (!s) continue;
        count++;
        assert_int_equal(parent(o, serial), s->parent);
    }
    assert_int_equal(0, chain_model_walk(m, 0, &entries, &num, NULL));
    assert_int_equal(count, num);
    for (i = 0; i < num; i++) {
        s = entries[i].snapshot;
        assert_int_equal(depth(o, s->serial), entries[i].depth);
        /* a parent is the last one seen that is one less deep */
        assert_int_equal(s->parent,
                         entries[i].depth ? previous[entries[i].depth - 1] : 0);
        previous[entries[i].depth] = s->serial;
    }
    free(entries);
}

static void remove_some(struct oracle *o, struct chain_model *m,
                        uint64_t *seed)
{
    uint64_t serials[4];
    size_t num = 1 + util_random(seed) % 4, i;

    for (i = 0; i < num; i++) {
        serials[i] = pick(o, seed);
        if (!serials[i]) return;
    }
    assert_int_equal(0, chain_model_remove(m, serials, num, NULL));
    for (i = 0; i < num; i++) o->there[serials[i]] = false;
}

static void step(struct oracle *o, struct chain_model *m, uint64_t *seed)
{
    uint64_t serial = pick(o, seed);
    char name[32];

    switch (util_random(seed) % 5) {
    case 0: case 1: case 2:
        snprintf(name, sizeof(name), "n%" PRIu64, o->next);
        util_add(m, serial, name);
        o->there[o->next] = true;
        o->parent[o->next++] = serial;
        break;
    case 3:
        remove_some(o, m, seed);
        break;
    case 4:
        assert_int_equal(0, chain_model_set_current(m, serial, NULL));
        o->current = serial;
        break;
    }
}

static void random_changes(void **state)
{
    const char *given = getenv("CHAIN_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20261120, round;
    struct oracle o;
    struct chain_model m;
    int i, steps = util_so_many(300);

    print_message("CHAIN_TEST_SEED=%" PRIu64 "\n", seed);
    for (round = 0; round < 20; round++) {
        memset(&o, 0, sizeof(o));
        o.next = 1;
        chain_model_init(&m);
        assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
        for (i = 0; i < steps; i++) {
            step(&o, &m, &seed);
            compare(&o, &m);
        }
        chain_model_dispose(&m);
    }
}

/* Random parents, lost and circular ones among them: whatever the tree, a
 * walk has each snapshot once, and parents before children. */
static void random_damage(void **state)
{
    struct chain_walk_entry *entries;
    struct chain_model m;
    uint64_t seed = 77;
    size_t num, i, round;
    size_t rounds = (size_t)util_so_many(300);
    bool seen[50];
    char name[8];

    for (round = 0; round < rounds; round++) {
        chain_model_init(&m);
        assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
        for (i = 0; i < 50; i++) {
            snprintf(name, sizeof(name), "n%zu", i);
            util_add(&m, 0, name);
        }
        for (i = 0; i < 50; i++)
            m.tree.snapshots[i].parent = util_random(&seed) % 53;
        assert_int_equal(0, chain_model_walk(&m, 0, &entries, &num, NULL));
        assert_int_equal(50, num);
        memset(seen, 0, sizeof(seen));
        for (i = 0; i < num; i++) {
            const chain_snapshot *s = entries[i].snapshot;
            assert_false(seen[s - m.tree.snapshots]);
            seen[s - m.tree.snapshots] = true;
            if (entries[i].depth) assert_true(seen[s->parent - 1]);
        }
        free(entries);
        chain_model_dispose(&m);
    }
}

/* As one line, and as one parent with all others below it: what is deep must
 * not be recursed into, what is wide must not be searched from end to end. */
static void ten_thousand(void **state)
{
    const int num = util_so_many(10000);
    struct chain_walk_entry *entries;
    struct chain_model m;
    uint64_t *serials = calloc((size_t)num, sizeof(*serials));
    size_t found;
    char name[16];
    int i, deep;

    assert_non_null(serials);
    for (deep = 0; deep < 2; deep++) {
        chain_model_init(&m);
        assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
        for (i = 1; i <= num; i++) {
            snprintf(name, sizeof(name), "n%d", i);
            util_add(&m, i == 1 ? 0 : deep ? (uint64_t)i - 1 : 1, name);
        }
        util_assert_sound(&m);
        assert_int_equal(0, chain_model_set_current(&m, (uint64_t)num, NULL));
        assert_int_equal(0, chain_model_walk(&m, 1, &entries, &found, NULL));
        assert_int_equal(num, found);
        assert_int_equal(deep ? num - 1 : 1, entries[num - 1].depth);
        free(entries);
        /* all but every hundredth */
        for (i = 0, found = 0; i < num; i++)
            if (i % 100) serials[found++] = (uint64_t)i + 1;
        assert_int_equal(0, chain_model_remove(&m, serials, found, NULL));
        util_assert_sound(&m);
        assert_int_equal(num / 100, m.tree.num_snapshots);
        assert_int_equal(deep ? num - 99 : 1, m.tree.current);
        chain_model_dispose(&m);
    }
    free(serials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(ten_thousand),
    };

    return cmocka_run_group_tests_name("chain-random", tests, NULL, NULL);
}
