/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The head of a file in xl's own save format, so that the system's xl can
 * restore it with no help of ours. After the magic come four words in the
 * host's byte order (byte order, mandatory flags, optional flags, length of
 * what follows), then the configuration, then libxl's stream.
 * Source: tools/xl/xl.h and docs of Xen 4.6 and later.
 */
#ifndef MANAGE_SAVE_IMAGE_H
#define MANAGE_SAVE_IMAGE_H

#include <sys/types.h>

#include "manage/manage.h"

/* Write the head with this configuration, up to where the stream begins. */
int save_image_write_header(int fd, const char *config_json,
                            struct manage_error *err);

/*
 * Read a header, up to where the stream begins; *config_json_r is malloc'd.
 * The file may be anybody's: MANAGE_REFUSED when it is none of xl's, or of
 * a kind that is not known here. path is for messages.
 */
int save_image_read_header(int fd, const char *path, char **config_json_r,
                           struct manage_error *err);

/* The same from anywhere: read() gets all of len, or does not return 0. */
int save_image_parse_header(int (*read)(void *user, void *data, size_t len),
                            void *user, const char *path,
                            char **config_json_r, struct manage_error *err);

/* Write all of it, or say why not. */
int save_image_write(int fd, const void *data, size_t len,
                     struct manage_error *err);

/* Copy what is left of one file to another, without a copy where the file
 * system can share; *bytes_r may be NULL. */
int save_image_copy_rest(int from, int to, const char *path,
                         uint64_t *bytes_r, struct manage_error *err);

/* Where the stream of a file begins. It must have been written by a machine
 * of our byte order, with a stream of libxl's version 2. */
int save_image_find_stream(int fd, off_t *stream_r, struct manage_error *err);

#endif
