/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's memory and devices, into an image, through libxl's own save.
 *
 *   memory_capture   the guest runs, then is suspended; its memory is in ours
 *   memory_release   the guest goes on
 *   memory_finish    all of it is in the image
 *
 * memory_release and then memory_dispose are right at any point.
 */
#ifndef XLS_MEMORY_H
#define XLS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libxl/domain_facts.h"
#include "libxl/libxl_snapshot.h"
#include "libxl/pause_clock.h"
#include "memory/intake.h"

struct memory_capture {
    libxl_snapshot_ctx *sctx;
    const struct domain_facts *domain;
    const libxl_domain_snapshot_args *args;
    const libxl_memory_target *target;
    struct intake *intake;
    struct pause_clock *clock;
    bool suspended;             /* the guest is ours to resume */
    bool ended;                 /* it shut down, crashed or was destroyed */
    bool live;
    uint64_t asked_at, taken_at;
    /* Known after the release; see libxl_domain_snapshot_result. */
    uint64_t pause_us, pause_memory_us, pause_disks_us, pause_resume_us;
    uint64_t suspend_us;
};

void memory_capture_init(struct memory_capture *m);
void memory_capture_dispose(struct memory_capture *m);

/*
 * 0: the domain is suspended, and what follows sees it at that instant. On
 * failure it runs, unless m->suspended says otherwise.
 */
int memory_capture(struct memory_capture *m, libxl_snapshot_ctx *sctx,
                   const struct domain_facts *domain,
                   const libxl_domain_snapshot_args *args,
                   const libxl_memory_target *target,
                   const libxl_snapshot_callbacks *callbacks,
                   libxl_snapshot_diag *diag);

/* Nothing to do if it is not suspended. */
int memory_release(struct memory_capture *m, libxl_snapshot_diag *diag);

/* Sets what the result says of the memory. */
int memory_finish(struct memory_capture *m,
                  libxl_domain_snapshot_result *result,
                  libxl_snapshot_diag *diag);

/* Make an image of what has come, as the target says. */
int memory_image_make(struct intake *intake, const libxl_memory_target *target,
                      const libxl_domain_snapshot_args *args,
                      libxl_domain_snapshot_result *result,
                      libxl_snapshot_diag *diag);

/* So much memory for pages: what was asked for, or else as below. */
void memory_choose_limit(uint64_t memory_bytes, uint64_t asked,
                         struct intake_args *intake);

#endif
