/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl's stored configuration of a running domain: the JSON of a
 * libxl_domain_config in the file userdata-d.<domid>.<uuid>.libxl-json of
 * libxl's state directory. libxl builds from it what the domain gets at its
 * next reboot, and what a save or a migration takes along.
 *
 * libxl has no call to change one disk in it. So the text itself is edited,
 * and nothing in it but the one disk's path and format: whatever a newer libxl
 * stores there stays.
 */
#ifndef XLS_DOMAIN_CONFIG_H
#define XLS_DOMAIN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxl.h>

#include "libxl/diag.h"

/* The image that a disk shall have. Nothing here is owned. */
struct domain_config_disk {
    const char *vdev;           /* compared as the device it means: xvda, d0 */
    const char *path;
    libxl_disk_format format;
};

/*
 * len bytes of JSON at text, with that disk's path and format in it.
 * *text_r is malloc'd and terminated; NULL when nothing had to change.
 * ERROR_NOTFOUND: no such disk. ERROR_INVAL: the text is not a configuration
 * (or names a disk twice), or the path is not UTF-8, as JSON must be.
 */
int domain_config_set_disk(const char *text, size_t len,
                           const struct domain_config_disk *disk,
                           char **text_r, size_t *len_r, struct diag *diag);

/* The stored file. All calls need libxl's DOMAIN_LOCK_USERDATA. */
struct domain_config_file {
    char *path, *new_path;
    char *text;                 /* as it was found, terminated */
    size_t len;                 /* without the NUL that libxl ends it with */
    bool prepared;              /* there is a file at new_path, and it is ours */
};

void domain_config_file_init(struct domain_config_file *file);
/* Removes what was prepared and not published. */
void domain_config_file_dispose(struct domain_config_file *file);

/* Where it is, and what is in it. ERROR_NOTFOUND: libxl has stored none. */
int domain_config_file_read(struct domain_config_file *file,
                            const char *lib_dir, uint32_t domid,
                            const char *uuid, struct diag *diag);

/* Put the new contents beside it, durably: all that can fail for want of
 * space fails here. */
int domain_config_file_prepare(struct domain_config_file *file,
                               const char *text, size_t len,
                               struct diag *diag);

/* Atomically in the place of the old. */
int domain_config_file_publish(struct domain_config_file *file,
                               struct diag *diag);

#endif
