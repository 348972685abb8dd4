/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xentoollog.h>

#include "libxl/internal.h"

int xls_diag(libxl_snapshot_diag *diag, int rc, const char *vdev,
             const char *fmt, ...)
{
    va_list ap;
    char *text;
    int r;

    if (!diag || diag->message) return rc;
    va_start(ap, fmt);
    r = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (r < 0) return rc;
    diag->message = text;
    diag->vdev = vdev ? strdup(vdev) : NULL;
    return rc;
}

void xls_log(libxl_snapshot_ctx *sctx, int level, const char *fmt, ...)
{
    va_list ap;

    if (!sctx->lg) return;
    va_start(ap, fmt);
    xtl_logv(sctx->lg, level, -1, "xlsnapshot", fmt, ap);
    va_end(ap);
}

int xls_unpause(libxl_snapshot_ctx *sctx, uint32_t domid, bool was_paused)
{
    libxl_dominfo info;
    bool runs;
    int rc;

    rc = libxl_domain_unpause(sctx->ctx, domid, NULL);
    if (!rc || was_paused) return rc;
    libxl_dominfo_init(&info);
    runs = !libxl_domain_info(sctx->ctx, &info, domid) && !info.paused;
    libxl_dominfo_dispose(&info);
    return runs ? 0 : libxl_domain_unpause(sctx->ctx, domid, NULL);
}

uint64_t xls_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
