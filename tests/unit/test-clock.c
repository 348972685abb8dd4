/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is to be said of a clock: of which guests, and after which answers. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manage/clock.h"
#include "manage/internal.h"

/* ---- a guest, as libxl and its agent tell of it ---- */

static libxl_domain_type type;
static int info_rc, agent_rc, asked;
static libxl_domain_clock agent_says;

int __wrap_libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info,
                             uint32_t domid);

int __wrap_libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info,
                             uint32_t domid)
{
    (void)ctx;
    (void)domid;
    info->domain_type = type;
    return info_rc;
}

int __wrap_libxl_domain_clock_set(libxl_snapshot_ctx *sctx, uint32_t domid,
                                  uint32_t timeout_ms,
                                  libxl_domain_clock *clock_r,
                                  libxl_snapshot_diag *diag);

int __wrap_libxl_domain_clock_set(libxl_snapshot_ctx *sctx, uint32_t domid,
                                  uint32_t timeout_ms,
                                  libxl_domain_clock *clock_r,
                                  libxl_snapshot_diag *diag)
{
    (void)sctx;
    assert_int_equal(domid, 7);
    assert_int_equal(timeout_ms, 123);
    asked++;
    if (agent_rc) {
        diag->message = strdup("it said no");
        return agent_rc;
    }
    *clock_r = agent_says;
    if (agent_says.problem) clock_r->problem = strdup(agent_says.problem);
    return 0;
}

/* ---- */

static struct manage_clock settled(bool memory, chain_domain_state state,
                                   bool set)
{
    struct manage_clock_wish wish = { .set = set, .timeout_ms = 123 };
    struct manage_clock clock;
    chain_snapshot snapshot;
    struct manage m;

    memset(&m, 0, sizeof(m));
    chain_snapshot_init(&snapshot);
    snapshot.memory = memory;
    snapshot.created = 1000;
    asked = 0;
    manage_clock_init(&clock);
    clock_foresee(&clock, &snapshot, state);
    clock_settle(&m, 7, &wish, &clock);
    chain_snapshot_dispose(&snapshot);
    return clock;
}

static void nothing_stood_still(void **state)
{
    (void)state;
    assert_false(settled(false, CHAIN_DOMAIN_STATE_RUNNING, true).stopped);
    assert_int_equal(asked, 0);
    assert_false(settled(true, CHAIN_DOMAIN_STATE_OFF, true).stopped);
    assert_int_equal(asked, 0);
}

static void nobody_is_asked(void **state)
{
    struct manage_clock clock;

    (void)state;
    type = LIBXL_DOMAIN_TYPE_PV;
    clock = settled(true, CHAIN_DOMAIN_STATE_PAUSED, true);
    assert_true(clock.stopped);
    assert_int_equal(clock.agent, MANAGE_CLOCK_PAUSED);
    assert_int_equal(asked, 0);
    clock = settled(true, CHAIN_DOMAIN_STATE_RUNNING, false);
    assert_int_equal(clock.agent, MANAGE_CLOCK_UNASKED);
    assert_int_equal(asked, 0);
    assert_true(clock.age_s > 1000000);
    assert_int_equal(clock.taken, 1000);
}

static void types(void **state)
{
    struct manage_clock clock;

    (void)state;
    manage_clock_init(&clock);
    clock.taken = 1000;
    clock_resumed(&clock, LIBXL_DOMAIN_TYPE_PV, 1060);
    assert_true(clock.follows);
    assert_int_equal(clock.age_s, 60);
    clock_resumed(&clock, LIBXL_DOMAIN_TYPE_PVH, 1060);
    assert_false(clock.follows);
    clock_resumed(&clock, LIBXL_DOMAIN_TYPE_HVM, 1060);
    assert_false(clock.follows);
    /* ours was set back since, or is not known */
    clock.age_s = 0;
    clock_resumed(&clock, LIBXL_DOMAIN_TYPE_HVM, 999);
    clock_resumed(&clock, LIBXL_DOMAIN_TYPE_HVM, (time_t)-1);
    assert_int_equal(clock.age_s, 0);
}

static void gone_already(void **state)
{
    (void)state;
    info_rc = ERROR_DOMAIN_NOTFOUND;
    type = LIBXL_DOMAIN_TYPE_PV;
    assert_false(settled(true, CHAIN_DOMAIN_STATE_RUNNING, false).follows);
    info_rc = 0;
}

static void answers(void **state)
{
    char problem[] = "it will not";
    struct manage_clock clock;

    (void)state;
    agent_says.before_ms = -5;
    agent_says.right = true;
    clock = settled(true, CHAIN_DOMAIN_STATE_RUNNING, true);
    assert_int_equal(asked, 1);
    assert_int_equal(clock.agent, MANAGE_CLOCK_RIGHT);
    assert_true(clock.told && clock.before_ms == -5 && !clock.problem);

    agent_says.set = true;
    agent_says.before_ms = -70000;
    agent_says.after_ms = 3;
    clock = settled(true, CHAIN_DOMAIN_STATE_RUNNING, true);
    assert_int_equal(clock.agent, MANAGE_CLOCK_SET);
    assert_true(clock.before_ms == -70000 && clock.after_ms == 3);

    agent_says.right = false;
    agent_says.problem = problem;
    clock = settled(true, CHAIN_DOMAIN_STATE_RUNNING, true);
    assert_int_equal(clock.agent, MANAGE_CLOCK_FAILED);
    assert_true(clock.told);
    assert_string_equal(clock.problem, "it will not");
    manage_clock_dispose(&clock);
}

static void no_answers(void **state)
{
    struct manage_clock clock;

    (void)state;
    agent_rc = ERROR_NOTFOUND;
    clock = settled(true, CHAIN_DOMAIN_STATE_RUNNING, true);
    assert_int_equal(clock.agent, MANAGE_CLOCK_NONE);
    assert_null(clock.problem);
    agent_rc = ERROR_NOT_READY;
    clock = settled(true, CHAIN_DOMAIN_STATE_RUNNING, true);
    assert_int_equal(clock.agent, MANAGE_CLOCK_FAILED);
    assert_false(clock.told);
    assert_string_equal(clock.problem, "it said no");
    manage_clock_dispose(&clock);
    agent_rc = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stood_still),
        cmocka_unit_test(nobody_is_asked),
        cmocka_unit_test(types),
        cmocka_unit_test(gone_already),
        cmocka_unit_test(answers),
        cmocka_unit_test(no_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
