/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of the QEMU guest agent: a program in the guest, asked over a
 * socket that ends in one of the guest's consoles.
 *
 * The guest is not trusted, and there may be no agent at all: what comes back
 * is bounded in bytes and in lines, and every call is bounded in time.
 *
 * A console keeps what nobody read. So before the first command, and again
 * after a command whose answer never came, the agent is sent a number drawn
 * at random, and whatever comes before that number comes back is thrown away:
 * answers to commands of earlier clients, halves of them, echoes. From then
 * on answers come in the order of the commands, since the agent does one
 * thing at a time.
 *
 *   state      entered by                     the next command
 *   UNSYNCED   open; no answer in time        synchronizes first
 *   SYNCED     a number came back             is sent
 *   BROKEN     the connection ended           fails
 */
#ifndef XLS_GUEST_AGENT_H
#define XLS_GUEST_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>
#include <xentoollog.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"

/* The longest line accepted, and how many that are no answer to us. */
#define GUEST_AGENT_MAX_LINE (1u << 20)
#define GUEST_AGENT_MAX_UNRELATED 4096u

/* An agent that is there comes back at once, however slow its disks are. */
#define GUEST_AGENT_SYNC_TIMEOUT_MS 10000u

struct guest_agent;

/*
 * Connect; nothing is said yet. lg may be NULL. timeout_ms: for each answer.
 *
 * ERROR_NOTFOUND: nobody serves the socket. ERROR_NOT_READY: too many others
 * wait for it.
 */
int guest_agent_open(const char *path, unsigned int timeout_ms,
                     xentoollog_logger *lg, struct guest_agent **agent_r,
                     struct diag *diag);

/* Over a connected stream socket; fd is taken over, on failure too. */
int guest_agent_adopt(int fd, unsigned int timeout_ms, xentoollog_logger *lg,
                      struct guest_agent **agent_r, struct diag *diag);

/* Disconnects. NULL is fine. What the agent is doing goes on. */
void guest_agent_close(struct guest_agent *agent);

/* From here on no answer is waited for any longer than that. */
void guest_agent_end_by(struct guest_agent *agent, deadline by);

/*
 * These return 0, or
 *   ERROR_NOT_READY: no agent answers, or it has not finished what it was
 *     asked before; nothing was sent.
 *   ERROR_INVAL: the agent refused; diag has its words.
 *   ERROR_TIMEDOUT, ERROR_PROTOCOL_ERROR_QMP, ERROR_BUFFERFULL: no answer to
 *     this. It may have been done, or still be.
 */
/* Nothing but what every command begins with. */
int guest_agent_sync(struct guest_agent *agent, struct diag *diag);
int guest_agent_status(struct guest_agent *agent, bool *frozen_r,
                       struct diag *diag);
/* num_r: how many file systems. */
int guest_agent_freeze(struct guest_agent *agent, uint64_t *num_r,
                       struct diag *diag);
/*
 * With ERROR_NOT_READY this is sent all the same: it is then carried out when
 * the agent gets round to reading it, be it after we have gone.
 */
int guest_agent_thaw(struct guest_agent *agent, uint64_t *num_r,
                     struct diag *diag);

/* The guest's wall clock: nanoseconds since the epoch. */
int guest_agent_get_time(struct guest_agent *agent, int64_t *ns_r,
                         struct diag *diag);
/*
 * ERROR_INVAL does not mean that it was not set: qemu-ga then has hwclock set
 * the hardware clock too, of which a PV guest has none, and refuses after the
 * deed. Ask.
 */
int guest_agent_set_time(struct guest_agent *agent, int64_t ns,
                         struct diag *diag);

#endif
