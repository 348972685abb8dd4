/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/image_info.h"
#include "libxl/qapi_read.h"

/* QEMU's own limit on an image's virtual size, and on anything in bytes. */
#define MAX_BYTES ((uint64_t)INT64_MAX)

/* ---- elements ---- */

static void snapshot_dispose(void *p)
{
    struct image_snapshot *snapshot = p;

    free(snapshot->id);
    free(snapshot->name);
}

static int snapshot_read(const xjson *value, void *p, struct xjson_error *err)
{
    struct image_snapshot *snapshot = p;
    uint64_t nsec;
    int rc;

    rc = qapi_read_string(value, "id", QAPI_REQUIRED, &snapshot->id, err);
    if (rc) return rc;
    rc = qapi_read_string(value, "name", QAPI_REQUIRED, &snapshot->name, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "vm-state-size", QAPI_REQUIRED, MAX_BYTES,
                        &snapshot->vm_state_size, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "date-sec", QAPI_REQUIRED, (uint64_t)INT64_MAX,
                        &snapshot->date_sec, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "date-nsec", QAPI_REQUIRED, 999999999, &nsec,
                        err);
    if (rc) return rc;
    snapshot->date_nsec = (uint32_t)nsec;
    return 0;
}

void image_bitmap_dispose(void *p)
{
    struct image_bitmap *bitmap = p;

    free(bitmap->name);
}

/* As stored in a qcow2 image: "flags" is a list of "in-use" and "auto". In
 * use, with nobody using it, means that it was never written back. */
static int stored_bitmap_read(const xjson *value, void *p,
                              struct xjson_error *err)
{
    struct image_bitmap *bitmap = p;
    const xjson *flags, *flag;
    const char *text;
    int rc;

    rc = qapi_read_string(value, "name", QAPI_REQUIRED, &bitmap->name, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "granularity", QAPI_REQUIRED, MAX_BYTES,
                        &bitmap->granularity, err);
    if (rc) return rc;
    rc = qapi_read_array(value, "flags", QAPI_REQUIRED, &flags, err);
    if (rc) return rc;
    bitmap->persistent = true;
    for (flag = xjson_first(flags); flag; flag = xjson_next(flag)) {
        text = xjson_string(flag);
        if (text && !strcmp(text, "auto")) bitmap->recording = true;
        if (text && !strcmp(text, "in-use")) bitmap->inconsistent = true;
    }
    return 0;
}

/* ---- the whole ---- */

void image_info_init(struct image_info *info)
{
    memset(info, 0, sizeof(*info));
}

void image_info_dispose(struct image_info *info)
{
    free(info->filename);
    free(info->format);
    free(info->backing_filename);
    free(info->full_backing_filename);
    free(info->backing_format);
    qapi_dispose_elements(info->snapshots, info->num_snapshots,
                          sizeof(*info->snapshots), snapshot_dispose);
    qapi_dispose_elements(info->bitmaps, info->num_bitmaps,
                          sizeof(*info->bitmaps), image_bitmap_dispose);
    image_info_init(info);
}

static int read_names(const xjson *value, struct image_info *info,
                      struct xjson_error *err)
{
    int rc;

    rc = qapi_read_string(value, "filename", QAPI_REQUIRED, &info->filename,
                          err);
    if (rc) return rc;
    rc = qapi_read_string(value, "format", QAPI_REQUIRED, &info->format, err);
    if (rc) return rc;
    rc = qapi_read_string(value, "backing-filename", QAPI_OPTIONAL,
                          &info->backing_filename, err);
    if (rc) return rc;
    rc = qapi_read_string(value, "full-backing-filename", QAPI_OPTIONAL,
                          &info->full_backing_filename, err);
    if (rc) return rc;
    return qapi_read_string(value, "backing-filename-format", QAPI_OPTIONAL,
                            &info->backing_format, err);
}

static int read_qcow2(const xjson *data, struct image_info *info,
                      struct xjson_error *err)
{
    const xjson *bitmaps = NULL;
    uint64_t refcount_bits = 0;
    void *elements;
    int rc;

    rc = qapi_read_uint(data, "refcount-bits", QAPI_REQUIRED, 64,
                        &refcount_bits, err);
    if (rc) return rc;
    info->refcount_bits = (unsigned int)refcount_bits;
    rc = qapi_read_bool(data, "corrupt", QAPI_OPTIONAL, &info->corrupt, err);
    if (rc) return rc;
    info->data_file = xjson_member(data, "data-file");

    rc = qapi_read_array(data, "bitmaps", QAPI_OPTIONAL, &bitmaps, err);
    if (rc || !bitmaps) return rc;
    rc = qapi_read_elements(bitmaps, sizeof(*info->bitmaps),
                            stored_bitmap_read, image_bitmap_dispose,
                            &elements, &info->num_bitmaps, err);
    if (rc) {
        xjson_error_within_member(err, "bitmaps");
        return rc;
    }
    info->bitmaps = elements;
    return 0;
}

static int read_format_specific(const xjson *value, struct image_info *info,
                                struct xjson_error *err)
{
    const xjson *specific = xjson_member(value, "format-specific");
    const char *type = xjson_member_string(specific, "type");
    const xjson *data = xjson_member(specific, "data");
    int rc;

    if (!type || strcmp(type, "qcow2")) return 0;
    rc = qapi_expect(data, XJSON_OBJECT, err);
    if (!rc) rc = read_qcow2(data, info, err);
    if (rc) xjson_error_within_member(err, "format-specific.data");
    return rc;
}

static int read_snapshots(const xjson *value, struct image_info *info,
                          struct xjson_error *err)
{
    const xjson *snapshots = NULL;
    void *elements;
    int rc;

    rc = qapi_read_array(value, "snapshots", QAPI_OPTIONAL, &snapshots, err);
    if (rc || !snapshots) return rc;
    rc = qapi_read_elements(snapshots, sizeof(*info->snapshots), snapshot_read,
                            snapshot_dispose, &elements, &info->num_snapshots,
                            err);
    if (rc) {
        xjson_error_within_member(err, "snapshots");
        return rc;
    }
    info->snapshots = elements;
    return 0;
}

int image_info_parse(const xjson *value, struct image_info *info_r,
                     struct xjson_error *err)
{
    struct image_info info;
    int rc;

    image_info_init(&info);
    rc = qapi_expect(value, XJSON_OBJECT, err);
    if (rc) goto out;
    rc = read_names(value, &info, err);
    if (rc) goto out;
    rc = qapi_read_uint(value, "virtual-size", QAPI_REQUIRED, MAX_BYTES,
                        &info.virtual_size, err);
    if (rc) goto out;
    rc = read_snapshots(value, &info, err);
    if (rc) goto out;
    rc = read_format_specific(value, &info, err);
    if (rc) goto out;

    image_info_dispose(info_r);
    *info_r = info;
    image_info_init(&info);
 out:
    image_info_dispose(&info);
    return rc;
}

/* ---- using it ---- */

int image_info_find_snapshot(const struct image_info *info, const char *name,
                             const struct image_snapshot **snapshot_r)
{
    const struct image_snapshot *found = NULL;
    size_t i;

    for (i = 0; i < info->num_snapshots; i++) {
        if (strcmp(info->snapshots[i].name, name)) continue;
        if (found) return ERROR_INVAL;
        found = &info->snapshots[i];
    }
    if (!found) return ERROR_NOTFOUND;
    *snapshot_r = found;
    return 0;
}

/* Not isalpha and friends: they depend on the locale. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool image_snapshot_name_is_valid(const char *name)
{
    size_t i;

    if (!name || !is_letter(name[0])) return false;
    for (i = 1; name[i]; i++) {
        if (i == IMAGE_SNAPSHOT_NAME_MAX) return false;
        if (!is_letter(name[i]) && !(name[i] >= '0' && name[i] <= '9') &&
            !strchr("._-", name[i]))
            return false;
    }
    return true;
}
