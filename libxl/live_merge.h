/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An overlay and its backing image become one under a running guest, by its
 * QEMU. Knows QEMU and the order of things, and of the domain only what its
 * host lets it do.
 *
 *   session, pause, start the job, session ends, unpause
 *   polls, each a session of its own: libxl wants the monitor, too
 *   the guest goes over to base:            else:
 *     session, pause                          session, pause
 *     the rest is copied; bitmaps             bitmaps
 *     job-complete, concluded                 job-finalize, concluded
 *     session ends; committed(); unpause      session ends; unpause
 *   session: dismiss the job, close the image that is not needed any more
 *
 * The guest stands still while the graph changes, since QEMU's qdisk does not
 * strictly drain before 8.1.
 */
#ifndef XLS_LIVE_MERGE_H
#define XLS_LIVE_MERGE_H

#include "libxl/merge_plan.h"
#include "libxl/qmp_client.h"

/* All but progress and cancelled must be there. */
struct merge_host {
    void *user;
    /* Libxl's lock and a session with QEMU, for a short time. While it is open
     * only pause() is called. ERROR_TIMEDOUT: try again. */
    int (*open)(void *user, struct qmp_client **client_r, struct diag *diag);
    void (*close)(void *user);
    /* Counted by the hypervisor: a guest that stood still before will after. */
    int (*pause)(void *user, struct diag *diag);
    int (*unpause)(void *user, struct diag *diag);
    /* The guest stands still, and base is what it will write to from now on. */
    int (*committed)(void *user, struct diag *diag);
    void (*progress)(void *user, uint64_t done, uint64_t total);
    bool (*cancelled)(void *user);
};

struct live_merge_params {
    struct merge_request request;
    /* How long the guest may stand still while the rest is copied, ms; 0: 500.
     * It is tried when that should be enough by the speed so far. */
    unsigned int max_stop_ms;
    unsigned int timeout_ms;        /* of each exchange with QEMU; 0: 10 s */
};

/*
 * elsewhere_r: the disk has neither image in its chain, nothing was done, and
 * the images are to be merged as those of nobody. Whatever happens, the guest
 * goes on, and on failure no job of ours is left as far as QEMU answers.
 *
 * A merge that was done before calls committed() if the guest writes to base,
 * and closes what was left open. A job of ours that was left is cancelled
 * first.
 *
 * ERROR_ABORTED: cancelled. ERROR_NOT_READY: another job; or an error in
 * closing up, when the merge itself is done: to be repeated. ERROR_FAIL: the
 * job failed. Else what the host, the plan, QEMU or committed() said.
 */
int live_merge_run(const struct live_merge_params *params,
                   const struct merge_host *host, bool *elsewhere_r,
                   struct diag *diag);

#endif
