/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's call that tells which images a running disk is made of. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/domain_monitor.h"
#include "libxl/overlay_facts.h"

struct listing {
    libxl_disk_image *list;
    int num;
};

static int add(struct listing *l, const struct block_graph *graph,
               const struct block_disk *disk, size_t i)
{
    const struct block_image *from = &disk->images[i];
    const struct block_node *node = block_graph_image_node(graph, disk, i);
    libxl_disk_image *to;

    if (block_driver_is_filter(from->driver)) return 0;
    to = &l->list[l->num++];
    libxl_disk_image_init(to);
    to->format = xls_driver_format(from->driver);
    /* A name without a path in it is still better than none. */
    to->path = block_filename_path(from->filename);
    if (!to->path) to->path = strdup(from->filename);
    if (node) to->node = strdup(node->name);
    return to->path && (!node || to->node) ? 0 : ERROR_NOMEM;
}

static int collect(struct listing *l, const struct block_graph *graph,
                   const char *vdev, libxl_snapshot_diag *diag)
{
    const struct block_disk *disk = block_graph_disk(graph, vdev);
    size_t i;
    int rc = 0;

    if (!disk)
        return xls_diag(diag, ERROR_NOTFOUND, vdev,
                        "disk %s: the domain's QEMU does not serve it", vdev);
    l->list = calloc(disk->num_images + 1, sizeof(*l->list));
    if (!l->list) return ERROR_NOMEM;
    for (i = 0; i < disk->num_images && !rc; i++)
        rc = add(l, graph, disk, i);
    return rc;
}

int libxl_disk_image_list(libxl_snapshot_ctx *sctx, uint32_t domid,
                          const char *vdev, libxl_disk_image **list_r,
                          int *num_r, libxl_snapshot_diag *diag)
{
    struct domain_monitor monitor;
    struct domain_facts domain;
    struct listing l = { NULL, 0 };
    int rc;

    domain_monitor_init(&monitor);
    if (domid == LIBXL_SNAPSHOT_NO_DOMAIN) {
        rc = xls_diag(diag, ERROR_INVAL, vdev, "disk %s: only a running"
                      " domain's QEMU can be asked for its images", vdev);
        goto out;
    }
    rc = domain_facts_gather(sctx, domid, &domain, diag);
    if (rc) goto out;
    rc = domain_monitor_open(&monitor, sctx, &domain, diag);
    if (rc) goto out;
    rc = domain_monitor_look(&monitor, diag);
    domain_monitor_close(&monitor);
    if (rc) goto out;
    rc = collect(&l, &monitor.graph, vdev, diag);
out:
    domain_monitor_dispose(&monitor);
    if (rc) {
        xls_diag(diag, rc, vdev, "%s", libxl_error_to_string(rc));
        libxl_disk_image_list_free(l.list, l.num);
    } else {
        *list_r = l.list;
        *num_r = l.num;
    }
    return rc;
}

void libxl_disk_image_list_free(libxl_disk_image *list, int num)
{
    int i;

    for (i = 0; i < num; i++) libxl_disk_image_dispose(&list[i]);
    free(list);
}
