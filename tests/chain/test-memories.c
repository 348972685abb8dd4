/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which memory image builds on which, as snapshots go. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/memories.h"
#include "chain/validate.h"
#include "tests/chain/util.h"

static struct chain_model model;

static int setup(void **state)
{
    chain_model_init(&model);
    return chain_model_set_empty(&model, "g", NULL);
}

static int teardown(void **state)
{
    chain_model_dispose(&model);
    return 0;
}

static int try_add(uint64_t serial, uint64_t parent, uint64_t base,
                   struct chain_error *err)
{
    chain_snapshot s;
    char name[16];
    int rc;

    snprintf(name, sizeof(name), "s%u", (unsigned)serial);
    util_snapshot(&s, serial, parent, name);
    s.memory_bytes = 100 * serial;
    s.memory_base = base;
    rc = chain_model_add(&model, &s, err);
    chain_snapshot_dispose(&s);
    return rc ? rc : chain_tree_validate(&model.tree, err);
}

static void add(uint64_t serial, uint64_t parent, uint64_t base)
{
    assert_int_equal(try_add(serial, parent, base, NULL), 0);
}

static void take_out(uint64_t serial)
{
    assert_int_equal(chain_model_remove(&model, &serial, 1, NULL), 0);
    assert_int_equal(chain_tree_validate(&model.tree, NULL), 0);
}

/* All that can be done; how many merges that were. */
static int settle(void)
{
    struct chain_memory_step step;
    int merges = 0;

    while (step = chain_memories_next(&model, 0), step.hidden) {
        merges += step.heir != 0;
        chain_memory_merged(&model, &step, 7);
        assert_int_equal(chain_tree_validate(&model.tree, NULL), 0);
    }
    return merges;
}

static void test_a_row(void **state)
{
    uint64_t differences, whole;

    add(1, 0, 0);
    add(2, 1, 1);
    add(3, 2, 2);
    add(4, 3, 3);
    assert_int_equal(chain_memory_depth(&model, 4, &differences, &whole), 3);
    assert_int_equal(differences, 400 + 300 + 200);
    assert_int_equal(whole, 100);
    take_out(3);
    assert_true(chain_memory_is_hidden(&model, 3));
    assert_int_equal(chain_memory_base(&model, 4), 3);
    assert_int_equal(chain_memory_base(&model, 3), 2);
    assert_int_equal(settle(), 1);
    assert_false(chain_memory_is_hidden(&model, 3));
    assert_int_equal(chain_memory_base(&model, 4), 2);
    assert_int_equal(chain_model_by_serial(&model, 4)->memory_bytes, 7);
    /* The last one: nothing builds on it. */
    take_out(4);
    assert_false(chain_memory_is_hidden(&model, 4));
    assert_int_equal(settle(), 0);
    assert_int_equal(chain_memory_base(&model, 2), 1);
}

static void test_branches(void **state)
{
    add(1, 0, 0);
    add(2, 1, 1);
    add(3, 1, 1);
    add(4, 3, 3);
    take_out(1);
    assert_int_equal(settle(), 0);
    assert_true(chain_memory_is_hidden(&model, 1));
    take_out(3);
    /* 3 becomes one with 4, and 1 waits for 2 and 4. */
    assert_int_equal(settle(), 1);
    assert_int_equal(chain_memory_base(&model, 4), 1);
    take_out(2);
    assert_int_equal(settle(), 1);
    assert_int_equal(chain_memory_base(&model, 4), 0);
    assert_int_equal(model.tree.num_memories, 0);
}

/* Hidden ones that build on hidden ones, and all of them at once. */
static void test_many_at_once(void **state)
{
    const uint64_t most[] = { 1, 2, 3 }, rest[] = { 4, 5, 6 };

    add(1, 0, 0);
    add(2, 1, 1);
    add(3, 2, 2);
    add(4, 3, 3);
    add(5, 3, 3);
    add(6, 5, 5);
    assert_int_equal(chain_model_remove(&model, most, 3, NULL), 0);
    assert_int_equal(model.tree.num_memories, 3);
    /* 1 into 2, 2 into 3; 3 stays for 4 and 5. */
    assert_int_equal(settle(), 2);
    assert_int_equal(model.tree.num_memories, 1);
    assert_int_equal(chain_memory_base(&model, 3), 0);
    assert_int_equal(chain_model_remove(&model, rest, 3, NULL), 0);
    assert_int_equal(settle(), 0);
    assert_int_equal(model.tree.num_memories, 0);
}

/* One that cannot be merged does not keep others from it. */
static void test_after(void **state)
{
    struct chain_memory_step step;

    add(1, 0, 0);
    add(2, 1, 1);
    add(3, 0, 0);
    add(4, 3, 3);
    take_out(1);
    take_out(3);
    step = chain_memories_next(&model, 0);
    assert_int_equal(step.hidden, 1);
    assert_int_equal(step.heir, 2);
    step = chain_memories_next(&model, 1);
    assert_int_equal(step.hidden, 3);
    assert_int_equal(step.heir, 4);
    assert_int_equal(chain_memories_next(&model, 3).hidden, 0);
}

static void is_refused(const char *words)
{
    struct chain_error err = { 0 };

    assert_int_equal(chain_tree_validate(&model.tree, &err), ERROR_BADFAIL);
    if (!strstr(err.text, words)) fail_msg("%s", err.text);
}

static void test_unsound(void **state)
{
    chain_memory *memory;
    uint64_t i;

    add(1, 0, 0);
    add(2, 1, 1);
    add(3, 2, 2);
    model.tree.snapshots[0].memory_base = 9;
    is_refused("snapshots[0].memory_base");
    model.tree.snapshots[0].memory_base = 3;
    is_refused("on itself");
    model.tree.snapshots[0].memory_base = 0;
    model.tree.snapshots[0].memory = false;
    model.tree.snapshots[0].memory_bytes = 0;
    is_refused("no memory image of that serial");
    model.tree.snapshots[0].memory = true;

    take_out(2);
    memory = &model.tree.memories[0];
    memory->serial = 1;
    is_refused("two of that serial");
    memory->serial = 99;
    model.tree.snapshots[1].memory_base = 99;
    is_refused("was never given out");
    memory->serial = 2;
    model.tree.snapshots[1].memory_base = 2;
    memory->base = 2;
    is_refused("on itself");
    memory->base = 1;
    assert_int_equal(chain_tree_validate(&model.tree, NULL), 0);
    for (i = 4; i < 2 + CHAIN_MAX_MEMORY_DEPTH; i++) add(i, i - 1, i - 1);
    assert_int_equal(try_add(i, i - 1, i - 1, NULL), ERROR_BADFAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_branches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsound, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
