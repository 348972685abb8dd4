/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "manage/internal.h"
#include "manage/tar.h"
#include "manage/tar_sums.h"

void tar_sums_init(struct tar_sums *sums)
{
    memset(sums, 0, sizeof(*sums));
}

void tar_sums_dispose(struct tar_sums *sums)
{
    int i;

    for (i = 0; i < sums->num; i++) free(sums->list[i].name);
    free(sums->list);
    EVP_MD_CTX_free(sums->digest);
    tar_sums_init(sums);
}

static int failed(struct manage_error *err)
{
    return manage_fail(err, MANAGE_FAILED, "cannot count a SHA-256 checksum");
}

int tar_sums_begin(struct tar_sums *sums, const char *name,
                   struct manage_error *err)
{
    struct tar_sum *grown;

    grown = realloc(sums->list, (sums->num + 1) * sizeof(*grown));
    if (!grown) return manage_fail_nomem(err);
    sums->list = grown;
    memset(&grown[sums->num], 0, sizeof(*grown));
    grown[sums->num].name = strdup(name);
    if (!grown[sums->num].name) return manage_fail_nomem(err);
    sums->num++;
    if (!sums->digest) sums->digest = EVP_MD_CTX_new();
    if (!sums->digest) return manage_fail_nomem(err);
    return EVP_DigestInit_ex(sums->digest, EVP_sha256(), NULL) == 1
        ? 0 : failed(err);
}

int tar_sums_add(struct tar_sums *sums, const void *data, size_t len,
                 struct manage_error *err)
{
    sums->list[sums->num - 1].size += len;
    return EVP_DigestUpdate(sums->digest, data, len) == 1 ? 0 : failed(err);
}

int tar_sums_end(struct tar_sums *sums, struct manage_error *err)
{
    struct tar_sum *sum = &sums->list[sums->num - 1];
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned int len, i;

    if (EVP_DigestFinal_ex(sums->digest, md, &len) != 1) return failed(err);
    for (i = 0; i < len && 2 * i + 2 < sizeof(sum->hex); i++)
        snprintf(sum->hex + 2 * i, 3, "%02x", md[i]);
    return 0;
}

int tar_sums_write(const struct tar_sums *sums, char **text_r,
                   struct manage_error *err)
{
    xjson_writer *w;
    int i, rc;

    if (xjson_writer_alloc(true, &w)) return manage_fail_nomem(err);
    xjson_write_object(w);
    xjson_write_member_uint(w, "version", TAR_VERSION);
    xjson_write_name(w, "members");
    xjson_write_array(w);
    for (i = 0; i < sums->num; i++) {
        xjson_write_object(w);
        xjson_write_member_string(w, "name", sums->list[i].name);
        xjson_write_member_uint(w, "size", sums->list[i].size);
        xjson_write_member_string(w, "sha256", sums->list[i].hex);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, text_r, NULL);
    xjson_writer_free(w);
    return rc ? manage_fail_nomem(err) : 0;
}

static bool same(const struct tar_sum *sum, const xjson *said)
{
    const char *name = xjson_member_string(said, "name");
    const char *hex = xjson_member_string(said, "sha256");
    uint64_t size;

    return name && hex && !strcmp(name, sum->name) && !strcmp(hex, sum->hex) &&
           !xjson_uint(xjson_member(said, "size"), UINT64_MAX, &size) &&
           size == sum->size;
}

int tar_sums_check(const struct tar_sums *sums, const char *text, size_t len,
                   struct manage_error *err)
{
    struct xjson_error why = { "" };
    const xjson *members, *said;
    xjson *value = NULL;
    int i, rc;

    rc = xjson_parse(text, len, &value, &why);
    if (rc) {
        rc = manage_fail(err, MANAGE_REFUSED, "the archive is damaged: "
                         TAR_CHECKSUMS ": %s", why.text);
        goto out;
    }
    members = xjson_member(value, "members");
    said = xjson_first(members);
    for (i = 0; i < sums->num && !rc; i++, said = xjson_next(said))
        if (!same(&sums->list[i], said))
            rc = manage_fail(err, MANAGE_REFUSED, "the archive is damaged: %s"
                             " is not what its checksum says",
                             sums->list[i].name);
    if (!rc && said)
        rc = manage_fail(err, MANAGE_REFUSED, "the archive is damaged: it"
                         " lacks members that " TAR_CHECKSUMS " names");
out:
    xjson_free(value);
    return rc;
}
