/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The moment when the block graph changes. */
#include "config.h"

#include <string.h>

#include "libxl/bitmap_union.h"
#include "libxl/image_merge.h"
#include "libxl/live_merge_internal.h"
#include "libxl/qmp_merge.h"

#define MAX_STOP_MS 500
/* From job-complete or job-finalize to the end; tens of ms usually. */
#define CONCLUDE_MS 5000
#define MIN_PATIENCE_MS 1000
#define MAX_PATIENCE_MS 30000

/* ---- bitmaps ---- */

static int unite_bitmap(struct live_merge *m, const struct image_bitmap *from,
                        const struct image_bitmap *to)
{
    bool commit = m->params->request.direction == LIBXL_MERGE_DIRECTION_COMMIT;
    struct bitmap_union todo = bitmap_union_decide(commit, from, to);
    const struct qmp_bitmap_union what = {
        .from = m->from, .to = m->to, .name = from->name, .add = todo.add,
        .granularity = from->granularity, .recording = todo.recording,
    };

    switch (todo.action) {
    case BITMAP_LEAVE: return 0;
    case BITMAP_REMOVE:
        return qmp_bitmap_remove(m->client, m->to, from->name,
                                 live_merge_by(m), m->diag);
    case BITMAP_UNITE: break;
    }
    return qmp_bitmap_union(m->client, &what, live_merge_by(m), m->diag);
}

/* While both images are open, and the one that stays can be written. */
static int unite_bitmaps(struct live_merge *m)
{
    const struct block_node *from, *to;
    const struct image_bitmap *bitmap;
    size_t i;
    int rc;

    if (!m->has_bitmaps) return 0;
    rc = live_merge_look(m);
    if (rc) return rc;
    from = block_graph_node(&m->graph, m->from);
    to = block_graph_node(&m->graph, m->to);
    if (!from || !to || strcmp(to->driver, "qcow2")) return 0;
    for (i = 0; i < from->num_bitmaps && !rc; i++) {
        bitmap = &from->bitmaps[i];
        if (!bitmap->name) continue;
        rc = unite_bitmap(m, bitmap, image_bitmap_find(to->bitmaps,
                                                       to->num_bitmaps,
                                                       bitmap->name));
    }
    if (rc) diag_prefix(m->diag, "cannot carry a dirty bitmap over: ");
    return rc;
}

/* ---- the active image ---- */

int live_merge_committed(struct live_merge *m)
{
    int rc, rc2;

    live_merge_close(m);
    m->over = true;
    rc2 = image_sync(m->params->request.base.path, m->diag);
    rc = m->host->committed(m->host->user, m->diag);
    return live_merge_unpause(m, rc ? rc : rc2);
}

static unsigned int max_stop_ms(const struct live_merge *m)
{
    return m->params->max_stop_ms ? m->params->max_stop_ms : MAX_STOP_MS;
}

/* Would a stop be short enough? Copying may be faster with the guest out of
 * the way, and is seldom slower. */
static bool is_near(const struct live_merge *m, const struct qmp_job *job)
{
    uint64_t left = job->total > job->current ? job->total - job->current : 0;

    if (deadline_now_ms() < m->no_stop_before_ms) return false;
    if (!left) return job->status == QMP_JOB_READY;
    return m->bytes_per_ms && left / m->bytes_per_ms <= max_stop_ms(m);
}

/* The guest stands still: has all been copied, in time? */
static int copy_rest(struct live_merge *m, bool *ready_r)
{
    deadline by = deadline_after(max_stop_ms(m));
    struct qmp_job job;
    int rc;

    for (;;) {
        rc = qmp_job_query(m->client, m->job, live_merge_by(m), &job, m->diag);
        if (rc) return rc;
        *ready_r = job.status == QMP_JOB_READY && !job.standby &&
            job.current >= job.total;
        if (*ready_r || !deadline_left_ms(by) ||
            (job.status != QMP_JOB_READY && job.status != QMP_JOB_BUSY))
            return 0;
        deadline_sleep(by, 5);
    }
}

/* Not in time: let the guest run, and be longer in trying again. */
static int let_run(struct live_merge *m)
{
    if (!m->patience_ms) m->patience_ms = MIN_PATIENCE_MS;
    else if (m->patience_ms < MAX_PATIENCE_MS) m->patience_ms *= 2;
    m->no_stop_before_ms = deadline_now_ms() + m->patience_ms;
    return live_merge_unpause(m, 0);
}

/*
 * If the job does not conclude after all, the way out is to cancel it, which
 * live_merge.c does to every job that fails here; and to look which image it
 * is then.
 */
static int complete(struct live_merge *m)
{
    struct qmp_job job;
    int rc;

    rc = unite_bitmaps(m);
    if (rc) return rc;
    rc = qmp_job_complete(m->client, m->job, live_merge_by(m), m->diag);
    if (rc) return rc;
    rc = live_merge_await(m, QMP_JOB_CONCLUDED, CONCLUDE_MS, &job);
    if (rc) return rc;
    rc = live_merge_verdict(m, &job);
    return rc ? rc : live_merge_committed(m);
}

static int finish_active(struct live_merge *m, bool *over_r)
{
    bool ready = false;
    int rc;

    /* What the host has cached so far is written while the guest still runs. */
    live_merge_close(m);
    rc = image_sync(m->params->request.base.path, m->diag);
    if (!rc) rc = live_merge_open(m);
    if (!rc) rc = live_merge_pause(m);
    if (!rc) rc = copy_rest(m, &ready);
    if (rc) return rc;
    if (!ready) return let_run(m);
    rc = complete(m);
    if (!rc) *over_r = true;
    return rc;
}

/* ---- the others ---- */

/*
 * QEMU rewrites headers when the job is finalized. A power cut after that must
 * find what they then say: so that all has been copied comes to the disk
 * first, most of it while the guest still runs.
 */
static int finish_pending(struct live_merge *m, bool *over_r)
{
    struct qmp_job job;
    int rc;

    rc = qmp_block_flush(m->client, m->to, live_merge_by(m), m->diag);
    if (!rc) rc = live_merge_pause(m);
    if (!rc) rc = unite_bitmaps(m);
    if (!rc) rc = qmp_block_flush(m->client, m->to, live_merge_by(m), m->diag);
    if (!rc) rc = qmp_job_finalize(m->client, m->job, live_merge_by(m), m->diag);
    if (!rc) rc = live_merge_await(m, QMP_JOB_CONCLUDED, CONCLUDE_MS, &job);
    if (!rc) rc = live_merge_verdict(m, &job);
    if (rc) return rc;
    *over_r = true;
    return live_merge_unpause(m, 0);
}

int live_merge_finish(struct live_merge *m, const struct qmp_job *job,
                      bool *over_r)
{
    if (job->status == QMP_JOB_PENDING) return finish_pending(m, over_r);
    if (m->kind != MERGE_COMMIT_ACTIVE) return 0;
    if (job->status != QMP_JOB_READY && job->status != QMP_JOB_BUSY) return 0;
    return is_near(m, job) ? finish_active(m, over_r) : 0;
}
