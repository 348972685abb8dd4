/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What to do when a domain has shut down: from the reason and the domain's
 * on_* settings to steps. Pure.
 */
#ifndef XL_DEATH_PLAN_H
#define XL_DEATH_PLAN_H

#include <stdbool.h>

#include <libxl.h>

enum death_step {
    DEATH_KEEP_WATCHING,    /* suspended: not an end */
    DEATH_LEAVE,            /* preserve: it stays as it is, for people */
    DEATH_DESTROY,
    DEATH_RESTART,          /* destroy it and boot it anew */
    DEATH_RENAME_RESTART,   /* keep it under another name and boot it anew */
    DEATH_SOFT_RESET,       /* the same domain, from its kernel's entry */
};

struct death_plan {
    bool dump_core;         /* before the step */
    enum death_step step;
};

/*
 * reason: as the hypervisor gives it; one that is not known means destroy, as
 * for xl. The same is true of a setting outside its enumeration.
 */
struct death_plan death_plan_make(int reason, const libxl_domain_config *config);

#endif
