/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client against peers of every sort; see peer.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/qmp_client.h"
#include "libxl/qmp_transport.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/peer.h"

#define SHORT_MS 150
#define LONG_MS 20000      /* valgrind is slow */

struct fixture {
    struct qmp_client *client;
    struct peer *peer;
    struct diag diag;
};

static void begin(struct fixture *f, const struct peer_step *script)
{
    struct qmp_transport *transport;
    int fd, rc;

    memset(f, 0, sizeof(*f));
    f->peer = peer_start(script, &fd);
    rc = qmp_transport_adopt(fd, 1u << 20, &transport, NULL);
    assert_int_equal(rc, 0);
    rc = qmp_client_alloc(transport, NULL, &f->client);
    assert_int_equal(rc, 0);
}

static void end(struct fixture *f)
{
    qmp_client_free(f->client);
    peer_finish(f->peer);
}

static void negotiate(struct fixture *f, unsigned int ms, int expected)
{
    int64_t started = deadline_now_ms();
    int rc;

    rc = qmp_client_negotiate(f->client, deadline_after(ms), &f->diag);
    assert_int_equal(rc, expected);
    assert_took_less(started, ms + 2000);
    if (rc) assert_true(f->diag.text[0]);
}

/* One command, whose reply must be this: a result, or an error. */
static void execute(struct fixture *f, unsigned int ms, int expected)
{
    xjson *untouched = (xjson *)&f->diag, *reply = untouched;
    int64_t started = deadline_now_ms();
    int rc;

    rc = qmp_client_execute(f->client, "query-status", NULL, NULL,
                            deadline_after(ms), &reply, &f->diag);
    assert_int_equal(rc, expected);
    assert_took_less(started, ms + 2000);
    if (rc) {
        assert_ptr_equal(reply, untouched);
        assert_true(f->diag.text[0]);
        assert_null(strpbrk(f->diag.text, "\r\n\t\033"));
    } else {
        assert_string_equal(xjson_string(qmp_reply_value(reply)), "fine");
        xjson_free(reply);
    }
}

#define FINE { PEER_SEND, "{\"return\": \"fine\", \"id\": \"@ID@\"}", 0 }
#define COMMAND { PEER_RECEIVE, "query-status", 0 }
#define SILENCE { PEER_SILENCE, NULL, 0 }
#define END { PEER_END, NULL, 0 }

/* ---- the greeting ---- */

static const struct greeting_case {
    const char *what;
    struct peer_step script[6];
    int rc;
} greeting_cases[] = {
    { "silence", { SILENCE }, ERROR_TIMEDOUT },
    { "the end", { END }, ERROR_PROTOCOL_ERROR_QMP },
    { "garbage", { { PEER_SEND, "SSH-2.0-OpenSSH", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP },
    { "no object", { { PEER_SEND, "[1]", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP },
    { "half a greeting", { { PEER_SEND_RAW, "{\"QMP\": {\"ver", 0 }, END },
      ERROR_PROTOCOL_ERROR_QMP },
    { "only events", { { PEER_FLOOD, "{\"event\": \"X\"}", 0 } },
      ERROR_PROTOCOL_ERROR_QMP },
    { "no version", { { PEER_SEND, "{\"QMP\": {}}", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP },
    { "an odd version", { { PEER_SEND, "{\"QMP\": {\"version\": {\"qemu\": "
      "{\"major\": 18446744073709551616, \"minor\": 0, \"micro\": 0}}}}", 0 },
      SILENCE }, ERROR_PROTOCOL_ERROR_QMP },
    { "a negative version", { { PEER_SEND, "{\"QMP\": {\"version\": {\"qemu\": "
      "{\"major\": -7, \"minor\": 0, \"micro\": 0}}}}", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP },
    { "a version of strings", { { PEER_SEND, "{\"QMP\": {\"version\": {\"qemu\": "
      "{\"major\": \"7\", \"minor\": 0, \"micro\": 0}}}}", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP },
    { "two members of one name", { { PEER_SEND, "{\"QMP\": {}, \"QMP\": {}}", 0 },
      SILENCE }, ERROR_PROTOCOL_ERROR_QMP },
    { "no answer to the negotiation", { PEER_GREETING, { PEER_RECEIVE, "", 0 },
      SILENCE }, ERROR_TIMEDOUT },
    { "the end in the negotiation", { PEER_GREETING, { PEER_RECEIVE, "", 0 },
      END }, ERROR_PROTOCOL_ERROR_QMP },
    { "the end after the greeting", { PEER_GREETING, END },
      ERROR_PROTOCOL_ERROR_QMP },
    { "refused", { PEER_GREETING, { PEER_RECEIVE, "", 0 }, { PEER_SEND,
      "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}, "
      "\"id\": \"@ID@\"}", 0 }, SILENCE }, ERROR_QMP_COMMAND_NOT_FOUND },
};

static void test_bad_greetings(void **state)
{
    struct fixture f;
    size_t i;

    for (i = 0; i < sizeof(greeting_cases) / sizeof(greeting_cases[0]); i++) {
        print_message("  %s\n", greeting_cases[i].what);
        begin(&f, greeting_cases[i].script);
        negotiate(&f, greeting_cases[i].rc == ERROR_TIMEDOUT ? SHORT_MS :
                  LONG_MS, greeting_cases[i].rc);
        /* and then there is nothing more to be done with it */
        execute(&f, SHORT_MS, ERROR_INVAL);
        assert_int_equal(qmp_client_version(f.client).major, 0);
        end(&f);
    }
}

static void test_good_greeting(void **state)
{
    static const struct peer_step script[] = {
        /* left over from whoever was here before */
        { PEER_SEND, "{\"return\": {}, \"id\": \"other\"}", 0 },
        { PEER_SEND, "{\"event\": \"X\"}", 0 },
        PEER_NEGOTIATION, COMMAND, FINE, SILENCE,
    };
    struct qmp_version version;
    struct fixture f;

    begin(&f, script);
    execute(&f, SHORT_MS, ERROR_INVAL);         /* too early */
    negotiate(&f, LONG_MS, 0);
    version = qmp_client_version(f.client);
    assert_int_equal(version.major, 7);
    assert_int_equal(version.minor, 2);
    assert_int_equal(version.micro, 22);
    negotiate(&f, LONG_MS, ERROR_INVAL);        /* once is enough */
    execute(&f, LONG_MS, 0);
    end(&f);
}

/* ---- answers ---- */

/* Each script begins where the command has been received. */
static const struct answer_case {
    const char *what;
    struct peer_step script[8];
    int rc;
    bool goes_on;               /* the next command is then answered well */
} answer_cases[] = {
    { "fine", { FINE, COMMAND, FINE, SILENCE }, 0, true },
    { "byte by byte", { { PEER_SEND_BYTES,
      "{\"return\": \"fine\", \"id\": \"@ID@\"}", 0 }, COMMAND, FINE, SILENCE },
      0, true },
    { "events in between", { { PEER_REPEAT, "{\"event\": \"STOP\", \"data\": {}}",
      5000 }, FINE, COMMAND, FINE, SILENCE }, 0, true },
    { "an event that looks like an answer", { { PEER_SEND,
      "{\"event\": \"X\", \"return\": \"no\", \"id\": \"@ID@\"}", 0 }, FINE,
      COMMAND, FINE, SILENCE }, 0, true },
    { "two answers in one packet", { { PEER_SEND,
      "{\"return\": \"other\", \"id\": \"x\"}\r\n"
      "{\"return\": \"fine\", \"id\": \"@ID@\"}", 0 }, COMMAND, FINE, SILENCE },
      0, true },
    { "the same answer twice", { FINE, FINE, COMMAND, FINE, SILENCE }, 0, true },
    { "other ids", {
      { PEER_SEND, "{\"return\": \"other\", \"id\": \"@ID@0\"}", 0 },
      { PEER_SEND, "{\"return\": \"other\", \"id\": 1}", 0 },
      { PEER_SEND, "{\"return\": \"other\", \"id\": {\"a\": \"@ID@\"}}", 0 },
      { PEER_SEND, "{\"return\": \"other\", \"id\": \"@OLD@\"}", 0 },
      { PEER_SEND, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"\"}, "
        "\"id\": \"xlsnapshot-\"}", 0 },
      FINE, SILENCE }, 0, false },
    { "no id at all", { { PEER_SEND, "{\"return\": \"other\"}", 0 }, SILENCE },
      ERROR_TIMEDOUT, false },
    { "silence", { SILENCE }, ERROR_TIMEDOUT, false },
    { "half an answer, then silence", { { PEER_SEND_RAW, "{\"return\"", 0 },
      SILENCE }, ERROR_TIMEDOUT, false },
    { "a late answer", { { PEER_SLEEP, NULL, 2 * SHORT_MS }, FINE, COMMAND, FINE,
      SILENCE }, ERROR_TIMEDOUT, true },
    { "a late error", { { PEER_SLEEP, NULL, 2 * SHORT_MS }, { PEER_SEND,
      "{\"error\": {\"class\": \"GenericError\", \"desc\": \"\"}, \"id\": "
      "\"@ID@\"}", 0 }, COMMAND, FINE, SILENCE }, ERROR_TIMEDOUT, true },
    { "the end", { END }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "half an answer, then the end", { { PEER_SEND_RAW, "{\"return\"", 0 },
      END }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "a flood of events", { { PEER_FLOOD, "{\"event\": \"X\"}", 0 } },
      ERROR_PROTOCOL_ERROR_QMP, false },
    { "a line that does not end", { { PEER_SEND_RAW, "{", 0 }, { PEER_FLOOD,
      "", 0 } }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "garbage", { { PEER_SEND, "\001\002\003", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP, false },
    { "two values in one line", { { PEER_SEND, "{} {}", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP, false },
    { "no object", { { PEER_SEND, "\"fine\"", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP, false },
    { "broken UTF-8", { { PEER_SEND, "{\"return\": \"\xff\xfe\", \"id\": "
      "\"@ID@\"}", 0 }, SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "a member twice", { { PEER_SEND, "{\"return\": \"fine\", \"return\": 1, "
      "\"id\": \"@ID@\"}", 0 }, SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "a huge number elsewhere", { { PEER_SEND, "{\"return\": \"fine\", \"n\": "
      "1e999, \"id\": \"@ID@\"}", 0 }, COMMAND, FINE, SILENCE }, 0, true },
    { "a result and an error", { { PEER_SEND, "{\"return\": \"fine\", \"error\": "
      "{\"class\": \"GenericError\", \"desc\": \"x\"}, \"id\": \"@ID@\"}", 0 },
      SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "neither", { { PEER_SEND, "{\"id\": \"@ID@\"}", 0 }, SILENCE },
      ERROR_PROTOCOL_ERROR_QMP, false },
    { "GenericError", { { PEER_SEND, "{\"error\": {\"class\": \"GenericError\", "
      "\"desc\": \"two\\nlines \\u001b[31m\"}, \"id\": \"@ID@\"}", 0 }, COMMAND,
      FINE, SILENCE }, ERROR_QMP_GENERIC_ERROR, true },
    { "CommandNotFound", { { PEER_SEND, "{\"error\": {\"class\": "
      "\"CommandNotFound\", \"desc\": \"x\"}, \"id\": \"@ID@\"}", 0 }, COMMAND,
      FINE, SILENCE }, ERROR_QMP_COMMAND_NOT_FOUND, true },
    { "DeviceNotActive", { { PEER_SEND, "{\"error\": {\"class\": "
      "\"DeviceNotActive\", \"desc\": \"x\"}, \"id\": \"@ID@\"}", 0 }, COMMAND,
      FINE, SILENCE }, ERROR_QMP_DEVICE_NOT_ACTIVE, true },
    { "DeviceNotFound", { { PEER_SEND, "{\"error\": {\"class\": "
      "\"DeviceNotFound\", \"desc\": \"x\"}, \"id\": \"@ID@\"}", 0 }, COMMAND,
      FINE, SILENCE }, ERROR_QMP_DEVICE_NOT_FOUND, true },
    { "an unknown class", { { PEER_SEND, "{\"error\": {\"class\": \"Newer\", "
      "\"desc\": \"x\"}, \"id\": \"@ID@\"}", 0 }, COMMAND, FINE, SILENCE },
      ERROR_UNKNOWN_QMP_ERROR, true },
    { "an error without an id", { { PEER_SEND, "{\"error\": {\"class\": "
      "\"GenericError\", \"desc\": \"x\"}}", 0 }, COMMAND, FINE, SILENCE },
      ERROR_QMP_GENERIC_ERROR, true },
    { "an error without a class", { { PEER_SEND, "{\"error\": {\"desc\": \"x\"}, "
      "\"id\": \"@ID@\"}", 0 }, SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "an error without words", { { PEER_SEND, "{\"error\": {\"class\": \"x\"}, "
      "\"id\": \"@ID@\"}", 0 }, SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "an error of numbers", { { PEER_SEND, "{\"error\": {\"class\": 1, \"desc\": "
      "2}, \"id\": \"@ID@\"}", 0 }, SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "an error that is a string", { { PEER_SEND, "{\"error\": \"x\", "
      "\"id\": \"@ID@\"}", 0 }, SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
    { "an error that is null", { { PEER_SEND, "{\"error\": null, "
      "\"id\": \"@ID@\"}", 0 }, SILENCE }, ERROR_PROTOCOL_ERROR_QMP, false },
};

static void run_answer_case(const struct answer_case *c)
{
    struct peer_step script[16] = { PEER_NEGOTIATION, COMMAND };
    size_t n = 0;
    struct fixture f;

    while (script[n].text)
        n++;
    memcpy(script + n, c->script, sizeof(c->script));
    begin(&f, script);
    negotiate(&f, LONG_MS, 0);
    execute(&f, c->rc == ERROR_TIMEDOUT ? SHORT_MS : LONG_MS, c->rc);
    if (c->goes_on) execute(&f, LONG_MS, 0);
    if (c->rc == ERROR_PROTOCOL_ERROR_QMP) execute(&f, SHORT_MS, ERROR_INVAL);
    end(&f);
}

static void test_answers(void **state)
{
    size_t i;

    for (i = 0; i < sizeof(answer_cases) / sizeof(answer_cases[0]); i++) {
        print_message("  %s\n", answer_cases[i].what);
        run_answer_case(&answer_cases[i]);
    }
}

static void test_an_answer_that_is_too_long(void **state)
{
    char *text = malloc((1u << 20) + 16);
    struct peer_step script[] = {
        PEER_NEGOTIATION, COMMAND, { PEER_SEND, text, 0 }, SILENCE,
    };
    struct fixture f;

    memset(text, ' ', (1u << 20) + 15);
    text[(1u << 20) + 15] = 0;
    begin(&f, script);
    negotiate(&f, LONG_MS, 0);
    execute(&f, LONG_MS, ERROR_BUFFERFULL);
    execute(&f, SHORT_MS, ERROR_INVAL);
    end(&f);
    free(text);
}

static void test_deep_nesting(void **state)
{
    char text[5001];
    struct peer_step script[] = {
        PEER_NEGOTIATION, COMMAND, { PEER_SEND, text, 0 }, SILENCE,
    };
    struct fixture f;

    memset(text, '[', 5000);
    text[5000] = 0;
    begin(&f, script);
    negotiate(&f, LONG_MS, 0);
    execute(&f, LONG_MS, ERROR_PROTOCOL_ERROR_QMP);
    end(&f);
}

/* ---- commands ---- */

static void write_arguments(xjson_writer *w, const void *user)
{
    xjson_write_member_string(w, "device", user);
}

static void test_arguments(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        { PEER_RECEIVE, "\"arguments\":{\"device\":\"a \\\"b\\\" \\n\"}}", 0 },
        FINE, COMMAND, FINE, SILENCE,
    };
    struct fixture f;
    int rc;

    begin(&f, script);
    negotiate(&f, LONG_MS, 0);
    /* text that cannot be sent is noticed before anything is sent */
    rc = qmp_client_execute(f.client, "x", write_arguments, "\xff",
                            deadline_after(LONG_MS), NULL, &f.diag);
    assert_int_equal(rc, ERROR_INVAL);
    rc = qmp_client_execute(f.client, "x", write_arguments, "a \"b\" \n",
                            deadline_after(LONG_MS), NULL, &f.diag);
    assert_int_equal(rc, 0);
    execute(&f, LONG_MS, 0);
    end(&f);
}

static void test_ids_differ(void **state)
{
    /* the first's id is never the second's */
    static const struct peer_step script[] = {
        PEER_NEGOTIATION, COMMAND, FINE, COMMAND,
        { PEER_SEND, "{\"return\": \"other\", \"id\": \"@OLD@\"}", 0 },
        FINE, SILENCE,
    };
    struct fixture f;

    begin(&f, script);
    negotiate(&f, LONG_MS, 0);
    execute(&f, LONG_MS, 0);
    execute(&f, LONG_MS, 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_greeting),
        cmocka_unit_test(test_bad_greetings),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_an_answer_that_is_too_long),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_ids_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
