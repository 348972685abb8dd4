/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a failure of our own, in the middle: it is recovered as if we had been
 * killed, and then told apart whether it was done or undone.
 */
#include "config.h"

#include <stdlib.h>

#include "manage/internal.h"

/* What op's journal was to do, told from the chain as it is on the disk. */
struct outcome {
    chain_verb verb;
    chain_step step;
    uint64_t *serials;          /* that it makes, or that go */
    int num;
};

static int outcome_note(struct outcome *outcome, const chain_journal *journal)
{
    int i;

    outcome->verb = journal->verb;
    outcome->step = journal->step;
    outcome->num = 0;
    outcome->serials = calloc(journal->num_snapshots + 1,
                              sizeof(*outcome->serials));
    if (!outcome->serials) return ERROR_NOMEM;
    for (i = 0; i < journal->num_snapshots; i++)
        outcome->serials[outcome->num++] = journal->snapshots[i].serial;
    return 0;
}

static bool is_done(const struct outcome *outcome,
                    const struct chain_model *chain)
{
    bool making = outcome->verb == CHAIN_VERB_CREATE;
    int i;

    /* The way of a revert is only forward, and its journal goes last. */
    if (outcome->verb == CHAIN_VERB_REVERT)
        return outcome->step != CHAIN_STEP_DESTROYING;
    if (outcome->verb == CHAIN_VERB_CLONE)
        return outcome->step == CHAIN_STEP_STARTED;
    for (i = 0; i < outcome->num; i++)
        if (!chain_model_by_serial(chain, outcome->serials[i]) == making)
            return false;
    return outcome->num > 0;
}

/* What is on the disk counts, not what we wanted to write; and taking the
 * lock anew makes sure that what is read then really is on the disk. */
static int look_again(struct operation *op, bool *journal_r)
{
    struct chain_error why;
    chain_journal journal;
    int rc;

    chain_model_dispose(&op->chain);
    chain_model_init(&op->chain);
    chain_store_unlock(op->store);
    chain_journal_init(&journal);
    rc = chain_store_lock(op->store, "snapshot-recover",
                          MANAGE_RECOVER_WAIT_MS, &why);
    if (!rc) rc = chain_store_load(op->store, &op->chain, &why);
    if (!rc)
        rc = chain_store_journal_read(op->store, &journal, journal_r, &why);
    chain_journal_dispose(&journal);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

/*
 * *done_r: it was done, whatever failed on the way. Without a journal on the
 * disk it was not begun, or it was at its very end.
 */
static int go_back(struct operation *op, bool *done_r)
{
    struct outcome outcome = { .serials = NULL };
    bool journaled, gone = false;
    int rc;

    rc = look_again(op, &journaled);
    /* It may have ended since it was looked at. */
    if (!rc && op->journal.verb == CHAIN_VERB_REVERT) {
        rc = operation_look(op);
        gone = !journal_domain_runs(op) || op->info.dying;
    }
    if (rc) return rc;
    if (outcome_note(&outcome, &op->journal))
        return manage_fail_nomem(op->err);
    if (!journaled)
        op->journaled = false;
    else if (gone)
        rc = manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "the disks may be"
                         " part way back");
    else
        rc = recover_in_flight(op, NULL);
    if (!rc)
        *done_r = (!journaled || outcome.verb != CHAIN_VERB_REVERT) &&
                  is_done(&outcome, &op->chain);
    free(outcome.serials);
    return rc;
}

int roll_back(struct operation *op)
{
    struct manage_error first = { MANAGE_FAILED, "" };
    struct manage_error second = { MANAGE_OK, "" };
    struct manage_error *err = op->err;
    bool done = false;
    int rc;

    if (err) first = *err;
    op->err = &second;
    rc = go_back(op, &done);
    op->err = err;
    if (err) err->outcome = MANAGE_OK;
    if (!rc && done) return 0;
    if (rc)
        manage_fail(err, MANAGE_NEEDS_RECOVERY, "%.400s; what is left to do"
                    " could not be done (%.400s): run 'xl snapshot-recover"
                    " %.100s'", first.text, second.text, op->domain);
    else if (op->unsound)
        manage_fail(err, MANAGE_DAMAGED, "%.800s; that was undone, but an image"
                    " is damaged: look at it with 'qemu-img check' before it"
                    " is used", first.text);
    else
        manage_fail(err, MANAGE_ROLLED_BACK, "%.800s; nothing was changed in"
                    " the end", first.text);
    return ERROR_FAIL;
}
