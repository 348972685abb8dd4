/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QEMU tells about one image. The monitor (the "image" member of
 * query-named-block-nodes) and "qemu-img info --output=json" answer with the
 * same structure, so both are read here. Nothing in it is trusted: numbers
 * are range-checked, and what is missing or odd is ERROR_QEMU_API.
 */
#ifndef XLS_IMAGE_INFO_H
#define XLS_IMAGE_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libxl/json.h"

/* An internal snapshot. The id is the image's own, decimal, and is used
 * again after a delete; the name is what ties the disks of a domain together. */
struct image_snapshot {
    char *id;
    char *name;
    uint64_t vm_state_size;     /* bytes; 0 for all that we make */
    uint64_t date_sec;          /* since the epoch, by the host's clock */
    uint32_t date_nsec;
};

/* A dirty bitmap. */
struct image_bitmap {
    char *name;
    bool persistent;            /* stored, or to be stored, in the image */
    bool recording;             /* takes note of new writes */
    bool busy;                  /* in use by a job or an export */
    bool inconsistent;          /* was not stored properly; can only be removed */
    uint64_t granularity;       /* bytes */
};

/* For arrays of them: qapi_dispose_elements calls it. */
void image_bitmap_dispose(void *bitmap);

struct image_info {
    char *filename;             /* as QEMU writes it; may be "json:{...}" */
    char *format;
    char *backing_filename;     /* as stored in the image; NULL: none */
    char *full_backing_filename;    /* resolved; may be NULL */
    char *backing_format;       /* may be NULL */
    uint64_t virtual_size;      /* bytes */
    struct image_snapshot *snapshots;   /* in the image's order */
    size_t num_snapshots;
    struct image_bitmap *bitmaps;   /* stored in the image (qcow2) */
    size_t num_bitmaps;
    unsigned int refcount_bits; /* qcow2; 0: not told */
    bool data_file;             /* qcow2 with its data in another file */
    bool corrupt;               /* marked so */
};

void image_info_init(struct image_info *info);
void image_info_dispose(struct image_info *info);

/* info must be initialised, and is untouched on failure. */
int image_info_parse(const xjson *value, struct image_info *info,
                     struct xjson_error *err);

/*
 * The snapshot with that name: ERROR_NOTFOUND without one, ERROR_INVAL when
 * several have it (qemu-img allows that; what is meant cannot be known).
 * *snapshot_r points into info.
 */
int image_info_find_snapshot(const struct image_info *info, const char *name,
                             const struct image_snapshot **snapshot_r);

/*
 * A name that every tool takes for a name: [A-Za-z][A-Za-z0-9._-]{0,99}.
 * qemu-img takes digits for an id, QEMU cuts silently at 255 bytes, and
 * "info snapshots" breaks at line ends.
 */
#define IMAGE_SNAPSHOT_NAME_MAX 100
bool image_snapshot_name_is_valid(const char *name);

#endif
