/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An exported snapshot as a stream of the tar format, read and written in one
 * pass; docs/format/export.md says what is in it. These two files alone know
 * libarchive. Each member's SHA-256 is counted on the way; the last member,
 * checksums.json, has them.
 *
 * What is read may be hostile: nothing in it ever becomes a path, each member
 * must be the plain file that is expected at that place, and no size is
 * believed before the bytes are there.
 */
#ifndef MANAGE_TAR_H
#define MANAGE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manage/manage.h"

#define TAR_MANIFEST "manifest.json"
#define TAR_CONFIG "config.json"
#define TAR_MEMORY "memory"
#define TAR_DISKS "disks/"
#define TAR_CHECKSUMS "checksums.json"

#define TAR_VERSION 1u
#define TAR_MAX_JSON (16u << 20)

/* Where an archive that is not compressed says "ustar". */
#define TAR_MAGIC_AT 257

/* ---- writing ---- */

struct tar_writer;

/* Does what is written to path become smaller? As below. */
bool tar_writer_compresses(const char *path, const char *compress);

/* compress: "none", "gzip", "xz", "zstd", or NULL for what path's ending says.
 * fd stays the caller's. */
int tar_writer_open(int fd, const char *path, const char *compress,
                    struct tar_writer **w_r, struct manage_error *err);
void tar_writer_free(struct tar_writer *w);

/* A member of exactly so many bytes, which then follow. */
int tar_writer_member(struct tar_writer *w, const char *name, uint64_t size);
int tar_writer_data(struct tar_writer *w, const void *data, size_t len);

/* Both in one; and with what a file holds from its beginning. */
int tar_writer_text(struct tar_writer *w, const char *name, const char *text);
int tar_writer_file(struct tar_writer *w, const char *name, int fd,
                    const char *path);

/* The checksums, and the end. */
int tar_writer_finish(struct tar_writer *w);

/* ---- reading ---- */

struct tar_reader;

int tar_reader_open(int fd, struct tar_reader **r_r, struct manage_error *err);
void tar_reader_free(struct tar_reader *r);

/* The next member, which must be the file called so; its size. */
int tar_reader_member(struct tar_reader *r, const char *name,
                      uint64_t *size_r);
/* Up to len bytes of it; *got_r is 0 at its end. */
int tar_reader_data(struct tar_reader *r, void *data, size_t len,
                    size_t *got_r);
/* Both in one, malloc'd and terminated: for JSON. */
int tar_reader_text(struct tar_reader *r, const char *name, char **text_r,
                    size_t *len_r);

/* The checksums, which must be right, and the end. */
int tar_reader_finish(struct tar_reader *r);

#endif
