/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to a domain's guest agent: a channel of its configuration. */
#ifndef XLS_AGENT_CHANNEL_H
#define XLS_AGENT_CHANNEL_H

#include "libxl/guest_agent.h"
#include "libxl/internal.h"

/*
 * Connect to the agent; nothing is said yet. timeout_ms: for each of its
 * answers. ERROR_NOTFOUND: the domain has no channel to an agent, or none that
 * this xl gives the guest. ERROR_NOT_READY: nobody can be reached there now.
 */
int agent_channel_open(libxl_snapshot_ctx *sctx, uint32_t domid,
                       unsigned int timeout_ms, struct guest_agent **agent_r,
                       libxl_snapshot_diag *diag);

/*
 * The agent's words as ours. ERROR_INVAL (it refused) and ERROR_NOMEM stay
 * what they are; all else is ERROR_NOT_READY, since it may work another time.
 */
int agent_channel_failed(int rc, const struct diag *why,
                         libxl_snapshot_diag *diag);

#endif
