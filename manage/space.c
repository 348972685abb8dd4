/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "manage/space.h"

#define MIB (1u << 20)

/* The configuration, chain.json and its previous version, the journal. */
#define OWN_FILES (2 * MIB)

/*
 * A snapshot of a qcow2 image copies its L1 table and its snapshot table and
 * may need new refcount blocks: with the smallest usual clusters (64 KiB)
 * that is 1/65536 of the data. The rest is for the guest's first writes,
 * each of which needs a new cluster from then on: without any room left the
 * guest would see write errors at once.
 */
#define IMAGE_SLACK (8 * MIB)

static int check_volume(struct operation *op, const char *path, uint64_t need,
                        const char *what)
{
    struct statvfs fs;
    uint64_t there;

    if (statvfs(path, &fs))
        return manage_fail(op->err, MANAGE_FAILED, "%s: %s", path,
                           strerror(errno));
    there = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (there >= need) return 0;
    return manage_fail(op->err, MANAGE_NO_SPACE, "%s needs %" PRIu64
                       " MiB free on the volume of %s, which has %" PRIu64
                       " MiB; nothing was started", what,
                       (need + MIB - 1) / MIB, path, there / MIB);
}

int space_check(struct operation *op, const chain_snapshot *snapshot,
                uint64_t memory_bytes)
{
    struct stat st;
    int i, rc;

    /* The stream is memory and, at most, a tenth of a percent around it. */
    rc = check_volume(op, chain_store_dir(op->store),
                      memory_bytes + memory_bytes / 512 + OWN_FILES,
                      memory_bytes ? "the memory image" : "the snapshot");
    for (i = 0; i < snapshot->num_disks && !rc; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        /* An overlay lies beside its image unless the user said where; its
         * first writes need as much as those after an internal snapshot. */
        if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL &&
            disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL)
            continue;
        if (stat(disk->path, &st) || !S_ISREG(st.st_mode)) continue;
        rc = check_volume(op, disk->path,
                          IMAGE_SLACK + (uint64_t)st.st_size / 65536,
                          disk->vdev);
    }
    return rc;
}
