/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channel and agent, from the domain's configuration to a scripted guest. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libxl/quiesce.h"
#include "tests/qmp/peer.h"

#define SHORT_MS 300

#define SYNC { PEER_RECEIVE, "guest-sync-delimited", 0 }, \
             { PEER_SEND_PART, "\xff", 0 }, \
             { PEER_SEND, "{\"return\": @ID@}", 0 }
#define ASK(command) { PEER_RECEIVE, "{\"execute\":\"guest-fsfreeze-" command \
                       "\"}", 0 }
#define SAY(text) { PEER_SEND, text, 0 }
#define THAWED ASK("status"), SAY("{\"return\": \"thawed\"}")
#define END { PEER_SILENCE, NULL, 0 }

/* ---- a libxl that knows one domain's configuration ---- */

static char *socket_path;
static const char *channel_name;
static libxl_channel_connection connection;
static int configuration_rc;
static int channel_devid;

int __wrap_libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
    libxl_domain_config *config, const libxl_asyncop_how *how);

int __wrap_libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
    libxl_domain_config *config, const libxl_asyncop_how *how)
{
    libxl_device_channel *channel;

    (void)ctx;
    (void)how;
    assert_int_equal(domid, 7);
    if (configuration_rc || !channel_name) return configuration_rc;
    config->num_channels = 2;
    config->channels = channel = calloc(2, sizeof(*channel));
    libxl_device_channel_init(&channel[0]);
    channel[0].name = strdup("something.else");
    libxl_device_channel_init(&channel[1]);
    channel[1].name = strdup(channel_name);
    channel[1].devid = channel_devid;
    libxl_device_channel_init_connection(&channel[1], connection);
    if (connection == LIBXL_CHANNEL_CONNECTION_SOCKET)
        channel[1].u.socket.path = strdup(socket_path);
    return 0;
}

struct fixture {
    char directory[32], path[64];
    struct libxl_snapshot_ctx sctx;
    libxl_snapshot_diag diag;
    struct quiesce quiesce;
    struct peer *peer;
};

static void begin(struct fixture *f, const struct peer_step *script)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->directory, "/tmp/xls-quiesce.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/agent", f->directory);
    libxl_snapshot_diag_init(&f->diag);
    quiesce_init(&f->quiesce);
    socket_path = f->path;
    channel_name = "org.qemu.guest_agent.0";
    connection = LIBXL_CHANNEL_CONNECTION_SOCKET;
    configuration_rc = 0;
    channel_devid = -1;     /* libxl chooses */
    if (script) f->peer = peer_listen(script, f->path);
}

static void end(struct fixture *f)
{
    quiesce_dispose(&f->quiesce);
    libxl_snapshot_diag_dispose(&f->diag);
    if (f->peer) peer_finish(f->peer);
    unlink(f->path);
    rmdir(f->directory);
}

static void says(struct fixture *f, int rc, int expected, const char *words)
{
    assert_int_equal(rc, expected);
    assert_non_null(f->diag.message);
    if (!strstr(f->diag.message, words))
        fail_msg("'%s' does not say '%s'", f->diag.message, words);
    libxl_snapshot_diag_dispose(&f->diag);
    libxl_snapshot_diag_init(&f->diag);
}

static int check(struct fixture *f)
{
    return quiesce_check(&f->sctx, 7, SHORT_MS, &f->diag);
}

static int freeze(struct fixture *f)
{
    return quiesce_freeze(&f->quiesce, &f->sctx, 7, SHORT_MS, &f->diag);
}

/* ---- */

static void no_channel(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, NULL);
    channel_name = NULL;
    says(&f, check(&f), ERROR_INVAL, "no channel");
    channel_name = "org.qemu.guest_agent.1";
    says(&f, check(&f), ERROR_INVAL, "no channel");
    channel_name = "org.qemu.guest_agent.0";
    connection = LIBXL_CHANNEL_CONNECTION_PTY;
    says(&f, check(&f), ERROR_INVAL, "connection=socket");
    connection = LIBXL_CHANNEL_CONNECTION_SOCKET;
    says(&f, check(&f), ERROR_NOT_READY, "nothing listens");
    channel_devid = 1;
    says(&f, check(&f), ERROR_NOT_READY, "nothing listens");
    channel_devid = 0;
    says(&f, check(&f), ERROR_INVAL, "another one before it");
    configuration_rc = ERROR_FAIL;
    says(&f, check(&f), ERROR_FAIL, "configuration");
    says(&f, freeze(&f), ERROR_FAIL, "configuration");
    /* nothing was frozen, so there is nothing to do and nobody to ask */
    assert_int_equal(quiesce_thaw(&f.quiesce, &f.diag), 0);
    end(&f);
}

static void checking(void **state)
{
    static const struct peer_step good[] = { SYNC, THAWED, END };
    static const struct peer_step frozen[] = {
        SYNC, ASK("status"), SAY("{\"return\": \"frozen\"}"), END };
    static const struct peer_step unable[] = {
        SYNC, ASK("status"), SAY("{\"error\": {\"class\": \"CommandNotFound\","
        " \"desc\": \"disabled\"}}"), END };
    static const struct peer_step silent[] = { END };
    struct fixture f;

    (void)state;
    begin(&f, good);
    assert_int_equal(check(&f), 0);
    end(&f);
    begin(&f, frozen);
    says(&f, check(&f), ERROR_NOT_READY, "by somebody else");
    end(&f);
    begin(&f, unable);
    says(&f, check(&f), ERROR_INVAL, "disabled");
    end(&f);
    begin(&f, silent);
    says(&f, check(&f), ERROR_NOT_READY, "does qemu-ga run");
    end(&f);
}

static void freeze_and_thaw(void **state)
{
    static const struct peer_step script[] = {
        SYNC, THAWED, ASK("freeze"), SAY("{\"return\": 1}"),
        ASK("thaw"), SAY("{\"return\": 1}"), END };
    struct fixture f;

    (void)state;
    begin(&f, script);
    assert_int_equal(freeze(&f), 0);
    assert_int_equal(quiesce_thaw(&f.quiesce, &f.diag), 0);
    /* and not again */
    assert_int_equal(quiesce_thaw(&f.quiesce, &f.diag), 0);
    end(&f);
}

/* Frozen by another while we were on the way: theirs is not ours to thaw. */
static void frozen_by_another(void **state)
{
    static const struct peer_step script[] = {
        SYNC, ASK("status"), SAY("{\"return\": \"frozen\"}"), END };
    struct fixture f;

    (void)state;
    begin(&f, script);
    says(&f, freeze(&f), ERROR_NOT_READY, "by somebody else");
    assert_int_equal(quiesce_thaw(&f.quiesce, &f.diag), 0);
    end(&f);
}

/* One of several file systems may be frozen when the agent refuses. */
static void refused(void **state)
{
    static const struct peer_step script[] = {
        SYNC, THAWED, ASK("freeze"), SAY("{\"error\": {\"class\":"
        " \"GenericError\", \"desc\": \"failed to freeze /b\"}}"),
        ASK("thaw"), SAY("{\"return\": 1}"), END };
    struct fixture f;

    (void)state;
    begin(&f, script);
    says(&f, freeze(&f), ERROR_INVAL, "failed to freeze /b");
    assert_int_equal(quiesce_thaw(&f.quiesce, &f.diag), 0);
    end(&f);
}

/* The answer comes when nobody waits for it any more. */
static void late(void **state)
{
    static const struct peer_step script[] = {
        SYNC, THAWED, ASK("freeze"),
        { PEER_RECEIVE, "guest-sync-delimited", 0 },
        SAY("{\"return\": 1}"), { PEER_SEND_PART, "\xff", 0 },
        SAY("{\"return\": @ID@}"), ASK("thaw"), SAY("{\"return\": 1}"), END };
    struct fixture f;

    (void)state;
    begin(&f, script);
    says(&f, freeze(&f), ERROR_NOT_READY, "did not answer");
    assert_int_equal(quiesce_thaw(&f.quiesce, &f.diag), 0);
    end(&f);
}

/* It never comes, or the channel breaks: the thaw is on its way, and said
 * not to be sure. */
static void never(void **state)
{
    static const struct peer_step hangs[] = {
        SYNC, THAWED, ASK("freeze"),
        { PEER_RECEIVE, "guest-sync-delimited", 0 }, ASK("thaw"), END };
    static const struct peer_step dies[] = {
        SYNC, THAWED, ASK("freeze"), { PEER_END, NULL, 0 } };
    struct fixture f;

    (void)state;
    begin(&f, hangs);
    says(&f, freeze(&f), ERROR_NOT_READY, "did not answer");
    says(&f, quiesce_thaw(&f.quiesce, &f.diag), ERROR_NOT_READY,
         "MAY STILL BE FROZEN");
    end(&f);
    begin(&f, dies);
    says(&f, freeze(&f), ERROR_NOT_READY, "has ended");
    says(&f, quiesce_thaw(&f.quiesce, &f.diag), ERROR_NOT_READY,
         "xl snapshot-thaw 7");
    end(&f);
}

static void the_public_calls(void **state)
{
    static const struct peer_step status[] = {
        SYNC, ASK("status"), SAY("{\"return\": \"frozen\"}"), END };
    static const struct peer_step thaw[] = {
        SYNC, ASK("thaw"), SAY("{\"return\": 2}"), END };
    struct fixture f;
    bool frozen = false;

    (void)state;
    begin(&f, status);
    assert_int_equal(libxl_domain_fsfreeze_status(&f.sctx, 7, SHORT_MS,
                                                  &frozen, &f.diag), 0);
    assert_true(frozen);
    end(&f);
    begin(&f, thaw);
    assert_int_equal(libxl_domain_fsthaw(&f.sctx, 7, SHORT_MS, &f.diag), 0);
    end(&f);
    begin(&f, NULL);
    says(&f, libxl_domain_fsthaw(&f.sctx, 7, SHORT_MS, &f.diag),
         ERROR_NOT_READY, "nothing listens");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_channel),
        cmocka_unit_test(checking),
        cmocka_unit_test(freeze_and_thaw),
        cmocka_unit_test(frozen_by_another),
        cmocka_unit_test(refused),
        cmocka_unit_test(late),
        cmocka_unit_test(never),
        cmocka_unit_test(the_public_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
