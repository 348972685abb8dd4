/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bringing a domain up, paused, and watched by a daemon that acts on its end
 * (on_reboot and so on). These are what manage/manage.h asks of an
 * application as restore() and start().
 *
 * 0, or a libxl error with err filled in; then nothing is left running.
 */
#ifndef XL_DOMAIN_START_H
#define XL_DOMAIN_START_H

#include <stdint.h>

#include "manage/manage.h"

struct xl_app;

/* From a memory image and the JSON of a libxl_domain_config. */
int domain_start_restore(struct xl_app *app, const struct manage_memory *memory,
                         const char *config_json, const char *domain,
                         uint32_t *domid_r, struct manage_error *err);

/* By booting the JSON of a libxl_domain_config. */
int domain_start_boot(struct xl_app *app, const char *config_json,
                      const char *domain, uint32_t *domid_r,
                      struct manage_error *err);

#endif
