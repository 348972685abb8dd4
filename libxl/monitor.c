/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <xentoollog.h>

#include "libxl/monitor.h"
#include "libxl/qmp_client.h"
#include "libxl/qmp_transport.h"

struct monitor {
    struct domain_lock *lock;
    struct qmp_client *client;
};

static int connect_client(struct monitor *monitor,
                          const struct monitor_params *params, deadline by,
                          struct diag *diag)
{
    struct qmp_transport *transport = NULL;
    char *path = NULL;
    int rc;

    if (asprintf(&path, "%s/qmp-libxl-%" PRIu32, params->paths.run_dir,
                 params->domid) < 0) {
        path = NULL;
        rc = ERROR_NOMEM;
        goto out;
    }
    rc = qmp_transport_connect(path, QMP_TRANSPORT_MAX_MESSAGE, by, &transport,
                               diag);
    if (rc) goto out;
    rc = qmp_client_alloc(transport, params->lg, &monitor->client);
    if (rc) goto out;
    rc = qmp_client_negotiate(monitor->client, by, diag);
 out:
    if (rc == ERROR_NOMEM) diag_set(diag, "out of memory");
    free(path);
    return rc;
}

int monitor_open(const struct monitor_params *params,
                 struct monitor **monitor_r, struct diag *diag)
{
    const struct monitor_lock_params lock_params = {
        .lib_dir = params->paths.lib_dir,
        .domid = params->domid,
        .uuid = params->uuid,
        .check = params->check,
        .check_user = params->check_user,
    };
    deadline by = deadline_after(params->timeout_ms);
    struct monitor *monitor = NULL;
    struct qmp_version version;
    int rc;

    monitor = calloc(1, sizeof(*monitor));
    if (!monitor) {
        diag_set(diag, "out of memory");
        rc = ERROR_NOMEM;
        goto out;
    }
    rc = monitor_lock_acquire(&lock_params, by, &monitor->lock, diag);
    if (rc) goto out;
    rc = connect_client(monitor, params, by, diag);
    if (rc) goto out;

    if (params->lg) {
        version = qmp_client_version(monitor->client);
        xtl_log(params->lg, XTL_DEBUG, -1, "qmp",
                "domain %" PRIu32 ": connected to QEMU %u.%u.%u",
                params->domid, version.major, version.minor, version.micro);
    }
    *monitor_r = monitor;
    rc = 0;
 out:
    if (rc) monitor_close(monitor);
    return rc;
}

struct qmp_client *monitor_client(struct monitor *monitor)
{
    return monitor->client;
}

void monitor_close(struct monitor *monitor)
{
    if (!monitor) return;
    /* Whoever gets the lock next must find the monitor free. */
    qmp_client_free(monitor->client);
    domain_lock_release(monitor->lock);
    free(monitor);
}
