/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/internal.h"

static int set_string(char **where, const char *s)
{
    char *copy;

    if (!s) return 0;
    copy = strdup(s);
    if (!copy) return ERROR_NOMEM;
    free(*where);
    *where = copy;
    return 0;
}

int libxl_snapshot_ctx_set_paths(libxl_snapshot_ctx *sctx, const char *run_dir,
                                 const char *lib_dir, const char *qemu_img)
{
    int rc;

    rc = set_string(&sctx->run_dir, run_dir);
    if (rc) return rc;
    rc = set_string(&sctx->lib_dir, lib_dir);
    if (rc) return rc;
    return set_string(&sctx->qemu_img, qemu_img);
}

int libxl_snapshot_ctx_alloc(libxl_snapshot_ctx **sctx_r, libxl_ctx *ctx,
                             xentoollog_logger *lg)
{
    libxl_snapshot_ctx *sctx = calloc(1, sizeof(*sctx));
    int rc;

    if (!sctx) return ERROR_NOMEM;
    sctx->ctx = ctx;
    sctx->lg = lg;
    rc = libxl_snapshot_ctx_set_paths(sctx, XEN_RUN_DIR, XEN_LIB_DIR, QEMU_IMG);
    if (rc) {
        libxl_snapshot_ctx_free(sctx);
        return rc;
    }
    *sctx_r = sctx;
    return 0;
}

void libxl_snapshot_ctx_free(libxl_snapshot_ctx *sctx)
{
    if (!sctx) return;
    free(sctx->run_dir);
    free(sctx->lib_dir);
    free(sctx->qemu_img);
    free(sctx);
}
