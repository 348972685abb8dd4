/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU, or a guest's agent, that answers as it likes. The first byte says which
 * of them it is, and what is asked; each line after it is sent when the next one is
 * waited for, with @ID@ replaced by what the last command has as its id (or the
 * agent's number). Then it hangs up.
 *
 * Linked with --wrap=qmp_transport_send and --wrap=qmp_transport_receive.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libxl/block_graph.h"
#include "libxl/guest_agent.h"
#include "libxl/qmp_block.h"
#include "libxl/qmp_job.h"
#include "libxl/qmp_transport.h"
#include "tests/fuzz/fuzz.h"
#include "tests/qmp/data.h"

#define MOST (64u << 10)        /* so that a socket takes it all at once */
#define ID "@ID@"
#define COMMANDS 12

/* Nobody waits: what is waited for is there, or the connection has ended. */
#define BY deadline_after(2000)

static struct peer {
    const char *data;
    size_t left;
    int fd;                     /* -1: has hung up */
    char id[64];
} peer;

/* ---- the other end ---- */

int __real_qmp_transport_send(struct qmp_transport *t, const char *text,
                              size_t len, deadline by, struct diag *diag);
int __wrap_qmp_transport_send(struct qmp_transport *t, const char *text,
                              size_t len, deadline by, struct diag *diag);
int __real_qmp_transport_receive(struct qmp_transport *t, deadline by,
                                 const char **text_r, size_t *len_r,
                                 struct diag *diag);
int __wrap_qmp_transport_receive(struct qmp_transport *t, deadline by,
                                 const char **text_r, size_t *len_r,
                                 struct diag *diag);

static void take_id(const char *text, size_t len)
{
    const char *at = memmem(text, len, "\"id\":", 5), *end = text + len;
    size_t n = 0;

    if (!at) return;
    for (at += 5; at < end && (*at == '"' || *at == ' '); at++);
    while (at + n < end && n < sizeof(peer.id) - 1 && !strchr("\",}", at[n])) n++;
    memcpy(peer.id, at, n);
    peer.id[n] = 0;
}

static void hang_up(void)
{
    if (peer.fd >= 0) close(peer.fd);
    peer.fd = -1;
}

static void say(const char *text, size_t len)
{
    if (len && send(peer.fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
               (ssize_t)len)
        hang_up();
}

/* Up to an end of a line that has something in it: what is waited for. */
static void say_next(void)
{
    const char *id, *end;
    size_t len = 0;

    while (len < peer.left && strchr("\r\n", peer.data[len])) len++;
    end = memchr(peer.data + len, '\n', peer.left - len);
    len = end ? (size_t)(end + 1 - peer.data) : peer.left;
    peer.left -= len;
    while (peer.fd >= 0 && len) {
        id = memmem(peer.data, len, ID, strlen(ID));
        if (!id) break;
        say(peer.data, (size_t)(id - peer.data));
        if (peer.fd >= 0) say(peer.id, strlen(peer.id));
        len -= (size_t)(id + strlen(ID) - peer.data);
        peer.data = id + strlen(ID);
    }
    if (peer.fd >= 0) say(peer.data, len);
    peer.data += len;
    if (!peer.left) hang_up();
}

/* Nobody reads the commands: they would fill the socket. */
int __wrap_qmp_transport_send(struct qmp_transport *t, const char *text,
                              size_t len, deadline by, struct diag *diag)
{
    char unread[4096];

    take_id(text, len);
    if (peer.fd < 0) return __real_qmp_transport_send(t, text, len, by, diag);
    if (__real_qmp_transport_send(t, text, len, by, diag)) abort();
    while (recv(peer.fd, unread, sizeof(unread), MSG_DONTWAIT) > 0);
    return 0;
}

int __wrap_qmp_transport_receive(struct qmp_transport *t, deadline by,
                                 const char **text_r, size_t *len_r,
                                 struct diag *diag)
{
    if (peer.fd >= 0) say_next();
    return __real_qmp_transport_receive(t, by, text_r, len_r, diag);
}

/* ---- this end ---- */

static void must_say_why(int rc, const struct diag *diag)
{
    if (rc && !*diag->text) abort();
    if (rc == ERROR_TIMEDOUT) abort();      /* the peer never just waits */
}

static int ask_about_disks(struct qmp_client *client, struct diag *diag)
{
    struct block_replies replies;
    struct block_graph graph;
    int rc;

    block_replies_init(&replies);
    block_graph_init(&graph);
    rc = qmp_query_block_replies(client, BY, &replies, diag);
    if (!rc) rc = block_graph_parse(&replies, &graph, diag);
    block_graph_dispose(&graph);
    block_replies_dispose(&replies);
    return rc;
}

static int ask(struct qmp_client *client, unsigned what, struct diag *diag)
{
    static const struct qmp_block_snapshot snapshot = { "xvda-qcow2", "s1" };
    struct qmp_version version;
    struct qmp_status status;
    struct qmp_job job;

    switch (what % 7) {
    case 0: return qmp_query_version(client, BY, &version, diag);
    case 1: return qmp_query_status(client, BY, &status, diag);
    case 2: return qmp_block_snapshot_create(client, &snapshot, 1, BY, diag);
    case 3:
        return qmp_block_snapshot_delete(client, snapshot.node, "1",
                                         snapshot.name, BY, diag);
    case 4: return qmp_job_query(client, QMP_JOB_PREFIX "xvda", BY, &job, diag);
    case 5: return qmp_job_complete(client, QMP_JOB_PREFIX "xvda", BY, diag);
    default: return ask_about_disks(client, diag);
    }
}

static void talk_to_qemu(int fd, unsigned what)
{
    struct qmp_transport *transport;
    struct qmp_client *client;
    struct diag diag = { "" };
    unsigned i;
    int rc;

    if (qmp_transport_adopt(fd, MOST / 2, &transport, NULL) ||
        qmp_client_alloc(transport, NULL, &client))
        abort();
    rc = qmp_client_negotiate(client, BY, &diag);
    must_say_why(rc, &diag);
    for (i = 0; i < COMMANDS && (!rc || qmp_error_is_refusal(rc)); i++) {
        diag.text[0] = 0;
        rc = ask(client, what + i, &diag);
        must_say_why(rc, &diag);
    }
    qmp_client_free(client);
}

static void talk_to_agent(int fd, unsigned what)
{
    struct guest_agent *agent;
    struct diag diag;
    uint64_t num;
    unsigned i;
    bool frozen;
    int rc;

    if (guest_agent_adopt(fd, 2000, NULL, &agent, NULL)) abort();
    for (i = 0; i < COMMANDS; i++) {
        diag.text[0] = 0;
        switch ((what + i) % 3) {
        case 0: rc = guest_agent_status(agent, &frozen, &diag); break;
        case 1: rc = guest_agent_freeze(agent, &num, &diag); break;
        default: rc = guest_agent_thaw(agent, &num, &diag); break;
        }
        must_say_why(rc, &diag);
    }
    guest_agent_close(agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];

    if (!size || size > MOST) return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) abort();
    peer = (struct peer){ (const char *)data + 1, size - 1, fds[0], "" };
    if (data[0] & 0x80) talk_to_agent(fds[1], data[0] & 0x7f);
    else talk_to_qemu(fds[1], data[0]);
    hang_up();
    return 0;
}

/* ---- to begin with ---- */

struct lines {
    char *text;
    size_t len;
};

static void add(struct lines *lines, const char *text)
{
    size_t len = strlen(text);

    lines->text = realloc(lines->text, lines->len + len + 1);
    if (!lines->text) abort();
    memcpy(lines->text + lines->len, text, len + 1);
    lines->len += len;
}

/* "@3@", and so on, are the ids of a recorded conversation. */
static void add_conversation(struct lines *lines, const char *version)
{
    char *text = data_read(version, "conversation.txt"), *from = text, *id;

    while ((id = strchr(from, '@')) && id[1] && id[2] == '@') {
        *id = 0;
        add(lines, from);
        add(lines, ID);
        from = id + 3;
    }
    add(lines, from);
    free(text);
}

static void add_reply(struct lines *lines, const xjson *value)
{
    xjson_writer *w;
    char *text;

    if (xjson_writer_alloc(false, &w)) abort();
    xjson_write_object(w);
    xjson_write_name(w, "return");
    if (xjson_type_of(value) == XJSON_NULL) xjson_write_null(w);
    else xjson_write_value(w, value);
    xjson_write_member_string(w, "id", ID);
    xjson_write_object_end(w);
    if (xjson_writer_finish(w, &text, NULL)) abort();
    xjson_writer_free(w);
    add(lines, text);
    add(lines, "\r\n");
    free(text);
}

/* In the order in which qmp_query_block_replies asks. */
static void add_disks(struct lines *lines, const char *version, const char *name)
{
    char *text = data_read(version, name);
    const xjson *device, *qom;
    xjson *all;

    add(lines, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2,"
        " \"major\": 7}}, \"capabilities\": []}}\r\n"
        "{\"return\": {}, \"id\": \"" ID "\"}\r\n");
    if (xjson_parse(text, strlen(text), &all, NULL)) abort();
    add_reply(lines, xjson_member(all, "query-block"));
    qom = xjson_member(all, "qom-get");
    for (device = xjson_first(qom); device; device = xjson_next(device)) {
        add_reply(lines, xjson_member(device, "type"));
        if (!xjson_member(device, "vdev")) continue;
        add_reply(lines, xjson_member(device, "vdev"));
        add_reply(lines, xjson_member(device, "drive"));
    }
    add_reply(lines, xjson_member(all, "query-jobs"));
    add_reply(lines, xjson_member(all, "query-named-block-nodes"));
    xjson_free(all);
    free(text);
}

static void add_agent(struct lines *lines)
{
    add(lines, "noise\n\xff{\"return\": " ID "}\n"
        "{\"return\": \"thawed\"}\n{\"return\": 2}\n{\"return\": 2}\n"
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n"
        "{\"return\": \"frozen\"}\n");
}

void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    const char *version = data_versions[rand_r(seed) % 2];
    struct lines lines = { NULL, 0 };

    switch (rand_r(seed) % 4) {
    case 0:
        add(&lines, "\xff");
        *lines.text = (char)(0x80 | rand_r(seed) % 3);
        add_agent(&lines);
        break;
    case 1:
        add(&lines, "\x01");
        *lines.text = (char)(rand_r(seed) % 7);
        add_conversation(&lines, version);
        break;
    default:
        add(&lines, "\x06");
        add_disks(&lines, version, rand_r(seed) % 2 ? "one-disk.json"
                  : rand_r(seed) % 2 ? "concluded-job.json" : "overlay.json");
        break;
    }
    *data_r = (uint8_t *)lines.text;
    *size_r = lines.len;
}
