/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A recorded conversation, cut short at every byte and with every byte
 * changed in several ways: whatever QEMU says, each command ends, in bounded
 * time and in a known way.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/qmp_block.h"
#include "libxl/qmp_transport.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/data.h"
#include "tests/qmp/peer.h"

/* The greeting, and the answers to the commands of converse(). */
#define LINES 6

/* Enough for an answer that comes at all; most rounds do not wait. */
#define ANSWER_MS 20

struct conversation {
    char *lines[LINES];         /* with their ends; ids are @ID@ */
};

static void read_conversation(struct conversation *c, const char *version)
{
    char *text = data_read(version, "conversation.txt"), *from = text, *end;
    char *id;
    size_t i;

    for (i = 0; i < LINES; i++) {
        end = strchr(from, '\n');
        assert_non_null(end);
        c->lines[i] = calloc(1, (size_t)(end - from) + 3);
        assert_non_null(c->lines[i]);
        memcpy(c->lines[i], from, (size_t)(end - from) + 1);
        /* "@3@" becomes "@ID@" */
        id = strchr(c->lines[i], '@');
        if (id) {
            memmove(id + 4, id + 3, strlen(id + 3) + 1);
            memcpy(id, "@ID@", 4);
        }
        from = end + 1;
    }
    assert_int_equal(*from, 0);
    free(text);
}

static void free_conversation(struct conversation *c)
{
    size_t i;

    for (i = 0; i < LINES; i++)
        free(c->lines[i]);
}

static bool is_known(int rc)
{
    return rc == 0 || rc == ERROR_TIMEDOUT || rc == ERROR_PROTOCOL_ERROR_QMP ||
           rc == ERROR_QEMU_API || rc == ERROR_INVAL ||
           qmp_error_is_refusal(rc);
}

static void expect_known(int rc, const struct diag *diag)
{
    assert_true(is_known(rc));
    if (rc) assert_true(diag->text[0]);
}

/* All the commands that were recorded. results: of each. */
static void converse(int fd, unsigned int ms, int results[LINES - 1])
{
    static const struct qmp_block_snapshot snapshot = { "xvda-qcow2", "s1" };
    struct qmp_transport *transport;
    struct qmp_client *client;
    struct qmp_version version;
    struct diag diag;
    int rc;
    size_t i;

    rc = qmp_transport_adopt(fd, 1u << 16, &transport, NULL);
    assert_int_equal(rc, 0);
    rc = qmp_client_alloc(transport, NULL, &client);
    assert_int_equal(rc, 0);
    results[0] = qmp_client_negotiate(client, deadline_after(ms), &diag);
    expect_known(results[0], &diag);
    results[1] = qmp_query_version(client, deadline_after(ms), &version, &diag);
    expect_known(results[1], &diag);
    results[2] = qmp_block_snapshot_create(client, &snapshot, 1,
                                           deadline_after(ms), &diag);
    expect_known(results[2], &diag);
    for (i = 3; i < LINES - 1; i++) {
        results[i] = qmp_block_snapshot_delete(client, snapshot.node, "1",
                                               snapshot.name,
                                               deadline_after(ms), &diag);
        expect_known(results[i], &diag);
    }
    qmp_client_free(client);
}

static void play(const struct conversation *c, unsigned int ms,
                 int results[LINES - 1])
{
    struct peer_step script[2 * LINES + 1];
    struct peer *peer;
    size_t i, n = 0;
    int fd;

    memset(script, 0, sizeof(script));
    for (i = 0; i < LINES; i++) {
        if (i) script[n++] = (struct peer_step){ PEER_RECEIVE, "", 0 };
        script[n++] = (struct peer_step){ PEER_SEND_PART, c->lines[i], 0 };
    }
    script[n].action = PEER_SILENCE;
    /* a script ends with PEER_END, which is 0 */
    peer = peer_start(script, &fd);
    converse(fd, ms, results);
    peer_finish(peer);
}

static void expect_recorded(const struct conversation *c)
{
    int results[LINES - 1];
    size_t i;

    play(c, 5000, results);
    for (i = 0; i < 4; i++)
        assert_int_equal(results[i], 0);
    assert_int_equal(results[4], ERROR_QMP_GENERIC_ERROR);
}

static void test_as_recorded(void **state)
{
    struct conversation c;
    size_t i;

    for (i = 0; data_versions[i]; i++) {
        read_conversation(&c, data_versions[i]);
        expect_recorded(&c);
        free_conversation(&c);
    }
}

/* Nothing comes after the cut: the peer hangs up there. */
static void test_every_prefix(void **state)
{
    struct conversation c;
    int results[LINES - 1];
    size_t line, len, cut, i;
    char kept;

    read_conversation(&c, data_versions[0]);
    for (line = 0; line < LINES; line++) {
        len = strlen(c.lines[line]);
        for (cut = 0; cut < len; cut++) {
            struct peer_step script[2 * LINES + 1];
            struct peer *peer;
            size_t n = 0;
            int fd;

            kept = c.lines[line][cut];
            c.lines[line][cut] = 0;
            memset(script, 0, sizeof(script));
            for (i = 0; i <= line; i++) {
                if (i) script[n++] = (struct peer_step){ PEER_RECEIVE, "", 0 };
                script[n++] = (struct peer_step){ PEER_SEND_PART, c.lines[i], 0 };
            }
            peer = peer_start(script, &fd);
            converse(fd, 5000, results);
            peer_finish(peer);
            c.lines[line][cut] = kept;
            /* line N is the answer to command N - 1; the greeting counts
             * with the negotiation */
            assert_int_equal(results[line ? line - 1 : 0],
                             ERROR_PROTOCOL_ERROR_QMP);
        }
    }
    free_conversation(&c);
}

static void test_every_byte(void **state)
{
    static const unsigned char flips[] = { 0x01, 0x20, 0x80, 0xff };
    struct conversation c;
    int results[LINES - 1];
    size_t line, at, i;

    read_conversation(&c, data_versions[0]);
    for (line = 0; line < LINES; line++) {
        for (at = 0; c.lines[line][at]; at++) {
            for (i = 0; i < sizeof(flips); i++) {
                char kept = c.lines[line][at];

                c.lines[line][at] = (char)(kept ^ flips[i]);
                if (c.lines[line][at]) play(&c, ANSWER_MS, results);
                c.lines[line][at] = kept;
            }
        }
    }
    expect_recorded(&c);
    free_conversation(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_recorded),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
