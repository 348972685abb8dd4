/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All of so many bytes, at a place in a file, whatever comes between. */
#ifndef MEMORY_FILE_H
#define MEMORY_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "libxl/diag.h"

#define FILE_ENDS (-1)

/* 0 or an errno. */
int file_put(int fd, const void *data, size_t len, uint64_t offset);

/* 0, an errno, or FILE_ENDS before that. */
int file_get(int fd, void *data, size_t len, uint64_t offset);

/* For a message. */
const char *file_error(int r);

/* What file_get has returned, of a memory image: says so, and returns libxl's error
 * for it. */
int file_failed(int r, struct diag *diag);

#endif
