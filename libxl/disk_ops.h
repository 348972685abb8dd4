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
#include "libxl/qmp_overlay.h"

/* How far a disk's overlay has come. */
struct disk_overlay {
    uint64_t virtual_size;      /* of the disk, in bytes */
    char node[QMP_NODE_NAME_SIZE];  /* what QEMU shall call it */
    /* How QEMU has the disk's image open, and what it records about it. */
    bool direct, no_flush;
    char *detect_zeroes;
    struct image_bitmap *bitmaps;   /* those that go on in the overlay */
    size_t num_bitmaps;

    bool made;                  /* the file is ours to remove */
    bool attached;              /* or may be: QEMU's answer did not come */
};

/* Whether the guest writes to the overlays. */
enum overlays_state {
    OVERLAYS_UNUSED,
    OVERLAYS_USED,
    OVERLAYS_UNKNOWN,           /* QEMU was told to, and cannot be asked */
};

/*
 * Several disks of one domain, checked, with the nodes they have in QEMU.
 */
struct disk_set {
    libxl_snapshot_ctx *sctx;
    struct domain_facts domain;
    struct plan_disk *disks;
    int num_disks;
    char **nodes;               /* running domain: disks[i].node points here */
    struct disk_overlay *overlays;  /* of each disk; blank for internal ones */
    enum overlays_state state;
};

void disk_set_init(struct disk_set *set);
void disk_set_dispose(struct disk_set *set);

/*
 * Gather the facts and refuse what plan.h refuses. handles[i] and disks[i]
 * stay the caller's and must outlive the set. Without handles (NULL) the set
 * is of disks alone, of which no snapshot is meant.
 */
int disk_set_gather(struct disk_set *set, libxl_snapshot_ctx *sctx,
                    uint32_t domid, const libxl_device_disk *disks,
                    const libxl_snapshot_handle *handles, int num_disks,
                    libxl_snapshot_diag *diag);

/*
 * Running domain: find each disk's node. Else: make sure that nobody has the
 * images open. What is wrong with an image (a job on it, an external data
 * file, another owner) is refused here. With fresh, so is a disk that
 * has a snapshot of the handle's name already, and an overlay that cannot
 * be used.
 */
int disk_set_locate(struct disk_set *set, bool fresh,
                    libxl_snapshot_diag *diag);

/* Bring what the host still caches of the images to the disk. */
int disk_set_flush(struct disk_set *set, libxl_snapshot_diag *diag);

/* ---- overlays (disk_overlay.c) ---- */

/* Note what the overlay of a running domain's disk must be like, and refuse
 * what QEMU's graph forbids. Nothing to do for an internal snapshot. */
int disk_set_note_overlay(struct disk_set *set, int i,
                          const struct block_graph *graph,
                          const struct block_node *node,
                          libxl_snapshot_diag *diag);

/* The files that are not there yet. On failure those made are left. */
int disk_set_make_overlays(struct disk_set *set, libxl_snapshot_diag *diag);

/* Have QEMU open them all. On failure some may be open. */
int disk_set_attach_overlays(struct disk_set *set, libxl_snapshot_diag *diag);

/*
 * Undo both, of overlays that the guest does not use: close them in QEMU,
 * remove the files that we made. A file that QEMU may still have open stays.
 */
int disk_set_drop_overlays(struct disk_set *set, libxl_snapshot_diag *diag);

/*
 * After a transaction whose answer did not come: ask QEMU what each disk's
 * image is now, in a session of its own. set->state says.
 */
void disk_set_find_state(struct disk_set *set);

/* libxl's stored copies of the disks' paths; all are tried. No session may
 * be open. */
int disk_set_store_paths(struct disk_set *set, libxl_snapshot_diag *diag);

/* ---- snapshots ---- */

/* The one that the handle names; ERROR_NOTFOUND (nothing said), or ERROR_INVAL
 * if there are several. */
int disk_set_find_snapshot(const struct disk_set *set, int i,
                           const struct image_info *info,
                           const struct image_snapshot **snapshot_r,
                           libxl_snapshot_diag *diag);
/* Says that there is none; returns ERROR_NOTFOUND. */
int disk_set_missing(const struct disk_set *set, int i,
                     libxl_snapshot_diag *diag);

/*
 * All in one transaction, through a session that is open, and is closed on
 * return, since to go on libxl may want it for itself. The domain must not be
 * running any code. With overlays, set->state says what became of them; the
 * transaction has been carried out, and this returns 0, if they are in use.
 * Without, on a refusal by QEMU nothing was done; on any other failure it is
 * not known.
 */
int disk_set_create_online(struct disk_set *set, struct domain_monitor *monitor,
                           libxl_snapshot_diag *diag);

/* The internal ones, one after the other; on failure those already made are
 * left. */
int disk_set_create_offline(struct disk_set *set, libxl_snapshot_diag *diag);

/*
 * Delete from each disk the internal snapshot that its handle names. A running
 * guest is paused meanwhile. missing_ok: a disk without it is fine; else
 * ERROR_NOTFOUND before anything was deleted.
 */
int disk_set_delete(struct disk_set *set, bool missing_ok,
                    libxl_snapshot_diag *diag);

/*
 * What each image says of the handle's snapshot, in order, into
 * list_r[num_disks]; each is initialised here. On failure all are disposed.
 * missing_ok: without it an element has no id; else ERROR_NOTFOUND.
 */
int disk_set_describe(struct disk_set *set, bool missing_ok,
                      libxl_disk_snapshot *list_r, libxl_snapshot_diag *diag);

/* All snapshots of the set's only disk. */
int disk_set_list(struct disk_set *set, libxl_disk_snapshot **list_r,
                  int *num_r, libxl_snapshot_diag *diag);

/* Put the only disk's image back. */
int disk_set_revert(struct disk_set *set, libxl_snapshot_diag *diag);

/* Repair what the death of who changed them has left in the images, which
 * nobody may have open. */
int disk_set_repair(struct disk_set *set, libxl_snapshot_diag *diag);

/* The images are nobody's but except_domid's, within the time. */
int disk_set_wait_unused(struct disk_set *set, uint32_t except_domid,
                         int timeout_ms, libxl_snapshot_diag *diag);

#endif
