/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's calls about disks alone. */
#include "config.h"

#include <stdlib.h>

#include "libxl/disk_ops.h"

int libxl_disk_snapshot_create(libxl_snapshot_ctx *sctx, uint32_t domid,
                               const libxl_device_disk *disks,
                               const libxl_snapshot_handle *handles,
                               int num_disks,
                               libxl_domain_snapshot_result *result_r,
                               libxl_snapshot_diag *diag)
{
    libxl_domain_snapshot_args args;
    int rc;

    libxl_domain_snapshot_args_init(&args);
    rc = libxl_domain_snapshot_create(sctx, domid, disks, handles, num_disks,
                                      &args, NULL, NULL, result_r, diag);
    libxl_domain_snapshot_args_dispose(&args);
    return rc;
}

/* handles may be NULL, for calls that are about no snapshot in particular. */
typedef int disk_work(struct disk_set *set, void *user,
                      libxl_snapshot_diag *diag);

static int on_disks(libxl_snapshot_ctx *sctx, uint32_t domid,
                    const libxl_device_disk *disks,
                    const libxl_snapshot_handle *handles, int num_disks,
                    disk_work *work, void *user, libxl_snapshot_diag *diag)
{
    struct disk_set set;
    int rc;

    disk_set_init(&set);
    rc = disk_set_gather(&set, sctx, domid, disks, handles, num_disks, diag);
    if (!rc) rc = work(&set, user, diag);
    disk_set_dispose(&set);
    if (rc)
        xls_diag(diag, rc, num_disks == 1 ? disks->vdev : NULL, "%s",
                 libxl_error_to_string(rc));
    return rc;
}

static int on_disk(libxl_snapshot_ctx *sctx, uint32_t domid,
                   const libxl_device_disk *disk,
                   const libxl_snapshot_handle *handle, disk_work *work,
                   void *user, libxl_snapshot_diag *diag)
{
    return on_disks(sctx, domid, disk, handle, 1, work, user, diag);
}

/* Before its overlay is looked for, which has to be there and must not. */
static int check_internal(const libxl_device_disk *disk,
                          const libxl_snapshot_handle *handle,
                          const char *what, libxl_snapshot_diag *diag)
{
    if (!plan_overlay(handle)) return 0;
    return xls_diag(diag, ERROR_INVAL, disk->vdev,
                    "disk %s: an external snapshot is an image of its own; %s",
                    disk->vdev, what);
}

static int do_delete(struct disk_set *set, void *user,
                     libxl_snapshot_diag *diag)
{
    return disk_set_delete(set, false, diag);
}

int libxl_disk_snapshot_delete(libxl_snapshot_ctx *sctx, uint32_t domid,
                               const libxl_device_disk *disks,
                               const libxl_snapshot_handle *handles,
                               int num_disks, libxl_snapshot_diag *diag)
{
    int rc = 0, i;

    for (i = 0; i < num_disks && !rc; i++)
        rc = check_internal(&disks[i], &handles[i], "merge it with its overlay"
                            " (libxl_disk_merge)", diag);
    if (rc || num_disks <= 0) return rc;
    return on_disks(sctx, domid, disks, handles, num_disks, do_delete, NULL,
                    diag);
}

static int do_find(struct disk_set *set, void *user, libxl_snapshot_diag *diag)
{
    return disk_set_describe(set, true, user, diag);
}

int libxl_disk_snapshot_find(libxl_snapshot_ctx *sctx, uint32_t domid,
                             const libxl_device_disk *disks,
                             const libxl_snapshot_handle *handles,
                             int num_disks, libxl_disk_snapshot *found_r,
                             libxl_snapshot_diag *diag)
{
    int rc = 0, i;

    for (i = 0; i < num_disks && !rc; i++)
        rc = check_internal(&disks[i], &handles[i], "look for that", diag);
    if (rc || num_disks <= 0) return rc;
    return on_disks(sctx, domid, disks, handles, num_disks, do_find, found_r,
                    diag);
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
    int rc = check_internal(disk, handle, "go back to it by a new overlay on"
                            " it (libxl_disk_overlay_create)", diag);

    if (rc) return rc;
    return on_disk(sctx, LIBXL_SNAPSHOT_NO_DOMAIN, disk, handle, do_revert,
                   NULL, diag);
}

static int do_repair(struct disk_set *set, void *user,
                     libxl_snapshot_diag *diag)
{
    return disk_set_repair(set, diag);
}

int libxl_disk_image_repair(libxl_snapshot_ctx *sctx,
                            const libxl_device_disk *disk,
                            libxl_snapshot_diag *diag)
{
    return on_disk(sctx, LIBXL_SNAPSHOT_NO_DOMAIN, disk, NULL, do_repair, NULL,
                   diag);
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
    struct listing l = { NULL, 0 };
    int rc;

    rc = on_disk(sctx, domid, disk, NULL, do_list, &l, diag);
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

    return on_disk(sctx, LIBXL_SNAPSHOT_NO_DOMAIN, disk, NULL, do_wait, &w,
                   diag);
}
