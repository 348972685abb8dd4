/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/_chain_types_json.h"
#include "chain/name.h"
#include "manage/import_check.h"
#include "manage/internal.h"
#include "manage/tar.h"

#define VDEV_MAX 31

void manifest_init(struct manifest *manifest)
{
    manifest->domain = NULL;
    chain_snapshot_init(&manifest->snapshot);
}

void manifest_dispose(struct manifest *manifest)
{
    free(manifest->domain);
    chain_snapshot_dispose(&manifest->snapshot);
    manifest_init(manifest);
}

bool manifest_has_disk(const chain_disk *disk)
{
    return disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL ||
           disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL;
}

static int bad(struct xjson_error *why, const char *text)
{
    xjson_error_set(why, "%s", text);
    return ERROR_INVAL;
}

static bool is_member(const char *name)
{
    return !strcmp(name, "version") || !strcmp(name, "type") ||
           !strcmp(name, "domain") || !strcmp(name, "snapshot");
}

static int read_manifest(const xjson *value, struct manifest *manifest,
                         struct xjson_error *why)
{
    const char *type = xjson_member_string(value, "type");
    const char *domain = xjson_member_string(value, "domain");
    const xjson *member;
    uint64_t version;
    int rc;

    if (!type || strcmp(type, "xl-snapshot-export"))
        return bad(why, "it is not of the type xl-snapshot-export");
    if (xjson_uint(xjson_member(value, "version"), UINT32_MAX, &version) ||
        !version)
        return bad(why, "it has no version");
    if (version > TAR_VERSION)
        return bad(why, "its version is later than what is known here; use"
                   " the xl that wrote it, or a later one");
    for (member = xjson_first(value); member; member = xjson_next(member))
        if (!is_member(xjson_name(member)))
            return bad(why, "it has a member that is not known here");
    if (!domain) return bad(why, "it does not name the domain");
    rc = chain_snapshot_parse_json(xjson_member(value, "snapshot"),
                                   &manifest->snapshot, why);
    if (rc) {
        xjson_error_within_member(why, "snapshot");
        return rc;
    }
    manifest->domain = strdup(domain);
    return manifest->domain ? 0 : ERROR_NOMEM;
}

/* It becomes a part of a file's name. */
static bool vdev_is_good(const char *vdev)
{
    size_t len = vdev ? strlen(vdev) : 0;

    return len && len <= VDEV_MAX &&
           strspn(vdev, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
}

static int check_names(const struct manifest *manifest,
                       struct manage_error *err)
{
    const chain_snapshot *s = &manifest->snapshot;
    struct chain_error why;
    int i;

    if (chain_domain_name_check(manifest->domain, &why) ||
        chain_name_check(s->name ? s->name : "", &why))
        return manage_fail(err, MANAGE_REFUSED, "the archive's " TAR_MANIFEST
                           ": %s", why.text);
    for (i = 0; i < s->num_disks; i++)
        if (!vdev_is_good(s->disks[i].vdev))
            return manage_fail(err, MANAGE_REFUSED, "the archive's "
                               TAR_MANIFEST ": disk %d has no good name", i);
    return 0;
}

int manifest_parse(struct manifest *manifest, const char *text, size_t len,
                   struct manage_error *err)
{
    struct xjson_error why = { "" };
    xjson *value = NULL;
    int rc;

    rc = xjson_parse(text, len, &value, &why);
    if (!rc) rc = read_manifest(value, manifest, &why);
    xjson_free(value);
    if (rc == ERROR_NOMEM) return manage_fail_nomem(err);
    if (rc)
        return manage_fail(err, MANAGE_REFUSED, "the archive's " TAR_MANIFEST
                           ": %s", why.text);
    return check_names(manifest, err);
}

/* ---- images ---- */

/* Of the header of a qcow2 image, all numbers big-endian. */
#define QCOW2_MAGIC 0x514649fbu
#define AT_VERSION 4
#define AT_BACKING 8
#define AT_ENCRYPTION 32
#define AT_SNAPSHOTS 60
#define AT_INCOMPATIBLE 72
#define HEADER_BYTES 104
#define HEADER_BYTES_V2 72
#define INCOMPATIBLE_CORRUPT (1u << 1)
#define INCOMPATIBLE_DATA_FILE (1u << 2)

static uint32_t be32(const unsigned char *header, size_t at)
{
    uint32_t n;

    memcpy(&n, header + at, sizeof(n));
    return be32toh(n);
}

static uint64_t be64(const unsigned char *header, size_t at)
{
    uint64_t n;

    memcpy(&n, header + at, sizeof(n));
    return be64toh(n);
}

/* As much as there is of it. */
static size_t read_head(int fd, unsigned char header[HEADER_BYTES])
{
    size_t got = 0;
    ssize_t r;

    do {
        r = pread(fd, header + got, HEADER_BYTES - got, (off_t)got);
        if (r > 0) got += (size_t)r;
    } while (got < HEADER_BYTES && (r > 0 || (r < 0 && errno == EINTR)));
    return got;
}

int import_check_image(int fd, const char *vdev, struct manage_error *err)
{
    unsigned char header[HEADER_BYTES] = { 0 };
    const char *why = NULL;
    uint64_t flags = 0;
    size_t got = read_head(fd, header);

    if (got < HEADER_BYTES_V2 || be32(header, 0) != QCOW2_MAGIC ||
        be32(header, AT_VERSION) < 2 || be32(header, AT_VERSION) > 3)
        return manage_fail(err, MANAGE_REFUSED, "the archive's disk %s is no"
                           " qcow2 image", vdev);
    if (be32(header, AT_VERSION) == 3) flags = be64(header, AT_INCOMPATIBLE);
    if (be64(header, AT_BACKING))
        why = "has a backing image";
    else if (flags & INCOMPATIBLE_DATA_FILE)
        why = "has its data in another file";
    else if (flags & INCOMPATIBLE_CORRUPT)
        why = "is marked as corrupt";
    else if (be32(header, AT_ENCRYPTION))
        why = "is encrypted";
    else if (be32(header, AT_SNAPSHOTS))
        why = "holds snapshots of its own";
    if (!why) return 0;
    return manage_fail(err, MANAGE_REFUSED, "the archive's disk %s %s; none"
                       " that was exported does", vdev, why);
}
