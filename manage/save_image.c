/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manage/internal.h"
#include "manage/save_image.h"

#define MAGIC "Xen saved domain, xl format\n \0 \r"
#define MAGIC_BYTES 32

/* Of a configuration; that of a domain has some kilobytes. */
#define MAX_CONFIG (16u << 20)

#define BYTEORDER       0x01020304u
#define FLAG_JSON       (1u << 0)   /* the configuration is JSON */
#define FLAG_STREAMv2   (1u << 1)   /* libxl's stream of version 2 follows */

int save_image_write(int fd, const void *data, size_t len,
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
    rc = save_image_write(fd, MAGIC, MAGIC_BYTES, err);
    if (!rc) rc = save_image_write(fd, words, sizeof(words), err);
    if (!rc) rc = save_image_write(fd, config_json, config_len, err);
    return rc;
}

/* All of len, or it is no such file. */
static int get(int fd, void *data, size_t len)
{
    char *p = data;
    ssize_t r;

    while (len) {
        r = read(fd, p, len);
        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) return ERROR_FAIL;
        p += r;
        len -= r;
    }
    return 0;
}

static int not_ours(struct manage_error *err, const char *path,
                    const char *why)
{
    return manage_fail(err, MANAGE_REFUSED, "%s is not a memory image that can"
                       " be used: %s", path, why);
}

int save_image_read_header(int fd, const char *path, char **config_json_r,
                           struct manage_error *err)
{
    char magic[MAGIC_BYTES], *config;
    uint32_t words[4], len;

    if (get(fd, magic, sizeof(magic)) ||
        memcmp(magic, MAGIC, MAGIC_BYTES) ||
        get(fd, words, sizeof(words)))
        return not_ours(err, path, "xl did not save it");
    if (words[0] != BYTEORDER)
        return not_ours(err, path, "a machine of the other byte order did");
    if (words[1] != (FLAG_JSON | FLAG_STREAMv2))
        return not_ours(err, path, "it is of another version of xl");
    if (words[3] <= sizeof(len) || words[3] > MAX_CONFIG ||
        get(fd, &len, sizeof(len)) || len != words[3] - sizeof(len))
        return not_ours(err, path, "its header is damaged");
    config = malloc(len + 1);
    if (!config) return manage_fail_nomem(err);
    if (get(fd, config, len) || strnlen(config, len) < len - 1) {
        free(config);
        return not_ours(err, path, "the configuration in it is damaged");
    }
    config[len] = '\0';
    *config_json_r = config;
    return 0;
}
