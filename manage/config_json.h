/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's configuration, as the JSON of a libxl_domain_config, with a few
 * things changed and all else left as it is, also what this libxl does not
 * know. Pure.
 */
#ifndef MANAGE_CONFIG_JSON_H
#define MANAGE_CONFIG_JSON_H

#include "manage/manage.h"

struct config_disk {
    const char *vdev;
    const char *path;
    libxl_disk_format format;
};

struct config_change {
    const char *name;           /* NULL: as it is */
    const char *uuid;           /* NULL: as it is */
    const struct config_disk *disks;    /* those that have another image now */
    int num_disks;
};

/*
 * *text_r is malloc'd. MANAGE_REFUSED when the text is no such object, or
 * lacks one of the disks. whose is for messages.
 */
int config_json_change(const char *text, const char *whose,
                       const struct config_change *change, char **text_r,
                       struct manage_error *err);

/* The domain's name in it, malloc'd; MANAGE_REFUSED when there is none. */
int config_json_name(const char *text, const char *whose, char **name_r,
                     struct manage_error *err);

#endif
