/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libxl/deadline.h"
#include "libxl/guest_agent.h"
#include "libxl/json.h"
#include "libxl/qmp_transport.h"

/* Never part of JSON: both sides take it for the end of whatever was. */
#define SENTINEL '\xff'

/* A number that every JSON reader keeps exact. */
#define SYNC_MASK ((UINT64_C(1) << 52) - 1)

enum agent_state {
    AGENT_UNSYNCED,
    AGENT_SYNCED,
    AGENT_BROKEN,
};

struct guest_agent {
    struct qmp_transport *transport;
    xentoollog_logger *lg;
    enum agent_state state;
    unsigned int timeout_ms;
    bool ends;                  /* at: */
    deadline end;
};

/* ---- open, close ---- */

/* How long the next answer is waited for. */
static unsigned int answer_timeout(const struct guest_agent *agent)
{
    unsigned int left;

    if (!agent->ends) return agent->timeout_ms;
    left = (unsigned int)deadline_left_ms(agent->end);
    return left < agent->timeout_ms ? left : agent->timeout_ms;
}

static unsigned int sync_timeout(const struct guest_agent *agent)
{
    unsigned int ms = answer_timeout(agent);

    return ms < GUEST_AGENT_SYNC_TIMEOUT_MS ? ms : GUEST_AGENT_SYNC_TIMEOUT_MS;
}

static void debug(struct guest_agent *agent, const char *what,
                  const char *text, size_t len)
{
    char line[256];

    if (!agent->lg) return;
    snprintf(line, sizeof(line), "%s: %.*s%s", what,
             (int)(len < 200 ? len : 200), text, len > 200 ? "..." : "");
    diag_sanitize(line);
    xtl_log(agent->lg, XTL_DEBUG, -1, "agent", "%s", line);
}

/* The transport's own words are about a monitor. */
static int lost(struct guest_agent *agent, int rc, struct diag *diag)
{
    if (rc == ERROR_TIMEDOUT) {
        agent->state = AGENT_UNSYNCED;
        diag_set(diag, "the guest's agent did not answer in time");
        return rc;
    }
    agent->state = AGENT_BROKEN;
    if (rc == ERROR_NOMEM)
        diag_set(diag, "out of memory");
    else if (rc == ERROR_BUFFERFULL)
        diag_set(diag, "the guest sent a line of more than %u bytes in place"
                 " of an agent's answer", GUEST_AGENT_MAX_LINE);
    else
        diag_set(diag, "the connection to the guest's agent has ended");
    return rc;
}

static int adopt(struct qmp_transport *transport, unsigned int timeout_ms,
                 xentoollog_logger *lg, struct guest_agent **agent_r,
                 struct diag *diag)
{
    struct guest_agent *agent = calloc(1, sizeof(*agent));

    if (!agent) {
        qmp_transport_free(transport);
        diag_set(diag, "out of memory");
        return ERROR_NOMEM;
    }
    agent->transport = transport;
    agent->lg = lg;
    agent->timeout_ms = timeout_ms;
    *agent_r = agent;
    return 0;
}

int guest_agent_open(const char *path, unsigned int timeout_ms,
                     xentoollog_logger *lg, struct guest_agent **agent_r,
                     struct diag *diag)
{
    struct qmp_transport *transport = NULL;
    struct diag why = { "" };
    int rc;

    rc = qmp_transport_connect(path, GUEST_AGENT_MAX_LINE,
                               deadline_after(timeout_ms), &transport, &why);
    if (rc == ERROR_NOTFOUND)
        diag_set(diag, "nothing listens at the agent's channel %s", path);
    else if (rc == ERROR_TIMEDOUT)
        diag_set(diag, "the agent's channel %s is busy: too many programs wait"
                 " for it", path);
    else if (rc)
        diag_set(diag, "cannot connect to the agent's channel %s (%s)", path,
                 libxl_error_to_string(rc));
    if (rc) return rc == ERROR_TIMEDOUT ? ERROR_NOT_READY : rc;
    return adopt(transport, timeout_ms, lg, agent_r, diag);
}

int guest_agent_adopt(int fd, unsigned int timeout_ms, xentoollog_logger *lg,
                      struct guest_agent **agent_r, struct diag *diag)
{
    struct qmp_transport *transport = NULL;
    int rc;

    rc = qmp_transport_adopt(fd, GUEST_AGENT_MAX_LINE, &transport, diag);
    if (rc) return rc;
    return adopt(transport, timeout_ms, lg, agent_r, diag);
}

void guest_agent_end_by(struct guest_agent *agent, deadline by)
{
    agent->ends = true;
    agent->end = by;
}

void guest_agent_close(struct guest_agent *agent)
{
    if (!agent) return;
    qmp_transport_free(agent->transport);
    free(agent);
}

/* ---- one line each way ---- */

static int send_line(struct guest_agent *agent, const char *text,
                     deadline by, struct diag *diag)
{
    size_t len = strlen(text);
    int rc;

    debug(agent, "sending", text, len);
    rc = qmp_transport_send(agent->transport, text, len, by, NULL);
    if (!rc) return 0;
    rc = lost(agent, rc, diag);
    /* Half a command is in the stream. */
    agent->state = AGENT_BROKEN;
    return rc;
}

/*
 * The next line that is an object, with what the sentinel cuts off cut off;
 * *cut_r says whether it did. Lines of anything else are passed over: while
 * synchronizing they are what others left, and later they are the echo or the
 * messages of a console. left counts them.
 */
static int receive_object(struct guest_agent *agent, deadline by,
                          unsigned int *left, xjson **object_r, bool *cut_r,
                          struct diag *diag)
{
    const char *text, *after;
    xjson *value;
    size_t len;
    int rc;

    while ((*left)--) {
        rc = qmp_transport_receive(agent->transport, by, &text, &len, NULL);
        if (rc) return lost(agent, rc, diag);
        debug(agent, "received", text, len);
        after = memrchr(text, SENTINEL, len);
        if (after) {
            after++;
            len -= (size_t)(after - text);
            text = after;
        }
        value = NULL;
        rc = xjson_parse(text, len, &value, NULL);
        if (rc == ERROR_NOMEM) return lost(agent, rc, diag);
        if (!rc && xjson_type_of(value) == XJSON_OBJECT) {
            *object_r = value;
            *cut_r = after;
            return 0;
        }
        xjson_free(value);
    }
    agent->state = AGENT_BROKEN;
    diag_set(diag, "the guest sent %u lines and no agent's answer among them",
             GUEST_AGENT_MAX_UNRELATED);
    return ERROR_PROTOCOL_ERROR_QMP;
}

/* ---- synchronizing ---- */

static uint64_t draw_number(void)
{
    uint64_t n;

    /* It need not be a secret, only new. */
    if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
        n = (uint64_t)deadline_now_ms();
    return n & SYNC_MASK;
}

static int await_number(struct guest_agent *agent, uint64_t number,
                        deadline by, struct diag *diag)
{
    unsigned int left = GUEST_AGENT_MAX_UNRELATED;
    xjson *object;
    uint64_t n;
    bool cut, found;
    int rc;

    for (;;) {
        rc = receive_object(agent, by, &left, &object, &cut, diag);
        if (rc) return rc;
        found = cut && !xjson_uint(xjson_member(object, "return"), SYNC_MASK,
                                   &n) && n == number;
        xjson_free(object);
        if (found) {
            agent->state = AGENT_SYNCED;
            return 0;
        }
    }
}

int guest_agent_sync(struct guest_agent *agent, struct diag *diag)
{
    unsigned int timeout_ms = sync_timeout(agent);
    deadline by = deadline_after(timeout_ms);
    uint64_t number = draw_number();
    char text[128];
    int rc;

    if (agent->state == AGENT_SYNCED) return 0;
    if (agent->state == AGENT_BROKEN) {
        diag_set(diag, "the connection to the guest's agent has failed before");
        return ERROR_PROTOCOL_ERROR_QMP;
    }
    snprintf(text, sizeof(text), "%c{\"execute\":\"guest-sync-delimited\","
             "\"arguments\":{\"id\":%" PRIu64 "}}", SENTINEL, number);
    rc = send_line(agent, text, by, diag);
    if (!rc) rc = await_number(agent, number, by, diag);
    if (rc != ERROR_TIMEDOUT) return rc;
    diag_set(diag, "no agent answered in the guest within %u s",
             (timeout_ms + 999) / 1000);
    return ERROR_NOT_READY;
}

/* ---- commands ---- */

static int read_error(const xjson *error, const char *command,
                      struct diag *diag)
{
    const char *desc = xjson_member_string(error, "desc");

    diag_set(diag, "the guest's agent refused %s: %.300s", command,
             desc ? desc : "without a reason");
    return ERROR_INVAL;
}

static int await_answer(struct guest_agent *agent, const char *command,
                        xjson **answer_r, struct diag *diag)
{
    unsigned int timeout_ms = answer_timeout(agent);
    deadline by = deadline_after(timeout_ms);
    unsigned int left = GUEST_AGENT_MAX_UNRELATED;
    const xjson *error;
    xjson *object;
    bool cut;
    int rc;

    for (;;) {
        rc = receive_object(agent, by, &left, &object, &cut, diag);
        if (rc == ERROR_TIMEDOUT)
            diag_set(diag, "the guest's agent did not answer %s within %u s",
                     command, (timeout_ms + 999) / 1000);
        if (rc) return rc;
        error = xjson_member(object, "error");
        if (error) {
            rc = read_error(error, command, diag);
            xjson_free(object);
            return rc;
        }
        if (xjson_member(object, "return")) break;
        xjson_free(object);
    }
    *answer_r = object;
    return 0;
}

/* arguments: an object's text, or NULL. */
static int send_command(struct guest_agent *agent, const char *command,
                        const char *arguments, struct diag *diag)
{
    char text[256];

    snprintf(text, sizeof(text), "{\"execute\":\"%s\"%s%s}", command,
             arguments ? ",\"arguments\":" : "", arguments ? arguments : "");
    return send_line(agent, text, deadline_after(answer_timeout(agent)), diag);
}

static int execute(struct guest_agent *agent, const char *command,
                   const char *arguments, xjson **answer_r, struct diag *diag)
{
    int rc;

    rc = guest_agent_sync(agent, diag);
    if (!rc) rc = send_command(agent, command, arguments, diag);
    return rc ? rc : await_answer(agent, command, answer_r, diag);
}

static int odd_answer(struct guest_agent *agent, const char *command,
                      struct diag *diag)
{
    agent->state = AGENT_UNSYNCED;
    diag_set(diag, "the guest's agent gave %s an answer of an unknown shape",
             command);
    return ERROR_PROTOCOL_ERROR_QMP;
}

/* A command whose answer is a number of file systems. */
static int execute_counting(struct guest_agent *agent, const char *command,
                            uint64_t *num_r, struct diag *diag)
{
    xjson *answer = NULL;
    int rc;

    rc = execute(agent, command, NULL, &answer, diag);
    if (rc) return rc;
    rc = xjson_uint(xjson_member(answer, "return"), INT32_MAX, num_r);
    if (rc) rc = odd_answer(agent, command, diag);
    xjson_free(answer);
    return rc;
}

int guest_agent_status(struct guest_agent *agent, bool *frozen_r,
                       struct diag *diag)
{
    static const char command[] = "guest-fsfreeze-status";
    xjson *answer = NULL;
    const char *status;
    int rc;

    rc = execute(agent, command, NULL, &answer, diag);
    if (rc) return rc;
    status = xjson_member_string(answer, "return");
    if (status && !strcmp(status, "frozen"))
        *frozen_r = true;
    else if (status && !strcmp(status, "thawed"))
        *frozen_r = false;
    else
        rc = odd_answer(agent, command, diag);
    xjson_free(answer);
    return rc;
}

int guest_agent_freeze(struct guest_agent *agent, uint64_t *num_r,
                       struct diag *diag)
{
    return execute_counting(agent, "guest-fsfreeze-freeze", num_r, diag);
}

int guest_agent_thaw(struct guest_agent *agent, uint64_t *num_r,
                     struct diag *diag)
{
    static const char command[] = "guest-fsfreeze-thaw";
    int rc;

    rc = execute_counting(agent, command, num_r, diag);
    /* Its answer to our number is still to come: it hangs in something. */
    if (rc == ERROR_NOT_READY && agent->state == AGENT_UNSYNCED)
        send_command(agent, command, NULL, NULL);
    return rc;
}

int guest_agent_get_time(struct guest_agent *agent, int64_t *ns_r,
                         struct diag *diag)
{
    static const char command[] = "guest-get-time";
    xjson *answer = NULL;
    int rc;

    rc = execute(agent, command, NULL, &answer, diag);
    if (rc) return rc;
    rc = xjson_int(xjson_member(answer, "return"), INT64_MIN, INT64_MAX, ns_r);
    if (rc) rc = odd_answer(agent, command, diag);
    xjson_free(answer);
    return rc;
}

int guest_agent_set_time(struct guest_agent *agent, int64_t ns,
                         struct diag *diag)
{
    xjson *answer = NULL;
    char arguments[64];
    int rc;

    snprintf(arguments, sizeof(arguments), "{\"time\":%" PRId64 "}", ns);
    rc = execute(agent, "guest-set-time", arguments, &answer, diag);
    xjson_free(answer);
    return rc;
}
