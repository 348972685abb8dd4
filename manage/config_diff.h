/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What differs between two configurations, as the JSON of libxl_domain_configs. Pure. */
#ifndef MANAGE_CONFIG_DIFF_H
#define MANAGE_CONFIG_DIFF_H

#include "manage/manage.h"

/*
 * Both texts are flattened: "b_info.max_memkb", "disks[xvda].pdev_path",
 * "nics[00:16:3e:01:02:03].bridge", "vcpus[0]". A disk is named by its vdev and
 * a network card by its MAC address, so that an order is no difference; what
 * Xen gives anew with each start, such as the domid, is left out.
 *
 * *list_r, sorted by key, is for config_diff_free. MANAGE_DAMAGED when one text
 * is no JSON object; whose_a, whose_b are for messages.
 */
int config_diff(const char *a, const char *whose_a, const char *b,
                const char *whose_b, struct manage_config_difference **list_r,
                int *num_r, struct manage_error *err);
void config_diff_free(struct manage_config_difference *list, int num);

/* "pdev_path" of "disks[xvda].pdev_path" if that is a disk's, with its vdev in
 * vdev[len]; else NULL. */
const char *config_diff_disk(const char *key, char *vdev, size_t len);

#endif
