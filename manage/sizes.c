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

static uint64_t size_of_image(void *user, const char *path)
{
    uint64_t bytes;

    (void)user;
    return allocated(path, &bytes) ? bytes : 0;
}

/*
 * Let the chain free what it can. A removed image of ours gives all that it
 * has. Of two that become one, what both hold of the same place in the disk
 * becomes free, which only the images know: this counts as nothing, and the
 * sum is then a lower bound.
 */
static int free_images(struct chain_model *chain, struct amount *sum,
                       size_t *merges_r, struct chain_error *err)
{
    struct chain_image_step step;
    int rc;

    *merges_r = 0;
    while (chain_images_next(chain, size_of_image, NULL, NULL, &step)) {
        if (step.type != CHAIN_IMAGE_REMOVE)
            ++*merges_r;
        else if (step.image->ours)
            add_file(sum, step.image->path);
        rc = chain_images_done(chain, &step, err);
        if (rc) return rc;
    }
    return 0;
}

static bool names_image(const struct chain_model *chain,
                        const chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        if (snapshot->disks[i].path &&
            chain_images_find(chain, snapshot->disks[i].path))
            return true;
    }
    return false;
}

/* The images alone. already: what waits to be freed whether or not. */
static int freed_images(const struct chain_model *chain,
                        const chain_snapshot *snapshot,
                        const struct amount *already, size_t already_merges,
                        struct amount *sum, struct chain_error *err)
{
    struct amount images = { .exact = true };
    struct chain_model without;
    size_t merges;
    int rc;

    chain_model_init(&without);
    rc = chain_model_copy(&without, chain, err);
    if (!rc) rc = chain_model_remove(&without, &snapshot->serial, 1, err);
    if (!rc) rc = free_images(&without, &images, &merges, err);
    if (rc) goto out;

    if (images.bytes > already->bytes)
        add(sum, images.bytes - already->bytes);
    if (!images.exact || !already->exact || merges != already_merges)
        sum->exact = false;
out:
    chain_model_dispose(&without);
    return rc;
}

/* Of a damaged chain nothing is freed: nothing may be deleted from it. */
static int waiting_images(const struct chain_model *chain, struct amount *sum,
                          size_t *merges_r, struct chain_error *err)
{
    struct chain_model copy;
    int rc;

    *merges_r = 0;
    if (chain->damaged || !chain->tree.num_images) return 0;
    chain_model_init(&copy);
    rc = chain_model_copy(&copy, chain, err);
    if (!rc) rc = free_images(&copy, sum, merges_r, err);
    chain_model_dispose(&copy);
    return rc;
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

int sizes_compute(const chain_store *store, const struct chain_model *chain,
                  bool freed, struct manage_size *sizes,
                  struct chain_error *err)
{
    struct amount waiting = { .exact = true };
    const chain_snapshot *snapshot;
    size_t merges = 0;
    int rc = 0, i;

    if (freed) rc = waiting_images(chain, &waiting, &merges, err);
    if (rc) return rc;

    for (i = 0; i < chain->tree.num_snapshots; i++) {
        struct amount size = { .exact = true }, gain;

        snapshot = &chain->tree.snapshots[i];
        rc = payload_size(store, snapshot->serial, &size, err);
        if (rc) return rc;
        gain = size;
        add_images(snapshot, &size);
        sizes[i] = (struct manage_size){
            .bytes = size.bytes, .exact = size.exact,
        };
        if (!freed || chain->damaged) continue;

        if (!all_external(snapshot)) gain.exact = false;
        if (names_image(chain, snapshot))
            rc = freed_images(chain, snapshot, &waiting, merges, &gain, err);
        if (rc) return rc;
        sizes[i].freed_bytes = gain.bytes;
        sizes[i].freed_exact = gain.exact;
    }
    return 0;
}
