/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The head of a file in xl's own save format, so that the system's xl can
 * restore it with no help of ours. After the magic come four words in the
 * host's byte order (byte order, mandatory flags, optional flags, length of
 * what follows), then the configuration, then libxl's stream.
 * Source: tools/xl/xl.h and docs of Xen 4.6 and later.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manage/internal.h"

#define MAGIC "Xen saved domain, xl format\n \0 \r"
#define MAGIC_BYTES 32

#define BYTEORDER       0x01020304u
#define FLAG_JSON       (1u << 0)   /* the configuration is JSON */
#define FLAG_STREAMv2   (1u << 1)   /* libxl's stream of version 2 follows */

static int write_all(int fd, const void *data, size_t len,
                     struct manage_error *err)
{
    const char *p = data;
    ssize_t r;

    while (len) {
        r = write(fd, p, len);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0)
            return manage_fail(err, errno == ENOSPC ? MANAGE_NO_SPACE
                               : MANAGE_FAILED,
                               "cannot write the memory image: %s",
                               strerror(errno));
        p += r;
        len -= r;
    }
    return 0;
}

int save_image_write_header(int fd, const char *config_json,
                            struct manage_error *err)
{
    uint32_t config_len = strlen(config_json) + 1;
    uint32_t words[5] = {
        BYTEORDER, FLAG_JSON | FLAG_STREAMv2, 0,
        sizeof(config_len) + config_len, config_len,
    };
    int rc;

    _Static_assert(sizeof(MAGIC) - 1 == MAGIC_BYTES, "xl's magic is 32 bytes");
    rc = write_all(fd, MAGIC, MAGIC_BYTES, err);
    if (!rc) rc = write_all(fd, words, sizeof(words), err);
    if (!rc) rc = write_all(fd, config_json, config_len, err);
    return rc;
}
