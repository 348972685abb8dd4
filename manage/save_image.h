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

/* Write all of it, or say why not. */
int save_image_write(int fd, const void *data, size_t len,
                     struct manage_error *err);

#endif
