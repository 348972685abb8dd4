/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session with a running domain's QEMU, and its block nodes. Joins what
 * libxl knows of a domain (domain_facts.h) to what its QEMU says
 * (block_graph.h).
 */
#ifndef XLS_DOMAIN_MONITOR_H
#define XLS_DOMAIN_MONITOR_H

#include "libxl/block_graph.h"
#include "libxl/domain_facts.h"
#include "libxl/monitor.h"

struct domain_monitor {
    libxl_snapshot_ctx *sctx;
    uint32_t domid;
    struct monitor *session;
    struct block_graph graph;   /* as of the last look */
};

void domain_monitor_init(struct domain_monitor *m);
/* Ends the session and leaves libxl's lock; what was seen stays. */
void domain_monitor_close(struct domain_monitor *m);
/* The same, and forgets. Both may be repeated. */
void domain_monitor_dispose(struct domain_monitor *m);

/*
 * Take libxl's lock and connect. Until the dispose no libxl call that may
 * itself need the monitor may be made: hypercalls only (info, pause).
 */
int domain_monitor_open(struct domain_monitor *m, libxl_snapshot_ctx *sctx,
                        const struct domain_facts *domain,
                        libxl_snapshot_diag *diag);

/* Ask QEMU for its block graph. */
int domain_monitor_look(struct domain_monitor *m, libxl_snapshot_diag *diag);

/* The node of a disk in the graph; valid until the next look. */
int domain_monitor_find(struct domain_monitor *m,
                        const struct disk_facts *disk,
                        const struct block_node **node_r,
                        libxl_snapshot_diag *diag);

#endif
