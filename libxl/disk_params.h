/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A qdisk's image as xenstore names it: "params", a format and a path
 * ("qcow2:/img/a.qcow2"), under the backend and, as libxl's own copy that no
 * guest can write, under /libxl. QEMU has read the first when the disk was
 * attached, and does not look again; libxl lists the domain's disks from the
 * second.
 */
#ifndef XLS_DISK_PARAMS_H
#define XLS_DISK_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"

/*
 * Can QEMU find this path again when it attaches the disk? Its xen-block (7.2)
 * reads params up to the first white space. For refusing an overlay's path
 * before there is an overlay; disk_params_set writes any path, since a domain
 * that cannot be started is better than one on the wrong image.
 */
bool disk_params_readable(const char *path);

/* As libxl writes it, malloc'd. ERROR_INVAL: no format that QEMU serves. */
int disk_params_format(libxl_disk_format format, const char *path,
                       char **value_r, struct diag *diag);

/* What both were; malloc'd, NULL: there was none. */
struct disk_params {
    char *backend;
    char *libxl;
};

void disk_params_init(struct disk_params *params);
void disk_params_dispose(struct disk_params *params);

/*
 * Make both what they are in to, in one transaction, which is begun again as
 * long as others are in its way and by allows; a NULL in to is left alone.
 * What they were goes to was_r (initialised by the caller, may be NULL).
 * number: the disk's (vdev.h).
 * Both, or none. ERROR_NOTFOUND: xenstore has no such disk of this domain.
 * ERROR_INVAL: QEMU does not serve it.
 */
int disk_params_set(uint32_t domid, uint32_t number,
                    const struct disk_params *to, deadline by,
                    struct disk_params *was_r, struct diag *diag);

#endif
