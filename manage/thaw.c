/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "manage/internal.h"
#include "manage/resolve.h"

static int look(struct operation *op, struct manage *m, const char *domain,
                struct manage_error *err)
{
    int rc;

    op->m = m;
    op->err = err;
    rc = resolve_domain(m, domain, &op->domain, err);
    if (rc) return rc;
    rc = operation_look(op);
    if (rc || op->running) return rc;
    return manage_fail(err, MANAGE_NOT_FOUND, "there is no running domain"
                       " '%s'", op->domain);
}

int manage_thaw(struct manage *m, const char *domain, uint32_t timeout_ms,
                struct manage_error *err)
{
    libxl_snapshot_diag diag;
    struct operation op;
    int rc;

    operation_init(&op);
    libxl_snapshot_diag_init(&diag);
    rc = look(&op, m, domain, err);
    if (rc) goto out;
    rc = libxl_domain_fsthaw(m->sctx, op.domid, timeout_ms, &diag);
    if (rc) manage_fail_library(err, rc, &diag);
out:
    libxl_snapshot_diag_dispose(&diag);
    operation_dispose(&op);
    return rc;
}
