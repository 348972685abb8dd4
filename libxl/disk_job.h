/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A call about a disk's block job while it is under way; shared by disk_job*.c. */
#ifndef XLS_DISK_JOB_H
#define XLS_DISK_JOB_H

#include "libxl/domain_monitor.h"
#include "libxl/pull_plan.h"
#include "libxl/qmp_job.h"

struct disk_job {
    libxl_snapshot_ctx *sctx;
    const libxl_device_disk *disk;
    const libxl_snapshot_callbacks *callbacks;  /* may be NULL */
    struct domain_facts domain;
    struct domain_monitor monitor;
    bool paused;                /* by us */
    char id[QMP_JOB_ID_SIZE];
    struct diag d;              /* why it fails, without the disk's name */
};

/* Arguments and domain are checked; then a session is open. disk_job_end is due
 * whatever comes, lets the guest go on, and completes diag. */
int disk_job_begin(struct disk_job *job, libxl_snapshot_ctx *sctx,
                   uint32_t domid, const libxl_device_disk *disk,
                   const libxl_snapshot_callbacks *callbacks,
                   libxl_snapshot_diag *diag);
int disk_job_end(struct disk_job *job, int rc, libxl_snapshot_diag *diag);

/* The session is ended; opened again if it is not. */
void disk_job_close(struct disk_job *job);
int disk_job_open(struct disk_job *job, libxl_snapshot_diag *diag);

void disk_job_stage(const struct disk_job *job, const char *name);

/* Pausing what we have paused is fine, and letting it go on when it does. */
int disk_job_pause(struct disk_job *job);
int disk_job_unpause(struct disk_job *job, int rc);

struct qmp_client *disk_job_client(struct disk_job *job);
deadline disk_job_by(const struct disk_job *job);

#endif
