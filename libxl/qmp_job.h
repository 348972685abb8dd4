/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's long-running jobs. They outlive the connection that started them, and
 * with auto-dismiss off also their own end, until somebody has read how it
 * came. So a job is found again by its id, which says whose it is, and is
 * polled: events that come while nobody is connected are lost.
 */
#ifndef XLS_QMP_JOB_H
#define XLS_QMP_JOB_H

#include <stdbool.h>

#include "libxl/qmp_client.h"

/* "xls-merge-xvda": one for each disk. */
#define QMP_JOB_PREFIX "xls-merge-"
#define QMP_JOB_ID_SIZE 48

void qmp_job_id(const char *vdev, char id[QMP_JOB_ID_SIZE]);

/* "xls-pull-xvda": the same of those that a user asked for. */
#define QMP_JOB_PULL_PREFIX "xls-pull-"

void qmp_job_pull_id(const char *vdev, char id[QMP_JOB_ID_SIZE]);

/* Has it one of these names? id may be NULL. */
bool qmp_job_is_ours(const char *id);

/*
 *   created ── running ── ready ──┬─ waiting ── pending ─┬── concluded
 *                 │         │     │                      │
 *              paused    standby  └───── aborting ───────┘
 */
enum qmp_job_status {
    QMP_JOB_GONE,               /* QEMU knows no such job */
    QMP_JOB_BUSY,               /* created, running, paused */
    QMP_JOB_READY,              /* all is copied, and kept so; standby too */
    QMP_JOB_WAITING,            /* about to be pending */
    QMP_JOB_PENDING,            /* all but the change of the graph */
    QMP_JOB_ABORTING,
    QMP_JOB_CONCLUDED,
};

struct qmp_job {
    enum qmp_job_status status;
    bool standby;               /* paused while ready */
    bool paused;                /* BUSY, and nothing is done */
    uint64_t current, total;    /* of some unit; total may grow */
    char error[256];            /* of a job that failed or was cancelled; "" */
};

/* ERROR_QEMU_API: also for a state that is none of the above. */
int qmp_job_query(struct qmp_client *client, const char *id, deadline by,
                  struct qmp_job *job_r, struct diag *diag);

/* Why one with on-error "stop" is paused: *error_r is a constant; NULL: because
 * somebody has asked for that, or it is not. */
int qmp_job_query_stopped(struct qmp_client *client, const char *id,
                          deadline by, const char **error_r, struct diag *diag);

/* These return when QEMU has accepted them, or refused: in a state where it
 * makes no sense, or because there is no such job any more. */
int qmp_job_cancel(struct qmp_client *client, const char *id, deadline by,
                   struct diag *diag);
int qmp_job_complete(struct qmp_client *client, const char *id, deadline by,
                     struct diag *diag);
int qmp_job_finalize(struct qmp_client *client, const char *id, deadline by,
                     struct diag *diag);
/* Bytes in a second; 0: no limit. */
int qmp_job_set_speed(struct qmp_client *client, const char *id,
                      uint64_t speed, deadline by, struct diag *diag);
int qmp_job_dismiss(struct qmp_client *client, const char *id, deadline by,
                    struct diag *diag);

#endif
