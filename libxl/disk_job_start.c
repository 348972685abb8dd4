/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beginning a disk's block job; and what all calls about one share. */
#include "config.h"

#include <string.h>

#include "libxl/disk_job.h"
#include "libxl/image_merge.h"
#include "libxl/plan.h"
#include "libxl/qmp_merge.h"

/* The guest must not wait for a QEMU that hangs. */
#define PAUSED_TIMEOUT_MS 3000

struct qmp_client *disk_job_client(struct disk_job *job)
{
    return monitor_client(job->monitor.session);
}

deadline disk_job_by(const struct disk_job *job)
{
    return deadline_after(job->paused ? PAUSED_TIMEOUT_MS
                                      : XLS_QMP_TIMEOUT_MS);
}

int disk_job_open(struct disk_job *job, libxl_snapshot_diag *diag)
{
    if (job->monitor.session) return 0;
    return domain_monitor_open(&job->monitor, job->sctx, &job->domain, diag);
}

void disk_job_close(struct disk_job *job)
{
    domain_monitor_dispose(&job->monitor);
}

void disk_job_stage(const struct disk_job *job, const char *name)
{
    if (job->callbacks && job->callbacks->stage)
        job->callbacks->stage(job->callbacks->user, name);
}

int disk_job_pause(struct disk_job *job)
{
    int rc;

    if (job->paused) return 0;
    disk_job_stage(job, "pause");
    rc = libxl_domain_pause(job->sctx->ctx, job->domain.domid, NULL);
    if (rc) diag_set(&job->d, "cannot pause the domain");
    else job->paused = true;
    return rc;
}

/* rc is what came before, and wins. The session ends: libxl may want it. */
int disk_job_unpause(struct disk_job *job, int rc)
{
    int rc2;

    if (!job->paused) return rc;
    disk_job_stage(job, "unpause");
    disk_job_close(job);
    rc2 = xls_unpause(job->sctx, job->domain.domid, job->domain.paused);
    if (rc2 && !rc)
        diag_set(&job->d, "the domain could not be unpaused; try 'xl unpause"
                 " %u'", job->domain.domid);
    if (!rc2) job->paused = false;
    return rc ? rc : rc2;
}

int disk_job_begin(struct disk_job *job, libxl_snapshot_ctx *sctx,
                   uint32_t domid, const libxl_device_disk *disk,
                   const libxl_snapshot_callbacks *callbacks,
                   libxl_snapshot_diag *diag)
{
    int rc;

    memset(job, 0, sizeof(*job));
    job->sctx = sctx;
    job->disk = disk;
    job->callbacks = callbacks;
    domain_facts_init(&job->domain);
    domain_monitor_init(&job->monitor);
    if (!disk->vdev || domid == LIBXL_SNAPSHOT_NO_DOMAIN)
        return xls_diag(diag, ERROR_INVAL, disk->vdev, "a block job needs a"
                        " running domain and a disk of it");
    qmp_job_pull_id(disk->vdev, job->id);
    rc = domain_facts_gather(sctx, domid, &job->domain, diag);
    if (!rc) rc = plan_check_domain(&job->domain, false, diag);
    return rc ? rc : disk_job_open(job, diag);
}

int disk_job_end(struct disk_job *job, int rc, libxl_snapshot_diag *diag)
{
    rc = disk_job_unpause(job, rc);
    disk_job_close(job);
    if (rc)
        xls_diag(diag, rc, job->disk->vdev, "disk %s: %s", job->disk->vdev
                 ? job->disk->vdev : "?", job->d.text[0] ? job->d.text
                 : libxl_error_to_string(rc));
    return rc;
}

/* ---- pull ---- */

static int begin_pull(struct disk_job *job, const struct pull_plan *plan,
                      const libxl_disk_pull_params *params)
{
    const struct qmp_block_stream stream = {
        .job = job->id, .top = plan->active->name,
        .below = plan->base ? plan->base->name : NULL,
        .backing_file = plan->base_file,
        .speed = params->bandwidth,
        /* It may end only when somebody sees to it: see end_streams. */
        .stops = true,
    };
    int rc;

    rc = disk_job_pause(job);
    if (!rc) disk_job_stage(job, "start");
    if (!rc)
        rc = qmp_block_stream(disk_job_client(job), &stream, disk_job_by(job),
                              &job->d);
    if (rc) diag_prefix(&job->d, "QEMU did not begin to pull: ");
    return rc;
}

static int pull(struct disk_job *job, const libxl_disk_pull_params *params,
                libxl_snapshot_diag *diag)
{
    const struct pull_request request = {
        .vdev = job->disk->vdev, .image = job->disk->pdev_path,
        .driver = image_format_name(job->disk->format), .base = params->base,
    };
    struct pull_plan plan;
    int rc;

    if (!request.image || !request.driver) {
        diag_set(&job->d, "an image of this format builds on no other");
        return ERROR_INVAL;
    }
    rc = domain_monitor_look(&job->monitor, diag);
    if (!rc) rc = pull_plan_make(&job->monitor.graph, &request, &plan, &job->d);
    if (rc || params->dry_run) return rc;
    return begin_pull(job, &plan, params);
}

int libxl_disk_pull_start(libxl_snapshot_ctx *sctx, uint32_t domid,
                          const libxl_device_disk *disk,
                          const libxl_disk_pull_params *params,
                          const libxl_snapshot_callbacks *callbacks,
                          libxl_snapshot_diag *diag)
{
    struct disk_job job;
    int rc;

    rc = disk_job_begin(&job, sctx, domid, disk, callbacks, diag);
    if (!rc) rc = pull(&job, params, diag);
    return disk_job_end(&job, rc, diag);
}
