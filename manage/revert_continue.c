/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of a revert once the domain is gone, each of which may be done
 * again. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "manage/internal.h"
#include "manage/memory.h"
#include "manage/revert_disks.h"

/*
 * A domain of our name that nobody has noted down can only be one that we
 * were bringing up: paused, never run. It is of no use.
 */
static int remove_half_started(struct operation *op)
{
    int rc;

    rc = operation_look(op);
    if (rc || !op->running) return rc;
    if (!op->info.paused)
        return manage_fail(op->err, MANAGE_REFUSED, "a domain '%s' has been"
                           " started in the middle of going back to a"
                           " snapshot; destroy it first", op->domain);
    return domain_destroy(op);
}

static int restore(struct operation *op, const chain_snapshot *target,
                   const char *config_json, uint32_t *domid_r)
{
    const struct manage_application *app = &op->m->app;
    struct manage_memory image;
    struct memory_files memory;
    int rc;

    memory_files_init(&memory);
    rc = memory_files_open(op, target->serial, &memory);
    image = (struct manage_memory){ op->m->sctx, memory.files, memory.num };
    if (!rc)
        rc = app->restore(app->user, &image, config_json, op->domain, domid_r,
                          op->err);
    memory_files_dispose(&memory);
    return rc;
}

static int start(struct operation *op, uint32_t *domid_r)
{
    const chain_snapshot *target = &op->journal.snapshots[0];
    const struct manage_application *app = &op->m->app;
    char *config_json = NULL;
    int rc;

    rc = start_configuration(op, target, &config_json);
    if (rc) return rc;
    rc = target->memory
        ? restore(op, target, config_json, domid_r)
        : app->start(app->user, config_json, op->domain, domid_r, op->err);
    free(config_json);
    return rc;
}

static int publish(struct operation *op)
{
    struct chain_error why;
    int rc;

    rc = images_adopt(op);
    if (rc) return rc;
    rc = chain_model_set_current(&op->chain, op->journal.snapshots[0].serial,
                                 &why);
    if (rc) return manage_fail_chain(op->err, &why);
    return operation_save(op);
}

/* The disks are right, but there is no domain to go with them: a sound state,
 * only not the one that was asked for. */
static int settle_without_domain(struct operation *op)
{
    char reason[sizeof(op->err->text)] = "";
    const char *name = op->journal.snapshots[0].name;
    int rc;

    if (op->err) {
        memcpy(reason, op->err->text, sizeof(reason));
        op->err->outcome = MANAGE_OK;
    }
    rc = publish(op);
    if (rc) return rc;
    manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "the disks of '%s' are back at"
                " '%s', but the domain could not be started: %.500s; it is off"
                " now, and snapshot-revert may be tried again", op->domain,
                name, reason);
    if (chain_store_journal_clear(op->store, NULL)) return ERROR_FAIL;
    op->journaled = false;
    return ERROR_FAIL;
}

static int bring_up(struct operation *op, uint32_t *domid_r)
{
    int rc;

    rc = operation_journal(op, CHAIN_STEP_STARTING);
    if (rc) return rc;
    manage_reached(op->m, "revert:starting");
    rc = start(op, domid_r);
    if (rc) return settle_without_domain(op);
    manage_reached(op->m, "revert:restored");
    op->journal.new_domid = *domid_r;
    return operation_journal(op, CHAIN_STEP_STARTED);
}

/* It is there, paused and noted down; or it is meant to be off. */
static int conclude(struct operation *op, uint32_t domid)
{
    bool run = op->journal.target_state == CHAIN_DOMAIN_STATE_RUNNING;
    int rc;

    manage_reached(op->m, "revert:publish");
    rc = publish(op);
    if (rc) return rc;
    manage_reached(op->m, "revert:published");
    if (domid != LIBXL_SNAPSHOT_NO_DOMAIN && run) {
        rc = libxl_domain_unpause(op->m->ctx, domid, NULL);
        if (rc && rc != ERROR_DOMAIN_NOTFOUND)
            return manage_fail(op->err, MANAGE_NEEDS_RECOVERY, "'%s' is back,"
                               " but cannot be unpaused; try 'xl unpause %s'",
                               op->domain, op->domain);
    }
    rc = operation_journal_clear(op);
    if (rc) return rc;
    manage_reached(op->m, "revert:settle");
    /* What was the present, if nothing names it any more. Merges can wait. */
    rc = operation_look(op);
    if (!rc) rc = images_settle(op, false, NULL);
    if (rc) {   /* it is back all the same */
        manage_warn(op->m, "images that nobody needs any more could not be"
                    " removed, and are by the next snapshot-delete or"
                    " snapshot-recover: %.700s", op->err ? op->err->text : "");
        if (op->err) op->err->outcome = MANAGE_OK;
    }
    manage_reached(op->m, "revert:end");
    return 0;
}

/* Started, and then we died: is it still there, and still waiting for us? */
static int conclude_started(struct operation *op, uint32_t *domid_r)
{
    uint32_t domid = op->journal.new_domid;

    if (!op->running || op->domid != domid) domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    else if (!op->info.paused)
        op->journal.target_state = CHAIN_DOMAIN_STATE_PAUSED; /* runs already */
    *domid_r = domid;
    return conclude(op, domid);
}

int revert_continue(struct operation *op, uint32_t *domid_r)
{
    uint32_t domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    int rc;

    if (op->journal.step == CHAIN_STEP_STARTED)
        return conclude_started(op, domid_r);
    if (op->journal.step >= CHAIN_STEP_APPLYING) {
        rc = remove_half_started(op);
        if (rc) return rc;
    }
    if (op->journal.step < CHAIN_STEP_STARTING) {
        rc = operation_journal(op, CHAIN_STEP_APPLYING);
        if (rc) return rc;
        rc = revert_disks_apply(op, &op->journal.snapshots[0]);
        if (rc) return rc;
        manage_reached(op->m, "revert:applied");
    }
    if (op->journal.target_state != CHAIN_DOMAIN_STATE_OFF) {
        rc = bring_up(op, &domid);
        if (rc) return rc;
    }
    *domid_r = domid;
    return conclude(op, domid);
}
