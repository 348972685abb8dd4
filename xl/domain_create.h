/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Creating a domain with the care that xl takes: under the lock that keeps two
 * of them from counting on the same free memory, and after dom0 has given up
 * what the new domain needs.
 */
#ifndef XL_DOMAIN_CREATE_H
#define XL_DOMAIN_CREATE_H

#include <stdint.h>

#include <libxl.h>
#include <xentoollog.h>

#include "xl/xl_conf.h"

/*
 * Boot config, which libxl fills in with defaults; the domain is left paused.
 * On failure nothing of it stays. ERROR_NOMEM: there is not enough memory for
 * it, nor can dom0 give that up.
 */
int domain_create(libxl_ctx *ctx, const struct xl_conf *conf,
                  libxl_domain_config *config, uint32_t *domid_r);

/* As domain_create(), for a domain that asked to be started over in place. On
 * failure it is destroyed: there is no way back into it. */
int domain_create_soft_reset(libxl_ctx *ctx, libxl_domain_config *config,
                             uint32_t domid);

/*
 * Destroy domid and wait until the hypervisor has forgotten it, for a bounded
 * time: its memory, and disks, may be needed for its successor.
 */
int domain_create_clear(libxl_ctx *ctx, uint32_t domid);

#endif
