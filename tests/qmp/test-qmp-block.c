/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is sent for each typed command, and what becomes of odd answers. */
#include "config.h"

#include <string.h>

#include "libxl/block_graph.h"
#include "libxl/qmp_block.h"
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

static void test_replies(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("\"query-block\""),
        RETURN("[{\"qdev\": \"/d0\", \"inserted\": {\"node-name\": \"n0\"}}, "
               "{\"qdev\": \"/d1\"}, {\"inserted\": {}}, "
               "{\"qdev\": \"/d2\", \"inserted\": {}}, "
               "{\"qdev\": \"/d3\", \"inserted\": {}}, 7]"),
        EXPECT("{\"path\":\"/d0\",\"property\":\"type\"}"), RETURN("\"xen-disk\""),
        EXPECT("{\"path\":\"/d0\",\"property\":\"vdev\"}"), RETURN("\"xvda0\""),
        EXPECT("{\"path\":\"/d0\",\"property\":\"drive\"}"), RETURN("\"n0\""),
        EXPECT("{\"path\":\"/d2\",\"property\":\"type\"}"), RETURN("\"ide-hd\""),
        EXPECT("{\"path\":\"/d3\",\"property\":\"type\"}"), REFUSE,   /* unplugged */
        EXPECT("\"query-jobs\""), RETURN("[]"),
        EXPECT("{\"flat\":true}"), RETURN("[]"),
        SILENCE,
    };
    struct block_replies replies;
    struct fixture f;

    begin(&f, script);
    block_replies_init(&replies);
    assert_int_equal(qmp_query_block_replies(f.client, BY, &replies, &f.diag), 0);
    assert_int_equal(replies.num_devices, 3);
    assert_string_equal(replies.devices[0].vdev, "xvda0");
    assert_string_equal(replies.devices[0].drive, "n0");
    assert_null(replies.devices[1].vdev);
    assert_null(replies.devices[2].type);
    block_replies_dispose(&replies);
    end(&f);
}

static void expect_replies_fail(const struct peer_step *script, int expected)
{
    struct block_replies replies;
    struct fixture f;

    begin(&f, script);
    block_replies_init(&replies);
    assert_int_equal(qmp_query_block_replies(f.client, BY, &replies, &f.diag),
                     expected);
    assert_true(f.diag.text[0]);
    assert_null(replies.block);
    block_replies_dispose(&replies);
    end(&f);
}

/* One of ours goes first: QEMU would die. The others stay. */
static void test_ended_stream(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("\"query-block\""), RETURN("[]"),
        EXPECT("\"query-jobs\""),
        RETURN("[{\"id\": \"xls-merge-xvda\", \"type\": \"stream\", \"status\": \"running\"}, "
               "{\"id\": \"xls-merge-xvdb\", \"type\": \"stream\", \"status\": \"concluded\"}, "
               "{\"id\": \"xls-pull-xvdd\", \"type\": \"stream\", \"status\": \"concluded\"}, "
               "{\"id\": \"xls-merge-xvdc\", \"type\": \"commit\", \"status\": \"concluded\"}]"),
        EXPECT("{\"id\":\"xls-merge-xvdb\"}"), RETURN("{}"),
        EXPECT("{\"id\":\"xls-pull-xvdd\"}"), RETURN("{}"),
        EXPECT("\"query-jobs\""),
        RETURN("[{\"id\": \"xls-merge-xvda\", \"type\": \"stream\", \"status\": \"running\"}]"),
        EXPECT("{\"flat\":true}"), RETURN("[]"),
        SILENCE,
    };
    struct block_replies replies;
    struct fixture f;

    begin(&f, script);
    block_replies_init(&replies);
    assert_int_equal(qmp_query_block_replies(f.client, BY, &replies, &f.diag), 0);
    assert_int_equal(xjson_count(qmp_reply_value(replies.jobs)), 1);
    block_replies_dispose(&replies);
    end(&f);
}

/* QEMU is never asked, unless it can be. */
static void test_stream_that_stays(void **state)
{
    static const struct peer_step somebody_elses[] = {
        PEER_NEGOTIATION, EXPECT("query-block"), RETURN("[]"),
        EXPECT("query-jobs"),
        RETURN("[{\"id\": \"x\", \"type\": \"stream\", \"status\": \"concluded\"}]"),
        SILENCE,
    };
    static const struct peer_step refused[] = {
        PEER_NEGOTIATION, EXPECT("query-block"), RETURN("[]"),
        EXPECT("query-jobs"),
        RETURN("[{\"id\": \"xls-merge-xvda\", \"type\": \"stream\", \"status\": \"concluded\"}]"),
        EXPECT("job-dismiss"), REFUSE, SILENCE,
    };

    expect_replies_fail(somebody_elses, ERROR_NOT_READY);
    expect_replies_fail(refused, ERROR_QMP_GENERIC_ERROR);
}

static void test_odd_replies(void **state)
{
    static const struct peer_step no_list[] = {
        PEER_NEGOTIATION, EXPECT(""), RETURN("{}"), SILENCE,
    };
    static const struct peer_step null[] = {
        PEER_NEGOTIATION, EXPECT(""), RETURN("null"), SILENCE,
    };
    static const struct peer_step number_for_type[] = {
        PEER_NEGOTIATION, EXPECT(""),
        RETURN("[{\"qdev\": \"/d\", \"inserted\": {}}]"),
        EXPECT("qom-get"), RETURN("5"), SILENCE,
    };
    static const struct peer_step dies_in_between[] = {
        PEER_NEGOTIATION, EXPECT(""),
        RETURN("[{\"qdev\": \"/d\", \"inserted\": {}}]"),
        EXPECT("qom-get"), { PEER_END, NULL, 0 },
    };
    static const struct peer_step no_nodes[] = {
        PEER_NEGOTIATION, EXPECT("query-block"), RETURN("[]"),
        EXPECT("query-jobs"), RETURN("[]"),
        EXPECT("query-named-block-nodes"), REFUSE, SILENCE,
    };

    expect_replies_fail(no_list, ERROR_QEMU_API);
    expect_replies_fail(null, ERROR_QEMU_API);
    expect_replies_fail(number_for_type, ERROR_QEMU_API);
    expect_replies_fail(dies_in_between, ERROR_PROTOCOL_ERROR_QMP);
    expect_replies_fail(no_nodes, ERROR_QMP_GENERIC_ERROR);
}

static void test_too_many_devices(void **state)
{
    char text[4097 * 3 + 64] = "{\"return\": [";
    struct peer_step script[] = {
        PEER_NEGOTIATION, EXPECT(""), { PEER_SEND, text, 0 }, SILENCE,
    };
    char *to = text + strlen(text);
    int i;

    for (i = 0; i < 4097; i++)
        to = stpcpy(to, i ? ",{}" : "{}");
    strcpy(to, "], \"id\": \"@ID@\"}");
    expect_replies_fail(script, ERROR_QEMU_API);
}

static void test_status_and_version(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("query-status"),
        RETURN("{\"status\": \"running\", \"running\": true, \"singlestep\": false}"),
        EXPECT("query-status"), RETURN("{\"status\": 3, \"running\": true}"),
        EXPECT("query-status"), RETURN("{\"status\": "
               "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", \"running\": true}"),
        EXPECT("query-status"), RETURN("{\"status\": \"x\"}"),
        EXPECT("query-version"),
        RETURN("{\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 13}}"),
        EXPECT("query-version"),
        RETURN("{\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 10000}}"),
        EXPECT("query-version"), RETURN("{}"),
        SILENCE,
    };
    struct qmp_version version = { 0, 0, 0 };
    struct qmp_status status;
    struct fixture f;
    int i;

    begin(&f, script);
    assert_int_equal(qmp_query_status(f.client, BY, &status, &f.diag), 0);
    assert_string_equal(status.status, "running");
    assert_true(status.running);
    for (i = 0; i < 3; i++)
        assert_int_equal(qmp_query_status(f.client, BY, &status, &f.diag),
                         ERROR_QEMU_API);
    assert_int_equal(qmp_query_version(f.client, BY, &version, &f.diag), 0);
    assert_int_equal(version.major, 10);
    assert_int_equal(version.micro, 13);
    for (i = 0; i < 2; i++)
        assert_int_equal(qmp_query_version(f.client, BY, &version, &f.diag),
                         ERROR_QEMU_API);
    assert_int_equal(version.micro, 13);
    end(&f);
}

static void test_snapshots(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("{\"execute\":\"transaction\","),
        RETURN("{}"),
        EXPECT("\"arguments\":{\"actions\":["
               "{\"type\":\"blockdev-snapshot-internal-sync\","
               "\"data\":{\"device\":\"a\",\"name\":\"s\"}},"
               "{\"type\":\"blockdev-snapshot-internal-sync\","
               "\"data\":{\"device\":\"b\",\"name\":\"s\"}}]}"),
        REFUSE,
        EXPECT("blockdev-snapshot-delete-internal-sync"),
        RETURN("{\"id\": \"1\", \"name\": \"s\"}"),
        EXPECT("\"arguments\":{\"device\":\"a\",\"id\":\"1\",\"name\":\"s\"}"),
        RETURN("{\"id\": \"2\", \"name\": \"s\"}"),
        EXPECT("delete"), RETURN("{\"id\": \"1\", \"name\": \"t\"}"),
        EXPECT("delete"), RETURN("{}"),
        EXPECT("delete"), RETURN("\"fine\""),
        SILENCE,
    };
    static const struct qmp_block_snapshot both[] = { { "a", "s" }, { "b", "s" } };
    static const struct qmp_block_snapshot bad = { "a", "1" };
    struct fixture f;
    int i;

    begin(&f, script);
    assert_int_equal(qmp_block_snapshot_create(f.client, &bad, 1, BY, &f.diag),
                     ERROR_INVAL);      /* and nothing is sent */
    assert_int_equal(qmp_block_snapshot_create(f.client, both, 2, BY, &f.diag), 0);
    assert_int_equal(qmp_block_snapshot_create(f.client, both, 2, BY, &f.diag),
                     ERROR_QMP_GENERIC_ERROR);
    assert_string_equal(f.diag.text, "QEMU refused transaction: no");
    assert_int_equal(qmp_block_snapshot_delete(f.client, "a", "1", "s", BY,
                                               &f.diag), 0);
    for (i = 0; i < 4; i++)
        assert_int_equal(qmp_block_snapshot_delete(f.client, "a", "1", "s", BY,
                                                   &f.diag), ERROR_QEMU_API);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_ended_stream),
        cmocka_unit_test(test_stream_that_stays),
        cmocka_unit_test(test_odd_replies),
        cmocka_unit_test(test_too_many_devices),
        cmocka_unit_test(test_status_and_version),
        cmocka_unit_test(test_snapshots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
