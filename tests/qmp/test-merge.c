/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pure parts of merging, and the commands that go to QEMU for it. */
#include "config.h"

#include <string.h>

#include "libxl/bitmap_union.h"
#include "libxl/image_merge.h"
#include "libxl/qmp_job.h"
#include "libxl/qmp_merge.h"
#include "libxl/qmp_transport.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/peer.h"

/* ---- progress ---- */

static void says(const char *text, int expected)
{
    unsigned int permyriad = 77;
    bool found = qemu_img_parse_progress(text, strlen(text), &permyriad);

    if (found != (expected >= 0)) fail_msg("%s", text);
    assert_int_equal(permyriad, expected >= 0 ? expected : 77);
}

static void test_progress(void **state)
{
    static char long_text[100000];

    says("", -1);
    says("    (0.00/100%)\r", 0);
    says("    (0.00/100%)\r    (12.34/100%)\r", 1234);
    says("    (12.34/100%)\r    (99.9", 1234);
    says("    (100.00/100%)\r\n", 10000);
    says("(100.01/100%)", -1);
    says("(999.00/100%)", -1);
    says("(1234.00/100%)", -1);
    says("(-1.00/100%)", -1);
    says("(.50/100%)", -1);
    says("(5.5/100%)", -1);
    says("(5.555/100%)", -1);
    says("(5.55/10%)", -1);
    says("(5.55/100%", -1);
    says("((5.55/100%)", 555);
    says("5.55/100%)", -1);
    /* only the end is looked at */
    memset(long_text, '(', sizeof(long_text) - 1);
    says(long_text, -1);
    memcpy(long_text, "(5.55/100%)", 11);
    says(long_text, -1);
}

/* ---- bitmaps ---- */

static void decides(bool commit, bool from_recording, bool from_inconsistent,
                    int to, enum bitmap_union_action action, bool add,
                    bool recording)
{
    struct image_bitmap a = {
        .persistent = true, .recording = from_recording,
        .inconsistent = from_inconsistent,
    };
    struct image_bitmap b = { .persistent = true };
    struct bitmap_union todo;

    b.recording = to == 'r';
    b.inconsistent = to == 'i';
    todo = bitmap_union_decide(commit, &a, to ? &b : NULL);
    assert_int_equal(todo.action, action);
    assert_int_equal(todo.add, add);
    assert_int_equal(todo.recording, recording);
}

static void test_bitmaps(void **state)
{
    struct image_bitmap volatile_one = { .recording = true };

    /* commit: goes on as top's did */
    decides(true, true, false, 0, BITMAP_UNITE, true, true);
    decides(true, false, false, 0, BITMAP_UNITE, true, false);
    decides(true, true, false, 'd', BITMAP_UNITE, false, true);
    decides(true, false, false, 'r', BITMAP_UNITE, false, false);
    decides(true, true, false, 'i', BITMAP_LEAVE, false, false);
    decides(true, true, true, 0, BITMAP_LEAVE, false, false);
    decides(true, true, true, 'r', BITMAP_LEAVE, false, false);
    decides(true, true, true, 'd', BITMAP_REMOVE, false, false);
    /* pull: what is in top goes on as it is */
    decides(false, true, false, 0, BITMAP_LEAVE, false, false);
    decides(false, false, false, 0, BITMAP_UNITE, true, false);
    decides(false, true, false, 'd', BITMAP_UNITE, false, false);
    decides(false, false, false, 'r', BITMAP_UNITE, false, true);
    decides(false, true, true, 'r', BITMAP_REMOVE, false, false);
    decides(false, true, true, 'i', BITMAP_LEAVE, false, false);
    assert_int_equal(bitmap_union_decide(true, &volatile_one, NULL).action,
                     BITMAP_LEAVE);
}

/* ---- parameters ---- */

static void refuses(libxl_disk_merge_params params, const char *words)
{
    struct diag diag = { "" };

    assert_int_equal(image_merge_check(&params, &diag), ERROR_INVAL);
    if (!strstr(diag.text, words)) fail_msg("no \"%s\": %s", words, diag.text);
}

static void test_parameters(void **state)
{
    static libxl_snapshot_overlay relative = {
        .path = (char *)"relative", .format = LIBXL_DISK_FORMAT_QCOW2,
    };
    libxl_disk_merge_params good = {
        .direction = LIBXL_MERGE_DIRECTION_COMMIT,
        .top = (char *)"/top", .top_format = LIBXL_DISK_FORMAT_QCOW2,
        .base = (char *)"/base", .base_format = LIBXL_DISK_FORMAT_RAW,
    }, bad;

    assert_int_equal(image_merge_check(&good, NULL), 0);
    bad = good;
    bad.direction = LIBXL_MERGE_DIRECTION_UNKNOWN;
    refuses(bad, "commit or a pull");
    bad = good;
    bad.top = (char *)"top";
    refuses(bad, "absolute");
    bad = good;
    bad.base = NULL;
    refuses(bad, "absolute");
    bad = good;
    bad.base_format = LIBXL_DISK_FORMAT_EMPTY;
    refuses(bad, "/base");
    bad = good;
    bad.below = (char *)"below";
    bad.below_format = LIBXL_DISK_FORMAT_RAW;
    refuses(bad, "absolute");
    bad = good;
    bad.dependants = &relative;
    bad.num_dependants = 1;
    refuses(bad, "absolute");
    bad.direction = LIBXL_MERGE_DIRECTION_PULL;
    refuses(bad, "none may be named");
}

/* ---- commands ---- */

struct fixture {
    struct qmp_client *client;
    struct peer *peer;
    struct diag diag;
};

static void begin(struct fixture *f, const struct peer_step *script)
{
    struct qmp_transport *transport;
    int fd;

    memset(f, 0, sizeof(*f));
    f->peer = peer_start(script, &fd);
    assert_int_equal(qmp_transport_adopt(fd, 1u << 20, &transport, NULL), 0);
    assert_int_equal(qmp_client_alloc(transport, NULL, &f->client), 0);
    assert_int_equal(qmp_client_negotiate(f->client, deadline_after(5000),
                                          NULL), 0);
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

static void test_commands(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("\"arguments\":{\"job-id\":\"j\",\"auto-finalize\":true,"
               "\"auto-dismiss\":false,\"device\":\"t\",\"top-node\":\"t\","
               "\"base-node\":\"b\"}"), RETURN("{}"),
        EXPECT("\"auto-finalize\":false,\"auto-dismiss\":false,\"device\":\"r\","
               "\"top-node\":\"t\",\"base-node\":\"b\","
               "\"backing-file\":\"/b\"}"), REFUSE,
        EXPECT("\"arguments\":{\"job-id\":\"j\",\"auto-finalize\":false,"
               "\"auto-dismiss\":false,\"device\":\"t\"}"), RETURN("{}"),
        EXPECT("\"device\":\"t\",\"base-node\":\"#block1\","
               "\"backing-file\":\"/c\"}"), RETURN("{}"),
        EXPECT("\"device\":\"t\",\"speed\":7,\"on-error\":\"stop\"}"),
        RETURN("{}"),
        EXPECT("{\"device\":\"j\",\"speed\":0}"), RETURN("{}"),
        EXPECT("{\"command-line\":\"qemu-io #block1 flush\"}"), RETURN("\"\""),
        EXPECT("flush"), RETURN("\"Error: no such node\\r\\n\""),
        EXPECT("flush"), RETURN("{}"),
        EXPECT("{\"node-name\":\"n\"}"), RETURN("{}"),
        EXPECT("[{\"type\":\"block-dirty-bitmap-add\",\"data\":{\"node\":\"to\","
               "\"name\":\"m\",\"granularity\":65536,\"persistent\":true}},"
               "{\"type\":\"block-dirty-bitmap-merge\",\"data\":{\"node\":\"to\","
               "\"target\":\"m\",\"bitmaps\":[{\"node\":\"from\","
               "\"name\":\"m\"}]}},"
               "{\"type\":\"block-dirty-bitmap-enable\",\"data\":{"
               "\"node\":\"to\",\"name\":\"m\"}}]"), RETURN("{}"),
        EXPECT("[{\"type\":\"block-dirty-bitmap-merge\""), RETURN("{}"),
        SILENCE,
    };
    struct qmp_block_commit commit = { "j", "t", "t", "b", NULL };
    struct qmp_block_stream stream = { .job = "j", .top = "t" };
    struct qmp_block_stream pull = { .job = "j", .top = "t", .speed = 7,
                                     .stops = true };
    struct qmp_bitmap_union bitmap = { "from", "to", "m", true, 65536, true };
    struct fixture f;

    begin(&f, script);
    assert_int_equal(qmp_block_commit(f.client, &commit, BY, &f.diag), 0);
    commit.root = "r";
    commit.backing_file = "/b";
    assert_int_equal(qmp_block_commit(f.client, &commit, BY, &f.diag),
                     ERROR_QMP_GENERIC_ERROR);
    assert_int_equal(qmp_block_stream(f.client, &stream, BY, &f.diag), 0);
    stream.below = "#block1";
    stream.backing_file = "/c";
    assert_int_equal(qmp_block_stream(f.client, &stream, BY, &f.diag), 0);
    assert_int_equal(qmp_block_stream(f.client, &pull, BY, &f.diag), 0);
    assert_int_equal(qmp_job_set_speed(f.client, "j", 0, BY, &f.diag), 0);
    assert_int_equal(qmp_block_flush(f.client, "two words", BY, &f.diag),
                     ERROR_INVAL);
    assert_int_equal(qmp_block_flush(f.client, "#block1", BY, &f.diag), 0);
    assert_int_equal(qmp_block_flush(f.client, "n", BY, &f.diag), ERROR_FAIL);
    assert_non_null(strstr(f.diag.text, "no such node"));
    assert_int_equal(qmp_block_flush(f.client, "n", BY, &f.diag), ERROR_FAIL);
    assert_int_equal(qmp_blockdev_del(f.client, "n", BY, &f.diag), 0);
    assert_int_equal(qmp_bitmap_union(f.client, &bitmap, BY, &f.diag), 0);
    bitmap.add = bitmap.recording = false;
    assert_int_equal(qmp_bitmap_union(f.client, &bitmap, BY, &f.diag), 0);
    end(&f);
}

#define JOB(status, more) RETURN("[{\"id\": \"x\", \"status\": 3}, " \
    "{\"id\": \"j\", \"status\": " status more "}]")

static void test_jobs(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("query-jobs"), RETURN("[]"),
        EXPECT("query-jobs"), JOB("\"created\"", ""),
        EXPECT("query-jobs"), JOB("\"running\"", ", \"current-progress\": 5, "
                                  "\"total-progress\": 9"),
        EXPECT("query-jobs"), JOB("\"paused\"", ""),
        EXPECT("query-jobs"), JOB("\"ready\"", ""),
        EXPECT("query-jobs"), JOB("\"standby\"", ""),
        EXPECT("query-jobs"), JOB("\"waiting\"", ""),
        EXPECT("query-jobs"), JOB("\"pending\"", ""),
        EXPECT("query-jobs"), JOB("\"aborting\"", ""),
        EXPECT("query-jobs"), JOB("\"concluded\"", ", \"error\": \"No\\nspace\""),
        EXPECT("query-jobs"), JOB("\"null\"", ""),
        EXPECT("query-jobs"), JOB("\"sleeping\"", ""),
        EXPECT("query-jobs"), JOB("7", ""),
        EXPECT("query-jobs"), JOB("\"running\"", ", \"total-progress\": -1"),
        EXPECT("query-jobs"), RETURN("{}"),
        EXPECT("query-jobs"), REFUSE,
        EXPECT("query-jobs"), { PEER_END, NULL, 0 },
    };
    static const enum qmp_job_status good[] = {
        QMP_JOB_GONE, QMP_JOB_BUSY, QMP_JOB_BUSY, QMP_JOB_BUSY, QMP_JOB_READY,
        QMP_JOB_READY, QMP_JOB_WAITING, QMP_JOB_PENDING, QMP_JOB_ABORTING,
        QMP_JOB_CONCLUDED, QMP_JOB_GONE,
    };
    static const int bad[] = {
        ERROR_QEMU_API, ERROR_QEMU_API, ERROR_QEMU_API, ERROR_QEMU_API,
        ERROR_QMP_GENERIC_ERROR, ERROR_PROTOCOL_ERROR_QMP,
    };
    struct qmp_job job;
    struct fixture f;
    size_t i;

    begin(&f, script);
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(qmp_job_query(f.client, "j", BY, &job, &f.diag), 0);
        assert_int_equal(job.status, good[i]);
        assert_int_equal(job.standby, i == 5);
        assert_int_equal(job.paused, i == 3);
        assert_int_equal(job.current, i == 2 ? 5 : 0);
        assert_int_equal(job.total, i == 2 ? 9 : 0);
        assert_int_equal(job.error[0] != 0, i == 9);
        assert_null(strchr(job.error, '\n'));
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(qmp_job_query(f.client, "j", BY, &job, &f.diag),
                         bad[i]);
    end(&f);
}

#define BLOCK_JOB(io) RETURN("[{\"device\": \"x\", \"io-status\": \"failed\"}, " \
    "{\"device\": \"j\", \"io-status\": " io "}]")

/* Why is it paused? */
static void test_stopped(void **state)
{
    static const struct peer_step script[] = {
        PEER_NEGOTIATION,
        EXPECT("\"query-block-jobs\""), BLOCK_JOB("\"ok\""),
        EXPECT("\"query-block-jobs\""), BLOCK_JOB("\"failed\""),
        EXPECT("\"query-block-jobs\""), BLOCK_JOB("\"nospace\""),
        EXPECT("\"query-block-jobs\""), BLOCK_JOB("7"),
        EXPECT("\"query-block-jobs\""), RETURN("[]"),
        EXPECT("\"query-block-jobs\""), RETURN("{}"),
        EXPECT("\"query-block-jobs\""), REFUSE,
        SILENCE,
    };
    static const char *const words[] = { NULL, "I/O", "full", NULL, NULL };
    const char *untouched = "untouched", *error;
    struct fixture f;
    size_t i;

    begin(&f, script);
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_int_equal(qmp_job_query_stopped(f.client, "j", BY, &error,
                                               &f.diag), 0);
        if (words[i]) assert_non_null(strstr(error, words[i]));
        else assert_null(error);
    }
    error = untouched;
    assert_int_equal(qmp_job_query_stopped(f.client, "j", BY, &error, &f.diag),
                     ERROR_QEMU_API);
    assert_int_equal(qmp_job_query_stopped(f.client, "j", BY, &error, &f.diag),
                     ERROR_QMP_GENERIC_ERROR);
    assert_ptr_equal(error, untouched);
    end(&f);
}

static void test_names(void **state)
{
    char id[QMP_JOB_ID_SIZE];

    qmp_job_id("xvda", id);
    assert_string_equal(id, "xls-merge-xvda");
    assert_true(qmp_job_is_ours(id));
    qmp_job_pull_id("xvda", id);
    assert_string_equal(id, "xls-pull-xvda");
    assert_true(qmp_job_is_ours(id));
    assert_false(qmp_job_is_ours("xls-"));
    assert_false(qmp_job_is_ours(""));
    assert_false(qmp_job_is_ours(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_bitmaps),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
