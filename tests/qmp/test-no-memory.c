/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every allocation fails once: each is an error return, nothing is lost, and
 * out-parameters stay as they were. The linker sends the library's calls here
 * (--wrap); the JSON library's own are not among them.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libxl/block_graph.h"
#include "libxl/child.h"
#include "libxl/image_users.h"
#include "libxl/monitor.h"
#include "libxl/qmp_transport.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/data.h"
#include "tests/qmp/peer.h"
#include "tests/qmp/scratch.h"

/* Only this thread's allocations count, and only while it is told so. */
static __thread long countdown = -1;

static bool fails(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t num, size_t size)
{
    return fails() ? NULL : __real_calloc(num, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

/*
 * Run something with its first allocation failing, then its second, and so on
 * until it gets through. Returns how many it makes.
 */
static long exhaust(int run(void *user), void *user)
{
    long n;
    int rc;

    for (n = 1; ; n++) {
        countdown = n;
        rc = run(user);
        if (countdown > 0) {            /* it did not get that far */
            countdown = -1;
            assert_int_equal(rc, 0);
            return n - 1;
        }
        countdown = -1;
        assert_int_equal(rc, ERROR_NOMEM);
    }
}

static int parse_graph(void *user)
{
    struct diag diag = { "" };
    struct block_graph graph;
    int rc;

    block_graph_init(&graph);
    rc = block_graph_parse(user, &graph, &diag);
    if (rc) {
        assert_null(graph.nodes);
        assert_non_null(strstr(diag.text, "out of memory"));
    }
    block_graph_dispose(&graph);
    return rc;
}

static void test_graph(void **state)
{
    struct block_replies replies;

    data_load_replies("10.0", "snapshots.json", &replies);
    assert_in_range(exhaust(parse_graph, &replies), 30, 1000);
    block_replies_dispose(&replies);
    data_load_replies("10.0", "backup.json", &replies);
    assert_in_range(exhaust(parse_graph, &replies), 30, 1000);
    block_replies_dispose(&replies);
}

/* A whole session, with questions. Each needs a peer of its own. */
static int hold_session(void *user)
{
    static const struct peer_step script[] = {
        PEER_GREETING,
        { PEER_RECEIVE, "", 0 }, { PEER_SEND, "{\"return\": {}, \"id\": \"@ID@\"}", 0 },
        { PEER_RECEIVE, "", 0 }, { PEER_SEND, "{\"return\": [{\"qdev\": \"/d\", "
          "\"inserted\": {}}], \"id\": \"@ID@\"}", 0 },
        { PEER_RECEIVE, "", 0 }, { PEER_SEND, "{\"return\": \"ide-hd\", \"id\": \"@ID@\"}", 0 },
        { PEER_RECEIVE, "", 0 }, { PEER_SEND, "{\"return\": [], \"id\": \"@ID@\"}", 0 },
        { PEER_RECEIVE, "", 0 }, { PEER_SEND, "{\"return\": [], \"id\": \"@ID@\"}", 0 },
        { PEER_SILENCE, NULL, 0 },
    };
    struct block_replies replies;
    struct qmp_transport *transport = NULL;
    struct qmp_client *client = NULL;
    struct diag diag = { "" };
    long wanted = countdown;
    struct peer *peer;
    int fd, rc;

    countdown = -1;
    peer = peer_start(script, &fd);
    countdown = wanted;
    block_replies_init(&replies);
    rc = qmp_transport_adopt(fd, 65536, &transport, &diag);
    if (!rc) rc = qmp_client_alloc(transport, NULL, &client);
    if (!rc) rc = qmp_client_negotiate(client, deadline_after(5000), &diag);
    if (!rc)
        rc = qmp_query_block_replies(client, deadline_after(5000), &replies,
                                     &diag);
    if (rc) assert_null(replies.block);
    block_replies_dispose(&replies);
    qmp_client_free(client);
    wanted = countdown;
    countdown = -1;
    peer_finish(peer);
    countdown = wanted;
    return rc;
}

static void test_session(void **state)
{
    assert_true(exhaust(hold_session, NULL) > 20);
}

static int take_lock(void *user)
{
    struct scratch *scratch = user;
    const struct monitor_lock_params params = {
        .lib_dir = scratch->path,
        .domid = 1,
        .uuid = "5e7a1c9e-0000-4000-8000-00000000beef",
    };
    struct domain_lock *lock = NULL;
    int rc;

    rc = monitor_lock_acquire(&params, deadline_after(1000), &lock, NULL);
    domain_lock_release(lock);
    return rc;
}

static int run_child(void *user)
{
    static const char *const argv[] = { "echo", "hello", NULL };
    struct child_result result;
    int rc;

    child_result_init(&result);
    rc = child_run(argv, 65536, deadline_after(5000), &result, NULL);
    if (rc) assert_null(result.out);
    child_result_dispose(&result);
    return rc;
}

static int find_users(void *user)
{
    struct scratch *scratch = user;
    char proc[128];
    const struct image_users_params params = { proc, "/sys" };
    struct image_inode inode;
    struct image_users users;
    int rc;

    snprintf(proc, sizeof(proc), "%s/proc", scratch->path);
    assert_int_equal(image_inode_of("/proc/self/exe", &inode, NULL), 0);
    image_users_init(&users);
    rc = image_users_find(&params, &inode, 1, &users, NULL);
    if (!rc) assert_int_equal(users.num_users, 1);
    image_users_dispose(&users);
    return rc;
}

static void test_others(void **state)
{
    struct scratch scratch;

    scratch_make(&scratch);
    assert_true(exhaust(take_lock, &scratch) >= 1);
    assert_true(exhaust(run_child, NULL) >= 1);
    scratch_mkdir(&scratch, "proc");
    scratch_mkdir(&scratch, "proc/1");
    scratch_mkdir(&scratch, "proc/1/fd");
    assert_int_equal(symlink("/proc/self/exe",
                             scratch_path(&scratch, "proc/1/fd/3")), 0);
    assert_true(exhaust(find_users, &scratch) >= 1);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
