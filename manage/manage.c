/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/internal.h"

int manage_fail(struct manage_error *err, enum manage_outcome outcome,
                const char *fmt, ...)
{
    va_list ap;

    if (err && err->outcome == MANAGE_OK) {
        err->outcome = outcome;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
    }
    return ERROR_FAIL;
}

int manage_fail_nomem(struct manage_error *err)
{
    return manage_fail(err, MANAGE_FAILED, "out of memory");
}

static enum manage_outcome outcome_of_chain(const struct chain_error *why)
{
    switch (why->rc) {
    case ERROR_INVAL: return MANAGE_USAGE;
    case ERROR_NOTFOUND: return MANAGE_NOT_FOUND;
    case ERROR_LOCK_FAIL: return MANAGE_BUSY;
    case ERROR_BADFAIL:
    case ERROR_VERSION: return MANAGE_DAMAGED;
    default:
        return why->errnum == ENOSPC || why->errnum == EDQUOT
            ? MANAGE_NO_SPACE : MANAGE_FAILED;
    }
}

int manage_fail_chain(struct manage_error *err, const struct chain_error *why)
{
    return manage_fail(err, outcome_of_chain(why), "%s", why->text);
}

static enum manage_outcome outcome_of_library(int rc)
{
    switch (rc) {
    case ERROR_INVAL:
    case ERROR_DEVICE_EXISTS:
    case ERROR_NOTFOUND: return MANAGE_REFUSED;
    case ERROR_DOMAIN_NOTFOUND: return MANAGE_NOT_FOUND;
    case ERROR_NOT_READY:
    case ERROR_LOCK_FAIL:
    case ERROR_TIMEDOUT: return MANAGE_BUSY;
    case ERROR_BADFAIL: return MANAGE_NEEDS_RECOVERY;
    default: return MANAGE_FAILED;
    }
}

int manage_fail_library(struct manage_error *err, int rc,
                        const libxl_snapshot_diag *diag)
{
    return manage_fail(err, outcome_of_library(rc), "%s",
                       diag->message ? diag->message
                                     : libxl_error_to_string(rc));
}

void manage_reached(struct manage *m, const char *point)
{
    if (m->app.reached) m->app.reached(m->app.user, point);
}

void manage_warn(struct manage *m, const char *fmt, ...)
{
    va_list ap;
    char *text;
    int r;

    if (!m->app.warn) return;
    va_start(ap, fmt);
    r = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (r < 0) return;
    m->app.warn(m->app.user, text);
    free(text);
}

int manage_open(const struct manage_settings *settings, struct manage **m_r,
                struct manage_error *err)
{
    struct manage *m = calloc(1, sizeof(*m));
    int rc = 0;

    if (!m) return manage_fail_nomem(err);
    m->ctx = settings->ctx;
    m->lg = settings->lg;
    m->app = settings->app;
    m->snapshot_dir = strdup(settings->snapshot_dir ? settings->snapshot_dir
                                                    : SNAPSHOT_DIR);
    if (m->ctx) rc = libxl_snapshot_ctx_alloc(&m->sctx, m->ctx, m->lg);
    if (!m->snapshot_dir || rc) {
        manage_close(m);
        return manage_fail_nomem(err);
    }
    *m_r = m;
    return 0;
}

void manage_close(struct manage *m)
{
    if (!m) return;
    libxl_snapshot_ctx_free(m->sctx);
    free(m->snapshot_dir);
    free(m);
}
