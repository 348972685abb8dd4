/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "manage/digest.h"
#include "manage/internal.h"

#define CHUNK (1u << 20)

static int add_all(int fd, const char *name, EVP_MD_CTX *ctx, char *chunk,
                   struct manage_error *err)
{
    off_t at = 0;
    ssize_t r;

    for (;;) {
        do r = pread(fd, chunk, CHUNK, at);
        while (r < 0 && errno == EINTR);
        if (r < 0)
            return manage_fail(err, MANAGE_FAILED, "cannot read %s: %s", name,
                               strerror(errno));
        if (!r) return 0;
        if (EVP_DigestUpdate(ctx, chunk, (size_t)r) != 1)
            return manage_fail(err, MANAGE_FAILED, "cannot count the SHA-256"
                               " of %s", name);
        at += r;
    }
}

int digest_file(int fd, const char *name, char hex[DIGEST_HEX],
                struct manage_error *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char md[EVP_MAX_MD_SIZE];
    char *chunk = malloc(CHUNK);
    unsigned int len = 0, i;
    int rc;

    if (!ctx || !chunk) {
        rc = manage_fail_nomem(err);
        goto out;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    rc = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0
       : manage_fail(err, MANAGE_FAILED, "libcrypto has no SHA-256");
    if (!rc) rc = add_all(fd, name, ctx, chunk, err);
    if (!rc && (EVP_DigestFinal_ex(ctx, md, &len) != 1 || 2 * len + 1 != DIGEST_HEX))
        rc = manage_fail(err, MANAGE_FAILED, "cannot count the SHA-256 of %s",
                         name);
    for (i = 0; i < len && !rc; i++) snprintf(hex + 2 * i, 3, "%02x", md[i]);
out:
    free(chunk);
    EVP_MD_CTX_free(ctx);
    return rc;
}

int digest_check(int fd, const char *name, const char *noted,
                 struct manage_error *err)
{
    char hex[DIGEST_HEX];
    int rc;

    if (!noted) return 0;
    rc = digest_file(fd, name, hex, err);
    if (rc || !strcmp(hex, noted)) return rc;
    return manage_fail(err, MANAGE_DAMAGED, "%s has the SHA-256 %s, and had %s"
                       " when it was made", name, hex, noted);
}
