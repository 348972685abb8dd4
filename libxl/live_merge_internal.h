/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One merge while it is under way; shared by live_merge*.c. */
#ifndef XLS_LIVE_MERGE_INTERNAL_H
#define XLS_LIVE_MERGE_INTERNAL_H

#include "libxl/live_merge.h"
#include "libxl/qmp_job.h"

struct live_merge {
    const struct live_merge_params *params;
    const struct merge_host *host;
    struct diag *diag;
    char job[QMP_JOB_ID_SIZE];

    struct qmp_client *client;      /* NULL: no session */
    bool paused;                    /* by us */
    struct block_graph graph;       /* as of the last look */
    struct merge_plan plan;         /* points into it */
    enum merge_kind kind;           /* of what was started */

    /* names of nodes, which outlive the graph */
    char *from, *to;                /* data goes from one to the other */
    char *old;                      /* the one to be closed; NULL: none */
    bool has_bitmaps;               /* from has */
    bool over;                      /* the guest has gone over to base */

    /* the speed of copying, from one poll to the next */
    int64_t looked_at_ms;
    uint64_t copied;
    uint64_t bytes_per_ms;
    int64_t no_stop_before_ms;      /* the last stop was not long enough */
    unsigned int patience_ms;       /* ... and how long to wait after the next */
};

deadline live_merge_by(const struct live_merge *m);

/* Sessions and pauses. Opening what is open and closing what is closed is
 * fine, and so it is with pauses. unpause closes the session first. */
int live_merge_open(struct live_merge *m);
void live_merge_close(struct live_merge *m);
int live_merge_pause(struct live_merge *m);
int live_merge_unpause(struct live_merge *m, int rc);

/* In a session: look at the graph. */
int live_merge_look(struct live_merge *m);

/* In a session: poll until the job has reached this status, or concluded, or
 * is gone. ERROR_TIMEDOUT: not within ms. */
int live_merge_await(struct live_merge *m, enum qmp_job_status status,
                     unsigned int ms, struct qmp_job *job_r);

/* A job that concluded, or is gone: 0, or ERROR_FAIL and why. */
int live_merge_verdict(struct live_merge *m, const struct qmp_job *job);

/*
 * The job, seen in this session, is ready (or nearly) or pending: bring it to
 * its end. *over_r: it has concluded, well (0) or not; else it goes on, and so
 * does the guest.
 */
int live_merge_finish(struct live_merge *m, const struct qmp_job *job,
                      bool *over_r);

/* The guest stands still and QEMU writes to base: record it, and go on. */
int live_merge_committed(struct live_merge *m);

#endif
