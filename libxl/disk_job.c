/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk's block job: how it is, its end, its early end.
 *
 * A job waits as "pending" when all is copied, so that the change of the block
 * graph, for which the guest must stand still, is made by somebody who can pause
 * it. That may be a long time after; the job holds on to what it has. At an error
 * it stops, too, rather than end: below QEMU 8 a stream that has ended kills the
 * next to look at the images (qmp_block.c). Whoever ends one therefore dismisses
 * it before anything else is asked, with the guest still paused.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libxl/disk_job.h"
#include "libxl/qmp_merge.h"

/* From job-finalize or job-cancel to the end; tens of ms usually. */
#define CONCLUDE_MS 5000
#define CANCEL_MS 60000
#define CANCEL_POLL_MS 500

/* ---- how it is ---- */

static bool has_ended(const struct qmp_job *state)
{
    return state->status == QMP_JOB_CONCLUDED || state->status == QMP_JOB_GONE;
}

static libxl_disk_job_status status_of(const struct qmp_job *state)
{
    switch (state->status) {
    case QMP_JOB_GONE: return LIBXL_DISK_JOB_STATUS_NONE;
    case QMP_JOB_READY:
    case QMP_JOB_PENDING: return LIBXL_DISK_JOB_STATUS_READY;
    case QMP_JOB_CONCLUDED:
        return state->error[0] ? LIBXL_DISK_JOB_STATUS_FAILED
                               : LIBXL_DISK_JOB_STATUS_COMPLETED;
    case QMP_JOB_BUSY:
        if (state->error[0]) return LIBXL_DISK_JOB_STATUS_FAILED;
        break;
    case QMP_JOB_WAITING:
    case QMP_JOB_ABORTING: break;
    }
    return LIBXL_DISK_JOB_STATUS_RUNNING;
}

static int tell(const struct qmp_job *state, libxl_disk_job_info *info_r)
{
    libxl_disk_job_info info;

    libxl_disk_job_info_init(&info);
    info.status = status_of(state);
    if (info.status != LIBXL_DISK_JOB_STATUS_NONE)
        info.kind = LIBXL_DISK_JOB_KIND_PULL;
    info.current = state->current;
    info.end = state->total;
    if (info.status == LIBXL_DISK_JOB_STATUS_FAILED) {
        info.error = strdup(state->error);
        if (!info.error) return ERROR_NOMEM;
    }
    libxl_disk_job_info_dispose(info_r);
    *info_r = info;
    return 0;
}

/* One that an error has stopped gets that as its error, too. */
static int look(struct disk_job *job, struct qmp_job *state_r)
{
    const char *error = NULL;
    int rc;

    rc = qmp_job_query(disk_job_client(job), job->id, disk_job_by(job),
                       state_r, &job->d);
    if (rc || !state_r->paused) return rc;
    rc = qmp_job_query_stopped(disk_job_client(job), job->id, disk_job_by(job),
                               &error, &job->d);
    if (!rc && error)
        snprintf(state_r->error, sizeof(state_r->error), "%s", error);
    return rc;
}

int libxl_disk_job_query(libxl_snapshot_ctx *sctx, uint32_t domid,
                         const libxl_device_disk *disk,
                         libxl_disk_job_info *info_r,
                         libxl_snapshot_diag *diag)
{
    struct qmp_job state;
    struct disk_job job;
    int rc;

    rc = disk_job_begin(&job, sctx, domid, disk, NULL, diag);
    if (!rc) rc = look(&job, &state);
    if (!rc) rc = tell(&state, info_r);
    return disk_job_end(&job, rc, diag);
}

/* In this session, until it has ended. ERROR_TIMEDOUT: not within ms. */
static int await(struct disk_job *job, unsigned int ms, struct qmp_job *state_r)
{
    deadline by = deadline_after(ms);
    int rc;

    for (;;) {
        rc = look(job, state_r);
        if (rc || has_ended(state_r)) return rc;
        if (!deadline_left_ms(by)) break;
        deadline_sleep(by, 5);
    }
    diag_set(&job->d, "QEMU's job %s does not come to its end", job->id);
    return ERROR_TIMEDOUT;
}

/* Somebody else may be faster. state stays: it tells how it ended. */
static int dismiss(struct disk_job *job, const struct qmp_job *state)
{
    struct qmp_job now;
    int rc, rc2;

    if (state->status != QMP_JOB_CONCLUDED) return 0;
    disk_job_stage(job, "dismiss");
    rc = qmp_job_dismiss(disk_job_client(job), job->id, disk_job_by(job),
                         &job->d);
    if (!qmp_error_is_refusal(rc)) return rc;
    rc2 = look(job, &now);
    if (rc2) return rc2;
    return now.status == QMP_JOB_GONE ? 0 : ERROR_NOT_READY;
}

/* ---- its early end ---- */

/* The job's filter goes: that, too, changes the graph. What takes its time is
 * waited for with the guest running, in sessions of their own. */
static int cancel(struct disk_job *job, struct qmp_job *state,
                  libxl_snapshot_diag *diag)
{
    deadline by = deadline_after(CANCEL_MS);
    int rc;

    rc = disk_job_pause(job);
    if (!rc) disk_job_stage(job, "cancel");
    if (!rc)
        rc = qmp_job_cancel(disk_job_client(job), job->id, disk_job_by(job),
                            &job->d);
    if (qmp_error_is_refusal(rc)) rc = 0;       /* it was faster */
    if (!rc) rc = await(job, CONCLUDE_MS, state);
    if (!rc) rc = dismiss(job, state);
    rc = disk_job_unpause(job, rc == ERROR_TIMEDOUT ? 0 : rc);
    while (!rc && !has_ended(state)) {
        disk_job_close(job);
        deadline_sleep(by, CANCEL_POLL_MS);
        rc = disk_job_open(job, diag);
        if (!rc) rc = await(job, 0, state);
        if (!rc) rc = dismiss(job, state);
        if (rc == ERROR_TIMEDOUT && deadline_left_ms(by)) rc = 0;
    }
    return rc;
}

static int abort_job(struct disk_job *job, libxl_disk_job_info *info_r,
                     libxl_snapshot_diag *diag)
{
    struct qmp_job before, state;
    int rc;

    rc = look(job, &before);
    if (rc) return rc;
    state = before;
    rc = has_ended(&state) ? dismiss(job, &state) : cancel(job, &state, diag);
    /* It was faster. */
    if (!rc && status_of(&state) == LIBXL_DISK_JOB_STATUS_COMPLETED)
        before = state;
    return rc ? rc : tell(&before, info_r);
}

int libxl_disk_job_abort(libxl_snapshot_ctx *sctx, uint32_t domid,
                         const libxl_device_disk *disk,
                         const libxl_snapshot_callbacks *callbacks,
                         libxl_disk_job_info *info_r,
                         libxl_snapshot_diag *diag)
{
    struct disk_job job;
    int rc;

    rc = disk_job_begin(&job, sctx, domid, disk, callbacks, diag);
    if (!rc) rc = abort_job(&job, info_r, diag);
    return disk_job_end(&job, rc, diag);
}

/* ---- its end ---- */

/* The node it copies into: the job's own filter is not looked at. */
static int find_target(struct disk_job *job, char name[64],
                       libxl_snapshot_diag *diag)
{
    const struct pull_request request = { .vdev = job->disk->vdev };
    const struct block_node *node;
    int rc;

    rc = domain_monitor_look(&job->monitor, diag);
    if (rc) return rc;
    node = pull_plan_node(&job->monitor.graph, &request, job->disk->pdev_path);
    if (!node || strlen(node->name) >= 64) {
        diag_set(&job->d, "QEMU does not have %s open", job->disk->pdev_path);
        return ERROR_NOT_READY;
    }
    strcpy(name, node->name);
    return 0;
}

/*
 * QEMU rewrites the header when the job is finalized. A power cut after that must
 * find all that was copied: so it comes to the disk first, most of it while the
 * guest still runs.
 */
static int finalize(struct disk_job *job, struct qmp_job *state,
                    libxl_snapshot_diag *diag)
{
    char target[64];
    int rc;

    rc = find_target(job, target, diag);
    if (!rc)
        rc = qmp_block_flush(disk_job_client(job), target, disk_job_by(job),
                             &job->d);
    if (!rc) rc = disk_job_pause(job);
    if (!rc)
        rc = qmp_block_flush(disk_job_client(job), target, disk_job_by(job),
                             &job->d);
    if (!rc) disk_job_stage(job, "finalize");
    if (!rc)
        rc = qmp_job_finalize(disk_job_client(job), job->id, disk_job_by(job),
                              &job->d);
    if (!rc) rc = await(job, CONCLUDE_MS, state);
    if (!rc) rc = dismiss(job, state);
    return disk_job_unpause(job, rc);
}

static int finish(struct disk_job *job, libxl_disk_job_info *info_r,
                  libxl_snapshot_diag *diag)
{
    struct qmp_job state, ended;
    int rc;

    rc = look(job, &state);
    if (rc) return rc;
    if (state.status == QMP_JOB_PENDING) {
        rc = finalize(job, &state, diag);
    } else if (has_ended(&state)) {
        rc = dismiss(job, &state);
    } else if (status_of(&state) == LIBXL_DISK_JOB_STATUS_FAILED) {
        ended = state;
        rc = cancel(job, &ended, diag);
    }
    return rc ? rc : tell(&state, info_r);
}

int libxl_disk_job_finish(libxl_snapshot_ctx *sctx, uint32_t domid,
                          const libxl_device_disk *disk,
                          const libxl_snapshot_callbacks *callbacks,
                          libxl_disk_job_info *info_r,
                          libxl_snapshot_diag *diag)
{
    struct disk_job job;
    int rc;

    rc = disk_job_begin(&job, sctx, domid, disk, callbacks, diag);
    if (!rc) rc = finish(&job, info_r, diag);
    return disk_job_end(&job, rc, diag);
}

/* ---- its speed ---- */

int libxl_disk_job_set_speed(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const libxl_device_disk *disk, uint64_t bandwidth,
                             libxl_snapshot_diag *diag)
{
    struct qmp_job state = { .status = QMP_JOB_GONE };
    struct disk_job job;
    int rc;

    rc = disk_job_begin(&job, sctx, domid, disk, NULL, diag);
    if (!rc) rc = look(&job, &state);
    if (!rc && state.status == QMP_JOB_GONE) {
        diag_set(&job.d, "it has no block job");
        rc = ERROR_NOTFOUND;
    }
    /* One that has copied all takes no speed any more. */
    if (!rc && state.status == QMP_JOB_BUSY)
        rc = qmp_job_set_speed(disk_job_client(&job), job.id, bandwidth,
                               disk_job_by(&job), &job.d);
    return disk_job_end(&job, rc, diag);
}
