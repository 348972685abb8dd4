/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which snapshot a new one descends from. */
#include "config.h"

#include <string.h>

#include "chain/filter.h"
#include "chain/images.h"
#include "manage/internal.h"

/* Is now the image was, or an overlay somewhere above it? */
static bool is_above(const struct chain_model *chain, const char *now,
                     const char *was)
{
    const chain_image *image;
    int steps;

    for (steps = 0; now && steps <= chain->tree.num_images; steps++) {
        if (!strcmp(now, was)) return true;
        image = chain_images_find(chain, now);
        now = image ? image->backing : NULL;
    }
    return false;
}

/* The disks are as the chain last left them; their images need not be above
 * those of the snapshot, when what it holds was copied out. */
static bool is_as_left(const struct chain_model *chain,
                       const chain_snapshot *now)
{
    const chain_active_disk *active;
    int i;

    for (i = 0; i < now->num_disks; i++) {
        active = chain_images_active(chain, now->disks[i].vdev);
        if (active && now->disks[i].path &&
            !strcmp(active->path, now->disks[i].path))
            return true;
    }
    return false;
}

static bool has_disk(const struct chain_model *chain,
                     const chain_snapshot *now, const char *path)
{
    int i;

    for (i = 0; i < now->num_disks; i++)
        if (is_above(chain, now->disks[i].path, path)) return true;
    return false;
}

/*
 * The present descends from the current snapshot, unless all of its disks
 * have been replaced since: then this is another machine of the same name,
 * and a tree of its own begins.
 */
static bool descends(const struct chain_model *chain,
                     const chain_snapshot *parent, const chain_snapshot *now)
{
    bool had_disks = false;
    int i;

    if (is_as_left(chain, now)) return true;
    for (i = 0; i < parent->num_disks; i++) {
        const chain_disk *disk = &parent->disks[i];

        if (!chain_disk_included(disk) || !disk->path) continue;
        if (has_disk(chain, now, disk->path)) return true;
        had_disks = true;
    }
    return !had_disks;
}

struct heir {
    const struct chain_model *chain;
    const chain_snapshot *snapshot;
};

static bool is_inherited(void *user, const chain_disk *disk)
{
    const struct heir *heir = user;

    return has_disk(heir->chain, heir->snapshot, disk->path);
}

/* The images must still hold what the chain says that they descend from. */
static int check_disk(struct operation *op, const chain_snapshot *parent,
                      const chain_disk *disk,
                      const struct disk_presence *found)
{
    if (found->present) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "disk %s: its image %s %s the"
        " snapshot '%s' that it should descend from; was it replaced? If so,"
        " 'xl snapshot-delete %s %s' first", disk->vdev, disk->path,
        found->other ? "holds another snapshot in the place of"
        : "does not hold", parent->name, op->domain, parent->name);
}

int parent_place(struct operation *op, chain_snapshot *snapshot)
{
    struct heir heir = { &op->chain, snapshot };
    const chain_snapshot *parent;
    struct chain_error why;
    int rc;

    rc = chain_model_place(&op->chain, snapshot, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    parent = chain_model_by_serial(&op->chain, snapshot->parent);
    if (!parent) return 0;
    if (!descends(&op->chain, parent, snapshot)) {
        snapshot->parent = 0;
        return 0;
    }
    return disks_visit(op, parent, is_inherited, check_disk, &heir);
}
