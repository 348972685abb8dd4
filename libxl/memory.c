/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>
#include <xentoollog.h>

#include "libxl/memory.h"
#include "libxl/plan.h"

#define LEAST_BUFFER (4u << 20)

void memory_capture_init(struct memory_capture *m)
{
    memset(m, 0, sizeof(*m));
}

void memory_capture_dispose(struct memory_capture *m)
{
    memory_stage_abort(m->stage);
    (void)pause_clock_stop(m->clock);
    memory_capture_init(m);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * Half of what dom0 could give away without swapping, and never more than
 * the whole image needs: a bigger buffer shortens the pause, but dom0 running
 * out of memory would stop every guest.
 */
static void choose_buffer(const struct domain_facts *domain, uint64_t asked,
                          bool live, struct memory_stage_args *stage)
{
    uint64_t whole = domain->memory_bytes + domain->memory_bytes / 16 +
                     LEAST_BUFFER;
    uint64_t spare = (uint64_t)sysconf(_SC_AVPHYS_PAGES) *
                     sysconf(_SC_PAGESIZE) / 2;

    stage->buffer = least(asked ? asked : spare, whole);
    if (stage->buffer < LEAST_BUFFER) stage->buffer = LEAST_BUFFER;
    /* While the guest runs on, there is nothing to gain. */
    if (live) return;
    stage->ready = least(stage->buffer, spare);
    stage->hold = stage->buffer == whole;
}

static void no_progress(void *user, uint64_t bytes, uint64_t estimate)
{
}

static int start_stage(struct memory_capture *m,
                       const libxl_domain_snapshot_args *args, int fd,
                       bool live, const libxl_snapshot_callbacks *callbacks,
                       int *pipe_r, libxl_snapshot_diag *diag)
{
    bool progress = callbacks && callbacks->progress;
    struct memory_stage_args stage = {
        .out_fd = fd,
        .estimate = m->domain->memory_bytes,
        .progress = progress ? callbacks->progress : no_progress,
        .user = callbacks ? callbacks->user : NULL,
    };
    int rc;

    choose_buffer(m->domain, args->memory_buffer, live, &stage);
    rc = memory_stage_start(&stage, &m->stage, pipe_r);
    if (rc) xls_diag(diag, rc, NULL, "cannot start to take the memory");
    return rc;
}

/*
 * How the domain is after libxl has tried to save it, whatever came of that.
 * If Xen does not answer, libxl's word for it counts: a resume too many does
 * less harm than a guest that is left standing.
 */
static void look(struct memory_capture *m, bool saved)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(m->sctx->ctx, &info, m->domain->domid);
    m->suspended = rc ? saved : info.shutdown &&
        info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
    m->ended = rc ? rc == ERROR_DOMAIN_NOTFOUND
                  : info.dying || (info.shutdown && !m->suspended);
    if (m->ended) m->suspended = false;
    libxl_dominfo_dispose(&info);
}

static const char *why_not(int rc)
{
    switch (rc) {
    case ERROR_GUEST_TIMEDOUT:
    case ERROR_TIMEDOUT:
        return "the guest did not answer the request to suspend; is it still"
               " booting, or hung?";
    case ERROR_NOPARAVIRT:
        return "the guest has no PV drivers to suspend it with";
    case ERROR_ABORTED:
        return "interrupted";
    default:
        return "libxl could not save it";
    }
}

/* One try. The image is what follows position start of fd, if it has one. */
static int save(struct memory_capture *m,
                const libxl_domain_snapshot_args *args, int fd, bool live,
                const libxl_snapshot_callbacks *callbacks,
                libxl_snapshot_diag *diag)
{
    int pipe_fd, rc;

    rc = start_stage(m, args, fd, live, callbacks, &pipe_fd, diag);
    if (rc) return rc;
    m->live = live;
    m->clock = pause_clock_start(m->sctx->ctx, m->domain->domid);
    rc = libxl_domain_suspend(m->sctx->ctx, m->domain->domid, pipe_fd,
                              live ? LIBXL_SUSPEND_LIVE : 0, NULL);
    look(m, !rc);
    if (m->ended)
        return xls_diag(diag, rc ? rc : ERROR_FAIL, NULL, "the guest ended"
                        " (shut down, crashed or was destroyed) while its"
                        " memory was being taken");
    if (!rc && !m->suspended)
        return xls_diag(diag, ERROR_FAIL, NULL, "the guest went on running"
                        " while its memory was being taken");
    return rc;
}

int memory_capture(struct memory_capture *m, libxl_snapshot_ctx *sctx,
                   const struct domain_facts *domain,
                   const libxl_domain_snapshot_args *args, int fd,
                   const libxl_snapshot_callbacks *callbacks,
                   libxl_snapshot_diag *diag)
{
    off_t start = lseek(fd, 0, SEEK_CUR);
    bool live = plan_live(domain);
    int rc;

    m->sctx = sctx;
    m->domain = domain;
    rc = save(m, args, fd, live, callbacks, diag);
    if (rc && live && !m->suspended && !m->ended && start >= 0) {
        xls_log(sctx, XTL_WARN, "domain %u cannot be saved live (%s); saving"
                " it stopped", domain->domid, libxl_error_to_string(rc));
        memory_capture_dispose(m);
        m->sctx = sctx;
        m->domain = domain;
        if (ftruncate(fd, start) || lseek(fd, start, SEEK_SET) != start)
            return xls_diag(diag, ERROR_FAIL, NULL,
                            "cannot write the memory image anew: %s",
                            strerror(errno));
        rc = save(m, args, fd, false, callbacks, diag);
    }
    if (rc)
        xls_diag(diag, rc, NULL, "cannot take the memory: %s", why_not(rc));
    return rc;
}

int memory_release(struct memory_capture *m, libxl_snapshot_diag *diag)
{
    int rc = 0;

    if (m->suspended) {
        rc = libxl_domain_resume(m->sctx->ctx, m->domain->domid, 1, NULL);
        m->pause_us = pause_clock_stop(m->clock);
        m->clock = NULL;
        if (rc)
            xls_diag(diag, rc, NULL, "the domain could not be resumed; try"
                     " 'xl resume %u' or destroy it", m->domain->domid);
        else
            m->suspended = false;
    }
    return rc;
}

int memory_finish(struct memory_capture *m, uint64_t *bytes_r,
                  libxl_snapshot_diag *diag)
{
    int rc, errnoval = 0;

    rc = memory_stage_finish(m->stage, bytes_r, &errnoval);
    m->stage = NULL;
    if (rc)
        xls_diag(diag, rc, NULL, "cannot write the memory image: %s",
                 strerror(errnoval));
    return rc;
}
