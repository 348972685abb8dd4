/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's memory and devices, into a file, through libxl's own save.
 *
 *   memory_capture   the guest runs, then is suspended; its memory is on its
 *                    way to the file
 *   memory_release   the guest goes on
 *   memory_finish    all of it is in the file
 *
 * memory_release and then memory_dispose are right at any point.
 */
#ifndef XLS_MEMORY_H
#define XLS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libxl/domain_facts.h"
#include "libxl/memory_stage.h"
#include "libxl/pause_clock.h"

struct memory_capture {
    libxl_snapshot_ctx *sctx;
    const struct domain_facts *domain;
    struct memory_stage *stage;
    struct pause_clock *clock;
    bool suspended;             /* the guest is ours to resume */
    bool ended;                 /* it shut down, crashed or was destroyed */
    bool live;
    uint64_t pause_us;          /* known after the release */
};

void memory_capture_init(struct memory_capture *m);
void memory_capture_dispose(struct memory_capture *m);

/*
 * 0: the domain is suspended, and what follows sees it at that instant. On
 * failure it runs, unless m->suspended says otherwise.
 */
int memory_capture(struct memory_capture *m, libxl_snapshot_ctx *sctx,
                   const struct domain_facts *domain,
                   const libxl_domain_snapshot_args *args, int fd,
                   const libxl_snapshot_callbacks *callbacks,
                   libxl_snapshot_diag *diag);

/* Nothing to do if it is not suspended. */
int memory_release(struct memory_capture *m, libxl_snapshot_diag *diag);

int memory_finish(struct memory_capture *m, uint64_t *bytes_r,
                  libxl_snapshot_diag *diag);

#endif
