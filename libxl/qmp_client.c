/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <xentoollog.h>

#include "libxl/qmp_client.h"
#include "libxl/qmp_transport.h"

enum client_state {
    CLIENT_CONNECTED,
    CLIENT_READY,
    CLIENT_WAITING,
    CLIENT_BROKEN,
};

struct qmp_client {
    struct qmp_transport *transport;
    xentoollog_logger *lg;
    enum client_state state;
    struct qmp_version version;
    uint64_t nonce;
    uint64_t commands;
    char id[48];                /* of the latest command */
};

/* ---- states ---- */

static const char *state_name(enum client_state state)
{
    switch (state) {
    case CLIENT_CONNECTED: return "connected";
    case CLIENT_READY: return "ready";
    case CLIENT_WAITING: return "waiting";
    case CLIENT_BROKEN: return "broken";
    }
    return "?";
}

/* The table in the header, as code. */
static bool transition_is_allowed(enum client_state from, enum client_state to)
{
    switch (to) {
    case CLIENT_CONNECTED: return false;
    case CLIENT_READY: return from == CLIENT_WAITING;
    case CLIENT_WAITING: return from == CLIENT_CONNECTED || from == CLIENT_READY;
    case CLIENT_BROKEN: return true;
    }
    return false;
}

static int set_state(struct qmp_client *client, enum client_state to,
                     struct diag *diag)
{
    if (!transition_is_allowed(client->state, to)) {
        diag_set(diag, "the QEMU monitor is %s and cannot become %s",
                 state_name(client->state), state_name(to));
        return ERROR_INVAL;
    }
    client->state = to;
    return 0;
}

/* ---- alloc, free ---- */

int qmp_client_alloc(struct qmp_transport *transport, xentoollog_logger *lg,
                     struct qmp_client **client_r)
{
    struct qmp_client *client = NULL;
    int rc;

    client = calloc(1, sizeof(*client));
    if (!client) {
        rc = ERROR_NOMEM;
        goto out;
    }
    /* Not a secret: it only has to differ from what other clients of this
     * monitor used before. */
    if (getrandom(&client->nonce, sizeof(client->nonce), GRND_NONBLOCK) !=
        sizeof(client->nonce))
        client->nonce = (uint64_t)deadline_now_ms();
    client->transport = transport;
    client->lg = lg;
    client->state = CLIENT_CONNECTED;
    *client_r = client;
    rc = 0;
 out:
    if (rc) qmp_transport_free(transport);
    return rc;
}

void qmp_client_free(struct qmp_client *client)
{
    if (!client) return;
    qmp_transport_free(client->transport);
    free(client);
}

struct qmp_version qmp_client_version(const struct qmp_client *client)
{
    return client->version;
}

/* ---- messages from QEMU ---- */

static void debug(struct qmp_client *client, const char *what,
                  const char *text, size_t len)
{
    char line[256];

    if (!client->lg) return;
    snprintf(line, sizeof(line), "%s: %.*s%s", what,
             (int)(len < 200 ? len : 200), text, len > 200 ? "..." : "");
    diag_sanitize(line);
    xtl_log(client->lg, XTL_DEBUG, -1, "qmp", "%s", line);
}

static int not_qmp(struct diag *diag, const char *what)
{
    diag_set(diag, "QEMU does not speak QMP: %s", what);
    return ERROR_PROTOCOL_ERROR_QMP;
}

static int receive_message(struct qmp_client *client, deadline by,
                           xjson **message_r, struct diag *diag)
{
    struct xjson_error err;
    xjson *message = NULL;
    const char *text;
    size_t len;
    int rc;

    rc = qmp_transport_receive(client->transport, by, &text, &len, diag);
    if (rc) return rc;
    debug(client, "received", text, len);

    rc = xjson_parse(text, len, &message, &err);
    if (rc == ERROR_NOMEM) {
        diag_set(diag, "out of memory");
        return rc;
    }
    if (rc) return not_qmp(diag, err.text);
    if (xjson_type_of(message) != XJSON_OBJECT) {
        xjson_free(message);
        return not_qmp(diag, "a message is no object");
    }
    *message_r = message;
    return 0;
}

/* Take messages until one is wanted; the others are dropped. */
static int await_message(struct qmp_client *client,
                         bool wanted(const struct qmp_client *, const xjson *),
                         deadline by, xjson **message_r, struct diag *diag)
{
    xjson *message;
    unsigned int i;
    int rc;

    for (i = 0; i < QMP_CLIENT_MAX_UNRELATED; i++) {
        message = NULL;
        rc = receive_message(client, by, &message, diag);
        if (rc) return rc;
        if (wanted(client, message)) {
            *message_r = message;
            return 0;
        }
        xjson_free(message);
    }
    diag_set(diag, "QEMU sent %u messages and no answer among them", i);
    return ERROR_PROTOCOL_ERROR_QMP;
}

static bool is_greeting(const struct qmp_client *client, const xjson *message)
{
    return xjson_member(message, "QMP");
}

/*
 * An error without an id is QEMU's answer to a command that it could not even
 * parse. We have one command under way, so it is that one's.
 */
static bool is_answer(const struct qmp_client *client, const xjson *message)
{
    const char *id = xjson_member_string(message, "id");

    if (xjson_member(message, "event")) return false;
    if (id) return !strcmp(id, client->id);
    return !xjson_member(message, "id") && xjson_member(message, "error");
}

static int read_version(const xjson *greeting, struct qmp_version *version_r,
                        struct diag *diag)
{
    const xjson *qmp = xjson_member(greeting, "QMP");
    const xjson *qemu = xjson_member(xjson_member(qmp, "version"), "qemu");
    uint64_t major, minor, micro;
    int rc;

    rc = xjson_uint(xjson_member(qemu, "major"), 9999, &major);
    if (!rc) rc = xjson_uint(xjson_member(qemu, "minor"), 9999, &minor);
    if (!rc) rc = xjson_uint(xjson_member(qemu, "micro"), 9999, &micro);
    if (rc) return not_qmp(diag, "its greeting tells no version");
    version_r->major = (unsigned int)major;
    version_r->minor = (unsigned int)minor;
    version_r->micro = (unsigned int)micro;
    return 0;
}

static const struct qmp_error_class {
    const char *name;
    int rc;
} qmp_error_classes[] = {
    { "GenericError", ERROR_QMP_GENERIC_ERROR },
    { "CommandNotFound", ERROR_QMP_COMMAND_NOT_FOUND },
    { "DeviceNotActive", ERROR_QMP_DEVICE_NOT_ACTIVE },
    { "DeviceNotFound", ERROR_QMP_DEVICE_NOT_FOUND },
};

static int read_error(const xjson *error, const char *command,
                      struct diag *diag)
{
    const char *class = xjson_member_string(error, "class");
    const char *desc = xjson_member_string(error, "desc");
    size_t i;

    if (!class || !desc) return not_qmp(diag, "an error of an unknown shape");
    diag_set(diag, "QEMU refused %s: %s", command, desc);
    for (i = 0; i < sizeof(qmp_error_classes) / sizeof(qmp_error_classes[0]);
         i++) {
        if (!strcmp(class, qmp_error_classes[i].name))
            return qmp_error_classes[i].rc;
    }
    return ERROR_UNKNOWN_QMP_ERROR;
}

/* ---- commands ---- */

static int write_command(struct qmp_client *client, const char *command,
                         qmp_write_arguments *arguments, const void *user,
                         char **text_r, size_t *len_r)
{
    xjson_writer *w = NULL;
    int rc;

    rc = xjson_writer_alloc(false, &w);
    if (rc) goto out;
    snprintf(client->id, sizeof(client->id), "xlsnapshot-%016" PRIx64 "-%" PRIu64,
             client->nonce, client->commands++);
    xjson_write_object(w);
    xjson_write_member_string(w, "execute", command);
    xjson_write_member_string(w, "id", client->id);
    if (arguments) {
        xjson_write_name(w, "arguments");
        xjson_write_object(w);
        arguments(w, user);
        xjson_write_object_end(w);
    }
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, text_r, len_r);
 out:
    xjson_writer_free(w);
    return rc;
}

/* Whatever else lies beside "return" and "error" is not ours to judge. */
static int check_answer(const xjson *answer, const char *command,
                        struct diag *diag)
{
    const xjson *value = xjson_member(answer, "return");
    const xjson *error = xjson_member(answer, "error");

    if (!value == !error)
        return not_qmp(diag, "an answer that is neither a result nor an error");
    return error ? read_error(error, command, diag) : 0;
}

/* What a failed exchange leaves behind: a client that may go on (QEMU's
 * refusal, or no answer yet), or one that may not. */
static enum client_state state_after(int rc, bool waited)
{
    if (!rc || qmp_error_is_refusal(rc)) return CLIENT_READY;
    if (rc == ERROR_TIMEDOUT && waited) return CLIENT_READY;
    return CLIENT_BROKEN;
}

/* The exchange itself, for a client in any state that may begin one. */
static int exchange(struct qmp_client *client, const char *command,
                    qmp_write_arguments *arguments, const void *user,
                    deadline by, xjson **reply_r, struct diag *diag)
{
    xjson *answer = NULL;
    char *text = NULL;
    size_t len;
    bool waited = false;
    int rc, rc2;

    rc = write_command(client, command, arguments, user, &text, &len);
    if (rc) {
        diag_set(diag, rc == ERROR_NOMEM ? "out of memory" :
                 "%s: its arguments are not valid text", command);
        free(text);
        return rc;              /* nothing was sent, nothing has changed */
    }
    rc = set_state(client, CLIENT_WAITING, diag);
    if (rc) {
        free(text);
        return rc;
    }

    debug(client, "sending", text, len);
    rc = qmp_transport_send(client->transport, text, len, by, diag);
    if (rc) goto out;

    waited = true;
    rc = await_message(client, is_answer, by, &answer, diag);
    if (rc == ERROR_TIMEDOUT) diag_prefix(diag, "%s: ", command);
    if (rc) goto out;

    rc = check_answer(answer, command, diag);
    if (rc) goto out;
    if (reply_r) {
        *reply_r = answer;
        answer = NULL;
    }
 out:
    rc2 = set_state(client, state_after(rc, waited), diag);
    xjson_free(answer);
    free(text);
    return rc ? rc : rc2;
}

int qmp_client_execute(struct qmp_client *client, const char *command,
                       qmp_write_arguments *arguments, const void *user,
                       deadline by, xjson **reply_r, struct diag *diag)
{
    if (client->state != CLIENT_READY) {
        diag_set(diag, "%s: the QEMU monitor is %s, not ready", command,
                 state_name(client->state));
        return ERROR_INVAL;
    }
    return exchange(client, command, arguments, user, by, reply_r, diag);
}

int qmp_client_negotiate(struct qmp_client *client, deadline by,
                         struct diag *diag)
{
    xjson *greeting = NULL;
    struct qmp_version version;
    int rc;

    if (client->state != CLIENT_CONNECTED) {
        diag_set(diag, "the QEMU monitor is %s already",
                 state_name(client->state));
        return ERROR_INVAL;
    }
    rc = await_message(client, is_greeting, by, &greeting, diag);
    if (rc == ERROR_TIMEDOUT)
        diag_set(diag, "QEMU does not greet us: another client holds its "
                 "monitor, or it hangs; try again later");
    if (rc) goto out;
    rc = read_version(greeting, &version, diag);
    if (rc) goto out;

    rc = exchange(client, "qmp_capabilities", NULL, NULL, by, NULL, diag);
    if (rc) goto out;
    client->version = version;
 out:
    /* Half a negotiation is none, even if only time ran out. */
    if (rc) set_state(client, CLIENT_BROKEN, NULL);
    xjson_free(greeting);
    return rc;
}
