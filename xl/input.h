/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a command is given: a file, standard input, a directory. */
#ifndef XL_INPUT_H
#define XL_INPUT_H

#include <stddef.h>

#include "manage/manage.h"

/* "-" is standard input. A descriptor that the caller closes. */
int input_open(const char *path, int *fd_r, struct manage_error *err);

/* All of it, malloc'd and terminated. More than max bytes are refused. */
int input_read(const char *path, size_t max, char **text_r, size_t *len_r,
               struct manage_error *err);

/* Absolute, malloc'd: what is stored must not depend on where we are now.
 * NULL: there is no such place. */
char *input_directory(const char *dir, struct manage_error *err);

#endif
