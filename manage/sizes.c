/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/filter.h"
#include "chain/images.h"
#include "chain/memories.h"
#include "manage/sizes.h"

/* st_blocks counts these, whatever the file system's own are. */
#define STAT_BLOCK 512u

/* A sum, and whether it is all of it. */
struct amount {
    uint64_t bytes;
    bool exact;
};

static void add(struct amount *sum, uint64_t bytes)
{
    if (__builtin_add_overflow(sum->bytes, bytes, &sum->bytes)) {
        sum->bytes = UINT64_MAX;
        sum->exact = false;
    }
}

/* What a file has allocated. False when that cannot be told: it is gone, or
 * a block device, of which stat(2) says nothing. */
static bool allocated(const char *path, uint64_t *bytes_r)
{
    struct stat st;

    if (!path || stat(path, &st) || !S_ISREG(st.st_mode)) return false;
    *bytes_r = (uint64_t)st.st_blocks * STAT_BLOCK;
    return true;
}

static void add_file(struct amount *sum, const char *path)
{
    uint64_t bytes;

    if (allocated(path, &bytes))
        add(sum, bytes);
    else
        sum->exact = false;
}

/* ---- what a snapshot takes ---- */

/* Whatever is in the payload's directory: the configuration, the memory. */
static int payload_size(const chain_store *store, uint64_t serial,
                        struct amount *sum, struct chain_error *err)
{
    struct dirent *entry;
    struct stat st;
    char *path;
    DIR *dir;
    int rc;

    rc = chain_store_payload_path(store, serial, NULL, &path, err);
    if (rc) return rc;
    dir = opendir(path);
    free(path);
    if (!dir) {
        if (errno == ENOMEM) return chain_error_set_nomem(err);
        sum->exact = false;
        return 0;
    }
    while ((entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
            sum->exact = false;
        else
            add(sum, (uint64_t)st.st_blocks * STAT_BLOCK);
    }
    closedir(dir);
    return 0;
}

/* The frozen images of a snapshot; one that several disks name counts once. */
static void add_images(const chain_snapshot *snapshot, struct amount *sum)
{
    const chain_disk *disk;
    int i, k;

    for (i = 0; i < snapshot->num_disks; i++) {
        disk = &snapshot->disks[i];
        if (!chain_disk_included(disk)) continue;
        if (disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL) {
            /* An image does not tell what one snapshot in it costs, and of
             * a hook's doing we know nothing. */
            sum->exact = false;
            continue;
        }
        for (k = 0; k < i; k++) {
            if (snapshot->disks[k].treatment == disk->treatment &&
                disk->path && snapshot->disks[k].path &&
                !strcmp(snapshot->disks[k].path, disk->path))
                break;
        }
        if (k == i) add_file(sum, disk->path);
    }
}

/* ---- what deleting it would free ---- */

static bool size_of_image(void *user, const char *path, uint64_t *bytes_r)
{
    (void)user;
    return allocated(path, bytes_r);
}

/* An internal snapshot gives up its clusters within the image: its file need
 * not become smaller, and what is freed is not known beforehand. */
static bool all_external(const chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        if (chain_disk_included(&snapshot->disks[i]) &&
            snapshot->disks[i].treatment != CHAIN_DISK_TREATMENT_EXTERNAL)
            return false;
    }
    return true;
}

static void add_freed(struct amount *sum, const struct chain_freed *freed)
{
    if (!freed->names) return;
    add(sum, freed->bytes);
    if (!freed->exact) sum->exact = false;
}

/* A memory image that others build on stays, or becomes one with theirs: how
 * much of it they have already is not known. */
static void lose_base(const struct chain_model *chain,
                      const chain_snapshot *snapshot, struct amount *gain)
{
    if (!snapshot->memory || !chain_memory_is_base(chain, snapshot->serial))
        return;
    gain->bytes -= gain->bytes < snapshot->memory_bytes ? gain->bytes
                                                         : snapshot->memory_bytes;
    gain->exact = false;
}

int sizes_compute(const chain_store *store, const struct chain_model *chain,
                  bool freed, struct manage_size *sizes,
                  struct chain_error *err)
{
    const chain_tree *tree = &chain->tree;
    struct chain_freed *images;
    int rc = 0, i;

    images = calloc(tree->num_snapshots + 1, sizeof(*images));
    if (!images) return chain_error_set_nomem(err);
    if (freed) rc = chain_images_freed(chain, size_of_image, NULL, images, err);
    for (i = 0; i < tree->num_snapshots && !rc; i++) {
        const chain_snapshot *snapshot = &tree->snapshots[i];
        struct amount size = { .exact = true }, gain;

        rc = payload_size(store, snapshot->serial, &size, err);
        gain = size;
        lose_base(chain, snapshot, &gain);
        add_images(snapshot, &size);
        sizes[i] = (struct manage_size){
            .bytes = size.bytes, .exact = size.exact,
        };
        /* Nothing may be deleted from a damaged chain. */
        if (!freed || chain->damaged) continue;
        if (!all_external(snapshot)) gain.exact = false;
        add_freed(&gain, &images[i]);
        sizes[i].freed_bytes = gain.bytes;
        sizes[i].freed_exact = gain.exact;
    }
    free(images);
    return rc;
}
