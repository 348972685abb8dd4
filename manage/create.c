/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chain/images.h"
#include "chain/name.h"
#include "manage/digest.h"
#include "manage/disk_choice.h"
#include "manage/hook.h"
#include "manage/internal.h"
#include "manage/manual.h"
#include "manage/memory.h"
#include "manage/preflight.h"

struct create {
    const struct manage_create *args;
    struct operation op;
    libxl_domain_config config;
    char *config_json;
    chain_snapshot snapshot;    /* the one being made */

    struct disk_choice disks;   /* those that get a snapshot */

    libxl_domain_snapshot_args what;
    libxl_snapshot_plan plan;
    struct prediction predicted;
    libxl_domain_snapshot_result result;
    int memory_fd;
    uint64_t base_serial;       /* of what the memory image may build on, or 0 */
    struct memory_files base;
};

static void create_init(struct create *c, const struct manage_create *args)
{
    memset(c, 0, sizeof(*c));
    c->args = args;
    operation_init(&c->op);
    libxl_domain_config_init(&c->config);
    chain_snapshot_init(&c->snapshot);
    disk_choice_init(&c->disks);
    libxl_domain_snapshot_args_init(&c->what);
    libxl_snapshot_plan_init(&c->plan);
    prediction_init(&c->predicted);
    libxl_domain_snapshot_result_init(&c->result);
    c->memory_fd = -1;
    memory_files_init(&c->base);
}

static void create_dispose(struct create *c)
{
    if (c->memory_fd >= 0) close(c->memory_fd);
    memory_files_dispose(&c->base);
    disk_choice_dispose(&c->disks);
    libxl_domain_snapshot_result_dispose(&c->result);
    prediction_dispose(&c->predicted);
    libxl_snapshot_plan_dispose(&c->plan);
    libxl_domain_snapshot_args_dispose(&c->what);
    chain_snapshot_dispose(&c->snapshot);
    free(c->config_json);
    libxl_domain_config_dispose(&c->config);
    operation_dispose(&c->op);
}

/* ---- what is to be made ---- */

static int choose_name(struct create *c)
{
    struct operation *op = &c->op;
    struct chain_error why;
    int rc;

    if (c->args->description) {
        rc = chain_description_check(c->args->description, &why);
        if (rc) return manage_fail_chain(op->err, &why);
        c->snapshot.description = strdup(c->args->description);
        if (!c->snapshot.description) return manage_fail_nomem(op->err);
    }
    if (!c->args->name) {
        rc = chain_name_default(&op->chain, time(NULL), &c->snapshot.name,
                                &why);
        return rc ? manage_fail_chain(op->err, &why) : 0;
    }
    rc = chain_name_check(c->args->name, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    if (chain_model_by_name(&op->chain, c->args->name))
        return manage_fail(op->err, MANAGE_REFUSED, "the domain '%s' has a"
                           " snapshot '%s' already; choose another name, or"
                           " delete or rename that one", op->domain,
                           c->args->name);
    c->snapshot.name = strdup(c->args->name);
    return c->snapshot.name ? 0 : manage_fail_nomem(op->err);
}

static int read_configuration(struct create *c)
{
    struct operation *op = &c->op;
    char uuid[37];
    int rc;

    rc = domain_configuration(op, &c->config);
    if (rc) return rc;
    c->config_json = libxl_domain_config_to_json(op->m->ctx, &c->config);
    if (!c->config_json) return manage_fail_nomem(op->err);
    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(c->config.c_info.uuid));
    c->snapshot.domain_uuid = strdup(uuid);
    if (!c->snapshot.domain_uuid) return manage_fail_nomem(op->err);
    rc = domain_check_images(op, &c->config);
    if (rc) return rc;
    return disks_of_configuration(&c->config, c->args, &c->snapshot, op->err);
}

static void note_state(struct create *c)
{
    const struct operation *op = &c->op;

    c->snapshot.state = !op->running ? CHAIN_DOMAIN_STATE_OFF
        : op->info.paused ? CHAIN_DOMAIN_STATE_PAUSED
        : CHAIN_DOMAIN_STATE_RUNNING;
    c->snapshot.memory = op->running && !c->args->disk_only;
    c->what.memory = c->snapshot.memory;
    /* Said before it is done: whoever undoes this must thaw them. */
    c->snapshot.quiesced = c->args->quiesce;
    c->what.memory_buffer = c->args->memory_buffer;
    if (c->args->memory_level)
        c->what.memory_level = c->args->memory_level > 0
                             ? c->args->memory_level : 0;
    c->what.quiesce = c->args->quiesce;
    c->what.quiesce_timeout_ms = c->args->quiesce_timeout_ms;
}

/*
 * The disks' snapshots are called as the domain's, or that and a number if an
 * image has one of the name already: made by hand, or left its name behind
 * in a rename.
 */
#define MOST_TRIES 16

static int plan(struct create *c)
{
    struct operation *op = &c->op;
    char *tried[MOST_TRIES] = { NULL };
    libxl_snapshot_diag diag;
    struct chain_error why;
    int i, rc = ERROR_DEVICE_EXISTS;

    libxl_snapshot_diag_init(&diag);
    for (i = 0; i < MOST_TRIES && rc == ERROR_DEVICE_EXISTS; i++) {
        libxl_snapshot_diag_dispose(&diag);
        libxl_snapshot_diag_init(&diag);
        rc = chain_name_handle(&op->chain, c->snapshot.name,
                               (const char *const *)tried, i, &tried[i], &why);
        if (rc) {
            manage_fail_chain(op->err, &why);
            goto out;
        }
        rc = disk_choice_set_handles(&c->disks, op, tried[i]);
        if (rc) goto out;
        rc = libxl_domain_snapshot_plan(op->m->sctx, op->domid, c->disks.disks,
                                        c->disks.handles, c->disks.num,
                                        &c->what, &c->plan, &diag);
    }
    if (rc) manage_fail_library(op->err, rc, &diag);
out:
    for (i = 0; i < MOST_TRIES; i++) free(tried[i]);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

/* What earlier snapshots of the same kind took counts; without one, a guess. */
static int check_pause(struct create *c)
{
    const struct prediction *p = &c->predicted;
    unsigned int budget = c->args->pause_budget_ms;

    if (!budget || p->pause_us <= budget * UINT64_C(1000)) return 0;
    return manage_fail(c->op.err, MANAGE_REFUSED, "the guest would have to stand"
                       " still for %llu ms, as far as can be told from %s, and"
                       " --pause-budget allows %u; --disk-only takes less",
                       (unsigned long long)(p->pause_us / 1000),
                       p->pause_from == PAUSE_MEASURED
                       ? "an earlier snapshot" : "its memory and disks", budget);
}

static void warn_of_pause(struct create *c)
{
    unsigned int budget = c->args->pause_budget_ms;
    uint64_t us = c->result.pause_us;

    if (budget && us > budget * UINT64_C(1000))
        manage_warn(c->op.m, "the guest stood still for %llu ms, longer than the"
                    " %u that --pause-budget allows",
                    (unsigned long long)(us / 1000), budget);
}

static int prepare(struct create *c, struct manage *m,
                   struct manage_error *err)
{
    struct operation *op = &c->op;
    int rc;

    rc = operation_begin(op, m, "snapshot-create", c->args->domain, false,
                         c->args->dry_run, err);
    if (rc) return rc;
    op->like = c->args->like;
    note_state(c);
    rc = choose_name(c);
    if (rc) return rc;
    rc = read_configuration(c);
    if (rc) return rc;
    rc = parent_place(op, &c->snapshot);
    if (rc) return rc;
    c->what.hook = manual_any(&c->snapshot);
    if (c->what.hook) rc = hook_set_ids(op, &c->snapshot);
    if (rc) return rc;
    rc = disk_choice_make(&c->disks, op, &c->config, c->args, &c->snapshot);
    if (rc) return rc;
    rc = plan(c);
    if (rc) return rc;
    rc = disk_choice_record_handles(&c->disks, op, &c->snapshot);
    /* Programs of others are asked last. */
    if (!rc) rc = manual_check_create(op, &c->snapshot);
    if (rc) return rc;
    rc = preflight_create(op, &c->config, &c->snapshot, &c->predicted);
    return rc ? rc : check_pause(c);
}

/* ---- dry run ---- */

static int tell_plan(struct create *c, char **plan_r)
{
    struct operation *op = &c->op;
    struct plan_writer writer;
    int i, rc;

    rc = plan_begin(&writer, "snapshot-create", op);
    if (rc) return rc;
    plan_step(&writer, "write_journal", NULL, NULL);
    for (i = 0; i < c->snapshot.num_disks; i++) {
        const chain_disk *disk = &c->snapshot.disks[i];

        if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL &&
            disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL)
            plan_step(&writer,
                      chain_disk_treatment_to_string(disk->treatment),
                      disk->vdev, disk->path);
    }
    plan_library_steps(&writer, &c->plan);
    plan_step(&writer, "publish", NULL, c->snapshot.name);
    plan_step(&writer, "clear_journal", NULL, NULL);
    plan_predicted(&writer, &c->predicted);
    return plan_end(&writer, plan_r, op->err);
}

/* ---- doing it ---- */

static int write_intent(struct create *c, bool watched)
{
    struct operation *op = &c->op;
    chain_journal *journal = &op->journal;

    journal->verb = CHAIN_VERB_CREATE;
    journal->running = op->running;
    journal->domid = op->running ? op->domid : 0;
    journal->watched = watched;
    journal->domain_uuid = strdup(c->snapshot.domain_uuid);
    journal->snapshots = calloc(1, sizeof(*journal->snapshots));
    if (!journal->domain_uuid || !journal->snapshots)
        return manage_fail_nomem(op->err);
    journal->num_snapshots = 1;
    chain_snapshot_init(&journal->snapshots[0]);
    if (chain_snapshot_copy(NULL, &journal->snapshots[0], &c->snapshot))
        return manage_fail_nomem(op->err);
    return operation_journal(op, CHAIN_STEP_STOPPING);
}

/* What cannot be opened is not built on; whoever needs it will hear of it. */
static int open_memory(struct create *c)
{
    struct manage_error *err = c->op.err;
    int rc;

    rc = memory_create(&c->op, c->snapshot.serial, &c->memory_fd);
    c->base_serial = memory_choose_base(&c->op);
    if (rc || !c->base_serial) return rc;
    c->op.err = NULL;
    if (memory_files_open(&c->op, c->base_serial, &c->base)) {
        memory_files_dispose(&c->base);
        c->base_serial = 0;
    }
    c->op.err = err;
    return 0;
}

static int prepare_payload(struct create *c)
{
    struct operation *op = &c->op;
    struct chain_error why;
    int rc;

    rc = chain_store_payload_create(op->store, c->snapshot.serial, &why);
    if (!rc)
        rc = chain_store_payload_write(op->store, c->snapshot.serial,
                                       CHAIN_PAYLOAD_CONFIG, c->config_json,
                                       strlen(c->config_json), &why);
    if (rc) return manage_fail_chain(op->err, &why);
    return c->snapshot.memory ? open_memory(c) : 0;
}

/* The library's stages are points of ours: "create:suspend" and so on. */
static void on_stage(void *user, const char *name)
{
    struct create *c = user;
    char point[64];

    snprintf(point, sizeof(point), "create:%s", name);
    manage_reached(c->op.m, point);
}

static int on_stopped(void *user)
{
    struct create *c = user;

    return manual_create(&c->op, &c->snapshot);
}

static void on_progress(void *user, uint64_t bytes, uint64_t estimate)
{
    const struct manage *m = ((struct create *)user)->op.m;

    if (m->app.progress) m->app.progress(m->app.user, bytes, estimate);
}

static int take(struct create *c)
{
    struct operation *op = &c->op;
    const libxl_snapshot_callbacks callbacks = {
        .user = c, .progress = on_progress, .stage = on_stage,
        .stopped = on_stopped,
    };
    const libxl_memory_target memory = {
        .fd = c->memory_fd, .base = c->base.files, .num_base = c->base.num,
    };
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_domain_snapshot_create(op->m->sctx, op->domid, c->disks.disks,
                                      c->disks.handles, c->disks.num,
                                      &c->what, c->snapshot.memory
                                      ? &memory : NULL, &callbacks,
                                      &c->result, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    /* It has thawed them, or tried, and said so; no need to do it twice. */
    op->journal.snapshots[0].quiesced = false;
    if (!rc && c->result.maybe_frozen)
        manage_warn(op->m, "the snapshot is good, but the agent in '%s' did"
                    " not confirm the thaw: THE GUEST'S FILE SYSTEMS MAY STILL"
                    " BE FROZEN; try 'xl snapshot-thaw %s'", op->domain,
                    op->domain);
    return rc;
}

/* The guest runs on meanwhile. The file has just been written, and is read from dom0's
 * cache for the most part. */
static int count_digest(struct create *c)
{
    char hex[DIGEST_HEX];
    int rc;

    if (!c->snapshot.memory || !c->args->memory_sha256) return 0;
    rc = digest_file(c->memory_fd, "the memory image", hex, c->op.err);
    if (rc) return rc;
    c->snapshot.memory_sha256 = strdup(hex);
    return c->snapshot.memory_sha256 ? 0 : manage_fail_nomem(c->op.err);
}

static int record_result(struct create *c)
{
    int rc = count_digest(c);

    if (rc) return rc;
    c->snapshot.created = time(NULL);
    c->snapshot.memory_bytes = c->result.memory_bytes;
    c->snapshot.ram_bytes = c->result.ram_bytes;
    c->snapshot.memory_base = c->result.memory_has_base ? c->base_serial : 0;
    c->snapshot.live = c->result.live;
    c->snapshot.pause_us = c->result.pause_us;
    c->snapshot.pause_memory_us = c->result.pause_memory_us;
    c->snapshot.pause_disks_us = c->result.pause_disks_us;
    c->snapshot.pause_resume_us = c->result.pause_resume_us;
    c->snapshot.quiesced = c->result.quiesced;
    return disk_choice_record_result(&c->disks, &c->op, &c->result,
                                     &c->snapshot);
}

/* A disk that got another image by other means is no longer ours. */
static int forget_replaced(struct create *c)
{
    struct operation *op = &c->op;
    const chain_active_disk *active;
    struct chain_error why;
    int i, rc;

    for (i = 0; i < c->snapshot.num_disks; i++) {
        const chain_disk *disk = &c->snapshot.disks[i];

        active = chain_images_active(&op->chain, disk->vdev);
        if (!active || (disk->path && !strcmp(active->path, disk->path)))
            continue;
        rc = chain_images_clear_active(&op->chain, disk->vdev, &why);
        if (rc) return manage_fail_chain(op->err, &why);
    }
    return 0;
}

static int publish(struct create *c)
{
    struct operation *op = &c->op;
    struct chain_error why;
    int rc;

    manage_reached(op->m, "create:seal");
    rc = forget_replaced(c);
    if (!rc) rc = images_adopt(op);
    if (rc) return rc;
    rc = chain_store_payload_seal(op->store, c->snapshot.serial, &why);
    if (!rc) rc = chain_model_add(&op->chain, &c->snapshot, &why);
    if (!rc)
        rc = chain_model_set_current(&op->chain, c->snapshot.serial, &why);
    if (!rc)
        rc = chain_model_set_domain_uuid(&op->chain, c->snapshot.domain_uuid,
                                         &why);
    if (rc) return manage_fail_chain(op->err, &why);
    manage_reached(op->m, "create:publish");
    rc = operation_save(op);
    if (rc) return rc;
    manage_reached(op->m, "create:published");
    return 0;
}

/* docs/design/clock.md, "A channel and a restore": nothing of it is ours, and the
 * guest's kernel cannot be asked whether it knows better. */
static void warn_of_channel(const struct create *c)
{
    if (!c->snapshot.memory || !c->config.num_channels ||
        c->config.c_info.type != LIBXL_DOMAIN_TYPE_PV)
        return;
    manage_warn(c->op.m, "'%s' has a channel: with Linux 6.1 such a guest loses a"
                " disk when its memory is restored, also by xl restore; try"
                " whether it can go back to '%s' before you rely on that, or use"
                " --disk-only", c->op.domain, c->snapshot.name);
}

static int carry_out(struct create *c)
{
    struct operation *op = &c->op;
    const struct manage_application *app = &op->m->app;
    bool watched = op->running && c->snapshot.memory && app->watched &&
                   app->watched(app->user, op->domid);
    int rc;

    manage_reached(op->m, "create:begin");
    rc = write_intent(c, watched);
    if (rc) return rc;
    manage_reached(op->m, "create:journaled");
    rc = prepare_payload(c);
    if (rc) return rc;
    manage_reached(op->m, "create:prepared");
    rc = take(c);
    /* The guest ran on in either case, and may have lost its watcher. */
    if (watched) operation_keep_watched(op, op->domid);
    if (rc) return rc;
    manage_reached(op->m, "create:taken");
    rc = record_result(c);
    if (rc) return rc;
    rc = publish(c);
    if (rc) return rc;
    rc = operation_journal_clear(op);
    if (rc) return rc;
    warn_of_pause(c);
    warn_of_channel(c);
    manage_reached(op->m, "create:end");
    return 0;
}

int manage_create(struct manage *m, const struct manage_create *args,
                  chain_snapshot *snapshot_r, char **plan_r,
                  struct manage_error *err)
{
    struct create c;
    int rc;

    create_init(&c, args);
    rc = prepare(&c, m, err);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&c, plan_r);
        goto out;
    }
    rc = carry_out(&c);
    if (rc && c.op.journaled) rc = roll_back(&c.op);
    if (rc) goto out;
    chain_snapshot_dispose(snapshot_r);
    *snapshot_r = c.snapshot;
    chain_snapshot_init(&c.snapshot);
out:
    create_dispose(&c);
    return rc;
}
