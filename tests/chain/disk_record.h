/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What disk.c tells the recorder, after a call has succeeded. Nothing is
 * noted unless a recording is on and the path is below its root. */
#ifndef TESTS_CHAIN_DISK_RECORD_H
#define TESTS_CHAIN_DISK_RECORD_H

#include <stdbool.h>
#include <stddef.h>

void record_open(const char *path, int fd, bool created);
void record_openat(int dirfd, const char *name, int fd);
void record_write(int fd, const void *data, size_t len);
void record_fsync(int fd);
void record_rename(const char *from, const char *to);
void record_link(const char *from, const char *to);
void record_unlink(const char *path);
void record_unlinkat(int dirfd, const char *name);
void record_mkdir(const char *path);

#endif
