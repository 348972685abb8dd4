/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is done to disks, one way when a domain runs (through its QEMU) and
 * another when it does not (with qemu-img). No memory, no order of things:
 * that is domain_snapshot.c's.
 */
#ifndef XLS_DISK_OPS_H
#define XLS_DISK_OPS_H

#include "libxl/domain_monitor.h"
#include "libxl/plan.h"

/*
 * Several disks of one domain, checked, with the nodes they have in QEMU.
 */
struct disk_set {
    libxl_snapshot_ctx *sctx;
    struct domain_facts domain;
    struct plan_disk *disks;
    int num_disks;
    char **nodes;               /* running domain: disks[i].node points here */
};

void disk_set_init(struct disk_set *set);
void disk_set_dispose(struct disk_set *set);

/*
 * Gather the facts and refuse what plan.h refuses. handles[i] and disks[i]
 * stay the caller's and must outlive the set.
 */
int disk_set_gather(struct disk_set *set, libxl_snapshot_ctx *sctx,
                    uint32_t domid, const libxl_device_disk *disks,
                    const libxl_snapshot_handle *handles, int num_disks,
                    libxl_snapshot_diag *diag);

/*
 * Running domain: find each disk's node. Else: make sure that nobody has the
 * images open. What is wrong with an image (a job on it, an external data
 * file, another owner) is refused here. With fresh, so is a disk that
 * has a snapshot of the handle's name already.
 */
int disk_set_locate(struct disk_set *set, bool fresh,
                    libxl_snapshot_diag *diag);

/* Bring what the host still caches of the images to the disk. */
int disk_set_flush(struct disk_set *set, libxl_snapshot_diag *diag);

/*
 * All in one transaction, through a session that is open; the domain must not
 * be running any code. On a refusal by QEMU nothing was done; on any other
 * failure it is not known.
 */
int disk_set_create_online(struct disk_set *set, struct domain_monitor *monitor,
                           libxl_snapshot_diag *diag);

/* One after the other; on failure those already made are left. */
int disk_set_create_offline(struct disk_set *set, libxl_snapshot_diag *diag);

/*
 * Delete from each disk the snapshot that its handle names. A running guest
 * is paused meanwhile. missing_ok: a disk without it is fine; else
 * ERROR_NOTFOUND before anything was deleted.
 */
int disk_set_delete(struct disk_set *set, bool missing_ok,
                    libxl_snapshot_diag *diag);

/*
 * What each image says of the handle's snapshot, in order, into
 * list_r[num_disks]; each is initialised here. On failure all are disposed.
 */
int disk_set_describe(struct disk_set *set, libxl_disk_snapshot *list_r,
                      libxl_snapshot_diag *diag);

/* All snapshots of the set's only disk. */
int disk_set_list(struct disk_set *set, libxl_disk_snapshot **list_r,
                  int *num_r, libxl_snapshot_diag *diag);

/* Put the only disk's image back. */
int disk_set_revert(struct disk_set *set, libxl_snapshot_diag *diag);

/* The images are nobody's but except_domid's, within the time. */
int disk_set_wait_unused(struct disk_set *set, uint32_t except_domid,
                         int timeout_ms, libxl_snapshot_diag *diag);

#endif
