/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --diskspec VDEV[,snapshot=internal|external|manual|no][,file=PATH]
 * [,format=FORMAT][,reuse][,hook=PROGRAM]: what is to be done with one disk. A
 * comma in PATH or PROGRAM is written twice, as QEMU and virsh have it.
 */
#ifndef XL_DISKSPEC_H
#define XL_DISKSPEC_H

#include <stddef.h>

#include "manage/manage.h"

struct diskspecs {
    struct manage_disk_spec *list;
    int num;
    char **texts;               /* what the list's strings point into */
};

void diskspecs_dispose(struct diskspecs *specs);

/* Adds one. False: why says what is wrong with it, in words that go on from
 * "--diskspec: ". */
bool diskspecs_add(struct diskspecs *specs, const char *text, char *why,
                   size_t why_size);

#endif
