/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an operation that was killed, or that failed half way, left behind.
 *
 *   create   undone, unless the chain has it: then it was finished
 *   revert   undone as long as the domain it began with is there; else it
 *            goes on, since the disks may be part way
 *   delete   goes on: the chain may have forgotten them already
 *   clone    undone, unless it had been made and written down: then finished
 *
 * An overlay of a create that the guest uses already is not taken away: it
 * becomes a hidden image, which is merged like that of a deleted snapshot.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "chain/images.h"
#include "manage/block_job.h"
#include "manage/internal.h"
#include "manage/manual.h"
#include "manage/memory.h"
#include "manage/note.h"

bool journal_domain_runs(const struct operation *op)
{
    char uuid[37];

    if (!op->running || !op->journal.running ||
        op->domid != op->journal.domid)
        return false;
    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(op->info.uuid));
    return op->journal.domain_uuid && !strcmp(uuid, op->journal.domain_uuid);
}

int recover_unpause(struct operation *op, char **report)
{
    if (libxl_domain_unpause(op->m->ctx, op->domid, NULL))
        return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "the domain '%s' was"
                           " left paused and cannot be unpaused", op->domain);
    note_add(report, "unpaused the domain '%s'", op->domain);
    return 0;
}

/*
 * A guest that was asked to suspend may still be about to, when whoever asked
 * it is dead already. So it is watched for a while.
 */
#define SETTLE_MS 2000

/*
 * The guest's file systems may have been frozen for it. An agent that does not
 * answer now may never: that must not keep the domain from being recovered.
 */
static void thaw(struct operation *op, char **report)
{
    libxl_snapshot_diag diag;

    libxl_snapshot_diag_init(&diag);
    if (!libxl_domain_fsthaw(op->m->sctx, op->domid, 0, &diag)) {
        note_add(report, "had the agent in '%s' thaw its file systems",
                 op->domain);
    } else {
        manage_warn(op->m, "'%s': %s", op->domain, diag.message);
        note_add(report, "'%s': %s", op->domain, diag.message);
    }
    libxl_snapshot_diag_dispose(&diag);
}

static int set_going(struct operation *op, const chain_snapshot *making,
                     char **report)
{
    const struct timespec nap = { .tv_nsec = 50000000 };
    int waited_ms, rc;

    if (!journal_domain_runs(op)) return 0;
    for (waited_ms = 0; ; waited_ms += 50) {
        if (op->info.shutdown && op->info.shutdown_reason ==
            LIBXL_SHUTDOWN_REASON_SUSPEND) {
            rc = libxl_domain_resume(op->m->ctx, op->domid, 1, NULL);
            if (rc)
                return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "the domain"
                                   " '%s' was left suspended and cannot be"
                                   " resumed", op->domain);
            note_add(report, "resumed the domain '%s'", op->domain);
            break;
        }
        if (!making->memory || waited_ms >= SETTLE_MS) break;
        nanosleep(&nap, NULL);
        rc = operation_look(op);
        if (rc || !journal_domain_runs(op)) return rc;
    }
    if (op->info.paused && making->state == CHAIN_DOMAIN_STATE_RUNNING) {
        rc = recover_unpause(op, report);
        if (rc) return rc;
    }
    if (making->quiesced) thaw(op, report);
    if (op->journal.watched) operation_keep_watched(op, op->domid);
    return operation_look(op);
}

/* The images that an import has given a name; nobody had them before that. */
static int remove_new_images(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    int i, rc = 0;

    if (journal->num_active) return 0;
    for (i = 0; i < journal->num_images && !rc; i++) {
        const chain_image *image = &journal->images[i];

        if (!image->ours || image->backing || !image->path) continue;
        rc = image_remove(op, image->path);
    }
    return rc;
}

/* By QEMU's word; libxl's stored path may lag behind. */
static int is_active(struct operation *op, const chain_active_disk *disk,
                     bool *active_r)
{
    libxl_disk_image *list = NULL;
    libxl_snapshot_diag diag;
    int rc, num = 0;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_image_list(op->m->sctx, op->domid, disk->vdev, &list, &num,
                               &diag);
    if (rc == ERROR_NOTFOUND) {
        *active_r = false;      /* the disk was detached */
        rc = 0;
    } else if (rc) {
        manage_fail_library(op->err, rc, &diag);
    } else {
        *active_r = num && !strcmp(list[0].path, disk->path);
        libxl_disk_image_list_free(list, num);
    }
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

static const chain_image *journal_image(const struct operation *op,
                                        const char *path)
{
    int i;

    for (i = 0; i < op->journal.num_images; i++)
        if (!strcmp(op->journal.images[i].path, path))
            return &op->journal.images[i];
    return NULL;
}

/*
 * While the domain that it was made for is there, QEMU knows whether the guest
 * had gone over to the overlay. If that domain is gone the overlay is right in
 * either case, if it is whole: unused, it reads as the image below it.
 */
static int is_needed(struct operation *op, const chain_active_disk *disk,
                     bool *needed_r)
{
    libxl_disk_snapshot *list = NULL;
    libxl_device_disk image;
    struct stat st;
    bool gone;
    int rc, num = 0;

    *needed_r = false;
    rc = image_is_gone(op, disk->path, &gone);
    if (rc || gone) return rc;
    /* An empty file is one that was still being made. */
    if (!stat(disk->path, &st) && !st.st_size) return 0;
    if (journal_domain_runs(op)) return is_active(op, disk, needed_r);
    if (!op->journal.running) return 0;
    rc = image_to_libxl(disk->vdev, disk->path, disk->format, &image, op->err);
    if (rc) return rc;
    rc = libxl_disk_snapshot_list(op->m->sctx, LIBXL_SNAPSHOT_NO_DOMAIN,
                                  &image, &list, &num, NULL);
    libxl_disk_snapshot_list_free(list, num);
    libxl_device_disk_dispose(&image);
    if (rc)
        return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "disk %s: %s was"
            " being made and cannot be read; if 'qemu-img check' finds it"
            " broken, the guest never used it: remove it, and run"
            " snapshot-recover again", disk->vdev, disk->path);
    *needed_r = true;
    return 0;
}

static int set_path(struct operation *op, const chain_active_disk *disk)
{
    libxl_snapshot_diag diag;
    int rc;

    if (!journal_domain_runs(op)) return 0;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_set_path(op->m->sctx, op->domid, disk->vdev, disk->path,
                             disk->format, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

static int adopt_overlay(struct operation *op, const chain_active_disk *disk,
                         const chain_image *image)
{
    const chain_image *base = image->backing
        ? journal_image(op, image->backing) : NULL;
    struct chain_error why;
    int rc = 0;

    /* Noted as the disk's own, so that it may be committed into. */
    if (base && !chain_images_find(&op->chain, base->path))
        rc = chain_images_set_active(&op->chain, disk->vdev, base->path,
                                     base->format, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    if (image->backing) base = chain_images_find(&op->chain, image->backing);
    rc = chain_images_add(&op->chain, image->path, image->format, image->ours,
                          image->backing, base ? base->format
                          : LIBXL_DISK_FORMAT_UNKNOWN, &why);
    if (!rc)
        rc = chain_images_set_active(&op->chain, disk->vdev, disk->path,
                                     disk->format, &why);
    return rc ? manage_fail_chain(op->err, &why) : set_path(op, disk);
}

/* The overlays of a create that is undone. */
static int undo_overlays(struct operation *op, char **report)
{
    const chain_journal *journal = &op->journal;
    bool needed, adopted = false;
    int i, rc;

    /* They have been adopted, and the chain is right about them since. */
    if (journal->step == CHAIN_STEP_MERGING) {
        rc = images_remove_doomed(op);
        return rc ? rc : images_settle(op, true, report);
    }
    for (i = 0; i < journal->num_active; i++) {
        const chain_active_disk *disk = &journal->active[i];
        const chain_image *image = journal_image(op, disk->path);

        if (!image) continue;
        rc = is_needed(op, disk, &needed);
        if (rc) return rc;
        if (needed) {
            rc = adopt_overlay(op, disk, image);
            adopted = true;
        } else {
            rc = image_close(op, disk->path);
            if (!rc && !image->keep) rc = image_remove(op, disk->path);
        }
        if (rc) return rc;
    }
    if (!adopted) return 0;
    rc = operation_save(op);
    return rc ? rc : images_settle(op, true, report);
}

static int undo_create(struct operation *op, char **report)
{
    const chain_snapshot *making = &op->journal.snapshots[0];
    const chain_disk **disks = NULL;
    struct chain_error why;
    int num, rc;

    rc = set_going(op, making, report);
    if (rc) return rc;
    if (chain_model_by_serial(&op->chain, making->serial)) {
        note_add(report, "the snapshot '%s' of '%s' had been finished",
             making->name, op->domain);
        return operation_journal_clear(op);
    }
    rc = mend_images(op);
    if (rc) return rc;
    rc = disks_internal(making, NULL, NULL, &disks, &num, op->err);
    if (!rc) rc = disks_delete_snapshots(op, disks, num);
    free(disks);
    if (rc) return rc;
    rc = manual_undo_create(op, making, report);
    if (!rc) rc = remove_new_images(op);
    /* Before the payload goes: a merge writes the journal anew. */
    if (!rc) rc = undo_overlays(op, report);
    if (rc) return rc;
    rc = chain_store_payload_remove(op->store, making->serial, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    note_add(report, "undid the making of the snapshot '%s' of '%s'",
         making->name, op->domain);
    return operation_journal_clear(op);
}

static int settle_revert(struct operation *op, char **report)
{
    const char *name = op->journal.snapshots[0].name;
    char *copy = strdup(name);
    uint32_t domid;
    int rc;

    if (!copy) return manage_fail_nomem(op->err);
    if (op->journal.step == CHAIN_STEP_DESTROYING && journal_domain_runs(op)) {
        if (op->info.dying) {
            rc = domain_destroy(op);
            if (!rc) rc = operation_look(op);
        } else {
            note_add(report, "'%s' had not been touched yet; it stays as it was",
                 op->domain);
            rc = operation_journal_clear(op);
            goto out;
        }
        if (rc) goto out;
    }
    rc = mend_images(op);
    if (!rc) rc = revert_continue(op, &domid);
    if (!rc) note_add(report, "'%s' is back at '%s'", op->domain, copy);
out:
    free(copy);
    return rc;
}

static int finish_delete(struct operation *op, char **report)
{
    int num = op->journal.num_snapshots, rc;

    rc = mend_images(op);
    if (rc) return rc;
    rc = op->journal.step == CHAIN_STEP_BEGUN ? forget_continue(op)
                                              : delete_continue(op, report);
    if (!rc && num)
        note_add(report, "finished deleting %d snapshot%s of '%s'", num,
             num == 1 ? "" : "s", op->domain);
    return rc;
}

int recover_in_flight(struct operation *op, char **report)
{
    int rc;

    if (op->chain.damaged)
        return manage_fail(op->err, MANAGE_DAMAGED, "an operation was"
            " interrupted, and the chain of '%s' is damaged: %s", op->domain,
            op->chain.damaged);
    if (!op->m->ctx)
        return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "an operation on"
            " '%s' was interrupted, and without Xen it cannot be recovered",
            op->domain);
    rc = operation_look(op);
    if (rc) return rc;
    if (op->journal.verb != CHAIN_VERB_DELETE &&
        op->journal.verb != CHAIN_VERB_BLOCK_JOB &&
        op->journal.num_snapshots != 1)
        return manage_fail(op->err, MANAGE_DAMAGED, "the journal of '%s' does"
                           " not name one snapshot", op->domain);
    switch (op->journal.verb) {
    case CHAIN_VERB_CREATE: return undo_create(op, report);
    case CHAIN_VERB_REVERT: return settle_revert(op, report);
    case CHAIN_VERB_DELETE: return finish_delete(op, report);
    case CHAIN_VERB_CLONE:  return clone_recover(op, report);
    case CHAIN_VERB_BLOCK_JOB: return block_job_recover(op, report);
    default:
        return manage_fail(op->err, MANAGE_DAMAGED, "the journal of '%s' is"
                           " about something this xl does not know",
                           op->domain);
    }
}

/* Merges need a journal of their own. */
static int settle_now(struct operation *op, char **report)
{
    struct chain_image_step step;
    int rc;

    rc = memory_settle(op, report);
    if (!rc) rc = clones_tidy(op, report);
    if (rc) return rc;
    if (!chain_images_next(&op->chain, NULL, NULL, NULL, &step))
        return leftovers_settle(op, report);
    op->journal.verb = CHAIN_VERB_DELETE;
    op->journal.running = op->running;
    op->journal.domid = op->running ? op->domid : 0;
    rc = images_settle(op, true, report);
    if (!rc) rc = leftovers_settle(op, report);
    if (!rc && op->journaled) rc = operation_journal_clear(op);
    return rc;
}

/* Which one, has been said. */
static int say_damaged(char *report, struct manage_error *err)
{
    char *p;

    for (p = report; *p; p++)
        if (*p == '\n') *p = p[1] ? ';' : '\0';
    return manage_fail(err, MANAGE_DAMAGED, "%.800s, but an image is damaged:"
                       " look at it with 'qemu-img check' before it is used",
                       *report ? report : "it was recovered");
}

int manage_recover(struct manage *m, const char *domain, char **report_r,
                   struct manage_error *err)
{
    struct chain_error why;
    struct operation op;
    char *report = NULL;
    char **orphans = NULL;
    size_t i, num = 0;
    int rc;

    operation_init(&op);
    rc = operation_begin_recovery(&op, m, domain, err);
    if (rc) goto out;
    if (op.journaled) {
        rc = recover_in_flight(&op, &report);
        if (rc) goto out;
    }
    /* What an earlier delete had to leave. */
    if (!op.chain.damaged && op.m->ctx) {
        rc = operation_look(&op);
        if (!rc) rc = block_chain_follow(&op, &report);
        if (!rc) rc = settle_now(&op, &report);
        if (rc) goto out;
    }
    rc = chain_store_orphans(op.store, &op.chain, &orphans, &num, &why);
    if (!rc && num)
        rc = chain_store_orphans_remove(op.store, &op.chain, &why);
    if (rc) {
        manage_fail_chain(err, &why);
        goto out;
    }
    for (i = 0; i < num; i++)
        note_add(&report, "removed %s, which belonged to no snapshot", orphans[i]);
    if (!report) report = strdup("");
    if (!report) {
        rc = manage_fail_nomem(err);
        goto out;
    }
    if (op.unsound) {
        rc = say_damaged(report, err);
        goto out;
    }
    *report_r = report;
    report = NULL;
out:
    chain_strings_free(orphans, num);
    free(report);
    operation_dispose(&op);
    return rc;
}
