/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's calls about one disk. */
#include "config.h"

#include <stdlib.h>

#include "libxl/disk_ops.h"

typedef int disk_work(struct disk_set *set, void *user,
                      libxl_snapshot_diag *diag);

static int on_disk(libxl_snapshot_ctx *sctx, uint32_t domid,
                   const libxl_device_disk *disk,
                   const libxl_snapshot_handle *handle, disk_work *work,
                   void *user, libxl_snapshot_diag *diag)
{
    struct disk_set set;
    int rc;

    disk_set_init(&set);
    rc = disk_set_gather(&set, sctx, domid, disk, handle, 1, diag);
    if (!rc) rc = work(&set, user, diag);
    disk_set_dispose(&set);
    if (rc) xls_diag(diag, rc, disk->vdev, "%s", libxl_error_to_string(rc));
    return rc;
}

static int do_delete(struct disk_set *set, void *user,
                     libxl_snapshot_diag *diag)
{
    return disk_set_delete(set, false, diag);
}

int libxl_disk_snapshot_delete(libxl_snapshot_ctx *sctx, uint32_t domid,
                               const libxl_device_disk *disk,
                               const libxl_snapshot_handle *handle,
                               libxl_snapshot_diag *diag)
{
    return on_disk(sctx, domid, disk, handle, do_delete, NULL, diag);
}

static int do_revert(struct disk_set *set, void *user,
                     libxl_snapshot_diag *diag)
{
    return disk_set_revert(set, diag);
}

int libxl_disk_snapshot_revert(libxl_snapshot_ctx *sctx,
                               const libxl_device_disk *disk,
                               const libxl_snapshot_handle *handle,
                               libxl_snapshot_diag *diag)
{
    return on_disk(sctx, LIBXL_SNAPSHOT_NO_DOMAIN, disk, handle, do_revert,
                   NULL, diag);
}

/*
 * Calls that are about no snapshot in particular still go through the checks
 * that every disk goes through, for which any good name will do.
 */
static void any_handle(const libxl_device_disk *disk,
                       libxl_snapshot_handle *handle)
{
    static char any[] = "any";

    libxl_snapshot_handle_init(handle);
    handle->format = disk->format;
    if (disk->format == LIBXL_DISK_FORMAT_QCOW2) handle->u.qcow2.name = any;
}

struct listing {
    libxl_disk_snapshot *list;
    int num;
};

static int do_list(struct disk_set *set, void *user,
                   libxl_snapshot_diag *diag)
{
    struct listing *l = user;

    return disk_set_list(set, &l->list, &l->num, diag);
}

int libxl_disk_snapshot_list(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const libxl_device_disk *disk,
                             libxl_disk_snapshot **list_r, int *num_r,
                             libxl_snapshot_diag *diag)
{
    libxl_snapshot_handle handle;
    struct listing l = { NULL, 0 };
    int rc;

    any_handle(disk, &handle);
    rc = on_disk(sctx, domid, disk, &handle, do_list, &l, diag);
    if (!rc) {
        *list_r = l.list;
        *num_r = l.num;
    }
    return rc;
}

void libxl_disk_snapshot_list_free(libxl_disk_snapshot *list, int num)
{
    int i;

    for (i = 0; i < num; i++) libxl_disk_snapshot_dispose(&list[i]);
    free(list);
}

struct wait {
    uint32_t except_domid;
    int timeout_ms;
};

static int do_wait(struct disk_set *set, void *user, libxl_snapshot_diag *diag)
{
    const struct wait *w = user;

    return disk_set_wait_unused(set, w->except_domid, w->timeout_ms, diag);
}

int libxl_disk_snapshot_wait_unused(libxl_snapshot_ctx *sctx,
                                    const libxl_device_disk *disk,
                                    uint32_t except_domid, int timeout_ms,
                                    libxl_snapshot_diag *diag)
{
    struct wait w = { except_domid, timeout_ms };
    libxl_snapshot_handle handle;

    any_handle(disk, &handle);
    return on_disk(sctx, LIBXL_SNAPSHOT_NO_DOMAIN, disk, &handle, do_wait, &w,
                   diag);
}
