/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of a domain and its disks before anything is done to them:
 * gathered here by asking libxl, judged in plan.c without asking anybody.
 */
#ifndef XLS_DOMAIN_FACTS_H
#define XLS_DOMAIN_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libxl/internal.h"

struct domain_facts {
    uint32_t domid;             /* LIBXL_SNAPSHOT_NO_DOMAIN: not running */
    char uuid[37];
    libxl_domain_type type;
    bool paused, shutdown, dying;
    libxl_shutdown_reason shutdown_reason;
    bool stubdomain;
    bool restricted;            /* its device model is (dm_restrict) */
    bool passthrough;           /* PCI or USB devices of the host */
    bool shadow;                /* Xen can track a PV guest's writes */
    bool can_suspend;           /* this kind of machine can */
    uint64_t memory_bytes;
};

struct disk_facts {
    const libxl_device_disk *disk;      /* the caller's */
    bool attached;              /* xenstore knows it (running domain) */
    bool qdisk;                 /* QEMU serves it */
    uint32_t backend_domid;     /* in which domain */
    int image_errno;            /* 0: the image is there */
    bool regular;               /* and it is a plain file */
    dev_t dev;
    ino_t ino;
};

void domain_facts_init(struct domain_facts *facts);

/* ERROR_DOMAIN_NOTFOUND if there is no such domain. domid may be
 * LIBXL_SNAPSHOT_NO_DOMAIN, about which there is nothing to ask. */
int domain_facts_gather(libxl_snapshot_ctx *sctx, uint32_t domid,
                        struct domain_facts *facts_r,
                        libxl_snapshot_diag *diag);

int disk_facts_gather(libxl_snapshot_ctx *sctx, uint32_t domid,
                      const libxl_device_disk *disk,
                      struct disk_facts *facts_r, libxl_snapshot_diag *diag);

/*
 * ERROR_NOT_READY if a domain's disk, other than except_domid's, is this
 * image.
 */
int domain_facts_image_unused(libxl_snapshot_ctx *sctx,
                              const struct disk_facts *facts,
                              uint32_t except_domid,
                              libxl_snapshot_diag *diag);

#endif
