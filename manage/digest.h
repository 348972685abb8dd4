/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The SHA-256 of a file, as sha256sum prints it. It is not what finds damage: memory
 * images have checksums of their own, which cost next to nothing. It is for whoever
 * keeps it elsewhere, and wants to prove later which file it is.
 */
#ifndef MANAGE_DIGEST_H
#define MANAGE_DIGEST_H

#include "manage/manage.h"

#define DIGEST_HEX 65           /* with its end */

/* Of all that fd's file holds; its offset stays. name is for messages. */
int digest_file(int fd, const char *name, char hex[DIGEST_HEX],
                struct manage_error *err);

/* MANAGE_DAMAGED when it is not what was noted; NULL: nothing was. */
int digest_check(int fd, const char *name, const char *noted,
                 struct manage_error *err);

#endif
