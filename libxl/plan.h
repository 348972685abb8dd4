/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether something can be done, and in which order: decided from facts
 * alone, asking and touching nothing. What is refused here is refused before
 * anything was changed.
 */
#ifndef XLS_PLAN_H
#define XLS_PLAN_H

#include <stdbool.h>

#include "libxl/domain_facts.h"
#include "libxl/overlay_facts.h"

struct plan_disk {
    struct disk_facts facts;
    const libxl_snapshot_handle *handle;    /* NULL: none is asked about */
    struct overlay_facts overlay;   /* if the handle has one */
    const char *node;           /* running domain: QEMU's, else NULL */
    const char *overlay_node;   /* and the one that the overlay will have */
};

/* What there is to be done apart from disks. */
struct plan_wish {
    bool memory;                /* take it */
    bool hook;                  /* call the caller while the guest stands */
};

/* The overlay of an external snapshot's handle; NULL: it is an internal one,
 * or none at all. */
const libxl_snapshot_overlay *plan_overlay(const libxl_snapshot_handle *handle);

/* Of the domain alone. */
int plan_check_domain(const struct domain_facts *domain, bool memory,
                      libxl_snapshot_diag *diag);

/* Of one disk, before QEMU or the image is asked anything. handle may be NULL:
 * then it is of the disk alone. */
int plan_check_disk(const struct domain_facts *domain,
                    const struct disk_facts *disk,
                    const libxl_snapshot_handle *handle,
                    libxl_snapshot_diag *diag);

/* Of an overlay's words and its place, before it is looked into. */
int plan_check_overlay(const struct disk_facts *disk,
                       const libxl_snapshot_overlay *overlay,
                       const struct overlay_facts *facts,
                       libxl_snapshot_diag *diag);

/* Of one to be reused, when it was looked into. format and virtual_size are
 * the disk's image's. */
int plan_check_overlay_contents(const struct disk_facts *disk,
                                const libxl_snapshot_overlay *overlay,
                                const struct overlay_facts *facts,
                                const char *format, uint64_t virtual_size,
                                libxl_snapshot_diag *diag);

/* Of two disks' overlays. */
int plan_check_overlays(const struct plan_disk *a, const struct plan_disk *b,
                        libxl_snapshot_diag *diag);

/* Of the disks among themselves: no vdev, no image and no overlay twice. */
int plan_check_disks(const struct plan_disk *disks, int num_disks,
                     libxl_snapshot_diag *diag);

/* A libxl_snapshot_plan to take a snapshot; everything has been checked. */
int plan_snapshot_create(const struct domain_facts *domain,
                         const struct plan_wish *wish,
                         const struct plan_disk *disks, int num_disks,
                         libxl_snapshot_plan *plan_r);

/*
 * Copy memory while the guest runs? Where the hypervisor tracks writes, and
 * QEMU does not give its images up for it, as it does for HVM.
 */
bool plan_live(const struct domain_facts *domain);

/* ---- plan_quiesce.c ---- */

/* May the guest's file systems be frozen for it? */
int plan_check_quiesce(const struct domain_facts *domain, bool memory,
                       libxl_snapshot_diag *diag);

/* Put the freeze in, as late as can be, and the thaw. */
int plan_add_quiesce(libxl_snapshot_plan *plan);

#endif
