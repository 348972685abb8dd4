/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <xentoollog.h>

#include "libxl/guest_agent.h"
#include "libxl/quiesce.h"

/* The name by which an agent knows its channel, on every hypervisor. */
#define CHANNEL "org.qemu.guest_agent.0"

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

/* ---- the channel ---- */

static const libxl_device_channel *
channel_of(const libxl_domain_config *config)
{
    const libxl_device_channel *channel;
    int i;

    for (i = 0; i < config->num_channels; i++) {
        channel = &config->channels[i];
        if (channel->name && !strcmp(channel->name, CHANNEL) &&
            channel->connection == LIBXL_CHANNEL_CONNECTION_SOCKET)
            return channel;
    }
    return NULL;
}

/*
 * From the configuration, which only dom0 can write; the channel's node in
 * xenstore is in part the guest's.
 */
static int find_socket(libxl_snapshot_ctx *sctx, uint32_t domid, char **path_r,
                       libxl_snapshot_diag *diag)
{
    const libxl_device_channel *channel;
    libxl_domain_config config;
    int rc;

    libxl_domain_config_init(&config);
    rc = libxl_retrieve_domain_configuration(sctx->ctx, domid, &config, NULL);
    if (rc) {
        xls_diag(diag, rc, NULL, "cannot read the configuration of domain %u,"
                 " to find its agent's channel", domid);
        goto out;
    }
    channel = channel_of(&config);
    if (!channel || !channel->u.socket.path) {
        rc = xls_diag(diag, ERROR_INVAL, NULL, "the domain has no channel to a"
            " guest agent, which would freeze its file systems; configure one"
            " (channel=[\"connection=socket,path=...,name=" CHANNEL "\"]) and"
            " have qemu-ga run in the guest, or do without");
        goto out;
    }
    /* Some xl number channels from 0, which is the primary console. libxl
     * makes none then, and goes on; QEMU listens all the same. */
    if (!channel->devid) {
        rc = xls_diag(diag, ERROR_INVAL, NULL, "this xl does not give the"
            " guest the first channel of a domain, which is the one to its"
            " agent; configure another one before it"
            " (channel=[\"connection=socket,path=...,name=spare\", ...])");
        goto out;
    }
    *path_r = strdup(channel->u.socket.path);
    if (!*path_r) rc = ERROR_NOMEM;
out:
    libxl_domain_config_dispose(&config);
    return rc;
}

/* The agent's words as ours. NOT_READY, since it may work another time. */
static int agent_failed(int rc, const struct diag *why,
                        libxl_snapshot_diag *diag)
{
    if (rc == ERROR_NOMEM) return rc;
    if (rc == ERROR_INVAL) return xls_diag(diag, rc, NULL, "%s", why->text);
    return xls_diag(diag, ERROR_NOT_READY, NULL, "%s; does qemu-ga run in the"
                    " guest, and does nobody else use its channel?",
                    why->text);
}

static int connect_agent(struct quiesce *quiesce, libxl_snapshot_ctx *sctx,
                         uint32_t domid, unsigned int timeout_ms,
                         libxl_snapshot_diag *diag)
{
    struct diag why = { "" };
    char *path = NULL;
    int rc;

    quiesce->sctx = sctx;
    quiesce->domid = domid;
    quiesce->timeout_ms = timeout_ms ? timeout_ms : XLS_AGENT_TIMEOUT_MS;
    rc = find_socket(sctx, domid, &path, diag);
    if (rc) return rc;
    rc = guest_agent_open(path, quiesce->timeout_ms, sctx->lg, &quiesce->agent,
                          &why);
    free(path);
    return rc ? agent_failed(rc, &why, diag) : 0;
}

/* ---- asking ---- */

static int ask_frozen(struct quiesce *quiesce, bool *frozen_r,
                      libxl_snapshot_diag *diag)
{
    struct diag why = { "" };
    int rc;

    rc = guest_agent_status(quiesce->agent, frozen_r, &why);
    return rc ? agent_failed(rc, &why, diag) : 0;
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
    if (rc) return agent_failed(rc, &why, diag);
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
