/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of QEMU's machine protocol: the greeting, the negotiation, and
 * commands one at a time. It knows no command but qmp_capabilities.
 *
 *   state       entered by                       may do
 *   CONNECTED   alloc                            negotiate
 *   READY       negotiate; a finished execute,   execute
 *               also one that QEMU refused or
 *               that timed out waiting
 *   WAITING     execute, its command is sent     (inside execute only)
 *   BROKEN      any other failure                free
 *
 * Any other transition is refused with ERROR_INVAL.
 *
 * Every command carries an id made of a number drawn at connect and a
 * counter. A reply with another id belongs to nobody here, be it late, left
 * over from an earlier client of the same monitor, or invented: it is
 * dropped. So are events; what matters afterwards must be asked for, since
 * events that come while nobody is connected are lost in any case.
 */
#ifndef XLS_QMP_CLIENT_H
#define XLS_QMP_CLIENT_H

#include <libxl.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"
#include "libxl/json.h"

/* Messages that are none of ours, accepted while waiting for one that is. */
#define QMP_CLIENT_MAX_UNRELATED 65536u

struct qmp_transport;
struct qmp_client;

struct qmp_version {
    unsigned int major, minor, micro;
};

/* Takes the transport over, on failure too. lg may be NULL. */
int qmp_client_alloc(struct qmp_transport *transport, xentoollog_logger *lg,
                     struct qmp_client **client_r);

/* Disconnects. NULL is fine. A job that QEMU is running goes on. */
void qmp_client_free(struct qmp_client *client);

/*
 * Wait for the greeting and leave negotiation mode. ERROR_TIMEDOUT also when
 * the monitor is in somebody else's hands: QEMU lets a second client connect,
 * and then says nothing to it until the first has left.
 */
int qmp_client_negotiate(struct qmp_client *client, deadline by,
                         struct diag *diag);

/* What the greeting said; all 0 before. */
struct qmp_version qmp_client_version(const struct qmp_client *client);

/* Writes the members of a command's "arguments". The writer remembers its
 * first failure, so nothing needs to be returned. */
typedef void qmp_write_arguments(xjson_writer *w, const void *user);

/*
 * Send a command and wait for its reply. *reply_r is QEMU's whole message,
 * the caller's to xjson_free; qmp_reply_value tells what the command
 * returned. reply_r and arguments may be NULL.
 *
 * ERROR_QMP_GENERIC_ERROR, ERROR_QMP_COMMAND_NOT_FOUND,
 * ERROR_QMP_DEVICE_NOT_ACTIVE, ERROR_QMP_DEVICE_NOT_FOUND,
 * ERROR_UNKNOWN_QMP_ERROR: QEMU refused; diag has its words.
 * ERROR_TIMEDOUT: no reply yet. The command may still be carried out; a
 * later look at QEMU's state has to tell. ERROR_PROTOCOL_ERROR_QMP,
 * ERROR_BUFFERFULL: not QMP, or the connection ended; the same holds.
 */
int qmp_client_execute(struct qmp_client *client, const char *command,
                       qmp_write_arguments *arguments, const void *user,
                       deadline by, xjson **reply_r, struct diag *diag);

static inline const xjson *qmp_reply_value(const xjson *reply)
{
    return xjson_member(reply, "return");
}

/* Did rc come from QEMU itself refusing a command? */
static inline bool qmp_error_is_refusal(int rc)
{
    return rc <= ERROR_UNKNOWN_QMP_ERROR && rc >= ERROR_QMP_DEVICE_NOT_FOUND;
}

#endif
