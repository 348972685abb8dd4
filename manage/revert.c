/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back to a snapshot. Once the domain is gone the way is only forward: the
 * journal says how far it went, and revert_continue goes on from there, be it
 * at once or after a crash.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/images.h"
#include "manage/clock.h"
#include "manage/internal.h"
#include "manage/losses.h"
#include "manage/manual.h"
#include "manage/memory.h"
#include "manage/preflight.h"
#include "manage/revert_disks.h"

/* What is known before anything is touched. */
struct outlook {
    const chain_snapshot *target;       /* of the operation's chain */
    chain_domain_state state;
    struct prediction predicted;
    struct manage_losses losses;
};

static void outlook_init(struct outlook *outlook)
{
    outlook->target = NULL;
    prediction_init(&outlook->predicted);
    manage_losses_init(&outlook->losses);
}

static void outlook_dispose(struct outlook *outlook)
{
    prediction_dispose(&outlook->predicted);
    manage_losses_dispose(&outlook->losses);
    outlook_init(outlook);
}

/* ---- what can be refused ---- */

static bool is_put_back(void *user, const chain_disk *disk)
{
    const struct operation *op = user;

    return revert_disk_way(&op->chain, disk) != REVERT_DISK_NOTHING;
}

static int check_internal(struct operation *op, const chain_snapshot *target,
                          const chain_disk *disk,
                          const struct disk_presence *found)
{
    if (found->present) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "disk %s: the image %s %s"
        " '%s', so there is nothing to go back to; it was %s", disk->vdev,
        disk->path, access(disk->path, F_OK) ? "is gone, and with it"
        : "does not hold", target->name, found->other
        ? "replaced by another snapshot of that name"
        : "deleted by other means than xl");
}

static int check_disk(struct operation *op, const chain_snapshot *target,
                      const chain_disk *disk)
{
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    int rc = 0;

    if (revert_disk_way(&op->chain, disk) == REVERT_DISK_NOTHING) return 0;
    if (disk->treatment == CHAIN_DISK_TREATMENT_MANUAL)
        return manual_check_revert(op, target, disk);
    if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL &&
        access(disk->path, R_OK))
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: the image %s of"
                           " '%s' cannot be read: %s", disk->vdev, disk->path,
                           target->name, strerror(errno));
    /* A clone may have it open to read; it is not written here either. */
    if (revert_disk_way(&op->chain, disk) != REVERT_DISK_APPLY &&
        chain_images_cloned(&op->chain, disk->path, NULL))
        return 0;
    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_snapshot_wait_unused(op->m->sctx, &image, op->running
                                         ? op->domid
                                         : LIBXL_SNAPSHOT_NO_DOMAIN,
                                         0, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

/* Every byte of it: the guest that runs now is destroyed before it is read. */
static int check_memory(struct operation *op, const chain_snapshot *target)
{
    struct memory_files memory;
    int rc;

    memory_files_init(&memory);
    rc = memory_files_open(op, target->serial, &memory);
    if (!rc) rc = memory_files_verify(op, &memory);
    memory_files_dispose(&memory);
    return rc;
}

static int check_config(struct operation *op, const chain_snapshot *target)
{
    struct chain_error why;
    char *path;
    int rc;

    rc = chain_store_payload_path(op->store, target->serial,
                                  CHAIN_PAYLOAD_CONFIG, &path, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    if (access(path, R_OK))
        rc = manage_fail(op->err, MANAGE_DAMAGED, "the snapshot '%s' lacks its"
                         " file %s: %s", target->name, path, strerror(errno));
    free(path);
    return rc;
}

static int check(struct operation *op, const chain_snapshot *target,
                 chain_domain_state state)
{
    int i, rc;

    if (op->running && op->info.dying)
        return manage_fail(op->err, MANAGE_BUSY, "the domain '%s' is being"
                           " destroyed; wait until it is gone", op->domain);
    rc = disks_visit(op, target, is_put_back, check_internal, op);
    for (i = 0; i < target->num_disks && !rc; i++)
        rc = check_disk(op, target, &target->disks[i]);
    if (rc || state == CHAIN_DOMAIN_STATE_OFF) return rc;
    rc = check_config(op, target);
    return rc || !target->memory ? rc : check_memory(op, target);
}

/* Without memory there is no running state to go back to. */
static chain_domain_state state_asked(const struct manage_revert *args,
                                      const chain_snapshot *target)
{
    if (args->state != CHAIN_DOMAIN_STATE_UNKNOWN) return args->state;
    return target->memory ? target->state : CHAIN_DOMAIN_STATE_OFF;
}

/* ---- dry run ---- */

static void plan_disk(struct operation *op, const chain_disk *disk,
                      struct plan_writer *plan)
{
    switch (revert_disk_way(&op->chain, disk)) {
    case REVERT_DISK_APPLY:
        plan_step(plan, "image_snapshot_apply", disk->vdev, disk->path);
        break;
    case REVERT_DISK_OVERLAY:
        plan_step(plan, "overlay_create", disk->vdev,
                  revert_disk_path(op, disk));
        break;
    case REVERT_DISK_COPY:
        plan_step(plan, "image_copy", disk->vdev, revert_disk_path(op, disk));
        break;
    case REVERT_DISK_HOOK:
        plan_step(plan, "hook_revert", disk->vdev, disk->hook);
        break;
    case REVERT_DISK_NOTHING:
        break;
    }
}

static int tell_plan(struct operation *op, const struct manage_revert *args,
                     const struct outlook *outlook, char **plan_r)
{
    const chain_snapshot *target = outlook->target;
    chain_domain_state state = outlook->state;
    struct plan_writer plan;
    int i, rc;

    rc = plan_begin(&plan, "snapshot-revert", op);
    if (rc) return rc;
    if (args->undo) plan_step(&plan, "snapshot_create", NULL, "undo-...");
    plan_step(&plan, "write_journal", NULL, NULL);
    rc = revert_disks_choose(op, target);
    if (rc) return rc;
    if (op->running) plan_step(&plan, "destroy_domain", NULL, op->domain);
    for (i = 0; i < target->num_disks; i++)
        plan_disk(op, &target->disks[i], &plan);
    if (state != CHAIN_DOMAIN_STATE_OFF)
        plan_step(&plan, target->memory ? "restore_memory" : "boot_domain",
                  NULL, op->domain);
    plan_step(&plan, "publish", NULL, target->name);
    if (state == CHAIN_DOMAIN_STATE_RUNNING)
        plan_step(&plan, "unpause", NULL, op->domain);
    plan_step(&plan, "clear_journal", NULL, NULL);
    if (state == CHAIN_DOMAIN_STATE_RUNNING && target->memory &&
        args->clock.set)
        plan_step(&plan, "set_clock", NULL, op->domain);
    plan_predicted(&plan, &outlook->predicted);
    plan_losses(&plan, &outlook->losses);
    return plan_end(&plan, plan_r, op->err);
}

/* ---- */

static int write_intent(struct operation *op, const chain_snapshot *target,
                        chain_domain_state state)
{
    chain_journal *journal = &op->journal;
    char uuid[37];
    int rc;

    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(op->info.uuid));
    journal->verb = CHAIN_VERB_REVERT;
    journal->running = op->running;
    journal->domid = op->running ? op->domid : 0;
    journal->target_state = state;
    journal->domain_uuid = strdup(op->running ? uuid : target->domain_uuid);
    journal->snapshots = calloc(1, sizeof(*journal->snapshots));
    if (!journal->domain_uuid || !journal->snapshots)
        return manage_fail_nomem(op->err);
    journal->num_snapshots = 1;
    chain_snapshot_init(&journal->snapshots[0]);
    if (chain_snapshot_copy(NULL, &journal->snapshots[0], target))
        return manage_fail_nomem(op->err);
    rc = revert_disks_choose(op, target);
    return rc ? rc : operation_journal(op, CHAIN_STEP_DESTROYING);
}

static int carry_out(struct operation *op, const chain_snapshot *target,
                     chain_domain_state state, uint32_t *domid_r)
{
    int rc;

    manage_reached(op->m, "revert:begin");
    rc = write_intent(op, target, state);
    if (rc) return rc;
    manage_reached(op->m, "revert:journaled");
    if (op->running) {
        rc = domain_destroy(op);
        if (!rc) rc = operation_look(op);
        if (rc) return rc;
        manage_reached(op->m, "revert:destroyed");
    }
    return revert_continue(op, domid_r);
}

/* Up to the point where something would be changed. undo: that is still to be
 * done. */
static int begin(struct operation *op, struct manage *m,
                 const struct manage_revert *args, bool dry_run, bool undo,
                 struct outlook *outlook, struct manage_error *err)
{
    const chain_snapshot *target;
    int rc;

    rc = operation_begin(op, m, "snapshot-revert", args->domain, true,
                         dry_run, err);
    if (rc) return rc;
    outlook->target = target = operation_find(op, args->name);
    if (!target) return ERROR_NOTFOUND;
    outlook->state = state_asked(args, target);
    rc = check(op, target, outlook->state);
    if (!rc) rc = preflight_revert(op, target, undo, &outlook->predicted);
    return rc;
}

/* The undo is a snapshot of its own: it stays when the revert fails. What is
 * lost was found out before, from what was the present then. */
static int keep_present(struct operation *op, struct manage *m,
                        const struct manage_revert *args,
                        struct outlook *outlook, char **undo_r,
                        struct manage_error *err)
{
    int rc;

    rc = undo_take(op, outlook->target, undo_r);
    operation_dispose(op);
    prediction_dispose(&outlook->predicted);
    return rc ? rc : begin(op, m, args, false, false, outlook, err);
}

int manage_revert_losses(struct manage *m, const struct manage_revert *args,
                         struct manage_losses *losses_r,
                         struct manage_error *err)
{
    struct outlook outlook;
    struct operation op;
    int rc;

    operation_init(&op);
    outlook_init(&outlook);
    rc = begin(&op, m, args, true, args->undo, &outlook, err);
    if (!rc)
        rc = losses_of_revert(&op, outlook.target, args->undo,
                              &outlook.losses);
    if (!rc) {
        manage_losses_dispose(losses_r);
        *losses_r = outlook.losses;
        manage_losses_init(&outlook.losses);
    }
    outlook_dispose(&outlook);
    operation_dispose(&op);
    return rc;
}

int manage_revert(struct manage *m, const struct manage_revert *args,
                  struct manage_revert_result *result_r, char **plan_r,
                  struct manage_error *err)
{
    struct outlook outlook;
    struct operation op;
    uint32_t domid = LIBXL_SNAPSHOT_NO_DOMAIN;
    struct manage_clock clock;
    char *undo = NULL;
    int rc;

    operation_init(&op);
    outlook_init(&outlook);
    manage_clock_init(&clock);
    rc = begin(&op, m, args, args->dry_run, args->undo, &outlook, err);
    if (!rc)
        rc = losses_of_revert(&op, outlook.target, args->undo,
                              &outlook.losses);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&op, args, &outlook, plan_r);
        goto out;
    }
    if (args->undo) rc = keep_present(&op, m, args, &outlook, &undo, err);
    if (rc) goto out;
    clock_foresee(&clock, outlook.target, outlook.state);
    rc = carry_out(&op, outlook.target, outlook.state, &domid);
    if (rc) {
        if (op.journaled) rc = roll_back(&op);
        goto out;
    }
    manage_revert_result_dispose(result_r);
    result_r->clock = clock;
    result_r->state = outlook.state;
    result_r->domid = domid;
    result_r->undo = undo;
    undo = NULL;
    result_r->lost = outlook.losses;
    manage_losses_init(&outlook.losses);
out:
    if (rc && undo)
        manage_warn(m, "the snapshot '%s', of what is the present, was taken"
                    " before that, and stays", undo);
    free(undo);
    outlook_dispose(&outlook);
    operation_dispose(&op);
    /* Nobody need wait at the lock for the guest's agent. */
    if (!rc && !args->dry_run)
        clock_settle(m, domid, &args->clock, &result_r->clock);
    return rc;
}
