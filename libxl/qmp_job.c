/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libxl/qapi_read.h"
#include "libxl/qmp_job.h"

void qmp_job_id(const char *vdev, char id[QMP_JOB_ID_SIZE])
{
    snprintf(id, QMP_JOB_ID_SIZE, QMP_JOB_PREFIX "%s", vdev);
}

void qmp_job_pull_id(const char *vdev, char id[QMP_JOB_ID_SIZE])
{
    snprintf(id, QMP_JOB_ID_SIZE, QMP_JOB_PULL_PREFIX "%s", vdev);
}

bool qmp_job_is_ours(const char *id)
{
    return id && (!strncmp(id, QMP_JOB_PREFIX, strlen(QMP_JOB_PREFIX)) ||
                  !strncmp(id, QMP_JOB_PULL_PREFIX,
                           strlen(QMP_JOB_PULL_PREFIX)));
}

/* ---- looking ---- */

static int read_status(const xjson *value, struct qmp_job *job,
                       struct xjson_error *err)
{
    static const struct {
        const char *name;
        enum qmp_job_status status;
    } known[] = {
        { "created", QMP_JOB_BUSY }, { "running", QMP_JOB_BUSY },
        { "paused", QMP_JOB_BUSY }, { "ready", QMP_JOB_READY },
        { "standby", QMP_JOB_READY }, { "waiting", QMP_JOB_WAITING },
        { "pending", QMP_JOB_PENDING }, { "aborting", QMP_JOB_ABORTING },
        { "concluded", QMP_JOB_CONCLUDED }, { "null", QMP_JOB_GONE },
    };
    const char *name = xjson_member_string(value, "status");
    size_t i;

    for (i = 0; name && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name)) continue;
        job->status = known[i].status;
        job->standby = !strcmp(name, "standby");
        job->paused = !strcmp(name, "paused");
        return 0;
    }
    xjson_error_set(err, "status: \"%s\" is unknown", name ? name : "");
    return ERROR_QEMU_API;
}

static int read_job(const xjson *value, struct qmp_job *job,
                    struct xjson_error *err)
{
    const char *error = xjson_member_string(value, "error");
    int rc;

    rc = read_status(value, job, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "current-progress", QAPI_OPTIONAL, INT64_MAX,
                        &job->current, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "total-progress", QAPI_OPTIONAL, INT64_MAX,
                        &job->total, err);
    if (rc) return rc;
    if (error) {
        snprintf(job->error, sizeof(job->error), "%s", error);
        diag_sanitize(job->error);
    }
    return 0;
}

int qmp_job_query(struct qmp_client *client, const char *id, deadline by,
                  struct qmp_job *job_r, struct diag *diag)
{
    struct qmp_job job = { .status = QMP_JOB_GONE };
    const xjson *list, *value;
    struct xjson_error err;
    const char *this_id;
    xjson *reply = NULL;
    int rc;

    rc = qmp_client_execute(client, "query-jobs", NULL, NULL, by, &reply, diag);
    if (rc) return rc;
    list = qmp_reply_value(reply);
    rc = qapi_expect(list, XJSON_ARRAY, &err);
    for (value = rc ? NULL : xjson_first(list); value && !rc;
         value = xjson_next(value)) {
        this_id = xjson_member_string(value, "id");
        if (!this_id) {
            xjson_error_set(&err, "a job without an id");
            rc = ERROR_QEMU_API;
        } else if (!strcmp(this_id, id)) {
            rc = read_job(value, &job, &err);
        }
    }
    xjson_free(reply);
    if (rc)
        diag_set(diag, "QEMU's answer to query-jobs is not understood: %s",
                 err.text);
    else
        *job_r = job;
    return rc;
}

static const char *stopped_by(const xjson *job)
{
    const char *io = xjson_member_string(job, "io-status");

    if (io && !strcmp(io, "nospace")) return "the image's volume is full";
    if (io && !strcmp(io, "failed"))
        return "an image cannot be read or written (I/O error)";
    return NULL;
}

int qmp_job_query_stopped(struct qmp_client *client, const char *id,
                          deadline by, const char **error_r, struct diag *diag)
{
    const xjson *list, *job;
    const char *this_id, *error = NULL;
    struct xjson_error err;
    xjson *reply = NULL;
    int rc;

    rc = qmp_client_execute(client, "query-block-jobs", NULL, NULL, by, &reply,
                            diag);
    if (rc) return rc;
    list = qmp_reply_value(reply);
    rc = qapi_expect(list, XJSON_ARRAY, &err);
    if (rc)
        diag_set(diag, "QEMU's answer to query-block-jobs is not understood:"
                 " %s", err.text);
    for (job = rc ? NULL : xjson_first(list); job; job = xjson_next(job)) {
        this_id = xjson_member_string(job, "device");
        if (this_id && !strcmp(this_id, id)) error = stopped_by(job);
    }
    xjson_free(reply);
    if (!rc) *error_r = error;
    return rc;
}

/* ---- verbs ---- */

static void write_id(xjson_writer *w, const void *user)
{
    xjson_write_member_string(w, "id", user);
}

int qmp_job_cancel(struct qmp_client *client, const char *id, deadline by,
                   struct diag *diag)
{
    return qmp_client_execute(client, "job-cancel", write_id, id, by, NULL,
                              diag);
}

int qmp_job_complete(struct qmp_client *client, const char *id, deadline by,
                     struct diag *diag)
{
    return qmp_client_execute(client, "job-complete", write_id, id, by, NULL,
                              diag);
}

int qmp_job_finalize(struct qmp_client *client, const char *id, deadline by,
                     struct diag *diag)
{
    return qmp_client_execute(client, "job-finalize", write_id, id, by, NULL,
                              diag);
}

int qmp_job_dismiss(struct qmp_client *client, const char *id, deadline by,
                    struct diag *diag)
{
    return qmp_client_execute(client, "job-dismiss", write_id, id, by, NULL,
                              diag);
}

struct speed {
    const char *id;
    uint64_t speed;
};

static void write_speed(xjson_writer *w, const void *user)
{
    const struct speed *speed = user;

    xjson_write_member_string(w, "device", speed->id);
    xjson_write_member_uint(w, "speed", speed->speed);
}

int qmp_job_set_speed(struct qmp_client *client, const char *id,
                      uint64_t speed, deadline by, struct diag *diag)
{
    const struct speed wanted = { id, speed };

    return qmp_client_execute(client, "block-job-set-speed", write_speed,
                              &wanted, by, NULL, diag);
}
