/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks that the chain knows and the running domain has no more: they were
 * detached. QEMU keeps images of theirs open, which nobody could then merge,
 * delete or attach again.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chain/images.h"
#include "manage/internal.h"

/* QEMU may be a moment behind libxl, which waits for the guest. */
#define DETACH_TIMEOUT_MS 5000
#define DETACH_NAP_MS 100

static bool has_disk(const libxl_device_disk *disks, int num,
                     const char *vdev)
{
    int i;

    for (i = 0; i < num; i++)
        if (disks[i].vdev && !strcmp(disks[i].vdev, vdev)) return true;
    return false;
}

bool domain_has_disk(struct operation *op, const char *vdev)
{
    libxl_device_disk *disks;
    int num = 0;
    bool has;

    if (!op->running) return false;
    disks = libxl_device_disk_list(op->m->ctx, op->domid, &num);
    has = has_disk(disks, num, vdev);
    if (disks) libxl_device_disk_list_free(disks, num);
    return has;
}

static int close_once(struct operation *op, const char *vdev,
                      const char *const *paths, int num, bool *again_r)
{
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_detached_close(op->m->sctx, op->domid, vdev, paths, num,
                                   &diag);
    *again_r = rc == ERROR_NOT_READY;
    if (rc && !*again_r) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

static int close_paths(struct operation *op, const char *vdev,
                       const char *const *paths, int num, int wait_ms)
{
    const struct timespec nap = { .tv_nsec = DETACH_NAP_MS * 1000000 };
    bool again;
    int rc;

    for (;;) {
        rc = close_once(op, vdev, paths, num, &again);
        if (!again) return rc;
        if (wait_ms <= 0) break;
        wait_ms -= DETACH_NAP_MS;
        nanosleep(&nap, NULL);
    }
    return manage_fail(op->err, MANAGE_BUSY, "disk %s is detached, but the"
                       " domain's QEMU serves it still", vdev);
}

/* Alone, an image is closed by QEMU. */
static int close_disk(struct operation *op, const chain_active_disk *disk,
                      int wait_ms)
{
    const chain_image **images = NULL;
    const char **paths = NULL;
    struct chain_error why;
    size_t num = 0, i;
    int rc;

    rc = chain_images_below(&op->chain, disk->path, &images, &num, &why);
    if (rc == ERROR_NOTFOUND) return 0;
    if (rc) return manage_fail_chain(op->err, &why);
    if (num < 2) goto out;
    paths = calloc(num, sizeof(*paths));
    if (!paths) {
        rc = manage_fail_nomem(op->err);
        goto out;
    }
    for (i = 0; i < num; i++) paths[i] = images[i]->path;
    rc = close_paths(op, disk->vdev, paths, num, wait_ms);
out:
    free(paths);
    free(images);
    return rc;
}

/* Whether a disk is detached is QEMU's to say in the end. */
static int close_all(struct operation *op, int wait_ms)
{
    const chain_tree *tree = &op->chain.tree;
    libxl_device_disk *disks;
    int i, num = 0, rc = 0;

    if (!op->running || !tree->num_active) return 0;
    disks = libxl_device_disk_list(op->m->ctx, op->domid, &num);
    for (i = 0; i < tree->num_active && !rc; i++)
        if (!has_disk(disks, num, tree->active[i].vdev))
            rc = close_disk(op, &tree->active[i], wait_ms);
    if (disks) libxl_device_disk_list_free(disks, num);
    return rc;
}

void detached_tidy(struct operation *op)
{
    struct manage_error *err = op->err, ignored = { MANAGE_OK, "" };

    op->err = &ignored;
    close_all(op, 0);
    op->err = err;
}

int manage_close_detached(struct manage *m, const char *domain,
                          struct manage_error *err)
{
    struct operation op;
    int rc;

    operation_init(&op);
    rc = operation_begin(&op, m, "block-detach", domain, true, false, err);
    if (!rc) rc = close_all(&op, DETACH_TIMEOUT_MS);
    operation_dispose(&op);
    return rc;
}
