/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is sent to attach an overlay, to put it on top, to be rid of it; and
 * what becomes of answers of all kinds. */
#include "config.h"

#include <string.h>

#include "libxl/qmp_overlay.h"
#include "libxl/qmp_transaction.h"
#include "libxl/qmp_transport.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/peer.h"

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
    rc = qmp_client_negotiate(f->client, deadline_after(5000), NULL);
    assert_int_equal(rc, 0);
}

static void end(struct fixture *f)
{
    qmp_client_free(f->client);
    peer_finish(f->peer);
}

#define BY deadline_after(5000)
#define EXPECT(text) { PEER_RECEIVE, text, 0 }
#define RETURN(value) { PEER_SEND, "{\"return\": " value ", \"id\": \"@ID@\"}", 0 }
#define REFUSE { PEER_SEND, "{\"error\": {\"class\": \"GenericError\", " \
                 "\"desc\": \"no\"}, \"id\": \"@ID@\"}", 0 }
#define SILENCE { PEER_SILENCE, NULL, 0 }

static const struct qmp_overlay plain = {
    .node = "xls-ovl-51712-1", .path = "/i/a \"b\".ov", .format = "qcow2",
    .discard = true,
};

static void test_attach(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("{\"execute\":\"blockdev-add\","), RETURN("{}"),
        EXPECT("\"arguments\":{\"driver\":\"qcow2\","
               "\"node-name\":\"xls-ovl-51712-1\",\"backing\":null,"
               "\"cache\":{\"direct\":false,\"no-flush\":false},"
               "\"discard\":\"unmap\",\"file\":{\"driver\":\"file\","
               "\"filename\":\"/i/a \\\"b\\\".ov\",\"locking\":\"off\","
               "\"cache\":{\"direct\":false,\"no-flush\":false},"
               "\"discard\":\"unmap\"}}"),
        REFUSE,
        EXPECT("\"arguments\":{\"driver\":\"qed\",\"node-name\":\"n\","
               "\"backing\":null,\"cache\":{\"direct\":true,\"no-flush\":true},"
               "\"discard\":\"ignore\",\"detect-zeroes\":\"on\","
               "\"file\":{\"driver\":\"host_device\",\"filename\":\"/dev/v\","
               "\"locking\":\"off\",\"aio\":\"native\","
               "\"cache\":{\"direct\":true,\"no-flush\":true},"
               "\"discard\":\"ignore\"}}"),
        RETURN("\"whatever\""),
        EXPECT("{\"execute\":\"blockdev-del\","), RETURN("{}"),
        EXPECT("\"arguments\":{\"node-name\":\"n\"}"), REFUSE,
        SILENCE,
    };
    static const struct qmp_overlay odd = {
        .node = "n", .path = "/dev/v", .format = "qed", .block_device = true,
        .direct = true, .no_flush = true, .detect_zeroes = "on",
    };
    static const struct qmp_overlay no_utf8 = {
        .node = "n", .path = "/i/\xff", .format = "qcow2",
    };
    struct fixture f;

    begin(&f, script);
    assert_int_equal(qmp_overlay_attach(f.client, &plain, BY, &f.diag), 0);
    assert_int_equal(qmp_overlay_attach(f.client, &plain, BY, &f.diag),
                     ERROR_QMP_GENERIC_ERROR);
    assert_string_equal(f.diag.text, "QEMU refused blockdev-add: no");
    assert_int_equal(qmp_overlay_attach(f.client, &no_utf8, BY, &f.diag),
                     ERROR_INVAL);      /* and nothing is sent */
    assert_int_equal(qmp_overlay_attach(f.client, &odd, BY, &f.diag), 0);
    assert_int_equal(qmp_overlay_detach(f.client, "n", BY, &f.diag), 0);
    assert_int_equal(qmp_overlay_detach(f.client, "n", BY, &f.diag),
                     ERROR_QMP_GENERIC_ERROR);
    end(&f);
}

static const struct qmp_transaction_action mixed[] = {
    { .type = QMP_TRANSACTION_BITMAP_ADD, .node = "o", .name = "cp 1",
      .granularity = 131072 },
    { .type = QMP_TRANSACTION_OVERLAY, .node = "a", .overlay = "o" },
    { .type = QMP_TRANSACTION_SNAPSHOT, .node = "b", .name = "s1" },
};

static void test_transaction(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("\"arguments\":{\"actions\":["
               "{\"type\":\"block-dirty-bitmap-add\",\"data\":{\"node\":\"o\","
               "\"name\":\"cp 1\",\"granularity\":131072,\"persistent\":true}},"
               "{\"type\":\"blockdev-snapshot\",\"data\":{\"node\":\"a\","
               "\"overlay\":\"o\"}},"
               "{\"type\":\"blockdev-snapshot-internal-sync\","
               "\"data\":{\"device\":\"b\",\"name\":\"s1\"}}]}"),
        RETURN("{}"),
        EXPECT("transaction"), REFUSE,
        EXPECT("transaction"),
        { PEER_SEND, "{\"error\": {\"class\": \"Odd\", \"desc\": 7}, "
          "\"id\": \"@ID@\"}", 0 },
        SILENCE,
    };
    struct qmp_transaction_action bad = mixed[2];
    struct fixture f;
    int rc;

    begin(&f, script);
    bad.name = "1";
    assert_int_equal(qmp_transaction(f.client, &bad, 1, BY, &f.diag),
                     ERROR_INVAL);      /* and nothing is sent */
    assert_int_equal(qmp_transaction(f.client, mixed, 3, BY, &f.diag), 0);
    rc = qmp_transaction(f.client, mixed, 3, BY, &f.diag);
    assert_int_equal(rc, ERROR_QMP_GENERIC_ERROR);
    assert_true(qmp_error_is_refusal(rc));
    assert_true(qmp_transaction(f.client, mixed, 3, BY, &f.diag));
    end(&f);
}

/* Whatever comes instead of an answer must not be taken for a refusal, which
 * would mean that nothing was done. */
static void expect_unknown(const struct peer_step *script, unsigned int ms)
{
    struct fixture f;
    int rc;

    begin(&f, script);
    rc = qmp_transaction(f.client, mixed, 3, deadline_after(ms), &f.diag);
    assert_true(rc < 0);
    assert_false(qmp_error_is_refusal(rc));
    assert_true(f.diag.text[0]);
    end(&f);
}

static void test_no_answer(void **state)
{
    static const struct peer_step closes[] = {
        PEER_NEGOTIATION, EXPECT("transaction"), { PEER_END, NULL, 0 },
    };
    static const struct peer_step silent[] = {
        PEER_NEGOTIATION, EXPECT("transaction"), SILENCE,
    };
    static const struct peer_step garbage[] = {
        PEER_NEGOTIATION, EXPECT("transaction"),
        { PEER_SEND, "{\"return\": }", 0 }, SILENCE,
    };
    static const struct peer_step somebody_elses[] = {
        PEER_NEGOTIATION, EXPECT("transaction"),
        { PEER_SEND, "{\"error\": {\"class\": \"GenericError\", "
          "\"desc\": \"no\"}, \"id\": \"mine\"}", 0 }, SILENCE,
    };

    expect_unknown(closes, 5000);
    expect_unknown(silent, 200);
    expect_unknown(garbage, 5000);
    expect_unknown(somebody_elses, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach),
        cmocka_unit_test(test_transaction),
        cmocka_unit_test(test_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
