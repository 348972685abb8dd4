/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is still to be deleted of snapshots that the chain has forgotten.
 *
 * Internal ones in images below the one that a running guest writes to: QEMU
 * has those open to read, and neither it nor qemu-img can change them now. The
 * chain keeps count of them until that has ended. So it does of those in images
 * that a clone reads, which another QEMU may have open at any time.
 *
 * And all that hooks have: a hook may fail, or be gone, for reasons that we
 * cannot know, and is then tried again.
 */
#include "config.h"

#include <string.h>

#include "chain/images.h"
#include "manage/hook.h"
#include "manage/internal.h"
#include "manage/note.h"

static bool can_delete_now(struct operation *op, const chain_disk *disk)
{
    if (chain_images_cloned(&op->chain, disk->path, NULL)) return false;
    return !image_is_served(op, disk->path) ||
           disk_domid(op, disk) != LIBXL_SNAPSHOT_NO_DOMAIN;
}

static bool is_same(const chain_disk *a, const chain_disk *b)
{
    return !strcmp(a->path, b->path) && a->date_sec == b->date_sec &&
           a->date_nsec == b->date_nsec && a->id && b->id &&
           !strcmp(a->id, b->id);
}

bool leftovers_have(const struct operation *op, const chain_disk *disk)
{
    const chain_tree *tree = &op->chain.tree;
    int i;

    for (i = 0; i < tree->num_leftovers; i++)
        if (is_same(&tree->leftovers[i], disk)) return true;
    return false;
}

int leftovers_add(struct operation *op, const chain_snapshot *snapshot)
{
    struct chain_error why;
    int i, rc;

    for (i = 0; i < snapshot->num_disks; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL
            ? can_delete_now(op, disk) : !hook_has(disk))
            continue;
        if (leftovers_have(op, disk)) continue;
        rc = chain_model_add_leftover(&op->chain, disk, &why);
        if (rc) return manage_fail_chain(op->err, &why);
    }
    return 0;
}

/* What was its snapshot is among those that are being deleted, if it is now. */
static const char *name_of(const struct operation *op, const chain_disk *disk)
{
    const chain_journal *journal = &op->journal;
    int i, k;

    for (i = 0; i < journal->num_snapshots; i++)
        for (k = 0; k < journal->snapshots[i].num_disks; k++)
            if (hook_has(&journal->snapshots[i].disks[k]) &&
                is_same(&journal->snapshots[i].disks[k], disk))
                return journal->snapshots[i].name;
    return NULL;
}

static bool settle_hook(struct operation *op, const chain_disk *disk,
                        char **note)
{
    if (!hook_run(op, HOOK_DELETE, name_of(op, disk), disk)) return true;
    note_add(note, "%s; what it keeps of %s is tried again by the next"
             " snapshot-delete or snapshot-recover",
             op->err ? op->err->text : "a hook failed", disk->path);
    if (op->err) op->err->outcome = MANAGE_OK;
    return false;
}

static bool settle_internal(struct operation *op, const chain_disk *disk,
                            char **note)
{
    bool known = chain_images_find(&op->chain, disk->path);
    const char *clone;

    if (chain_images_cloned(&op->chain, disk->path, &clone)) {
        note_add(note, "%s keeps what the deleted snapshot held, as long as"
                 " the clone '%s' reads it", disk->path, clone);
        return false;
    }
    if (known && !can_delete_now(op, disk)) {
        note_add(note, "%s keeps what the deleted snapshot held, as long as"
                 " the guest runs on images above it", disk->path);
        return false;
    }
    if (!known || !disk_delete_snapshot(op, disk)) return true;
    note_add(note, "%s keeps what a deleted snapshot held: %s", disk->path,
             op->err ? op->err->text : "failed");
    if (op->err) op->err->outcome = MANAGE_OK;
    return false;
}

int leftovers_settle(struct operation *op, char **note)
{
    const chain_tree *tree = &op->chain.tree;
    struct chain_error why;
    int i = 0, rc;

    while (i < tree->num_leftovers) {
        const chain_disk *disk = &tree->leftovers[i];

        if (disk->treatment == CHAIN_DISK_TREATMENT_MANUAL
            ? !settle_hook(op, disk, note) : !settle_internal(op, disk, note)) {
            i++;
            continue;
        }
        rc = chain_model_remove_leftover(&op->chain, i, &why);
        if (rc) return manage_fail_chain(op->err, &why);
        rc = operation_save(op);
        if (rc) return rc;
    }
    return 0;
}
