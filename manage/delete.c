/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * First the chain forgets the snapshots, then the images and the payloads
 * give up what nobody names any more. So the chain never names a snapshot
 * that is half gone, and what a crash leaves over is only space. Last, images
 * behind external snapshots are merged: see settle.c.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "chain/memories.h"
#include "manage/hook.h"
#include "manage/internal.h"
#include "manage/manual.h"
#include "manage/memory.h"
#include "manage/note.h"
#include "manage/preflight.h"

struct targets {
    uint64_t *serials;          /* children before their parents */
    size_t num;
};

/* Which ones: the walk lists parents first, so it is read backwards. */
static int choose(struct operation *op, const struct manage_delete *args,
                  const chain_snapshot *named, struct targets *targets)
{
    struct chain_walk_entry *entries = NULL;
    struct chain_error why;
    size_t i, num = 0;
    int rc;

    rc = chain_model_walk(&op->chain, named->serial, &entries, &num, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    targets->serials = calloc(num + 1, sizeof(*targets->serials));
    if (!targets->serials) {
        rc = manage_fail_nomem(op->err);
        goto out;
    }
    for (i = num; i-- > 0; ) {
        bool itself = entries[i].snapshot->serial == named->serial;

        if (itself ? args->children_only
                   : !args->children && !args->children_only)
            continue;
        targets->serials[targets->num++] = entries[i].snapshot->serial;
    }
    if (!targets->num)
        rc = manage_fail(op->err, MANAGE_REFUSED, "the snapshot '%s' has no"
                         " children to delete", named->name);
    else if (args->leaf_only && num > 1)
        rc = manage_fail(op->err, MANAGE_REFUSED, "'%s' and %zu other snapshots"
                         " would go; --discard-force discards all of them,"
                         " --merge keeps the others", named->name, num - 1);
out:
    free(entries);
    return rc;
}

/* Can nobody else's use of the image be in the way? */
static int check_disk(struct operation *op, const chain_snapshot *snapshot,
                      const chain_disk *disk,
                      const struct disk_presence *found)
{
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    int rc;

    if (!found->present || disk_domid(op, disk) != LIBXL_SNAPSHOT_NO_DOMAIN)
        return 0;
    /* Below the running guest's own, or a clone's: see leftovers.c. */
    if (image_is_served(op, disk->path) ||
        chain_images_cloned(&op->chain, disk->path, NULL))
        return 0;
    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_snapshot_wait_unused(op->m->sctx, &image,
                                         LIBXL_SNAPSHOT_NO_DOMAIN, 0, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

/* Can the disks be worked on? Better asked before the chain forgets them. */
static int check_disks(struct operation *op, const struct targets *targets)
{
    const chain_snapshot *s;
    size_t i;
    int rc = 0;

    for (i = 0; i < targets->num && !rc; i++) {
        s = chain_model_by_serial(&op->chain, targets->serials[i]);
        rc = disks_visit(op, s, NULL, check_disk, NULL);
        if (!rc) rc = manual_check_delete(op, s);
    }
    return rc;
}

static void plan_images(struct operation *op, const struct targets *targets,
                        struct plan_writer *plan)
{
    struct chain_image_step step;
    const char *action;

    if (chain_model_remove(&op->chain, targets->serials, targets->num, NULL))
        return;
    while (chain_images_next(&op->chain, image_allocated, image_is_kept,
                             &op->chain, &step)) {
        action = step.type == CHAIN_IMAGE_REMOVE ? "remove_image"
            : step.type == CHAIN_IMAGE_COMMIT ? "merge_image_down"
                                               : "merge_image_up";
        plan_step(plan, action, NULL, step.type == CHAIN_IMAGE_COMMIT
                  ? step.overlay->path : step.image->path);
        if (chain_images_done(&op->chain, &step, NULL)) return;
    }
}

static void plan_disk(struct operation *op, const chain_disk *disk,
                      struct plan_writer *plan)
{
    if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL)
        plan_step(plan, disk_domid(op, disk) == LIBXL_SNAPSHOT_NO_DOMAIN
                  ? "image_snapshot_delete" : "disk_snapshot_delete",
                  disk->vdev, disk->path);
    else if (hook_has(disk))
        plan_step(plan, "hook_delete", disk->vdev, disk->hook);
}

static int tell_plan(struct operation *op, const struct manage_delete *args,
                     const struct targets *targets,
                     const struct prediction *predicted, char **plan_r)
{
    struct plan_writer plan;
    size_t i;
    int k, rc;

    rc = plan_begin(&plan, "snapshot-delete", op);
    if (rc) return rc;
    plan_step(&plan, "write_journal", NULL, NULL);
    plan_step(&plan, "publish", NULL, NULL);
    for (i = 0; i < targets->num; i++) {
        const chain_snapshot *s =
            chain_model_by_serial(&op->chain, targets->serials[i]);

        for (k = 0; k < s->num_disks && !args->metadata; k++)
            plan_disk(op, &s->disks[k], &plan);
        plan_step(&plan, "remove_payload", NULL, s->name);
    }
    if (!args->metadata) plan_images(op, targets, &plan);
    plan_step(&plan, "clear_journal", NULL, NULL);
    plan_predicted(&plan, predicted);
    return plan_end(&plan, plan_r, op->err);
}

/* The journal of one that leaves the disks alone names no disks, and stays at
 * its first step. */
static void drop_disks(struct operation *op)
{
    chain_snapshot *s;
    int i, k;

    for (i = 0; i < op->journal.num_snapshots; i++) {
        s = &op->journal.snapshots[i];
        for (k = 0; k < s->num_disks; k++) chain_disk_dispose(&s->disks[k]);
        s->num_disks = 0;
    }
}

static int write_intent(struct operation *op, const struct manage_delete *args,
                        const struct targets *targets)
{
    chain_journal *journal = &op->journal;
    const chain_snapshot *s;
    size_t i;

    journal->verb = CHAIN_VERB_DELETE;
    journal->running = op->running;
    journal->domid = op->running ? op->domid : 0;
    journal->snapshots = calloc(targets->num, sizeof(*journal->snapshots));
    if (!journal->snapshots) return manage_fail_nomem(op->err);
    for (i = 0; i < targets->num; i++) {
        s = chain_model_by_serial(&op->chain, targets->serials[i]);
        chain_snapshot_init(&journal->snapshots[i]);
        journal->num_snapshots = i + 1;
        if (chain_snapshot_copy(NULL, &journal->snapshots[i], s))
            return manage_fail_nomem(op->err);
    }
    if (!args->metadata) return operation_journal(op, CHAIN_STEP_REMOVING);
    drop_disks(op);
    return operation_journal(op, CHAIN_STEP_BEGUN);
}

static int refuse_merge(struct operation *op, const struct chain_model *rest,
                        const chain_image *left)
{
    const char *clone;

    if (left && chain_images_cloned(rest, left->path, &clone))
        return manage_fail(op->err, MANAGE_REFUSED, "%s could not be merged:"
            " the domain '%s', which was cloned from a snapshot, reads it;"
            " --merge-force deletes the snapshot and keeps the image as long"
            " as the clone's own images are there", left->path, clone);
    return manage_fail(op->err, MANAGE_REFUSED, "%s could not be merged:"
        " several images or an internal snapshot need it; --merge-force"
        " deletes the snapshot and keeps the image as long as they do",
        left ? left->path : "an image");
}

/* Can the images of those that stay all be merged? On a copy of the chain. */
static int check_merges(struct operation *op, const struct targets *targets)
{
    const chain_image *left = NULL;
    struct chain_model rest;
    struct chain_error why;
    int rc;

    chain_model_init(&rest);
    rc = chain_model_copy(&rest, &op->chain, &why);
    if (!rc)
        rc = chain_model_remove(&rest, targets->serials, targets->num, &why);
    if (rc)
        manage_fail_chain(op->err, &why);
    else if (!images_would_settle(&rest, &left))
        rc = refuse_merge(op, &rest, left);
    chain_model_dispose(&rest);
    return rc;
}

static int forget(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    uint64_t *serials;
    struct chain_error why;
    int i, n = 0, rc = 0;

    serials = calloc(journal->num_snapshots + 1, sizeof(*serials));
    if (!serials) return manage_fail_nomem(op->err);
    for (i = 0; i < journal->num_snapshots && !rc; i++) {
        const chain_snapshot *s = &journal->snapshots[i];

        if (!chain_model_by_serial(&op->chain, s->serial)) continue;
        serials[n++] = s->serial;
        rc = leftovers_add(op, s);
    }
    if (rc) {
        free(serials);
        return rc;
    }
    rc = n ? chain_model_remove(&op->chain, serials, n, &why) : 0;
    if (rc) manage_fail_chain(op->err, &why);
    else if (n) rc = operation_save(op);
    free(serials);
    return rc;
}

static bool is_no_leftover(void *user, const chain_disk *disk)
{
    return !leftovers_have(user, disk);
}

static int release(struct operation *op, const chain_snapshot *snapshot)
{
    const chain_disk **disks = NULL;
    struct chain_error why;
    int num, rc;

    rc = disks_internal(snapshot, is_no_leftover, op, &disks, &num, op->err);
    if (rc) return rc;
    if (num) manage_reached(op->m, "delete:disk");
    rc = disks_delete_snapshots(op, disks, num);
    free(disks);
    if (rc) return rc;
    if (chain_memory_is_hidden(&op->chain, snapshot->serial)) return 0;
    manage_reached(op->m, "delete:payload");
    rc = chain_store_payload_remove(op->store, snapshot->serial, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

/* The images are merged in the same operation, but the delete has succeeded
 * before that. */
static int merge_images(struct operation *op, char **note)
{
    int rc;

    rc = memory_settle(op, note);
    if (!rc) rc = clones_tidy(op, note);
    if (!rc) rc = images_remove_doomed(op);
    if (!rc) rc = images_settle(op, true, note);
    if (!rc) clones_note(op, note);
    if (!rc) rc = leftovers_settle(op, note);
    if (!rc) manage_reached(op->m, "delete:merged");
    return rc;
}

int delete_continue(struct operation *op, char **note)
{
    int i, rc;

    rc = forget(op);
    if (rc) return rc;
    manage_reached(op->m, "delete:published");
    for (i = 0; i < op->journal.num_snapshots; i++) {
        rc = release(op, &op->journal.snapshots[i]);
        if (rc) return rc;
    }
    manage_reached(op->m, "delete:released");
    rc = merge_images(op, note);
    return rc ? rc : operation_journal_clear(op);
}

/* The images that they froze are not to be merged or removed after this. */
static void keep_images(struct operation *op)
{
    const chain_tree *tree = &op->chain.tree;
    const chain_snapshot *s;
    int i, k, n;

    for (i = 0; i < op->journal.num_snapshots; i++) {
        s = chain_model_by_serial(&op->chain, op->journal.snapshots[i].serial);
        for (k = 0; s && k < s->num_disks; k++)
            for (n = 0; n < tree->num_images; n++)
                if (s->disks[k].treatment == CHAIN_DISK_TREATMENT_EXTERNAL &&
                    !strcmp(tree->images[n].path, s->disks[k].path))
                    tree->images[n].keep = true;
    }
}

/* Only the chain forgets them: the journal is needed for the payloads. */
static int forget_metadata(struct operation *op)
{
    int rc;

    keep_images(op);
    rc = forget(op);
    return rc ? rc : forget_continue(op);
}

int forget_continue(struct operation *op)
{
    struct chain_error why;
    int i, rc;

    for (i = 0; i < op->journal.num_snapshots; i++) {
        uint64_t serial = op->journal.snapshots[i].serial;

        if (chain_model_by_serial(&op->chain, serial) ||
            chain_memory_is_hidden(&op->chain, serial))
            continue;
        rc = chain_store_payload_remove(op->store, serial, &why);
        if (rc) return manage_fail_chain(op->err, &why);
    }
    rc = memory_settle(op, NULL);
    return rc ? rc : operation_journal_clear(op);
}

int manage_delete(struct manage *m, const struct manage_delete *args,
                  struct manage_delete_result *result_r, char **plan_r,
                  struct manage_error *err)
{
    struct targets targets = { NULL, 0 };
    const chain_snapshot *named;
    struct prediction predicted;
    struct operation op;
    char *note = NULL;
    bool forgotten;
    int rc;

    operation_init(&op);
    prediction_init(&predicted);
    rc = operation_begin(&op, m, "snapshot-delete", args->domain, true,
                         args->dry_run, err);
    /* What could be merged depends on it, and it is saved with the rest. */
    if (!rc) rc = clones_forget(&op, NULL, &forgotten);
    if (rc) goto out;
    named = operation_find(&op, args->name);
    if (!named) {
        rc = ERROR_NOTFOUND;
        goto out;
    }
    rc = choose(&op, args, named, &targets);
    if (rc) goto out;
    rc = args->metadata ? 0 : check_disks(&op, &targets);
    if (!rc && args->merge_now) rc = check_merges(&op, &targets);
    if (!rc && !args->metadata)
        rc = preflight_delete(&op, targets.serials, targets.num,
                              args->merge_now, args->dry_run, &predicted);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&op, args, &targets, &predicted, plan_r);
        goto out;
    }
    manage_reached(m, "delete:begin");
    rc = write_intent(&op, args, &targets);
    if (rc) goto failed;
    manage_reached(m, "delete:journaled");
    rc = args->metadata ? forget_metadata(&op) : delete_continue(&op, &note);
    if (rc) goto failed;
    manage_reached(m, "delete:end");
    result_r->deleted = targets.num;
    result_r->note = note;
    note = NULL;
    goto out;
failed:
    if (op.journaled) rc = roll_back(&op);
    /* It went on to its end all the same. */
    if (!rc) result_r->deleted = targets.num;
out:
    free(note);
    free(targets.serials);
    prediction_dispose(&predicted);
    operation_dispose(&op);
    return rc;
}
