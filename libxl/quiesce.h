/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's file systems, frozen by its agent while the disks' snapshots are
 * made. Whoever calls quiesce_freeze calls quiesce_thaw on every path, a
 * failed freeze included: some may be frozen all the same.
 */
#ifndef XLS_QUIESCE_H
#define XLS_QUIESCE_H

#include "libxl/internal.h"

/* For each answer, if the caller does not say. */
#define XLS_AGENT_TIMEOUT_MS 10000

struct guest_agent;

struct quiesce {
    libxl_snapshot_ctx *sctx;
    uint32_t domid;
    unsigned int timeout_ms;
    struct guest_agent *agent;  /* NULL: not connected */
    bool maybe_frozen;          /* by us */
};

void quiesce_init(struct quiesce *quiesce);
void quiesce_dispose(struct quiesce *quiesce);

/*
 * Does an agent answer that could freeze, and is nothing frozen yet?
 * ERROR_INVAL: no channel, or the agent refuses. ERROR_NOT_READY: no answer;
 * or frozen by somebody else.
 */
int quiesce_check(libxl_snapshot_ctx *sctx, uint32_t domid,
                  unsigned int timeout_ms, libxl_snapshot_diag *diag);

/* timeout_ms: for each answer; 0: the library chooses. */
int quiesce_freeze(struct quiesce *quiesce, libxl_snapshot_ctx *sctx,
                   uint32_t domid, unsigned int timeout_ms,
                   libxl_snapshot_diag *diag);

/*
 * Does nothing unless quiesce_freeze was tried. On failure diag says that file
 * systems may be frozen still, and the way out.
 */
int quiesce_thaw(struct quiesce *quiesce, libxl_snapshot_diag *diag);

#endif
