/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's clock, set by guests of every sort. */
#include "config.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "libxl/deadline.h"
#include "libxl/internal.h"
#include "tests/qmp/peer.h"

#define LONG_MS 60000
#define SHORT_MS 500
#define DAY_S 86400

#define NUMBER { PEER_RECEIVE, "guest-sync-delimited", 0 }, \
               { PEER_SEND_PART, "\xff", 0 }, \
               { PEER_SEND, "{\"return\": @ID@}", 0 }
#define GET { PEER_RECEIVE, "{\"execute\":\"guest-get-time\"}", 0 }
#define SET { PEER_RECEIVE, "\"guest-set-time\",\"arguments\":{\"time\":", 0 }
#define SAY(text) { PEER_SEND, text, 0 }
#define DONE SAY("{\"return\": {}}")
#define REFUSED SAY("{\"error\": {\"class\": \"GenericError\", \"desc\": " \
                    "\"hwclock failed\"}}")
#define END { PEER_SILENCE, NULL, 0 }

static char *socket_path;

int __wrap_libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
    libxl_domain_config *config, const libxl_asyncop_how *how);

int __wrap_libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
    libxl_domain_config *config, const libxl_asyncop_how *how)
{
    (void)ctx;
    (void)how;
    assert_int_equal(domid, 7);
    if (!socket_path) return 0;
    config->num_channels = 1;
    config->channels = calloc(1, sizeof(*config->channels));
    libxl_device_channel_init(config->channels);
    config->channels->name = strdup("org.qemu.guest_agent.0");
    config->channels->devid = 1;
    libxl_device_channel_init_connection(config->channels,
                                         LIBXL_CHANNEL_CONNECTION_SOCKET);
    config->channels->u.socket.path = strdup(socket_path);
    return 0;
}

struct fixture {
    char directory[32], path[64];
    struct libxl_snapshot_ctx sctx;
    libxl_snapshot_diag diag;
    libxl_domain_clock clock;
    int64_t took_ms;
};

/* What a guest answers whose clock is so far ahead, or, when that is negative,
 * behind. */
static void time_answer(char *buf, size_t size, int64_t ahead_s)
{
    int64_t now = (int64_t)time(NULL);

    snprintf(buf, size, "{\"return\": %" PRId64 "000000000}", now + ahead_s);
}

static int set(struct fixture *f, const struct peer_step *script,
               uint32_t timeout_ms)
{
    struct peer *peer = NULL;
    int64_t started;
    int rc;

    memset(f, 0, sizeof(*f));
    strcpy(f->directory, "/tmp/xls-clock.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/agent", f->directory);
    libxl_snapshot_diag_init(&f->diag);
    libxl_domain_clock_init(&f->clock);
    socket_path = script ? f->path : NULL;
    if (script) peer = peer_listen(script, f->path);
    started = deadline_now_ms();
    rc = libxl_domain_clock_set(&f->sctx, 7, timeout_ms, &f->clock, &f->diag);
    f->took_ms = deadline_now_ms() - started;
    if (peer) peer_finish(peer);
    unlink(f->path);
    rmdir(f->directory);
    return rc;
}

static void done(struct fixture *f)
{
    libxl_domain_clock_dispose(&f->clock);
    libxl_snapshot_diag_dispose(&f->diag);
}

/* The machine may be busy between our asking it for the time and the test's. */
static void about(int64_t ms, int64_t expected_s)
{
    if (ms < (expected_s - 60) * 1000 || ms > (expected_s + 60) * 1000)
        fail_msg("%" PRId64 " ms is not about %" PRId64 " s", ms, expected_s);
}

static void failed(struct fixture *f, int rc, int expected, const char *words)
{
    assert_int_equal(rc, expected);
    assert_non_null(f->diag.message);
    if (!strstr(f->diag.message, words))
        fail_msg("'%s' does not say '%s'", f->diag.message, words);
    assert_true(f->took_ms < LONG_MS / 2);
    /* untouched */
    assert_true(!f->clock.before_ms && !f->clock.set && !f->clock.right);
    done(f);
}

static void problem(struct fixture *f, const char *words)
{
    assert_false(f->clock.right);
    assert_non_null(f->clock.problem);
    if (!strstr(f->clock.problem, words))
        fail_msg("'%s' does not say '%s'", f->clock.problem, words);
    assert_null(strpbrk(f->clock.problem, "\r\n\033"));
    done(f);
}

/* ---- */

/* Far enough ahead that no slow machine makes it right. */
static void it_is_set(void **state)
{
    char wrong[64], right[64];
    struct peer_step script[] = {
        NUMBER, GET, SAY(wrong), SET, DONE, GET, SAY(right), END };
    struct fixture f;

    (void)state;
    time_answer(wrong, sizeof(wrong), -3 * DAY_S);
    time_answer(right, sizeof(right), 0);
    assert_int_equal(set(&f, script, LONG_MS), 0);
    about(f.clock.before_ms, -3 * DAY_S);
    about(f.clock.after_ms, 0);
    assert_true(f.clock.set);
    done(&f);
}

/* It was set all the same: what counts is what the clock says then. */
static void it_is_set_and_refused(void **state)
{
    char wrong[64], still[64];
    struct peer_step script[] = {
        NUMBER, GET, SAY(wrong), SET, REFUSED, GET, SAY(still), END };
    struct fixture f;

    (void)state;
    time_answer(wrong, sizeof(wrong), DAY_S);
    time_answer(still, sizeof(still), 2 * DAY_S);
    assert_int_equal(set(&f, script, LONG_MS), 0);
    about(f.clock.before_ms, DAY_S);
    about(f.clock.after_ms, 2 * DAY_S);
    problem(&f, "hwclock failed");
}

static void it_lies(void **state)
{
    char wrong[64];
    struct peer_step script[] = {
        NUMBER, GET, SAY(wrong), SET, DONE, GET, SAY(wrong), END };
    struct fixture f;

    (void)state;
    time_answer(wrong, sizeof(wrong), DAY_S);
    assert_int_equal(set(&f, script, LONG_MS), 0);
    assert_true(f.clock.set);
    problem(&f, "and has not");
}

/* The ends of what a number can be. */
static void odd_clocks(void **state)
{
    static const char *const times[] = {
        "{\"return\": 9223372036854775807}", "{\"return\": 0}",
        "{\"return\": -9223372036854775808}",
    };
    struct fixture f;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct peer_step script[] = {
            NUMBER, GET, SAY(times[i]), SET, DONE, GET, SAY(times[i]), END };

        assert_int_equal(set(&f, script, LONG_MS), 0);
        assert_true(i ? f.clock.after_ms < 0 : f.clock.after_ms > 0);
        problem(&f, "and has not");
    }
}

/* The time asked for before is not the time asked for after. */
static void late(void **state)
{
    char wrong[64];
    struct peer_step script[] = {
        NUMBER, GET, SAY(wrong), SET,
        { PEER_RECEIVE, "guest-sync-delimited", 0 }, END };
    struct fixture f;

    (void)state;
    time_answer(wrong, sizeof(wrong), DAY_S);
    assert_int_equal(set(&f, script, 2000), 0);
    assert_true(f.took_ms < LONG_MS / 2);
    problem(&f, "did not answer guest-set-time");
}

static void it_dies(void **state)
{
    char wrong[64];
    struct peer_step script[] = {
        NUMBER, GET, SAY(wrong), SET, { PEER_END, NULL, 0 } };
    struct fixture f;

    (void)state;
    time_answer(wrong, sizeof(wrong), DAY_S);
    assert_int_equal(set(&f, script, LONG_MS), 0);
    problem(&f, "has ended");
}

static void nothing_to_ask(void **state)
{
    static const struct peer_step silent[] = {
        { PEER_RECEIVE, "guest-sync-delimited", 0 }, END };
    static const struct peer_step garbage[] = {
        { PEER_RECEIVE, "guest-sync-delimited", 0 },
        { PEER_FLOOD, "\x01{]", 0 } };
    static const struct peer_step unable[] = {
        NUMBER, GET, SAY("{\"error\": {\"class\": \"CommandNotFound\","
        " \"desc\": \"disabled\\n\"}}"), END };
    static const struct peer_step odd[] = {
        NUMBER, GET, SAY("{\"return\": {}}"), END };
    static const struct peer_step hangs[] = { NUMBER, GET, END };
    struct fixture f;
    int rc;

    (void)state;
    rc = set(&f, NULL, LONG_MS);
    failed(&f, rc, ERROR_NOTFOUND, "no channel");
    rc = set(&f, silent, SHORT_MS);
    failed(&f, rc, ERROR_NOT_READY, "no agent answered");
    rc = set(&f, garbage, LONG_MS);
    failed(&f, rc, ERROR_NOT_READY, "4096 lines");
    rc = set(&f, unable, LONG_MS);
    failed(&f, rc, ERROR_INVAL, "disabled");
    rc = set(&f, odd, LONG_MS);
    failed(&f, rc, ERROR_NOT_READY, "unknown shape");
    rc = set(&f, hangs, SHORT_MS);
    failed(&f, rc, ERROR_NOT_READY, "answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_set),
        cmocka_unit_test(it_is_set_and_refused),
        cmocka_unit_test(it_lies),
        cmocka_unit_test(odd_clocks),
        cmocka_unit_test(late),
        cmocka_unit_test(it_dies),
        cmocka_unit_test(nothing_to_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
