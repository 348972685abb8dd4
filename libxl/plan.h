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

struct plan_disk {
    struct disk_facts facts;
    const libxl_snapshot_handle *handle;
    const char *node;           /* running domain: QEMU's, else NULL */
};

/* Of the domain alone. */
int plan_check_domain(const struct domain_facts *domain, bool memory,
                      libxl_snapshot_diag *diag);

/* Of one disk, before QEMU or the image is asked anything. */
int plan_check_disk(const struct domain_facts *domain,
                    const struct disk_facts *disk,
                    const libxl_snapshot_handle *handle,
                    libxl_snapshot_diag *diag);

/* Of the disks among themselves: no vdev and no image twice. */
int plan_check_disks(const struct plan_disk *disks, int num_disks,
                     libxl_snapshot_diag *diag);

/* A libxl_snapshot_plan to take a snapshot; everything has been checked. */
int plan_snapshot_create(const struct domain_facts *domain, bool memory,
                         const struct plan_disk *disks, int num_disks,
                         libxl_snapshot_plan *plan_r);

/*
 * Copy memory while the guest runs? Where the hypervisor tracks writes, and
 * QEMU does not give its images up for it, as it does for HVM.
 */
bool plan_live(const struct domain_facts *domain);

#endif
