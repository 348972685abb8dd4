/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>
#include <xentoollog.h>

#include "libxl/memory.h"
#include "libxl/plan.h"

#define LEAST_LIMIT (4u << 20)

void memory_capture_init(struct memory_capture *m)
{
    memset(m, 0, sizeof(*m));
}

void memory_capture_dispose(struct memory_capture *m)
{
    intake_free(m->intake);
    (void)pause_clock_stop(m->clock);
    memory_capture_init(m);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * Half of what dom0 could give away without swapping, and never more than
 * all pages need: a higher limit shortens the pause, but dom0 running out of
 * memory would stop every guest.
 */
void memory_choose_limit(uint64_t memory_bytes, uint64_t asked,
                         struct intake_args *intake)
{
    uint64_t whole = memory_bytes + memory_bytes / 16 + LEAST_LIMIT;
    uint64_t spare = (uint64_t)sysconf(_SC_AVPHYS_PAGES) *
                     sysconf(_SC_PAGESIZE) / 2;

    intake->limit = least(asked ? asked : spare, whole);
    if (intake->limit < LEAST_LIMIT) intake->limit = LEAST_LIMIT;
    intake->ready = least(intake->limit, spare);
}

static int start_intake(struct memory_capture *m, bool live,
                        const libxl_snapshot_callbacks *callbacks, int *pipe_r,
                        libxl_snapshot_diag *diag)
{
    struct intake_args intake = {
        .fd = m->target->fd,
        .memory_bytes = m->domain->memory_bytes,
        .progress = callbacks ? callbacks->progress : NULL,
        .user = callbacks ? callbacks->user : NULL,
    };
    int rc;

    memory_choose_limit(m->domain->memory_bytes, m->args->memory_buffer,
                        &intake);
    /* While the guest runs on, there is nothing to gain. */
    if (live) intake.ready = 0;
    rc = intake_start(&intake, &m->intake, pipe_r);
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

/* One try. */
static int save(struct memory_capture *m, bool live,
                const libxl_snapshot_callbacks *callbacks,
                libxl_snapshot_diag *diag)
{
    int pipe_fd, rc;

    rc = start_intake(m, live, callbacks, &pipe_fd, diag);
    if (rc) return rc;
    m->live = live;
    m->clock = pause_clock_start(m->sctx->ctx, m->domain->domid);
    m->asked_at = xls_now_us();
    rc = libxl_domain_suspend(m->sctx->ctx, m->domain->domid, pipe_fd,
                              live ? LIBXL_SUSPEND_LIVE : 0, NULL);
    m->taken_at = xls_now_us();
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

/* What the first try put aside in the file means nothing. */
static int try_again(struct memory_capture *m,
                     const libxl_snapshot_callbacks *callbacks,
                     libxl_snapshot_diag *diag)
{
    intake_free(m->intake);
    m->intake = NULL;
    (void)pause_clock_stop(m->clock);
    m->clock = NULL;
    if (ftruncate(m->target->fd, 0))
        return xls_diag(diag, ERROR_FAIL, NULL,
                        "cannot write the memory image anew: %s",
                        strerror(errno));
    return save(m, false, callbacks, diag);
}

int memory_capture(struct memory_capture *m, libxl_snapshot_ctx *sctx,
                   const struct domain_facts *domain,
                   const libxl_domain_snapshot_args *args,
                   const libxl_memory_target *target,
                   const libxl_snapshot_callbacks *callbacks,
                   libxl_snapshot_diag *diag)
{
    bool live = plan_live(domain);
    int rc;

    m->sctx = sctx;
    m->domain = domain;
    m->args = args;
    m->target = target;
    rc = save(m, live, callbacks, diag);
    if (rc && live && !m->suspended && !m->ended) {
        xls_log(sctx, XTL_WARN, "domain %u cannot be saved live (%s); saving"
                " it stopped", domain->domid, libxl_error_to_string(rc));
        rc = try_again(m, callbacks, diag);
    }
    if (rc)
        xls_diag(diag, rc, NULL, "cannot take the memory: %s", why_not(rc));
    return rc;
}

/* What is not known is 0, and so are its parts. */
static void divide_pause(struct memory_capture *m, uint64_t resumed_at,
                         uint64_t now)
{
    uint64_t stopped_at = now - m->pause_us;

    if (!m->pause_us) return;
    if (m->taken_at > stopped_at) m->pause_memory_us = m->taken_at - stopped_at;
    m->pause_disks_us = resumed_at - m->taken_at;
    m->pause_resume_us = now - resumed_at;
    if (!m->live && stopped_at > m->asked_at)
        m->suspend_us = stopped_at - m->asked_at;
}

int memory_release(struct memory_capture *m, libxl_snapshot_diag *diag)
{
    uint64_t resumed_at;
    int rc = 0;

    if (m->suspended) {
        resumed_at = xls_now_us();
        rc = libxl_domain_resume(m->sctx->ctx, m->domain->domid, 1, NULL);
        m->pause_us = pause_clock_stop(m->clock);
        m->clock = NULL;
        divide_pause(m, resumed_at, xls_now_us());
        if (rc)
            xls_diag(diag, rc, NULL, "the domain could not be resumed; try"
                     " 'xl resume %u' or destroy it", m->domain->domid);
        else
            m->suspended = false;
    }
    return rc;
}

int memory_finish(struct memory_capture *m,
                  libxl_domain_snapshot_result *result,
                  libxl_snapshot_diag *diag)
{
    int rc = memory_image_make(m->intake, m->target, m->args, result, diag);

    intake_free(m->intake);
    m->intake = NULL;
    return rc;
}
