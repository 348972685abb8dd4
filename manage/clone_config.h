/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration of a clone, from that of the domain that it is made from:
 * what two domains of one host cannot both have is new, left to libxl, or a
 * reason to refuse. See docs/design/clones.md.
 */
#ifndef MANAGE_CLONE_CONFIG_H
#define MANAGE_CLONE_CONFIG_H

#include "manage/manage.h"

/* Can a second domain have all of this? Else MANAGE_REFUSED. Which of its
 * disks the snapshot has is not asked here. */
int clone_config_check(const libxl_domain_config *config, const char *clone,
                       struct manage_error *err);

/* Is this MAC address somebody's? */
typedef bool clone_mac_taken(void *user, const libxl_mac mac);

/*
 * Give the configuration this name and uuid, MAC addresses that are nobody's,
 * and what libxl chooses by itself where the original has chosen: the names of
 * network interfaces, VNC displays. A socket of a channel gets the name behind
 * its own. Adds a line to note for what a person should know.
 */
int clone_config_renew(libxl_domain_config *config, const char *clone,
                       const libxl_uuid *uuid, clone_mac_taken *taken,
                       void *user, char **note, struct manage_error *err);

#endif
