/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The chain as a value: single calls, and what they refuse. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chain/util.h"

/* A: B: (C, D), and E on its own; current is D. */
static int setup(void **state)
{
    struct chain_model *m = malloc(sizeof(*m));

    assert_non_null(m);
    chain_model_init(m);
    assert_int_equal(0, chain_model_set_empty(m, "guest", NULL));
    assert_int_equal(1, util_add(m, 0, "A"));
    assert_int_equal(2, util_add(m, 1, "B"));
    assert_int_equal(3, util_add(m, 2, "C"));
    assert_int_equal(4, util_add(m, 2, "D"));
    assert_int_equal(5, util_add(m, 0, "E"));
    assert_int_equal(0, chain_model_set_current(m, 4, NULL));
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct chain_model *m = *state;

    chain_model_dispose(m);
    free(m);
    return 0;
}

/* "A0 B1 C2 D2! E0!": names, depths, and who is the last of its siblings. */
static void assert_walk(const struct chain_model *m, uint64_t from,
                        const char *expected)
{
    struct chain_walk_entry *entries;
    struct chain_error err;
    char text[256] = "", one[64];
    size_t num, i;

    if (chain_model_walk(m, from, &entries, &num, &err))
        fail_msg("%s", err.text);
    for (i = 0; i < num; i++) {
        snprintf(one, sizeof(one), "%s%s%zu%s", i ? " " : "",
                 entries[i].snapshot->name, entries[i].depth,
                 entries[i].last ? "!" : "");
        strcat(text, one);
    }
    free(entries);
    assert_string_equal(expected, text);
}

static void assert_refused(int rc, int expected, const struct chain_error *err,
                           const char *text)
{
    assert_int_equal(expected, rc);
    assert_int_equal(expected, err->rc);
    if (!strstr(err->text, text))
        fail_msg("'%s' is not in '%s'", text, err->text);
    assert_null(strchr(err->text, '\n'));
}

static void empty(void **state)
{
    struct chain_walk_entry *entries;
    struct chain_model m;
    struct chain_error err;
    size_t num = 1;

    chain_model_init(&m);
    assert_refused(chain_model_set_empty(&m, "../x", &err), ERROR_INVAL, &err,
                   "'.'");
    assert_int_equal(0, chain_model_set_empty(&m, "guest", &err));
    util_assert_sound(&m);
    assert_string_equal("guest", m.tree.domain);
    assert_null(chain_model_current(&m));
    assert_null(chain_model_by_name(&m, "A"));
    assert_null(chain_model_by_serial(&m, 0));
    assert_int_equal(0, chain_model_walk(&m, 0, &entries, &num, &err));
    assert_int_equal(0, num);
    assert_null(entries);
    assert_int_equal(0, chain_model_remove(&m, NULL, 0, &err));
    chain_model_dispose(&m);
}

static void look(void **state)
{
    const struct chain_model *m = *state;
    const chain_snapshot *b = chain_model_by_name(m, "B");

    util_assert_sound(m);
    assert_int_equal(2, b->serial);
    assert_ptr_equal(b, chain_model_by_serial(m, 2));
    assert_ptr_equal(b, chain_model_parent(m, chain_model_by_name(m, "D")));
    assert_null(chain_model_parent(m, chain_model_by_name(m, "E")));
    assert_string_equal("D", chain_model_current(m)->name);
    assert_null(chain_model_by_name(m, "b"));
    assert_null(chain_model_by_serial(m, 6));
}

static void walk(void **state)
{
    const struct chain_model *m = *state;
    struct chain_walk_entry *entries;
    struct chain_error err;
    size_t num;

    assert_walk(m, 0, "A0 B1! C2 D2! E0!");
    assert_walk(m, 1, "A0! B1! C2 D2!");
    assert_walk(m, 2, "B0! C1 D1!");
    assert_walk(m, 4, "D0!");
    assert_walk(m, 3, "C0!");
    assert_refused(chain_model_walk(m, 9, &entries, &num, &err),
                   ERROR_NOTFOUND, &err, "serial 9");
}

static void place_and_add(void **state)
{
    struct chain_model *m = *state;
    chain_snapshot s;

    util_snapshot(&s, 0, 0, "F");
    assert_int_equal(0, chain_model_place(m, &s, NULL));
    assert_int_equal(6, s.serial);
    assert_int_equal(4, s.parent);
    assert_int_equal(6, m->tree.next_serial);
    assert_int_equal(0, chain_model_add(m, &s, NULL));
    assert_int_equal(7, m->tree.next_serial);
    assert_int_equal(4, m->tree.current);
    /* a deep copy */
    s.name[0] = 'X';
    s.disks[0].vdev[0] = 'X';
    assert_non_null(chain_model_by_name(m, "F"));
    assert_string_equal("xvda", chain_model_by_name(m, "F")->disks[0].vdev);
    util_assert_sound(m);
    chain_snapshot_dispose(&s);
}

/* Serials of removed ones are not given out again. */
static void serials_are_never_reused(void **state)
{
    struct chain_model *m = *state;
    const uint64_t last = 5;

    assert_int_equal(0, chain_model_remove(m, &last, 1, NULL));
    assert_int_equal(6, util_add(m, 0, "F"));
}

static void add_refuses(void **state)
{
    struct chain_model *m = *state;
    char *before = util_tree_text(&m->tree), *after;
    struct chain_error err;
    chain_snapshot s;

    util_snapshot(&s, 6, 0, "A");
    assert_refused(chain_model_add(m, &s, &err), ERROR_INVAL, &err,
                   "'A' already: choose another");
    strcpy(s.name, "9");
    assert_refused(chain_model_add(m, &s, &err), ERROR_INVAL, &err,
                   "name: ");
    strcpy(s.name, "F");
    s.serial = 5;
    assert_refused(chain_model_add(m, &s, &err), ERROR_INVAL, &err,
                   "serial: 5");
    s.serial = UINT64_MAX;
    assert_refused(chain_model_add(m, &s, &err), ERROR_INVAL, &err,
                   "serial: ");
    s.serial = 6;
    s.parent = 6;
    assert_refused(chain_model_add(m, &s, &err), ERROR_INVAL, &err,
                   "parent: there is no snapshot with serial 6");
    s.parent = 0;
    strcpy(s.disks[1].vdev, "xvda");
    assert_refused(chain_model_add(m, &s, &err), ERROR_INVAL, &err,
                   "disks[1].vdev: 'xvda' is that of disks[0]");
    strcpy(s.disks[1].vdev, "xvdb");
    after = util_tree_text(&m->tree);
    assert_string_equal(before, after);
    free(after);
    assert_int_equal(0, chain_model_add(m, &s, &err));
    chain_snapshot_dispose(&s);
    free(before);
}

static void remove_one(void **state)
{
    struct chain_model *m = *state;
    const uint64_t b = 2, a = 1, d = 4;

    assert_int_equal(0, chain_model_remove(m, &b, 1, NULL));
    util_assert_sound(m);
    assert_walk(m, 0, "A0 C1 D1! E0!");
    assert_int_equal(4, m->tree.current);
    assert_int_equal(0, chain_model_remove(m, &d, 1, NULL));
    assert_int_equal(1, m->tree.current);
    assert_int_equal(0, chain_model_remove(m, &a, 1, NULL));
    util_assert_sound(m);
    assert_walk(m, 0, "C0 E0!");
    assert_int_equal(0, m->tree.current);
}

static void remove_several(void **state)
{
    struct chain_model *m = *state;
    const uint64_t a_b_d[] = { 4, 1, 2, 1 }, all[] = { 3, 5 };

    /* the current one and all its ancestors */
    assert_int_equal(0, chain_model_remove(m, a_b_d, 4, NULL));
    util_assert_sound(m);
    assert_walk(m, 0, "C0 E0!");
    assert_int_equal(0, m->tree.current);
    assert_int_equal(0, chain_model_remove(m, all, 2, NULL));
    util_assert_sound(m);
    assert_int_equal(0, m->tree.num_snapshots);
    assert_int_equal(6, m->tree.next_serial);
}

static void remove_refuses(void **state)
{
    struct chain_model *m = *state;
    const uint64_t some[] = { 1, 9 }, zero = 0;
    struct chain_error err;

    assert_refused(chain_model_remove(m, some, 2, &err), ERROR_NOTFOUND, &err,
                   "serial 9");
    assert_refused(chain_model_remove(m, &zero, 1, &err), ERROR_NOTFOUND, &err,
                   "serial 0");
    assert_walk(m, 0, "A0 B1! C2 D2! E0!");
}

static void rename_one(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    assert_int_equal(0, chain_model_rename(m, 3, "gamma", &err));
    assert_int_equal(3, chain_model_by_name(m, "gamma")->serial);
    assert_null(chain_model_by_name(m, "C"));
    /* to the name it has */
    assert_int_equal(0, chain_model_rename(m, 3, "gamma", &err));
    assert_refused(chain_model_rename(m, 3, "A", &err), ERROR_INVAL, &err,
                   "'A' already");
    assert_refused(chain_model_rename(m, 3, "a/b", &err), ERROR_INVAL, &err,
                   "not allowed, the 2th");
    assert_refused(chain_model_rename(m, 9, "F", &err), ERROR_NOTFOUND, &err,
                   "serial 9");
    assert_string_equal("gamma", chain_model_by_serial(m, 3)->name);
    util_assert_sound(m);
}

static void describe(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    char *endless = malloc(4098);

    assert_int_equal(0, chain_model_set_description(m, 1, "one\n\ttwo", &err));
    assert_string_equal("one\n\ttwo", chain_model_by_serial(m, 1)->description);
    assert_int_equal(0, chain_model_set_description(m, 1, "", &err));
    assert_null(chain_model_by_serial(m, 1)->description);
    assert_refused(chain_model_set_description(m, 1, "\033[2J", &err),
                   ERROR_INVAL, &err, "control characters");
    assert_refused(chain_model_set_description(m, 1, "\xff", &err),
                   ERROR_INVAL, &err, "UTF-8");
    memset(endless, 'x', 4097);
    endless[4097] = 0;
    assert_refused(chain_model_set_description(m, 1, endless, &err),
                   ERROR_INVAL, &err, "4097 bytes");
    assert_int_equal(0, chain_model_set_description(m, 1, endless + 1, &err));
    util_assert_sound(m);
    free(endless);
}

static void current(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    assert_int_equal(0, chain_model_set_current(m, 0, &err));
    assert_null(chain_model_current(m));
    assert_refused(chain_model_set_current(m, 9, &err), ERROR_NOTFOUND, &err,
                   "serial 9");
    assert_int_equal(0, m->tree.current);
}

static void domain_uuid(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    const char *uuid = "00112233-4455-6677-8899-aAbBcCdDeEfF";

    assert_int_equal(0, chain_model_set_domain_uuid(m, uuid, &err));
    assert_string_equal(uuid, m->tree.domain_uuid);
    assert_refused(chain_model_set_domain_uuid(m, "0011", &err), ERROR_INVAL,
                   &err, "not a uuid");
    assert_string_equal(uuid, m->tree.domain_uuid);
    assert_int_equal(0, chain_model_set_domain_uuid(m, NULL, &err));
    assert_null(m->tree.domain_uuid);
}

static void copy_is_deep(void **state)
{
    struct chain_model *m = *state, c;
    char *text = util_tree_text(&m->tree), *copy_text;

    chain_model_init(&c);
    assert_int_equal(0, chain_model_copy(&c, m, NULL));
    assert_int_equal(0, chain_model_rename(m, 1, "other", NULL));
    copy_text = util_tree_text(&c.tree);
    assert_string_equal(text, copy_text);
    free(text);
    free(copy_text);
    chain_model_dispose(&c);
}

/* ---- damaged ---- */

/* Spoil the tree by hand, have it looked at, and see it marked. */
static void damage(struct chain_model *m, const char *place)
{
    struct chain_error err;
    chain_tree tree = m->tree;

    chain_tree_init(&m->tree);
    assert_int_equal(0, chain_model_take(m, &tree, &err));
    assert_null(tree.snapshots);
    assert_non_null(m->damaged);
    if (strncmp(m->damaged, place, strlen(place)))
        fail_msg("'%s' does not begin with '%s'", m->damaged, place);
}

static void lost_parent(void **state)
{
    struct chain_model *m = *state;

    m->tree.snapshots[1].parent = 77;
    damage(m, "snapshots[1].parent: there is no snapshot with serial 77");
    assert_walk(m, 0, "A0 B0 C1 D1! E0!");
    assert_null(chain_model_parent(m, chain_model_by_name(m, "B")));
}

static void cycle_of_two(void **state)
{
    struct chain_model *m = *state;

    m->tree.snapshots[0].parent = 2;
    damage(m, "snapshots[0].parent: the snapshot is its own descendant");
    assert_walk(m, 0, "A0 B1! C2 D2! E0!");
    assert_walk(m, 2, "B0! C1 D1!");
}

static void cycle_of_one_and_of_three(void **state)
{
    struct chain_model *m = *state;

    m->tree.snapshots[4].parent = 5;
    m->tree.snapshots[0].parent = 4;
    damage(m, "snapshots[0].parent: the snapshot is its own descendant");
    assert_walk(m, 0, "A0 B1! C2 D2! E0!");
    assert_walk(m, 5, "E0!");
}

static void doubles(void **state)
{
    struct chain_model *m = *state;

    strcpy(m->tree.snapshots[3].name, "B");
    damage(m, "snapshots[3].name: 'B' is that of snapshots[1], too");
    assert_int_equal(2, chain_model_by_name(m, "B")->serial);
    m->tree.snapshots[2].serial = 2;
    damage(m, "snapshots[2].serial: 2 is that of snapshots[1], too");
    /* all five are still there */
    assert_walk(m, 0, "A0 B1! C2 B2! E0!");
}

static void single_rules(void **state)
{
    struct chain_model *m = *state;
    chain_snapshot *a = &m->tree.snapshots[0];

#define BROKEN(change, back, place) \
    do { change; damage(m, place); a = &m->tree.snapshots[0]; back; } while (0)

    BROKEN(m->tree.current = 9, m->tree.current = 0,
           "current: there is no snapshot with serial 9");
    BROKEN(m->tree.next_serial = 5, m->tree.next_serial = 6,
           "snapshots[4].serial: 5 is not below next_serial");
    BROKEN(m->tree.version = 0, m->tree.version = 1, "version: there is none");
    BROKEN(m->tree.version = 2, m->tree.version = 1,
           "version: 2 is later than 1");
    BROKEN(m->tree.domain[0] = '/', m->tree.domain[0] = 'g', "domain: ");
    BROKEN(a->serial = 0, a->serial = 1, "snapshots[0].serial: it is 0");
    BROKEN(a->name[0] = '.', a->name[0] = 'A', "snapshots[0].name: ");
    BROKEN(a->state = CHAIN_DOMAIN_STATE_UNKNOWN,
           a->state = CHAIN_DOMAIN_STATE_RUNNING,
           "snapshots[0].state: there is none");
    BROKEN(a->state = CHAIN_DOMAIN_STATE_OFF,
           a->state = CHAIN_DOMAIN_STATE_RUNNING, "snapshots[0].memory: ");
    BROKEN(a->memory = false, a->memory = true, "snapshots[0].memory_bytes: ");
    a->memory_sha256 = strdup("0123456789abcdef0123456789abcdef"
                              "0123456789abcdef0123456789abcdef");
    BROKEN(a->memory_sha256[63] = 0, a->memory_sha256[63] = 'f',
           "snapshots[0].memory_sha256: ");
    BROKEN(a->memory_sha256[0] = 'F', a->memory_sha256[0] = '0',
           "snapshots[0].memory_sha256: ");
    BROKEN(a->domain_uuid[3] = 'g', a->domain_uuid[3] = '0',
           "snapshots[0].domain_uuid: ");
    BROKEN(a->disks[0].vdev[0] = 0, a->disks[0].vdev[0] = 'x',
           "snapshots[0].disks[0].vdev: there is none");
    BROKEN(a->disks[0].path[0] = 0, a->disks[0].path[0] = '/',
           "snapshots[0].disks[0].path: there is none");
    BROKEN(a->disks[0].format = LIBXL_DISK_FORMAT_RAW,
           a->disks[0].format = LIBXL_DISK_FORMAT_QCOW2,
           "snapshots[0].disks[0].handle: ");
    BROKEN(a->disks[0].handle.u.qcow2.name[0] = 0,
           a->disks[0].handle.u.qcow2.name[0] = 'A',
           "snapshots[0].disks[0].handle: it does not name");
    BROKEN(a->disks[0].treatment = CHAIN_DISK_TREATMENT_SKIPPED_CDROM,
           a->disks[0].treatment = CHAIN_DISK_TREATMENT_INTERNAL,
           "snapshots[0].disks[0].handle: no snapshot was made in");
    BROKEN(a->disks[1].treatment = CHAIN_DISK_TREATMENT_UNKNOWN,
           a->disks[1].treatment = CHAIN_DISK_TREATMENT_SKIPPED_EMPTY,
           "snapshots[0].disks[1].treatment: there is none");
#undef BROKEN
    assert_int_equal(0, chain_tree_validate(&m->tree, NULL));
}

static void damaged_refuses_changes(void **state)
{
    struct chain_model *m = *state;
    const uint64_t a = 1;
    struct chain_error err;
    chain_snapshot s;
    char *before, *after;

    m->tree.current = 9;
    damage(m, "current: ");
    before = util_tree_text(&m->tree);
    util_snapshot(&s, 6, 0, "F");
#define REFUSED(call) \
    assert_refused(call, ERROR_BADFAIL, &err, "cannot be changed: current: ")
    REFUSED(chain_model_place(m, &s, &err));
    REFUSED(chain_model_add(m, &s, &err));
    REFUSED(chain_model_remove(m, &a, 1, &err));
    REFUSED(chain_model_rename(m, 1, "F", &err));
    REFUSED(chain_model_set_description(m, 1, "F", &err));
    REFUSED(chain_model_set_current(m, 1, &err));
    REFUSED(chain_model_set_current(m, 0, &err));
    REFUSED(chain_model_set_domain_uuid(m, NULL, &err));
#undef REFUSED
    after = util_tree_text(&m->tree);
    assert_string_equal(before, after);
    free(before);
    free(after);
    chain_snapshot_dispose(&s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),
        T(look), T(walk), T(place_and_add), T(serials_are_never_reused),
        T(add_refuses), T(remove_one), T(remove_several), T(remove_refuses),
        T(rename_one), T(describe), T(current), T(domain_uuid),
        T(copy_is_deep), T(lost_parent), T(cycle_of_two),
        T(cycle_of_one_and_of_three), T(doubles), T(single_rules),
        T(damaged_refuses_changes),
    };

    return cmocka_run_group_tests_name("chain-model", tests, NULL, NULL);
}
