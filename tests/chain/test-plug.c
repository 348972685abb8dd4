/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plug is pulled at every moment of every change, and at every moment of
 * a recovery from every interruption of every change, and what had not been
 * synced is lost in every way that disk.h speaks of. The chain is one that
 * was being written or the one before, with all that it names.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chain/disk.h"
#include "tests/chain/flows.h"

struct scene {
    char *dir;          /* where the changes are made */
    char *statedir;
    char *found_dir;    /* where a moment is rebuilt */
    char *found_statedir;
    char *found_journal;
    bool no_journal;    /* there must not be one any more */
    size_t checked;
};

static void begin(struct scene *s)
{
    s->dir = util_make_dir();
    s->statedir = util_path(s->dir, "state");
    s->found_dir = util_make_dir();
    s->found_statedir = util_path(s->found_dir, "state");
    s->found_journal = util_path(s->found_statedir, "guest/journal.json");
    s->no_journal = false;
    s->checked = 0;
}

static void end(struct scene *s)
{
    free(s->statedir);
    free(s->found_statedir);
    free(s->found_journal);
    util_remove_dir(s->dir);
    util_remove_dir(s->found_dir);
}

/* Every way to find the disk at a moment. */
static void check_moment(struct scene *s, size_t moment,
                         const char *const *texts, size_t num,
                         const char *what)
{
    size_t variants = disk_variants(moment), v;
    char where[256];

    for (v = 0; v < variants; v++) {
        snprintf(where, sizeof(where), "%s: moment %zu (%s), variant %zu/%zu",
                 what, moment, disk_describe(moment), v, variants);
        disk_rebuild(moment, v, s->found_dir);
        if (s->no_journal && util_exists(s->found_journal))
            fail_msg("%s: the journal is back", where);
        flow_check(s->found_statedir, texts, num, where);
        util_empty_dir(s->found_dir);
        s->checked++;
    }
}

static void call(int (*fn)(const char *, struct chain_error *),
                 const char *statedir)
{
    struct chain_error err;

    if (fn(statedir, &err)) fail_msg("%s", err.text);
}

/* ---- one change ---- */

static void pull_in(struct scene *s, const struct flow *flow)
{
    char *texts[2];
    size_t begun, saved, cleared, moment;

    disk_record_begin(s->dir);
    call(flow->prepare, s->statedir);
    texts[0] = flow_text(s->statedir);
    /* what was marked before does not count */
    disk_record_mark("begun");
    begun = disk_moments();
    call(flow->change, s->statedir);
    texts[1] = flow_text(s->statedir);
    disk_record_end();

    saved = disk_moment_after(begun, "saved");
    cleared = disk_moment_after(begun, "cleared");
    for (moment = begun; moment <= disk_moments(); moment++) {
        s->no_journal = cleared && moment >= cleared;
        if (saved && moment >= saved)
            check_moment(s, moment, (const char *const *)&texts[1], 1,
                         flow->name);
        else
            check_moment(s, moment, (const char *const *)texts, 2, flow->name);
    }
    s->no_journal = false;
    disk_record_free();
    util_empty_dir(s->dir);
    free(texts[0]);
    free(texts[1]);
}

static void one_change(void **state)
{
    struct scene s;
    size_t i;

    begin(&s);
    for (i = 0; i < flow_num; i++) pull_in(&s, &flow_table[i]);
    print_message("%zu disks found\n", s.checked);
    assert_true(s.checked > 500);
    end(&s);
}

/* ---- an interrupted change, and what comes after it ---- */

static int create_fourth(const char *statedir, struct chain_error *err)
{
    return flow_create(statedir, "fourth", err);
}

/*
 * The change stops at its n-th call; the next command recovers, which must
 * not rely on what only its predecessor has seen. Nothing to do when as much
 * had been done as at an earlier stop. Whether the n-th call was reached.
 */
static bool interrupt_and_pull(struct scene *s, const struct flow *flow,
                               unsigned int n, size_t *stopped_before)
{
    char *texts[4] = { NULL }, what[120];
    size_t stopped, recovered, moment, after = 0;
    bool reached;
    int i;

    snprintf(what, sizeof(what), "%s, stopped at %u", flow->name, n);
    disk_record_begin(s->dir);
    call(flow->prepare, s->statedir);
    texts[0] = flow_text(s->statedir);
    disk_fault_begin(DISK_FAIL_FROM, n, EIO);
    flow->change(s->statedir, NULL);
    reached = disk_fault_end();
    texts[1] = flow_text(s->statedir);
    stopped = disk_moments();
    if (stopped == *stopped_before) goto out;
    *stopped_before = stopped;
    call(flow_recover, s->statedir);
    texts[2] = flow_text(s->statedir);
    recovered = disk_moments();
    call(create_fourth, s->statedir);
    texts[3] = flow_text(s->statedir);

    assert_string_equal(texts[1], texts[2]);
    for (moment = stopped; moment <= disk_moments() && after < 4; moment++) {
        if (!disk_is_before_sync(moment)) continue;
        if (moment <= recovered) {
            check_moment(s, moment, (const char *const *)texts, 2, what);
            continue;
        }
        /* whatever recovery has left undone shows in the beginning */
        check_moment(s, moment, (const char *const *)&texts[2], 2, what);
        after++;
    }
    /* and what somebody was told is saved, is */
    check_moment(s, disk_moments(), (const char *const *)&texts[3], 1, what);
out:
    disk_record_end();
    disk_record_free();
    util_empty_dir(s->dir);
    for (i = 0; i < 4; i++) free(texts[i]);
    return reached;
}

static void interrupted_change(void **state)
{
    struct scene s;
    unsigned int n;
    size_t i, before;

    begin(&s);
    for (i = 0; i < flow_num; i++) {
        before = SIZE_MAX;
        for (n = 1; interrupt_and_pull(&s, &flow_table[i], n, &before); n++) ;
    }
    print_message("%zu disks found\n", s.checked);
    assert_true(s.checked > 2000);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_change),
        cmocka_unit_test(interrupted_change),
    };

    return cmocka_run_group_tests_name("chain-plug", tests, NULL, NULL);
}
