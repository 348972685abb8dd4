/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An overlay that was opened in QEMU, and that nothing uses: whoever opened it
 * was killed before the guest went over to it, or could not say that it was to
 * be closed after a merge. It would keep the space of a file that is removed.
 */
#include "config.h"

#include <string.h>

#include "libxl/domain_monitor.h"
#include "libxl/image_users.h"
#include "libxl/overlay_facts.h"
#include "libxl/qmp_overlay.h"

/* A node of our making on that file; a disk's own is not called so. */
static const struct block_node *find(const struct block_graph *graph,
                                     const struct image_inode *inode)
{
    size_t i;

    for (i = 0; i < graph->num_nodes; i++) {
        const struct block_node *node = &graph->nodes[i];

        if (!strncmp(node->name, XLS_OVERLAY_NODE,
                     strlen(XLS_OVERLAY_NODE)) &&
            node->identified && node->dev == inode->dev &&
            node->ino == inode->ino)
            return node;
    }
    return NULL;
}

static int close_in(struct domain_monitor *monitor, const char *path,
                    const struct image_inode *inode,
                    libxl_snapshot_diag *diag)
{
    const struct block_node *node;
    struct diag d = { "" };
    int rc;

    rc = domain_monitor_look(monitor, diag);
    if (rc) return rc;
    node = find(&monitor->graph, inode);
    if (!node) return 0;
    rc = qmp_overlay_detach(monitor_client(monitor->session), node->name,
                            deadline_after(XLS_QMP_TIMEOUT_MS), &d);
    if (rc)
        xls_diag(diag, rc, NULL, "%s stays open in QEMU: %s", path, d.text);
    return rc;
}

int libxl_disk_overlay_close(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const char *path, libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    struct domain_facts domain;
    struct image_inode inode;
    int rc;

    /* By its file, or not at all: QEMU's name for it may be of another. */
    rc = image_inode_of(path, &inode, NULL);
    if (rc == ERROR_NOTFOUND) return 0;
    if (rc)
        return xls_diag(diag, rc, NULL, "cannot tell whether QEMU has %s open",
                        path);
    domain_monitor_init(&monitor);
    rc = domain_facts_gather(sctx, domid, &domain, diag);
    if (!rc) rc = domain_monitor_open(&monitor, sctx, &domain, diag);
    if (!rc) rc = close_in(&monitor, path, &inode, diag);
    else if (rc == ERROR_NOTFOUND) rc = 0;      /* no QEMU, nothing open */
    domain_monitor_dispose(&monitor);
    return rc;
}
