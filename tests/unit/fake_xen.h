/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hypervisor in the mind: stands in for the libxl calls that the monitor
 * makes, by defining them in the test's own program. Domains are a table,
 * events come as libxl makes them: one shutdown per generator, a first
 * generator's watch fires at once.
 */
#ifndef FAKE_XEN_H
#define FAKE_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>

#define FAKE_DOMAINS 16

struct fake_domain {
    bool exists, paused, shutdown, dying;
    int reason;
    char name[64];
    libxl_uuid uuid;
    int preserved;          /* how often it was renamed by preserve */
    char updated[64];       /* "xl" userdata */
    bool libvirt;           /* has "libvirt-xml" userdata */
};

struct fake_xen {
    struct fake_domain dom[FAKE_DOMAINS];   /* the index is the domid */
    libxl_domain_config config;     /* what every domain has */
    /*
     * Called each time the monitor is about to wait; step counts from 1.
     * False: the script is over, and waiting further is the test's failure.
     */
    bool (*script)(int step);
    int step;
    bool script_over;
    /* What is to go wrong. */
    int create_failures;
    bool retrieve_fails;
    bool preserve_fails;
    bool soft_reset_fails;
    /* Memory: what is free, and what dom0 gives up when asked: all of it, so
     * much at a time, or nothing. */
    uint64_t free_kb, dom0_step_kb;
    uint64_t dom0_asked_kb;
    bool dom0_stuck;
    /* So many lookups by name find nothing: what they are about appears
     * later, while something else runs. */
    int blind_lookups;
    /* With reason_changes: a domain whose shutdown has been reported has by
     * then shut down for another reason. */
    bool reason_changes;
    int reason_after_report;
    /* What was done, for the test to look at. */
    char trace[4096];
    /* The domid that the next domain gets. */
    uint32_t next_domid;
    int version_minor;
};

extern struct fake_xen fake;

void fake_reset(void);
void fake_dispose(void);
/* A running domain. */
void fake_add(uint32_t domid, const char *name);
/* It shuts down for this reason, or comes back from a suspend. */
void fake_shutdown(uint32_t domid, int reason);
void fake_resume(uint32_t domid);
void fake_gone(uint32_t domid);
/* Its drive is ejected by the guest. */
void fake_eject(uint32_t domid, const char *vdev);

#endif
