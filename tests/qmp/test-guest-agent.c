/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent's client against guests of every sort; see peer.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/deadline.h"
#include "libxl/guest_agent.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/peer.h"

#define SHORT_MS 200
#define LONG_MS 9000       /* valgrind is slow */

#define SYNC { PEER_RECEIVE, "\xff{\"execute\":\"guest-sync-delimited\"", 0 }
#define SYNCED { PEER_SEND_PART, "\xff", 0 }, \
               { PEER_SEND, "{\"return\": @ID@}", 0 }
#define STATUS { PEER_RECEIVE, "{\"execute\":\"guest-fsfreeze-status\"}", 0 }
#define FREEZE { PEER_RECEIVE, "{\"execute\":\"guest-fsfreeze-freeze\"}", 0 }
#define THAW { PEER_RECEIVE, "{\"execute\":\"guest-fsfreeze-thaw\"}", 0 }
#define GET { PEER_RECEIVE, "{\"execute\":\"guest-get-time\"}", 0 }
#define SET { PEER_RECEIVE, "{\"execute\":\"guest-set-time\"," \
              "\"arguments\":{\"time\":1795942444025464000}}", 0 }
#define SAY(text) { PEER_SEND, text, 0 }
#define SILENCE { PEER_SILENCE, NULL, 0 }
#define END { PEER_END, NULL, 0 }

/* Where it is not time that is to run out, there shall be enough. */
#define TIME_FOR(rc) ((rc) == ERROR_PROTOCOL_ERROR_QMP ? LONG_MS : SHORT_MS)

struct fixture {
    struct guest_agent *agent;
    struct peer *peer;
    struct diag diag;
    unsigned int timeout_ms;
};

static void begin(struct fixture *f, const struct peer_step *script,
                  unsigned int timeout_ms)
{
    int fd, rc;

    memset(f, 0, sizeof(*f));
    f->timeout_ms = timeout_ms;
    f->peer = peer_start(script, &fd);
    rc = guest_agent_adopt(fd, timeout_ms, NULL, &f->agent, &f->diag);
    assert_int_equal(rc, 0);
}

static void end(struct fixture *f)
{
    guest_agent_close(f->agent);
    peer_finish(f->peer);
}

/* What a failing call must do: end in time, say why in one line. */
static void failed(struct fixture *f, int64_t started, const char *words)
{
    assert_took_less(started, 2 * f->timeout_ms + 2000);
    if (!strstr(f->diag.text, words))
        fail_msg("'%s' does not say '%s'", f->diag.text, words);
    assert_null(strpbrk(f->diag.text, "\r\n\t\033"));
    f->diag.text[0] = 0;
}

static void status(struct fixture *f, bool expected)
{
    bool frozen = !expected;

    assert_int_equal(guest_agent_status(f->agent, &frozen, &f->diag), 0);
    assert_int_equal(frozen, expected);
}

static void freeze(struct fixture *f, uint64_t expected)
{
    uint64_t num = 99;

    assert_int_equal(guest_agent_freeze(f->agent, &num, &f->diag), 0);
    assert_int_equal(num, expected);
}

static void thaw(struct fixture *f, uint64_t expected)
{
    uint64_t num = 99;

    assert_int_equal(guest_agent_thaw(f->agent, &num, &f->diag), 0);
    assert_int_equal(num, expected);
}

static void freeze_fails(struct fixture *f, int rc, const char *words)
{
    int64_t started = deadline_now_ms();
    uint64_t num = 99;

    assert_int_equal(guest_agent_freeze(f->agent, &num, &f->diag), rc);
    assert_int_equal(num, 99);
    failed(f, started, words);
}

static void thaw_fails(struct fixture *f, int rc, const char *words)
{
    int64_t started = deadline_now_ms();
    uint64_t num = 99;

    assert_int_equal(guest_agent_thaw(f->agent, &num, &f->diag), rc);
    assert_int_equal(num, 99);
    failed(f, started, words);
}

/* ---- an agent as it should be ---- */

static void test_a_good_agent(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED,
        STATUS, SAY("{\"return\": \"thawed\"}"),
        FREEZE, SAY("{\"return\": 3}"),
        STATUS, SAY("{\"return\": \"frozen\"}"),
        THAW, { PEER_SEND_BYTES, "{\"return\": 3}", 0 },
        SILENCE,
    };
    struct fixture f;

    begin(&f, script, LONG_MS);
    status(&f, false);
    freeze(&f, 3);
    status(&f, true);
    thaw(&f, 3);
    end(&f);
}

/* A refusal is an answer: what follows needs no new number. */
static void test_refused(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED,
        FREEZE, SAY("{\"error\": {\"class\": \"GenericError\", \"desc\": "
                    "\"failed to freeze /mnt: Operation\\u001b[31m not "
                    "supported\\n\"}}"),
        FREEZE, SAY("{\"error\": 7}"),
        THAW, SAY("{\"return\": 0}"),
        SILENCE,
    };
    struct fixture f;

    begin(&f, script, LONG_MS);
    freeze_fails(&f, ERROR_INVAL, "failed to freeze /mnt");
    freeze_fails(&f, ERROR_INVAL, "without a reason");
    thaw(&f, 0);
    end(&f);
}

/* ---- what others left in the console ---- */

static void test_stale_output(void **state)
{
    static const struct peer_step script[] = {
        { PEER_SEND_RAW, "4}\n{\"return\": 1}\n{\"return\": \"fro", 0 },
        SYNC,
        /* the agent's complaint about our sentinel, and another's number */
        SAY("{\"error\": {\"class\": \"GenericError\", \"desc\": \"stray\"}}"),
        { PEER_SEND_PART, "\xff", 0 }, SAY("{\"return\": 4503599627370497}"),
        /* the right number, without a sentinel: an echo */
        SAY("{\"return\": @ID@}"),
        SAY("[1, 2]"), SAY("Debian GNU/Linux 12 hvc1"), SAY("login:"),
        { PEER_SEND_PART, "{\"half\": \xff\xff", 0 },
        SAY("{\"return\": @ID@}"),
        STATUS, SAY("{\"execute\":\"guest-fsfreeze-status\"}"),
        SAY("{\"return\": \"thawed\"}"),
        SILENCE,
    };
    struct fixture f;

    begin(&f, script, LONG_MS);
    status(&f, false);
    end(&f);
}

/* ---- nobody, or somebody else ---- */

static const struct sync_case {
    const char *what;
    struct peer_step script[6];
    int rc;
    const char *words;
} sync_cases[] = {
    { "silence", { SYNC, SILENCE }, ERROR_NOT_READY, "no agent answered" },
    { "the end", { SYNC, END }, ERROR_PROTOCOL_ERROR_QMP, "has ended" },
    { "half a line", { SYNC, { PEER_SEND_RAW, "\xff{\"return\": 12", 0 },
      SILENCE }, ERROR_NOT_READY, "no agent answered" },
    { "half a line, and the end", { SYNC, { PEER_SEND_RAW, "\xff{\"ret", 0 },
      END }, ERROR_PROTOCOL_ERROR_QMP, "has ended" },
    { "an echo", { SYNC, { PEER_SEND_PART, "\xff", 0 },
      SAY("{\"execute\": \"guest-sync-delimited\"}"), SILENCE },
      ERROR_NOT_READY, "no agent answered" },
    { "a wrong number", { SYNC, { PEER_SEND_PART, "\xff", 0 },
      SAY("{\"return\": 1@ID@}"), SILENCE },
      ERROR_NOT_READY, "no agent answered" },
    { "a number of another kind", { SYNC, { PEER_SEND_PART, "\xff", 0 },
      SAY("{\"return\": \"@ID@\"}"), SILENCE },
      ERROR_NOT_READY, "no agent answered" },
    { "no sentinel", { SYNC, SAY("{\"return\": @ID@}"), SILENCE },
      ERROR_NOT_READY, "no agent answered" },
    { "the sentinel behind", { SYNC, { PEER_SEND_PART, "{\"return\": @ID@}", 0 },
      { PEER_SEND_RAW, "\xff\n", 0 }, SILENCE },
      ERROR_NOT_READY, "no agent answered" },
    { "garbage for ever", { SYNC, { PEER_FLOOD, "\x01\x02 \x1b[2J", 0 } },
      ERROR_PROTOCOL_ERROR_QMP, "4096 lines" },
    { "objects for ever", { SYNC, { PEER_FLOOD, "{\"return\": 1}", 0 } },
      ERROR_PROTOCOL_ERROR_QMP, "4096 lines" },
    { "empty lines for ever", { SYNC, { PEER_FLOOD, "", 0 } },
      ERROR_NOT_READY, "no agent answered" },
};

static void test_no_agent(void **state)
{
    struct fixture f;
    size_t i;

    for (i = 0; i < sizeof(sync_cases) / sizeof(sync_cases[0]); i++) {
        print_message("    %s\n", sync_cases[i].what);
        begin(&f, sync_cases[i].script, TIME_FOR(sync_cases[i].rc));
        freeze_fails(&f, sync_cases[i].rc, sync_cases[i].words);
        end(&f);
    }
}

static void test_a_line_without_end(void **state)
{
    char *text = malloc(GUEST_AGENT_MAX_LINE + 2);
    struct peer_step script[] = {
        SYNC, { PEER_SEND_RAW, text, 0 }, SILENCE,
    };
    struct fixture f;

    memset(text, 'x', GUEST_AGENT_MAX_LINE + 1);
    text[GUEST_AGENT_MAX_LINE + 1] = 0;
    begin(&f, script, LONG_MS);
    freeze_fails(&f, ERROR_BUFFERFULL, "more than 1048576 bytes");
    freeze_fails(&f, ERROR_PROTOCOL_ERROR_QMP, "failed before");
    end(&f);
    free(text);
}

/* A NUL ends no line, and no text that somebody compares. */
static void test_nul_bytes(void **state)
{
    static const struct peer_step script[] = {
        SYNC, { PEER_ZERO, NULL, 0 }, SAY(""),
        { PEER_SEND_PART, "\xff", 0 }, { PEER_ZERO, NULL, 0 },
        SAY("{\"return\": @ID@}"),
        { PEER_SEND_PART, "\xff", 0 }, { PEER_SEND_PART, "{\"return\": @ID@}", 0 },
        { PEER_ZERO, NULL, 0 }, SAY(""),
        SILENCE,
    };
    struct fixture f;

    begin(&f, script, SHORT_MS);
    freeze_fails(&f, ERROR_NOT_READY, "no agent answered");
    end(&f);
}

/* ---- a command's answer ---- */

static const struct answer_case {
    const char *what;
    struct peer_step script[6];
    int rc;
    const char *words;
} answer_cases[] = {
    { "silence", { SYNC, SYNCED, FREEZE, SILENCE }, ERROR_TIMEDOUT,
      "did not answer guest-fsfreeze-freeze within 1 s" },
    { "the end", { SYNC, SYNCED, FREEZE, END }, ERROR_PROTOCOL_ERROR_QMP,
      "has ended" },
    { "a string", { SYNC, SYNCED, FREEZE, SAY("{\"return\": \"3\"}"), SILENCE },
      ERROR_PROTOCOL_ERROR_QMP, "unknown shape" },
    { "null", { SYNC, SYNCED, FREEZE, SAY("{\"return\": null}"), SILENCE },
      ERROR_PROTOCOL_ERROR_QMP, "unknown shape" },
    { "less than nothing", { SYNC, SYNCED, FREEZE, SAY("{\"return\": -1}"),
      SILENCE }, ERROR_PROTOCOL_ERROR_QMP, "unknown shape" },
    { "far too many", { SYNC, SYNCED, FREEZE,
      SAY("{\"return\": 18446744073709551615}"), SILENCE },
      ERROR_PROTOCOL_ERROR_QMP, "unknown shape" },
    { "neither result nor error", { SYNC, SYNCED, FREEZE,
      { PEER_FLOOD, "{\"event\": \"x\"}", 0 } }, ERROR_PROTOCOL_ERROR_QMP,
      "4096 lines" },
    { "garbage", { SYNC, SYNCED, FREEZE, { PEER_FLOOD, "}{", 0 } },
      ERROR_PROTOCOL_ERROR_QMP, "4096 lines" },
};

static void test_bad_answers(void **state)
{
    struct fixture f;
    size_t i;

    for (i = 0; i < sizeof(answer_cases) / sizeof(answer_cases[0]); i++) {
        print_message("    %s\n", answer_cases[i].what);
        begin(&f, answer_cases[i].script, TIME_FOR(answer_cases[i].rc));
        freeze_fails(&f, answer_cases[i].rc, answer_cases[i].words);
        end(&f);
    }
}

static void test_bad_status(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED, STATUS, SAY("{\"return\": \"frosted\"}"),
        SYNC, SYNCED, STATUS, SAY("{\"return\": {}}"),
        SILENCE,
    };
    bool frozen;
    struct fixture f;
    int i;

    begin(&f, script, LONG_MS);
    for (i = 0; i < 2; i++)
        assert_int_equal(guest_agent_status(f.agent, &frozen, &f.diag),
                         ERROR_PROTOCOL_ERROR_QMP);
    end(&f);
}

/* ---- a freeze that takes too long ---- */

/* Its late answer is not taken for the thaw's. */
static void test_a_late_freeze(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED, FREEZE, SYNC, SAY("{\"return\": 7}"), SYNCED,
        THAW, SAY("{\"return\": 2}"),
        SILENCE,
    };
    struct fixture f;

    begin(&f, script, SHORT_MS);
    freeze_fails(&f, ERROR_TIMEDOUT, "did not answer");
    thaw(&f, 2);
    end(&f);
}

/* It hangs for good: the thaw is left for it to find. */
static void test_a_freeze_for_ever(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED, FREEZE, SYNC, THAW, SILENCE,
    };
    struct fixture f;

    begin(&f, script, SHORT_MS);
    freeze_fails(&f, ERROR_TIMEDOUT, "did not answer");
    thaw_fails(&f, ERROR_NOT_READY, "no agent answered");
    end(&f);
}

/* ---- the clock ---- */

static void test_a_clock(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED, GET, SAY("{\"return\": -9223372036854775808}"),
        SET, SAY("{\"return\": {}}"),
        GET, SAY("{\"return\": 1795942444025464000}"),
        SET, SAY("{\"error\": {\"class\": \"GenericError\", \"desc\": "
                 "\"hwclock failed\"}}"),
        SILENCE,
    };
    struct fixture f;
    int64_t ns = 0;

    begin(&f, script, LONG_MS);
    assert_int_equal(guest_agent_get_time(f.agent, &ns, &f.diag), 0);
    assert_true(ns == INT64_MIN);
    ns = INT64_C(1795942444025464000);
    assert_int_equal(guest_agent_set_time(f.agent, ns, &f.diag), 0);
    ns = 0;
    assert_int_equal(guest_agent_get_time(f.agent, &ns, &f.diag), 0);
    assert_true(ns == INT64_C(1795942444025464000));
    assert_int_equal(guest_agent_set_time(f.agent, ns, &f.diag), ERROR_INVAL);
    assert_non_null(strstr(f.diag.text, "hwclock failed"));
    end(&f);
}

static void test_odd_times(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED, GET, SAY("{\"return\": \"noon\"}"),
        SYNC, SYNCED, GET, SAY("{\"return\": 9223372036854775808}"),
        SYNC, SYNCED, GET, SAY("{\"return\": 1.5}"),
        SYNC, SYNCED, GET, SAY("{\"return\": null}"),
        SILENCE,
    };
    int64_t ns = 99;
    struct fixture f;
    int i;

    begin(&f, script, LONG_MS);
    for (i = 0; i < 4; i++)
        assert_int_equal(guest_agent_get_time(f.agent, &ns, &f.diag),
                         ERROR_PROTOCOL_ERROR_QMP);
    assert_true(ns == 99);
    end(&f);
}

/* What is left of the time is for whatever comes next, and no more. */
static void test_the_end_of_time(void **state)
{
    static const struct peer_step script[] = {
        SYNC, SYNCED, GET, SYNC, SILENCE,
    };
    int64_t started = deadline_now_ms(), ns = 99;
    struct fixture f;
    int rc;

    begin(&f, script, LONG_MS);
    guest_agent_end_by(f.agent, deadline_after(4 * SHORT_MS));
    rc = guest_agent_get_time(f.agent, &ns, &f.diag);
    assert_int_equal(rc, ERROR_TIMEDOUT);
    rc = guest_agent_get_time(f.agent, &ns, &f.diag);
    assert_int_equal(rc, ERROR_NOT_READY);
    assert_took_less(started, LONG_MS - 1000);
    end(&f);
}

static void test_connecting(void **state)
{
    struct guest_agent *agent = NULL;
    struct diag diag = { "" };
    char longer[256];
    int rc;

    rc = guest_agent_open("/nonexistent/agent", SHORT_MS, NULL, &agent, &diag);
    assert_int_equal(rc, ERROR_NOTFOUND);
    assert_non_null(strstr(diag.text, "/nonexistent/agent"));
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    rc = guest_agent_open(longer, SHORT_MS, NULL, &agent, &diag);
    assert_int_equal(rc, ERROR_INVAL);
    assert_null(agent);
    guest_agent_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_agent),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_stale_output),
        cmocka_unit_test(test_no_agent),
        cmocka_unit_test(test_a_line_without_end),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_bad_status),
        cmocka_unit_test(test_a_late_freeze),
        cmocka_unit_test(test_a_freeze_for_ever),
        cmocka_unit_test(test_a_clock),
        cmocka_unit_test(test_odd_times),
        cmocka_unit_test(test_the_end_of_time),
        cmocka_unit_test(test_connecting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
