/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disks of a configuration in xl's own words, with the active images in
 * the place of those that were configured: disk=[ "...", "..." ], which, as
 * an argument of xl create, takes the place of the file's list.
 */
#ifndef XL_DISK_ARGUMENT_H
#define XL_DISK_ARGUMENT_H

#include "chain/model.h"
#include "libxl/json.h"

/*
 * disks: the "disks" of a libxl_domain_config, as the system's xl prints it.
 * *text_r is malloc'd, or NULL when each disk has its active image already.
 * ERROR_INVAL: a disk has an option for which xl has no word that we know;
 * why (of len bytes) then says so in one line.
 */
int disk_argument_make(const xjson *disks, const struct chain_model *model,
                       char **text_r, char *why, size_t len);

#endif
