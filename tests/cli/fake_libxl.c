/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A libxl that can be opened where there is no hypervisor. With XL_TEST_NO_XEN
 * it cannot, and complains about it as the real one does.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_event.h>
#include <xentoollog.h>

struct libxl__ctx {
    xentoollog_logger *lg;
};

int libxl_ctx_alloc(libxl_ctx **pctx, int version, unsigned flags,
                    xentoollog_logger *lg)
{
    libxl_ctx *ctx;

    (void)version;
    (void)flags;
    xtl_log(lg, XTL_DEBUG, -1, "libxl", "opening");
    if (getenv("XL_TEST_NO_XEN")) {
        xtl_log(lg, XTL_ERROR, 2, "libxl", "cannot open libxc handle");
        return ERROR_FAIL;
    }
    ctx = malloc(sizeof(*ctx));
    if (!ctx) return ERROR_NOMEM;
    ctx->lg = lg;
    *pctx = ctx;
    return 0;
}

int libxl_ctx_free(libxl_ctx *ctx)
{
    free(ctx);
    return 0;
}

void libxl_childproc_setmode(libxl_ctx *ctx, const libxl_childproc_hooks *hooks,
                             void *user)
{
    (void)user;
    /* Anything else, and libxl would reap our children. */
    if (!ctx || hooks->chldowner !=
        libxl_sigchld_owner_libxl_always_selective_reap)
        abort();
}
