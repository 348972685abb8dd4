/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <xentoollog.h>

#include "libxl/agent_channel.h"
#include "libxl/guest_agent.h"
#include "libxl/quiesce.h"

void quiesce_init(struct quiesce *quiesce)
{
    memset(quiesce, 0, sizeof(*quiesce));
    quiesce->domid = LIBXL_SNAPSHOT_NO_DOMAIN;
}

void quiesce_dispose(struct quiesce *quiesce)
{
    guest_agent_close(quiesce->agent);
    quiesce_init(quiesce);
}

/* ---- the agent ---- */

static int connect_agent(struct quiesce *quiesce, libxl_snapshot_ctx *sctx,
                         uint32_t domid, unsigned int timeout_ms,
                         libxl_snapshot_diag *diag)
{
    int rc;

    quiesce->sctx = sctx;
    quiesce->domid = domid;
    quiesce->timeout_ms = timeout_ms ? timeout_ms : XLS_AGENT_TIMEOUT_MS;
    rc = agent_channel_open(sctx, domid, quiesce->timeout_ms, &quiesce->agent,
                            diag);
    return rc == ERROR_NOTFOUND ? ERROR_INVAL : rc;
}

/* ---- asking ---- */

static int ask_frozen(struct quiesce *quiesce, bool *frozen_r,
                      libxl_snapshot_diag *diag)
{
    struct diag why = { "" };
    int rc;

    rc = guest_agent_status(quiesce->agent, frozen_r, &why);
    return rc ? agent_channel_failed(rc, &why, diag) : 0;
}

/* Thawing on the way back must not thaw what somebody else froze. */
static int check_thawed(struct quiesce *quiesce, libxl_snapshot_diag *diag)
{
    bool frozen;
    int rc;

    rc = ask_frozen(quiesce, &frozen, diag);
    if (rc || !frozen) return rc;
    return xls_diag(diag, ERROR_NOT_READY, NULL, "the guest's file systems are"
                    " frozen already, by somebody else; wait for that to end,"
                    " or 'xl snapshot-thaw %u'", quiesce->domid);
}

int quiesce_check(libxl_snapshot_ctx *sctx, uint32_t domid,
                  unsigned int timeout_ms, libxl_snapshot_diag *diag)
{
    struct quiesce quiesce;
    int rc;

    quiesce_init(&quiesce);
    rc = connect_agent(&quiesce, sctx, domid, timeout_ms, diag);
    if (!rc) rc = check_thawed(&quiesce, diag);
    quiesce_dispose(&quiesce);
    return rc;
}

/* ---- freezing and thawing ---- */

int quiesce_freeze(struct quiesce *quiesce, libxl_snapshot_ctx *sctx,
                   uint32_t domid, unsigned int timeout_ms,
                   libxl_snapshot_diag *diag)
{
    struct diag why = { "" };
    uint64_t num;
    int rc;

    rc = connect_agent(quiesce, sctx, domid, timeout_ms, diag);
    if (!rc) rc = check_thawed(quiesce, diag);
    if (rc) return rc;
    quiesce->maybe_frozen = true;
    rc = guest_agent_freeze(quiesce->agent, &num, &why);
    if (rc) return agent_channel_failed(rc, &why, diag);
    xls_log(sctx, XTL_DEBUG, "domain %u: %u file systems are frozen", domid,
            (unsigned int)num);
    return 0;
}

static int thaw_now(struct quiesce *quiesce, struct diag *why)
{
    uint64_t num;
    int rc;

    rc = guest_agent_thaw(quiesce->agent, &num, why);
    if (!rc)
        xls_log(quiesce->sctx, XTL_DEBUG, "domain %u: %u file systems are"
                " thawed", quiesce->domid, (unsigned int)num);
    return rc;
}

int quiesce_thaw(struct quiesce *quiesce, libxl_snapshot_diag *diag)
{
    struct diag why = { "" };
    int rc;

    if (!quiesce->maybe_frozen) return 0;
    rc = thaw_now(quiesce, &why);
    if (rc && rc != ERROR_INVAL) {
        /* Once more, over a new connection: this one may be what is wrong. */
        guest_agent_close(quiesce->agent);
        quiesce->agent = NULL;
        rc = connect_agent(quiesce, quiesce->sctx, quiesce->domid,
                           quiesce->timeout_ms, NULL);
        if (!rc) rc = thaw_now(quiesce, &why);
    }
    if (!rc) {
        quiesce->maybe_frozen = false;
        return 0;
    }
    return xls_diag(diag, ERROR_NOT_READY, NULL, "THE GUEST'S FILE SYSTEMS MAY"
                    " STILL BE FROZEN: %s; try 'xl snapshot-thaw %u', or in the"
                    " guest 'fsfreeze -u' on each", why.text, quiesce->domid);
}

/* ---- for whoever else wants to ---- */

int libxl_domain_fsfreeze_status(libxl_snapshot_ctx *sctx, uint32_t domid,
                                 uint32_t timeout_ms, bool *frozen_r,
                                 libxl_snapshot_diag *diag)
{
    struct quiesce quiesce;
    bool frozen;
    int rc;

    quiesce_init(&quiesce);
    rc = connect_agent(&quiesce, sctx, domid, timeout_ms, diag);
    if (!rc) rc = ask_frozen(&quiesce, &frozen, diag);
    if (!rc) *frozen_r = frozen;
    quiesce_dispose(&quiesce);
    if (rc) xls_diag(diag, rc, NULL, "%s", libxl_error_to_string(rc));
    return rc;
}

int libxl_domain_fsthaw(libxl_snapshot_ctx *sctx, uint32_t domid,
                        uint32_t timeout_ms, libxl_snapshot_diag *diag)
{
    struct quiesce quiesce;
    int rc;

    quiesce_init(&quiesce);
    rc = connect_agent(&quiesce, sctx, domid, timeout_ms, diag);
    if (!rc) {
        quiesce.maybe_frozen = true;
        rc = quiesce_thaw(&quiesce, diag);
    }
    quiesce_dispose(&quiesce);
    if (rc) xls_diag(diag, rc, NULL, "%s", libxl_error_to_string(rc));
    return rc;
}
