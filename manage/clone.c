/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new domain from a snapshot. The journal is that of the domain that the
 * snapshot is of: its chain must know who reads its images. Up to the step
 * STARTED all of it is undone; from there on the domain may have run, and what
 * is left to do is to note its images in the chain.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "chain/images.h"
#include "chain/name.h"
#include "manage/clock.h"
#include "manage/clone_config.h"
#include "manage/clone_disks.h"
#include "manage/internal.h"
#include "manage/memory.h"
#include "manage/note.h"
#include "manage/preflight.h"

struct clone {
    const struct manage_clone *args;
    struct operation op;
    const chain_snapshot *snapshot;     /* of op.chain */
    chain_domain_state state;
    libxl_uuid uuid;
    char *config;                       /* JSON, as it is to be */
    char *note;
    struct prediction predicted;
};

void manage_clone_result_init(struct manage_clone_result *result)
{
    memset(result, 0, sizeof(*result));
    result->domid = LIBXL_SNAPSHOT_NO_DOMAIN;
}

void manage_clone_result_dispose(struct manage_clone_result *result)
{
    int i;

    for (i = 0; i < result->num_disks; i++) {
        free(result->disks[i].vdev);
        free(result->disks[i].path);
        free(result->disks[i].base);
    }
    free(result->disks);
    free(result->note);
    manage_clock_dispose(&result->clock);
    manage_clone_result_init(result);
}

/* ---- what cannot work ---- */

static int check_no_domain(struct operation *op, const char *name)
{
    uint32_t domid;

    if (!op->m->ctx) return 0;
    if (libxl_name_to_domid(op->m->ctx, name, &domid)) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "there is a domain '%s'"
                       " already; choose another name for the clone", name);
}

static int check_no_chain(struct operation *op, const char *name)
{
    chain_store *store = NULL;
    struct chain_error why;
    bool exists = false;
    int rc;

    rc = chain_store_open(op->m->snapshot_dir, name, &store, &why);
    if (!rc) rc = chain_store_exists(store, &exists, &why);
    chain_store_close(store);
    if (rc) return manage_fail_chain(op->err, &why);
    if (!exists) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "there are snapshots of a"
                       " domain '%s' already; choose another name for the"
                       " clone", name);
}

/* xl takes digits for a domid. */
static int check_name(struct operation *op, const char *name)
{
    struct chain_error why;

    if (chain_domain_name_check(name, &why))
        return manage_fail(op->err, MANAGE_USAGE, "the clone's name: %s",
                           why.text);
    if (strspn(name, "0123456789") == strlen(name))
        return manage_fail(op->err, MANAGE_USAGE, "the clone's name '%s' would"
                           " be taken for the number of a domain", name);
    if (!strcmp(name, "Domain-0"))
        return manage_fail(op->err, MANAGE_USAGE, "the clone's name cannot be"
                           " that of dom0");
    return 0;
}

static bool mac_taken(void *user, const libxl_mac mac)
{
    struct operation *op = user;
    libxl_dominfo *domains;
    libxl_device_nic *nics;
    int i, k, num = 0, num_nics;
    bool taken = false;

    domains = libxl_list_domain(op->m->ctx, &num);
    for (i = 0; domains && i < num && !taken; i++) {
        num_nics = 0;
        nics = libxl_device_nic_list(op->m->ctx, domains[i].domid, &num_nics);
        for (k = 0; nics && k < num_nics; k++)
            taken |= !memcmp(nics[k].mac, mac, sizeof(libxl_mac));
        if (nics) libxl_device_nic_list_free(nics, num_nics);
    }
    if (domains) libxl_dominfo_list_free(domains, num);
    return taken;
}

static void renew_generation_id(struct clone *c, libxl_domain_config *config)
{
    libxl_ms_vm_genid *id = &config->b_info.u.hvm.ms_vm_genid;

    if (config->c_info.type == LIBXL_DOMAIN_TYPE_HVM &&
        !libxl_ms_vm_genid_is_zero(id))
        libxl_ms_vm_genid_generate(c->op.m->ctx, id);
}

/* Refused first, and the images are chosen before the configuration can name
 * them. */
static int configure(struct clone *c)
{
    const struct manage_clone *args = c->args;
    struct operation *op = &c->op;
    libxl_domain_config config;
    int rc;

    libxl_domain_config_init(&config);
    rc = domain_configuration_of(op, c->snapshot, &config);
    if (!rc) rc = clone_config_check(&config, args->clone, op->err);
    if (!rc) rc = clone_disks_check(op, c->snapshot, &config);
    if (!rc)
        rc = clone_disks_choose(op, c->snapshot, args->clone, args->dir);
    if (!rc)
        rc = domain_follow_images(op, op->journal.active,
                                  op->journal.num_active, &config);
    if (rc) goto out;
    libxl_uuid_generate(&c->uuid);
    rc = clone_config_renew(&config, args->clone, &c->uuid, mac_taken, op,
                            &c->note, op->err);
    if (rc) goto out;
    renew_generation_id(c, &config);
    c->config = libxl_domain_config_to_json(op->m->ctx, &config);
    if (!c->config) rc = manage_fail_nomem(op->err);
out:
    libxl_domain_config_dispose(&config);
    return rc;
}

/* Every byte, before anything is made. */
static int check_memory(struct clone *c)
{
    struct memory_files memory;
    int rc;

    memory_files_init(&memory);
    rc = memory_files_open(&c->op, c->snapshot->serial, &memory);
    if (!rc) rc = memory_files_verify(&c->op, &memory);
    memory_files_dispose(&memory);
    return rc;
}

/* Without memory there is no running state to begin with. */
static chain_domain_state state_asked(const struct clone *c)
{
    if (c->args->state != CHAIN_DOMAIN_STATE_UNKNOWN) return c->args->state;
    return c->snapshot->memory ? c->snapshot->state : CHAIN_DOMAIN_STATE_OFF;
}

static bool from_memory(const struct clone *c)
{
    return c->snapshot->memory && c->state != CHAIN_DOMAIN_STATE_OFF;
}

static int prepare(struct clone *c, struct manage *m,
                   struct manage_error *err)
{
    const struct manage_clone *args = c->args;
    struct operation *op = &c->op;
    bool forgotten;
    int rc;

    op->m = m;
    op->err = err;
    rc = check_name(op, args->clone);
    if (!rc)
        rc = operation_begin(op, m, "snapshot-clone", args->domain, true,
                             args->dry_run, err);
    /* An image that is gone does not keep its name. */
    if (!rc) rc = clones_forget(op, NULL, &forgotten);
    if (rc) return rc;
    c->snapshot = operation_find(op, args->name);
    if (!c->snapshot) return ERROR_NOTFOUND;
    c->state = state_asked(c);
    rc = check_no_domain(op, args->clone);
    if (!rc) rc = check_no_chain(op, args->clone);
    if (!rc) rc = configure(c);
    if (!rc && from_memory(c)) rc = check_memory(c);
    if (!rc) rc = preflight_clone(op, c->snapshot, &c->predicted);
    return rc;
}

/* ---- dry run ---- */

static int tell_plan(struct clone *c, char **plan_r)
{
    struct operation *op = &c->op;
    struct plan_writer plan;
    int i, rc;

    rc = plan_begin(&plan, "snapshot-clone", op);
    if (rc) return rc;
    plan_step(&plan, "write_journal", NULL, NULL);
    for (i = 0; i < c->snapshot->num_disks; i++) {
        const char *vdev = c->snapshot->disks[i].vdev;
        const chain_image *image = clone_disk_image(op, vdev);

        if (image)
            plan_step(&plan, image->backing ? "overlay_create" : "image_copy",
                      vdev, image->path);
    }
    if (c->state != CHAIN_DOMAIN_STATE_OFF)
        plan_step(&plan, c->snapshot->memory ? "restore_memory"
                  : "boot_domain", NULL, c->args->clone);
    plan_step(&plan, "publish", NULL, c->args->clone);
    if (c->state == CHAIN_DOMAIN_STATE_RUNNING)
        plan_step(&plan, "unpause", NULL, c->args->clone);
    plan_step(&plan, "clear_journal", NULL, NULL);
    if (c->state == CHAIN_DOMAIN_STATE_RUNNING && c->snapshot->memory &&
        c->args->clock.set)
        plan_step(&plan, "set_clock", NULL, c->args->clone);
    plan_predicted(&plan, &c->predicted);
    return plan_end(&plan, plan_r, op->err);
}

/* ---- the steps ---- */

static int write_intent(struct clone *c)
{
    struct operation *op = &c->op;
    chain_journal *journal = &op->journal;
    char uuid[37];

    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT, LIBXL_UUID_BYTES(c->uuid));
    journal->verb = CHAIN_VERB_CLONE;
    journal->target_state = c->state;
    journal->clone = strdup(c->args->clone);
    journal->clone_uuid = strdup(uuid);
    journal->snapshots = calloc(1, sizeof(*journal->snapshots));
    if (!journal->clone || !journal->clone_uuid || !journal->snapshots)
        return manage_fail_nomem(op->err);
    journal->num_snapshots = 1;
    chain_snapshot_init(&journal->snapshots[0]);
    if (chain_snapshot_copy(NULL, &journal->snapshots[0], c->snapshot))
        return manage_fail_nomem(op->err);
    return operation_journal(op, CHAIN_STEP_BEGUN);
}

static int restore(struct clone *c, uint32_t *domid_r)
{
    const struct manage_application *app = &c->op.m->app;
    struct manage_memory image;
    struct memory_files memory;
    int rc;

    memory_files_init(&memory);
    rc = memory_files_open(&c->op, c->snapshot->serial, &memory);
    image = (struct manage_memory){ c->op.m->sctx, memory.files, memory.num };
    if (!rc)
        rc = app->restore(app->user, &image, c->config, c->args->clone,
                          domid_r, c->op.err);
    memory_files_dispose(&memory);
    return rc;
}

static int bring_up(struct clone *c)
{
    const struct manage_application *app = &c->op.m->app;
    struct operation *op = &c->op;
    uint32_t domid;
    int rc;

    rc = operation_journal(op, CHAIN_STEP_STARTING);
    if (rc) return rc;
    manage_reached(op->m, "clone:starting");
    rc = c->snapshot->memory
        ? restore(c, &domid)
        : app->start(app->user, c->config, c->args->clone, &domid, op->err);
    if (rc) return rc;
    manage_reached(op->m, "clone:started");
    op->journal.new_domid = domid;
    return 0;
}

/* It stands still, and nobody has let it run. A guest that cannot be set going
 * is there all the same. */
static void let_run(struct operation *op)
{
    const chain_journal *journal = &op->journal;

    if (!journal->new_domid ||
        journal->target_state != CHAIN_DOMAIN_STATE_RUNNING)
        return;
    if (libxl_domain_unpause(op->m->ctx, journal->new_domid, NULL))
        manage_warn(op->m, "the clone '%s' is there, but cannot be unpaused;"
                    " try 'xl unpause %s'", journal->clone, journal->clone);
}

static int conclude(struct operation *op)
{
    int rc;

    rc = clone_disks_adopt(op);
    if (!rc) rc = operation_save(op);
    if (rc) return rc;
    manage_reached(op->m, "clone:published");
    let_run(op);
    rc = operation_journal_clear(op);
    if (!rc) manage_reached(op->m, "clone:end");
    return rc;
}

static int fill_result(struct clone *c, struct manage_clone_result *result)
{
    const chain_journal *journal = &c->op.journal;
    struct manage_clone_disk *disk;
    int i;

    snprintf(result->uuid, sizeof(result->uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(c->uuid));
    result->state = c->state;
    result->disks = calloc(journal->num_active + 1, sizeof(*result->disks));
    if (!result->disks) return manage_fail_nomem(c->op.err);
    for (i = 0; i < journal->num_active; i++) {
        const char *base = clone_disk_image(&c->op, journal->active[i].vdev)
            ->backing;

        disk = &result->disks[result->num_disks++];
        disk->vdev = strdup(journal->active[i].vdev);
        disk->path = strdup(journal->active[i].path);
        disk->base = base ? strdup(base) : NULL;
        if (!disk->vdev || !disk->path || (base && !disk->base))
            return manage_fail_nomem(c->op.err);
    }
    return 0;
}

static int carry_out(struct clone *c, struct manage_clone_result *result)
{
    struct operation *op = &c->op;
    int rc;

    clock_foresee(&result->clock, c->snapshot, c->state);
    manage_reached(op->m, "clone:begin");
    rc = write_intent(c);
    if (rc) return rc;
    manage_reached(op->m, "clone:journaled");
    rc = fill_result(c, result);
    if (!rc) rc = clone_disks_make(op, c->snapshot);
    if (rc) return rc;
    manage_reached(op->m, "clone:made");
    if (c->state != CHAIN_DOMAIN_STATE_OFF) {
        rc = bring_up(c);
        if (rc) return rc;
        result->domid = op->journal.new_domid;
    }
    rc = operation_journal(op, CHAIN_STEP_STARTED);
    return rc ? rc : conclude(op);
}

/* ---- after a crash ---- */

/* By its uuid, which nobody else has: it may not have its name yet. */
static int find_clone(struct operation *op, libxl_dominfo *info_r,
                      bool *found_r)
{
    libxl_dominfo *domains;
    char uuid[37];
    int i, num = 0;

    *found_r = false;
    domains = libxl_list_domain(op->m->ctx, &num);
    if (!domains)
        return manage_fail(op->err, MANAGE_FAILED, "cannot list the domains");
    for (i = 0; i < num && !*found_r; i++) {
        snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
                 LIBXL_UUID_BYTES(domains[i].uuid));
        if (strcmp(uuid, op->journal.clone_uuid)) continue;
        libxl_dominfo_copy(op->m->ctx, info_r, &domains[i]);
        *found_r = true;
    }
    libxl_dominfo_list_free(domains, num);
    return 0;
}

static int undo(struct operation *op, uint32_t domid, char **report)
{
    int rc = 0;

    if (domid != LIBXL_SNAPSHOT_NO_DOMAIN)
        rc = domain_destroy_other(op, domid, op->journal.clone);
    if (!rc) rc = clone_disks_remove(op);
    if (rc) return rc;
    note_add(report, "undid the making of the clone '%s' of '%s'",
             op->journal.clone, op->domain);
    return operation_journal_clear(op);
}

/* It had been made. If it is gone by now, it has been off by itself. */
static int finish(struct operation *op, const libxl_dominfo *info, bool found,
                  char **report)
{
    chain_journal *journal = &op->journal;

    if (!found || !info->paused) journal->new_domid = 0;
    note_add(report, "the clone '%s' of '%s' had been made", journal->clone,
             op->domain);
    return conclude(op);
}

/* One that is not paused before it was noted as started was let run by
 * somebody else: what its images hold is somebody's. */
int clone_recover(struct operation *op, char **report)
{
    libxl_dominfo info;
    bool found;
    int rc;

    libxl_dominfo_init(&info);
    rc = find_clone(op, &info, &found);
    if (rc) goto out;
    if (op->journal.step == CHAIN_STEP_STARTED ||
        (found && !info.paused && !info.dying && !info.shutdown))
        rc = finish(op, &info, found, report);
    else
        rc = undo(op, found ? info.domid : LIBXL_SNAPSHOT_NO_DOMAIN, report);
out:
    libxl_dominfo_dispose(&info);
    return rc;
}

/* ---- */

int manage_clone(struct manage *m, const struct manage_clone *args,
                 struct manage_clone_result *result_r, char **plan_r,
                 struct manage_error *err)
{
    struct manage_clone_result result;
    struct clone c = { .args = args };
    int rc;

    manage_clone_result_init(&result);
    operation_init(&c.op);
    prediction_init(&c.predicted);
    rc = prepare(&c, m, err);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&c, plan_r);
        goto out;
    }
    rc = carry_out(&c, &result);
    if (rc && c.op.journaled) rc = roll_back(&c.op);
    if (rc) goto out;
    result.note = c.note;
    c.note = NULL;
    manage_clone_result_dispose(result_r);
    *result_r = result;
    manage_clone_result_init(&result);
out:
    manage_clone_result_dispose(&result);
    prediction_dispose(&c.predicted);
    free(c.config);
    free(c.note);
    operation_dispose(&c.op);
    /* Nobody need wait at the lock for the guest's agent. */
    if (!rc && !args->dry_run)
        clock_settle(m, result_r->domid, &args->clock, &result_r->clock);
    return rc;
}
