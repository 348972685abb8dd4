/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/live_merge_internal.h"
#include "libxl/qmp_merge.h"

#define TIMEOUT_MS 10000
/* The guest must not wait for a QEMU that hangs. */
#define PAUSED_TIMEOUT_MS 3000
#define MIN_POLL_MS 50
#define MAX_POLL_MS 500
/* A job that does as it is told does so in a moment. */
#define CANCEL_PAUSED_MS 3000
#define CANCEL_MS 60000
/* So often in a row somebody else may have the monitor. */
#define MAX_OPEN_FAILURES 6

deadline live_merge_by(const struct live_merge *m)
{
    unsigned int ms = m->params->timeout_ms ? m->params->timeout_ms :
        TIMEOUT_MS;

    return deadline_after(m->paused && ms > PAUSED_TIMEOUT_MS ?
                          PAUSED_TIMEOUT_MS : ms);
}

/* ---- sessions and pauses ---- */

int live_merge_open(struct live_merge *m)
{
    if (m->client) return 0;
    return m->host->open(m->host->user, &m->client, m->diag);
}

void live_merge_close(struct live_merge *m)
{
    if (m->client) m->host->close(m->host->user);
    m->client = NULL;
}

int live_merge_pause(struct live_merge *m)
{
    int rc;

    if (m->paused) return 0;
    rc = m->host->pause(m->host->user, m->diag);
    if (!rc) m->paused = true;
    return rc;
}

/* rc is what came before, and wins. */
int live_merge_unpause(struct live_merge *m, int rc)
{
    int rc2;

    live_merge_close(m);
    if (!m->paused) return rc;
    rc2 = m->host->unpause(m->host->user, rc ? NULL : m->diag);
    if (!rc2) m->paused = false;
    return rc ? rc : rc2;
}

/* ---- looking ---- */

int live_merge_look(struct live_merge *m)
{
    struct block_replies replies;
    int rc;

    block_replies_init(&replies);
    rc = qmp_query_block_replies(m->client, live_merge_by(m), &replies,
                                 m->diag);
    if (!rc) rc = block_graph_parse(&replies, &m->graph, m->diag);
    if (!rc)
        block_graph_identify(&m->graph, m->params->request.identify,
                             m->params->request.identify_user);
    block_replies_dispose(&replies);
    return rc;
}

static bool is_explicit(const struct block_node *node)
{
    return node && node->name[0] != '#';    /* QEMU closes those it named */
}

static int remember(char **where, const struct block_node *node)
{
    free(*where);
    *where = node ? strdup(node->name) : NULL;
    return node && !*where ? ERROR_NOMEM : 0;
}

/* The nodes' names outlive the graph: during a job no plan can be made. */
static int look_and_plan(struct live_merge *m)
{
    bool commit = m->params->request.direction == LIBXL_MERGE_DIRECTION_COMMIT;
    const struct block_node *from, *to;
    int rc;

    rc = live_merge_look(m);
    if (rc) return rc;
    rc = merge_plan_make(&m->graph, &m->params->request, &m->plan, m->diag);
    if (rc) return rc;
    from = commit ? m->plan.top : m->plan.base;
    to = commit ? m->plan.base : m->plan.top;
    rc = remember(&m->from, from);
    if (!rc) rc = remember(&m->to, to);
    if (!rc) rc = remember(&m->old, is_explicit(m->plan.old) ? m->plan.old :
                           NULL);
    if (rc) diag_set(m->diag, "out of memory");
    m->has_bitmaps = from && from->num_bitmaps;
    return rc;
}

/* ---- jobs ---- */

int live_merge_await(struct live_merge *m, enum qmp_job_status status,
                     unsigned int ms, struct qmp_job *job_r)
{
    deadline by = deadline_after(ms);
    int rc;

    for (;;) {
        rc = qmp_job_query(m->client, m->job, live_merge_by(m), job_r, m->diag);
        if (rc || job_r->status == status || job_r->status == QMP_JOB_GONE ||
            job_r->status == QMP_JOB_CONCLUDED)
            return rc;
        if (!deadline_left_ms(by)) break;
        deadline_sleep(by, 5);
    }
    diag_set(m->diag, "QEMU's job %s does not come to its end", m->job);
    return ERROR_TIMEDOUT;
}

int live_merge_verdict(struct live_merge *m, const struct qmp_job *job)
{
    const struct merge_request *request = &m->params->request;

    if (job->status == QMP_JOB_CONCLUDED && !job->error[0]) return 0;
    diag_set(m->diag, "QEMU did not merge %s and %s: %s", request->top.path,
             request->base.path, job->status == QMP_JOB_GONE ?
             "somebody has removed its job" : job->error);
    return ERROR_FAIL;
}

/* For what takes its time, without keeping the monitor from others. */
static int await_in_sessions(struct live_merge *m, struct qmp_job *job_r)
{
    deadline by = deadline_after(CANCEL_MS);
    int rc;

    for (;;) {
        rc = live_merge_open(m);
        if (!rc) rc = live_merge_await(m, QMP_JOB_CONCLUDED, 0, job_r);
        if (rc != ERROR_TIMEDOUT || !deadline_left_ms(by)) return rc;
        live_merge_close(m);
        deadline_sleep(by, MAX_POLL_MS);
    }
}

static int cancel_job(struct live_merge *m, struct qmp_job *job_r)
{
    int rc;

    rc = live_merge_pause(m);
    if (rc) return rc;
    rc = qmp_job_cancel(m->client, m->job, live_merge_by(m), m->diag);
    if (rc && !qmp_error_is_refusal(rc)) return rc;     /* else: too late */
    rc = live_merge_await(m, QMP_JOB_CONCLUDED, CANCEL_PAUSED_MS, job_r);
    if (rc != ERROR_TIMEDOUT) return rc;
    rc = live_merge_unpause(m, 0);
    return rc ? rc : await_in_sessions(m, job_r);
}

static int dismiss_job(struct live_merge *m)
{
    struct qmp_job job;
    int rc, rc2;

    rc = qmp_job_dismiss(m->client, m->job, live_merge_by(m), m->diag);
    if (!qmp_error_is_refusal(rc)) return rc;
    /* Somebody was faster? */
    rc2 = qmp_job_query(m->client, m->job, live_merge_by(m), &job, m->diag);
    if (rc2) return rc2;
    return job.status == QMP_JOB_GONE ? 0 : ERROR_NOT_READY;
}

/*
 * If there is a job of ours, end it and have it forgotten, whatever it did.
 * Then a session is open, and the guest may be paused.
 */
static int clear_job(struct live_merge *m)
{
    struct qmp_job job;
    int rc;

    rc = live_merge_open(m);
    if (rc) return rc;
    rc = qmp_job_query(m->client, m->job, live_merge_by(m), &job, m->diag);
    if (rc) return rc;
    if (job.status != QMP_JOB_CONCLUDED && job.status != QMP_JOB_GONE) {
        rc = cancel_job(m, &job);
        if (rc) return rc;
    }
    return job.status == QMP_JOB_GONE ? 0 : dismiss_job(m);
}

/* ---- start ---- */

static int start(struct live_merge *m)
{
    const struct merge_request *request = &m->params->request;
    const struct merge_plan *plan = &m->plan;
    const struct qmp_block_commit commit = {
        .job = m->job, .root = plan->root->name, .top = plan->top->name,
        .base = plan->base->name,
        .backing_file = plan->kind == MERGE_COMMIT_BELOW ?
            request->base.path : NULL,
    };
    const struct qmp_block_stream stream = {
        .job = m->job, .top = plan->top->name,
        .below = plan->below ? plan->below->name : NULL,
        .backing_file = plan->below ? request->below.path : NULL,
    };
    int rc;

    rc = merge_plan_check_jobs(&m->graph, request->vdev, m->diag);
    if (rc) return rc;
    rc = live_merge_pause(m);
    if (rc) return rc;
    rc = plan->kind == MERGE_STREAM ?
        qmp_block_stream(m->client, &stream, live_merge_by(m), m->diag) :
        qmp_block_commit(m->client, &commit, live_merge_by(m), m->diag);
    if (rc) diag_prefix(m->diag, "QEMU did not begin to merge: ");
    return rc;
}

static int begin(struct live_merge *m)
{
    int rc;

    rc = clear_job(m);
    if (!rc) rc = look_and_plan(m);
    if (!rc) m->kind = m->plan.kind;
    if (!rc && (m->kind == MERGE_COMMIT_ACTIVE ||
                m->kind == MERGE_COMMIT_BELOW || m->kind == MERGE_STREAM))
        rc = start(m);
    return live_merge_unpause(m, rc);
}

/* ---- follow ---- */

static void measure(struct live_merge *m, const struct qmp_job *job)
{
    int64_t now = deadline_now_ms(), ms = now - m->looked_at_ms;
    uint64_t speed;

    if (m->looked_at_ms && ms > 0 && job->current > m->copied) {
        speed = (job->current - m->copied) / (uint64_t)ms;
        m->bytes_per_ms = m->bytes_per_ms ? (3 * m->bytes_per_ms + speed) / 4 :
            speed;
    }
    m->looked_at_ms = now;
    m->copied = job->current;
}

/* One look at the job. *over_r: it has ended well. *busy_r: with
 * ERROR_TIMEDOUT, that was the monitor being in somebody else's hands. */
static int step(struct live_merge *m, bool *over_r, bool *busy_r)
{
    struct qmp_job job;
    int rc;

    *busy_r = true;
    rc = live_merge_open(m);
    if (rc) return rc;
    *busy_r = false;
    rc = qmp_job_query(m->client, m->job, live_merge_by(m), &job, m->diag);
    if (rc) return rc;
    measure(m, &job);
    if (job.status == QMP_JOB_CONCLUDED || job.status == QMP_JOB_GONE) {
        *over_r = true;
        return live_merge_verdict(m, &job);
    }
    rc = live_merge_finish(m, &job, over_r);
    live_merge_close(m);
    if (m->host->progress)
        m->host->progress(m->host->user, *over_r ? job.total : job.current,
                          job.total);
    return rc;
}

static int follow(struct live_merge *m)
{
    unsigned int poll_ms = MIN_POLL_MS, failures = 0;
    bool over = false, busy;
    int rc;

    for (;;) {
        if (m->host->cancelled && m->host->cancelled(m->host->user)) {
            diag_set(m->diag, "stopped, as asked; the images are as before");
            return ERROR_ABORTED;
        }
        deadline_sleep(deadline_after(poll_ms), (int)poll_ms);
        if (poll_ms < MAX_POLL_MS) poll_ms += poll_ms / 2;
        rc = step(m, &over, &busy);
        if (rc == ERROR_TIMEDOUT && busy && ++failures < MAX_OPEN_FAILURES)
            continue;
        if (rc || over) return rc;
        failures = 0;
    }
}

/* ---- the end ---- */

/* The merge is done: nothing of it shall be left in QEMU. */
static int tidy(struct live_merge *m)
{
    int rc;

    rc = clear_job(m);
    if (rc || !m->old) goto out;
    rc = live_merge_look(m);
    if (rc || !block_graph_node(&m->graph, m->old)) goto out;
    rc = live_merge_pause(m);
    if (rc) goto out;
    rc = qmp_blockdev_del(m->client, m->old, live_merge_by(m), m->diag);
    if (qmp_error_is_refusal(rc)) rc = ERROR_NOT_READY;
 out:
    if (rc)
        diag_prefix(m->diag, "the images are merged, but QEMU could not be "
                    "tidied up, do it again: ");
    return live_merge_unpause(m, rc);
}

/* rc is how the merge itself ended, which is done in any case. */
static int tidy_after(struct live_merge *m, int rc)
{
    struct diag *first = m->diag, unread;
    int rc2;

    if (rc) m->diag = &unread;
    rc2 = tidy(m);
    /* Only the session may have broken, and nobody comes back for a merge
     * that is done. */
    if (rc2 && rc2 != ERROR_NOT_READY) {
        live_merge_close(m);
        if (m->diag) m->diag->text[0] = '\0';
        rc2 = tidy(m);
    }
    m->diag = first;
    return rc ? rc : rc2;
}

/* End the job, and find out what has come of it. */
static int settle(struct live_merge *m, bool *done_r, int *rc_r)
{
    int rc;

    /* The session may be what broke. */
    live_merge_close(m);
    rc = clear_job(m);
    if (!rc) rc = look_and_plan(m);
    if (rc) return live_merge_unpause(m, rc);
    if (m->plan.kind == MERGE_DONE_ACTIVE) {
        *done_r = true;
        *rc_r = live_merge_pause(m);
        if (!*rc_r) *rc_r = live_merge_committed(m);
    } else if (m->plan.kind == MERGE_DONE) {
        *done_r = true;
        *rc_r = 0;
    }
    return live_merge_unpause(m, 0);
}

/*
 * It failed, was cancelled, or who knows. If it turns out that the merge was
 * done in spite of all, it is a success.
 */
static int give_up(struct live_merge *m, int rc)
{
    struct diag *first = m->diag, why = { "" }, then = { "" };
    bool done = false;
    int rc2;

    if (first) why = *first;
    m->diag = &then;
    rc2 = settle(m, &done, &rc);
    m->diag = first;
    if (done) {
        if (rc && first) *first = then;
        return tidy_after(m, rc);
    }
    if (rc2)
        diag_set(first, "%.250s; and then: %.250s", why.text, then.text);
    return rc;
}

static int run(struct live_merge *m, bool *elsewhere_r)
{
    int rc;

    rc = begin(m);
    if (rc && m->kind == MERGE_ELSEWHERE) return rc;    /* nothing was begun */
    if (rc) return give_up(m, rc);
    switch (m->kind) {
    case MERGE_ELSEWHERE:
        *elsewhere_r = true;
        return 0;
    case MERGE_DONE:
        return tidy_after(m, 0);
    case MERGE_DONE_ACTIVE:
        rc = live_merge_pause(m);
        if (!rc) rc = live_merge_committed(m);
        return m->over ? tidy_after(m, rc) : rc;
    default:
        rc = follow(m);
        return rc && !m->over ? give_up(m, rc) : tidy_after(m, rc);
    }
}

int live_merge_run(const struct live_merge_params *params,
                   const struct merge_host *host, bool *elsewhere_r,
                   struct diag *diag)
{
    struct live_merge m = { .params = params, .host = host, .diag = diag };
    bool elsewhere = false;
    int rc;

    block_graph_init(&m.graph);
    qmp_job_id(params->request.vdev, m.job);
    rc = run(&m, &elsewhere);
    /* Whatever was tried in vain above, the guest gets one more try. */
    rc = live_merge_unpause(&m, rc);
    if (!rc) *elsewhere_r = elsewhere;
    free(m.from);
    free(m.to);
    free(m.old);
    block_graph_dispose(&m.graph);
    return rc;
}
