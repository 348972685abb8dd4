/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of what carries snapshots from and to elsewhere. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/memories.h"
#include "manage/preflight.h"
#include "manage/space.h"
#include "manage/tar.h"

/* Records, configurations and the archive's own. */
#define RECORDS (64u << 10)

/* ---- export ---- */

struct way_out {
    struct operation *op;
    struct prediction *p;
    const char *path;           /* where the stream goes; NULL: no file */
    struct space_facts there;
    const char *work_dir;
    struct space_facts work;
    bool compressed;            /* the stream may be much smaller */
    bool xl_image;              /* for xl: as it was in the guest */
};

static int stream(struct way_out *way, const char *what, uint64_t bytes)
{
    if (!way->path) return 0;
    return predict_need(way->p, way->path, what, way->there.volume, bytes,
                        !way->compressed) ? manage_fail_nomem(way->op->err) : 0;
}

static int export_memory(struct way_out *way, const chain_snapshot *snapshot)
{
    struct operation *op = way->op;
    uint64_t differences, whole, bytes;
    int rc;

    if (!snapshot->memory) return 0;
    if (way->xl_image)
        return stream(way, "the memory", snapshot->ram_bytes ?
                      predict_memory_bytes(snapshot->ram_bytes)
                      : snapshot->memory_bytes);
    if (!chain_memory_depth(&op->chain, snapshot->serial, &differences, &whole))
        return stream(way, "the memory image", whole);
    /* It goes as one, which is made in a file first; that is no larger. */
    bytes = differences + whole;
    rc = stream(way, "the memory image", bytes);
    if (rc) return rc;
    if (predict_need(way->p, way->work_dir, "the memory image, made whole",
                     way->work.volume, bytes, true))
        return manage_fail_nomem(op->err);
    predict_freed(way->p, bytes, way->work.volume);
    return 0;
}

static int export_disk(struct way_out *way, const chain_disk *disk)
{
    struct operation *op = way->op;
    bool internal = disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL;
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    uint64_t bytes = 0;
    char what[80];
    int rc;

    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_measure(op->m->sctx, &image, internal ? &disk->handle
                            : NULL, &bytes, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    if (rc) return rc;
    /* The copy comes first, and goes when the stream has it: noted in this
     * order, they are counted at the moment when both are there. */
    snprintf(what, sizeof(what), "the archive's %.31s", disk->vdev);
    rc = stream(way, what, bytes);
    if (rc) return rc;
    snprintf(what, sizeof(what), "a copy of %.31s meanwhile", disk->vdev);
    if (predict_need(way->p, way->work_dir, what, way->work.volume, bytes,
                     true))
        return manage_fail_nomem(op->err);
    predict_freed(way->p, bytes, way->work.volume);
    return 0;
}

/* What fd is open on, if it is a file: malloc'd, or NULL. */
static char *file_of(int fd)
{
    char link[64], path[4096];
    struct stat st;
    ssize_t len;

    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) return NULL;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    if (len <= 0 || path[0] != '/') return NULL;
    path[len] = '\0';
    return strdup(path);
}

int preflight_export(struct operation *op, const chain_snapshot *snapshot,
                     const struct manage_export *args, const char *work_dir,
                     bool compressed, struct prediction *p)
{
    char *path = args->path ? NULL : file_of(args->fd);
    struct way_out way = {
        .op = op, .p = p, .work_dir = work_dir, .compressed = compressed,
        .xl_image = args->xl_image,
        .path = args->path ? args->path : path,
    };
    int i, rc;

    space_look(way.path, LIBXL_DISK_FORMAT_UNKNOWN, &way.there);
    space_look(work_dir, LIBXL_DISK_FORMAT_UNKNOWN, &way.work);
    rc = stream(&way, "records", RECORDS);
    if (!rc) rc = export_memory(&way, snapshot);
    for (i = 0; i < snapshot->num_disks && !args->xl_image && !rc; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL ||
            disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL)
            rc = export_disk(&way, disk);
    }
    if (!rc) rc = space_check(op, p);
    free(path);
    return rc;
}

/* ---- import ---- */

/* The bytes of an archive that is not compressed; 0: it is, or no file. */
static uint64_t plain_length(int fd)
{
    static const char magic[] = "ustar";
    char there[sizeof(magic) - 1];
    struct stat st;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) return 0;
    if (pread(fd, there, sizeof(there), TAR_MAGIC_AT) != sizeof(there) ||
        memcmp(there, magic, sizeof(there)))
        return 0;
    return st.st_size;
}

int preflight_import(struct operation *op, const chain_snapshot *snapshot,
                     const struct manage_import *args, bool disks,
                     struct prediction *p)
{
    const char *dir = chain_store_dir(op->store);
    uint64_t length = plain_length(args->fd), rest = 0;
    struct space_facts facts;

    space_look(dir, LIBXL_DISK_FORMAT_UNKNOWN, &facts);
    if (predict_need(p, dir, "the memory image", facts.volume,
                     snapshot->memory ? snapshot->memory_bytes : 0, true) ||
        predict_need(p, dir, "the snapshot's record", facts.volume,
                     PREDICT_OWN_FILES, true))
        return manage_fail_nomem(op->err);
    if (length > snapshot->memory_bytes + RECORDS)
        rest = length - snapshot->memory_bytes - RECORDS;
    if (disks) {
        space_look(args->dir, LIBXL_DISK_FORMAT_UNKNOWN, &facts);
        if (predict_need(p, args->dir, "the images", facts.volume, rest, true))
            return manage_fail_nomem(op->err);
    }
    return space_check(op, p);
}

/* ---- redefine ---- */

int preflight_redefine(struct operation *op, const char *memory,
                       struct prediction *p)
{
    const char *dir = chain_store_dir(op->store);
    struct space_facts there, facts;

    space_look(dir, LIBXL_DISK_FORMAT_UNKNOWN, &there);
    if (memory) {
        space_look(memory, LIBXL_DISK_FORMAT_UNKNOWN, &facts);
        /* On one volume the file system may let both share their blocks. */
        if (predict_need(p, dir, "a copy of the memory image", there.volume,
                         facts.length, facts.volume != there.volume))
            return manage_fail_nomem(op->err);
    }
    if (predict_need(p, dir, "the snapshots' records", there.volume,
                     PREDICT_OWN_FILES, true))
        return manage_fail_nomem(op->err);
    return space_check(op, p);
}
