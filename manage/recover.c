/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an operation that was killed, or that failed half way, left behind.
 *
 *   create   undone, unless the chain has it: then it was finished
 *   revert   undone as long as the domain it began with is there; else it
 *            goes on, since the disks may be part way
 *   delete   goes on: the chain may have forgotten them already
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "manage/internal.h"

static void tell(char **report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A line more; without memory for it, it is left out. */
static void tell(char **report, const char *fmt, ...)
{
    char *line, *all;
    va_list ap;
    int r;

    if (!report) return;
    va_start(ap, fmt);
    r = vasprintf(&line, fmt, ap);
    va_end(ap);
    if (r < 0) return;
    if (asprintf(&all, "%s%s\n", *report ? *report : "", line) >= 0) {
        free(*report);
        *report = all;
    }
    free(line);
}

/* Is the domain that the journal speaks of still the one that runs? */
static bool same_domain(const struct operation *op)
{
    char uuid[37];

    if (!op->running || !op->journal.running ||
        op->domid != op->journal.domid)
        return false;
    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(op->info.uuid));
    return op->journal.domain_uuid && !strcmp(uuid, op->journal.domain_uuid);
}

/*
 * A guest that was asked to suspend may still be about to, when whoever asked
 * it is dead already. So it is watched for a while.
 */
#define SETTLE_MS 2000

static int set_going(struct operation *op, const chain_snapshot *making,
                     char **report)
{
    const struct timespec nap = { .tv_nsec = 50000000 };
    int waited_ms, rc;

    if (!same_domain(op)) return 0;
    for (waited_ms = 0; ; waited_ms += 50) {
        if (op->info.shutdown && op->info.shutdown_reason ==
            LIBXL_SHUTDOWN_REASON_SUSPEND) {
            rc = libxl_domain_resume(op->m->ctx, op->domid, 1, NULL);
            if (rc)
                return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "the domain"
                                   " '%s' was left suspended and cannot be"
                                   " resumed", op->domain);
            tell(report, "resumed the domain '%s'", op->domain);
            break;
        }
        if (!making->memory || waited_ms >= SETTLE_MS) break;
        nanosleep(&nap, NULL);
        rc = operation_look(op);
        if (rc || !same_domain(op)) return rc;
    }
    if (op->info.paused && making->state == CHAIN_DOMAIN_STATE_RUNNING) {
        rc = libxl_domain_unpause(op->m->ctx, op->domid, NULL);
        if (rc)
            return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "the domain"
                               " '%s' was left paused and cannot be unpaused",
                               op->domain);
        tell(report, "unpaused the domain '%s'", op->domain);
    }
    if (op->journal.watched) operation_keep_watched(op, op->domid);
    return operation_look(op);
}

/* The images that an import has given a name; nobody had them before that. */
static int remove_new_images(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    int i;

    if (journal->num_active) return 0;
    for (i = 0; i < journal->num_images; i++) {
        const chain_image *image = &journal->images[i];

        if (!image->ours || image->backing || !image->path) continue;
        if (unlink(image->path) && errno != ENOENT)
            return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "cannot remove"
                               " the unfinished image %s: %s", image->path,
                               strerror(errno));
    }
    return 0;
}

static int undo_create(struct operation *op, char **report)
{
    const chain_snapshot *making = &op->journal.snapshots[0];
    struct chain_error why;
    int i, rc;

    rc = set_going(op, making, report);
    if (rc) return rc;
    if (chain_model_by_serial(&op->chain, making->serial)) {
        tell(report, "the snapshot '%s' of '%s' had been finished",
             making->name, op->domain);
        return operation_journal_clear(op);
    }
    for (i = 0; i < making->num_disks; i++) {
        if (making->disks[i].treatment != CHAIN_DISK_TREATMENT_INTERNAL)
            continue;
        rc = disk_delete_snapshot(op, &making->disks[i]);
        if (rc) return rc;
    }
    rc = remove_new_images(op);
    if (rc) return rc;
    rc = chain_store_payload_remove(op->store, making->serial, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    tell(report, "undid the making of the snapshot '%s' of '%s'",
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
    if (op->journal.step == CHAIN_STEP_DESTROYING && same_domain(op)) {
        if (op->info.dying) {
            rc = domain_destroy(op);
            if (!rc) rc = operation_look(op);
        } else {
            tell(report, "'%s' had not been touched yet; it stays as it was",
                 op->domain);
            rc = operation_journal_clear(op);
            goto out;
        }
        if (rc) goto out;
    }
    rc = revert_continue(op, &domid);
    if (!rc) tell(report, "'%s' is back at '%s'", op->domain, copy);
out:
    free(copy);
    return rc;
}

static int finish_delete(struct operation *op, char **report)
{
    int num = op->journal.num_snapshots, rc;

    rc = delete_continue(op);
    if (!rc)
        tell(report, "finished deleting %d snapshot%s of '%s'", num,
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
        op->journal.num_snapshots != 1)
        return manage_fail(op->err, MANAGE_DAMAGED, "the journal of '%s' does"
                           " not name one snapshot", op->domain);
    switch (op->journal.verb) {
    case CHAIN_VERB_CREATE: return undo_create(op, report);
    case CHAIN_VERB_REVERT: return settle_revert(op, report);
    case CHAIN_VERB_DELETE: return finish_delete(op, report);
    default:
        return manage_fail(op->err, MANAGE_DAMAGED, "the journal of '%s' is"
                           " about something this xl does not know",
                           op->domain);
    }
}

int roll_back(struct operation *op)
{
    struct manage_error first = { MANAGE_FAILED, "" };
    struct manage_error second = { MANAGE_OK, "" };
    struct manage_error *err = op->err;
    chain_verb verb = op->journal.verb;
    uint64_t serial = op->journal.num_snapshots
        ? op->journal.snapshots[0].serial : 0;
    struct chain_error why;
    bool gone = verb == CHAIN_VERB_REVERT && !same_domain(op);
    int rc;

    if (err) first = *err;
    op->err = &second;
    /* What is on the disk counts, not what we wanted to write; and taking the
     * lock anew makes sure that what is read then really is on the disk. */
    chain_model_dispose(&op->chain);
    chain_model_init(&op->chain);
    chain_store_unlock(op->store);
    rc = chain_store_lock(op->store, "snapshot-recover",
                          MANAGE_RECOVER_WAIT_MS, &why);
    if (!rc) rc = chain_store_load(op->store, &op->chain, &why);
    if (rc)
        manage_fail_chain(op->err, &why);
    else if (gone)
        rc = manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "the disks may be"
                         " part way back");
    else
        rc = recover_in_flight(op, NULL);
    op->err = err;
    if (!rc && verb == CHAIN_VERB_CREATE &&
        chain_model_by_serial(&op->chain, serial)) {
        if (err) err->outcome = MANAGE_OK;
        return 0;
    }
    if (err) {
        err->outcome = MANAGE_OK;
        if (rc)
            manage_fail(err, MANAGE_NEEDS_RECOVERY, "%.400s; what is left to"
                        " do failed, too (%.400s): run 'xl snapshot-recover"
                        " %.100s'", first.text, second.text, op->domain);
        else
            manage_fail(err, MANAGE_ROLLED_BACK, "%.800s; nothing was changed"
                        " in the end", first.text);
    }
    return ERROR_FAIL;
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
    rc = chain_store_orphans(op.store, &op.chain, &orphans, &num, &why);
    if (!rc && num)
        rc = chain_store_orphans_remove(op.store, &op.chain, &why);
    if (rc) {
        manage_fail_chain(err, &why);
        goto out;
    }
    for (i = 0; i < num; i++)
        tell(&report, "removed %s, which belonged to no snapshot", orphans[i]);
    if (!report) report = strdup("");
    if (!report) {
        rc = manage_fail_nomem(err);
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
