/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "libxl/domain_monitor.h"
#include "libxl/overlay_facts.h"

void domain_monitor_init(struct domain_monitor *m)
{
    memset(m, 0, sizeof(*m));
    block_graph_init(&m->graph);
}

void domain_monitor_close(struct domain_monitor *m)
{
    monitor_close(m->session);
    m->session = NULL;
}

void domain_monitor_dispose(struct domain_monitor *m)
{
    block_graph_dispose(&m->graph);
    domain_monitor_close(m);
}

/* Between our looking at the domain and our having the lock, it may have gone. */
static int still_there(void *user)
{
    struct domain_monitor *m = user;

    return libxl_domain_info(m->sctx->ctx, NULL, m->domid);
}

int domain_monitor_open(struct domain_monitor *m, libxl_snapshot_ctx *sctx,
                        const struct domain_facts *domain,
                        libxl_snapshot_diag *diag)
{
    struct diag d = { "" };
    struct monitor_params params = {
        .paths = { .run_dir = sctx->run_dir, .lib_dir = sctx->lib_dir },
        .domid = domain->domid,
        .uuid = domain->uuid,
        .timeout_ms = XLS_QMP_TIMEOUT_MS,
        .check = still_there,
        .check_user = m,
        .lg = sctx->lg,
    };
    int rc;

    m->sctx = sctx;
    m->domid = domain->domid;
    rc = monitor_open(&params, &m->session, &d);
    if (rc) xls_diag(diag, rc, NULL, "%s", d.text);
    return rc;
}

int domain_monitor_look(struct domain_monitor *m, libxl_snapshot_diag *diag)
{
    struct block_replies replies;
    struct diag d = { "" };
    int rc;

    block_replies_init(&replies);
    block_graph_dispose(&m->graph);
    rc = qmp_query_block_replies(monitor_client(m->session),
                                 deadline_after(XLS_QMP_TIMEOUT_MS),
                                 &replies, &d);
    if (rc) goto out;
    rc = block_graph_parse(&replies, &m->graph, &d);
    if (rc) goto out;
    block_graph_identify(&m->graph, NULL, NULL);
out:
    block_replies_dispose(&replies);
    if (rc)
        xls_diag(diag, rc, NULL, "cannot see the domain's disks in QEMU: %s",
                 d.text);
    return rc;
}

int domain_monitor_find(struct domain_monitor *m,
                        const struct disk_facts *disk,
                        const struct block_node **node_r,
                        libxl_snapshot_diag *diag)
{
    struct block_disk_request request = {
        .vdev = disk->disk->vdev,
        .driver = xls_format_driver(disk->disk->format),
        .dev = disk->dev,
        .ino = disk->ino,
    };
    struct diag d = { "" };
    int rc;

    rc = block_graph_find_disk(&m->graph, &request, node_r, NULL, &d);
    if (rc)     /* it names the disk itself */
        xls_diag(diag, rc, disk->disk->vdev, "%s",
                 d.text[0] ? d.text : libxl_error_to_string(rc));
    return rc;
}
