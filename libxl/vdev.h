/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtual disk names: xvda, hdc1, sdb, d0p1, 51712. One disk has several
 * (xvda, xvda0, d0, 51712), so disks are compared by the number that Xen's
 * block protocol gives them (xen-vbd-interface(7)).
 */
#ifndef XLS_VDEV_H
#define XLS_VDEV_H

#include <stdint.h>

/* ERROR_INVAL: not a virtual disk's name. */
int vdev_number(const char *vdev, uint32_t *number_r);

#endif
