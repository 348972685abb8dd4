/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The few settings of the system's xl.conf that matter to whoever creates a
 * domain as xl does. (Most others are about reading an xl.cfg, and are already
 * part of a stored configuration.)
 */
#ifndef XL_CONF_H
#define XL_CONF_H

#include <stdbool.h>

#include <libxl.h>

struct xl_conf {
    bool autoballoon;       /* shrink dom0 when a new domain needs memory */
    char *lockfile;         /* what xl holds while it does */
    libxl_domid domid_policy;   /* INVALID_DOMID: the hypervisor's choice */
};

/*
 * Where Xen's own default is "auto", ctx is asked (it may be NULL: auto is
 * then on, as for xl when it cannot tell). A file that is not there leaves the
 * defaults, one that cannot be parsed is ERROR_INVAL: xl would not start
 * either. Dispose of it afterwards.
 */
int xl_conf_read(libxl_ctx *ctx, const char *path, struct xl_conf *conf_r);
void xl_conf_dispose(struct xl_conf *conf);

/* The system's xl.conf. */
extern const char xl_conf_path[];

/* Does Xen's command line give dom0 a size? Then ballooning it is off. */
bool xl_conf_dom0_mem_given(const char *commandline);

#endif
