/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is printed about block jobs. */
#ifndef XL_OUTPUT_BLOCK_H
#define XL_OUTPUT_BLOCK_H

#include "xl/app.h"

struct output_job {
    const char *domain, *vdev;
    const libxl_disk_job_info *info;
};

/* 0, or a libxl error with err filled in. */
int output_block_chain(const struct xl_app *app, const char *domain,
                       const char *vdev, const struct manage_block_chain *chain,
                       struct manage_error *err);

/* A job as it is; with --json, one line. */
void output_block_job(const struct xl_app *app, const struct output_job *job);

/* A job that was begun, stopped, or set another speed; what: "begun" ... */
void output_block_job_done(const struct xl_app *app,
                           const struct output_job *job, const char *what);

#endif
