/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/agent_channel.h"

/* The name by which an agent knows its channel, on every hypervisor. */
#define CHANNEL "org.qemu.guest_agent.0"

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
        rc = xls_diag(diag, ERROR_FAIL, NULL, "cannot read the configuration"
                      " of domain %u, to find its agent's channel", domid);
        goto out;
    }
    channel = channel_of(&config);
    if (!channel || !channel->u.socket.path) {
        rc = xls_diag(diag, ERROR_NOTFOUND, NULL, "the domain has no channel"
            " to a guest agent; configure one"
            " (channel=[\"connection=socket,path=...,name=" CHANNEL "\"]) and"
            " have qemu-ga run in the guest, or do without");
        goto out;
    }
    /* Some xl number channels from 0, which is the primary console. libxl
     * makes none then, and goes on; QEMU listens all the same. */
    if (!channel->devid) {
        rc = xls_diag(diag, ERROR_NOTFOUND, NULL, "this xl does not give the"
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

int agent_channel_failed(int rc, const struct diag *why,
                         libxl_snapshot_diag *diag)
{
    if (rc == ERROR_NOMEM) return rc;
    if (rc == ERROR_INVAL) return xls_diag(diag, rc, NULL, "%s", why->text);
    return xls_diag(diag, ERROR_NOT_READY, NULL, "%s; does qemu-ga run in the"
                    " guest, and does nobody else use its channel?",
                    why->text);
}

int agent_channel_open(libxl_snapshot_ctx *sctx, uint32_t domid,
                       unsigned int timeout_ms, struct guest_agent **agent_r,
                       libxl_snapshot_diag *diag)
{
    struct diag why = { "" };
    char *path = NULL;
    int rc;

    rc = find_socket(sctx, domid, &path, diag);
    if (rc) return rc;
    rc = guest_agent_open(path, timeout_ms, sctx->lg, agent_r, &why);
    free(path);
    /* A path that no socket can have (ERROR_INVAL) has no agent either. */
    return rc ? agent_channel_failed(rc, &why, diag) : 0;
}
