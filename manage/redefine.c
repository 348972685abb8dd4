/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of snapshots are put back into a chain. The disks are only looked
 * at. A payload that lies where the record says is taken as it is; nothing
 * that was there before is ever removed on the way back.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/images.h"
#include "manage/memory.h"
#include "manage/redefine_check.h"
#include "manage/save_image.h"

void manage_redefined_init(struct manage_redefined *redefined)
{
    memset(redefined, 0, sizeof(*redefined));
}

void manage_redefined_dispose(struct manage_redefined *redefined)
{
    int i;

    for (i = 0; i < redefined->num; i++) free(redefined->names[i]);
    free(redefined->names);
    manage_redefined_init(redefined);
}

static int prepare(struct redefine *r, struct manage *m,
                   struct manage_error *err)
{
    const struct manage_redefine *args = r->args;
    size_t i;
    int rc;

    r->op.err = err;
    rc = dumps_parse(&r->dumps, args->text, args->len, err);
    if (rc) return rc;
    if (r->dumps.num > 1 && (args->current || args->memory))
        return manage_fail(err, MANAGE_USAGE, "%s is about one snapshot, and"
                           " there are %zu", args->current ? "--current"
                           : "--memory", r->dumps.num);
    r->actions = calloc(r->dumps.num, sizeof(*r->actions));
    if (!r->actions) return manage_fail_nomem(err);
    rc = operation_begin_any(&r->op, m, "snapshot-redefine", args->domain,
                             args->dry_run, err);
    for (i = 0; i < r->dumps.num && !rc; i++) {
        size_t at = r->dumps.order[i];

        rc = redefine_check(r, &r->dumps.list[at], &r->actions[at]);
    }
    if (!rc)
        rc = preflight_redefine(&r->op, r->actions[0] == ADD ? args->memory
                                : NULL, &r->predicted);
    return rc;
}

static int tell_plan(struct redefine *r, char **plan_r)
{
    static const char *const words[] = { "keep", "update", "put_back" };
    struct plan_writer plan;
    size_t i;
    int rc;

    rc = plan_begin(&plan, "snapshot-redefine", &r->op);
    if (rc) return rc;
    for (i = 0; i < r->dumps.num; i++) {
        size_t at = r->dumps.order[i];

        plan_step(&plan, words[r->actions[at]], NULL,
                  r->dumps.list[at].snapshot.name);
    }
    if (r->args->current)
        plan_step(&plan, "set_current", NULL, r->dumps.list[0].snapshot.name);
    plan_predicted(&plan, &r->predicted);
    return plan_end(&plan, plan_r, r->op.err);
}

/* ---- doing it ---- */

static uint64_t parent_serial(struct operation *op, const struct dump *dump)
{
    const chain_snapshot *parent = dump->parent_name
        ? chain_model_by_name(&op->chain, dump->parent_name) : NULL;

    return parent ? parent->serial : 0;
}

/* Never given out in this chain, as far as it knows. */
static bool may_keep_serial(const struct operation *op,
                            const chain_snapshot *snapshot)
{
    return snapshot->serial >= op->chain.tree.next_serial &&
           snapshot->serial < UINT64_MAX / 2;
}

/* Its own, or else the next one that has no payload lying about. */
static int choose_serial(struct operation *op, chain_snapshot *snapshot)
{
    bool taken;
    int rc;

    if (may_keep_serial(op, snapshot)) return 0;
    snapshot->serial = op->chain.tree.next_serial;
    for (;;) {
        rc = redefine_payload_has(op, snapshot->serial, NULL, &taken);
        if (rc || !taken) return rc;
        snapshot->serial++;
    }
}

/* A file of xl's becomes an image of ours. */
static int convert_memory(struct operation *op, const char *from,
                          uint64_t serial)
{
    libxl_domain_snapshot_result result;
    libxl_domain_snapshot_args args;
    libxl_memory_target target = { .fd = -1 };
    libxl_snapshot_diag diag;
    struct chain_error why;
    char *config = NULL;
    struct stat st;
    int in, rc;

    libxl_snapshot_diag_init(&diag);
    libxl_domain_snapshot_args_init(&args);
    libxl_domain_snapshot_result_init(&result);
    in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0 || fstat(in, &st)) {
        rc = manage_fail(op->err, MANAGE_FAILED, "cannot read the memory image"
                         " %s: %s", from, strerror(errno));
        goto out;
    }
    rc = save_image_read_header(in, from, &config, op->err);
    if (!rc) rc = memory_create(op, serial, &target.fd);
    if (rc) goto out;
    rc = libxl_memory_image_write(op->m->sctx, in, (uint64_t)st.st_size, &args,
                                  &target, &result, &diag);
    if (rc) {
        memory_fail(op->err, rc, &diag);
        goto out;
    }
    rc = chain_model_set_memory(&op->chain, serial, result.memory_bytes,
                                result.ram_bytes, &why);
    if (rc) manage_fail_chain(op->err, &why);
out:
    if (target.fd >= 0) close(target.fd);
    if (in >= 0) close(in);
    free(config);
    libxl_domain_snapshot_result_dispose(&result);
    libxl_domain_snapshot_args_dispose(&args);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

/* The user's file is converted; what the snapshot had is shared, and whoever
 * recovers removes the name that no snapshot has. */
static int bring_memory(struct redefine *r, const chain_snapshot *old,
                        uint64_t serial)
{
    struct operation *op = &r->op;
    char *from = NULL, *to = NULL;
    struct chain_error why;
    int rc;

    if (r->args->memory) return convert_memory(op, r->args->memory, serial);
    rc = chain_store_payload_path(op->store, serial, CHAIN_PAYLOAD_MEMORY, &to,
                                  &why);
    if (!rc)
        rc = chain_store_payload_path(op->store, old->serial,
                                      CHAIN_PAYLOAD_MEMORY, &from, &why);
    if (rc)
        manage_fail_chain(op->err, &why);
    else if (link(from, to) && errno != EEXIST)
        rc = manage_fail(op->err, MANAGE_FAILED, "cannot link %s to %s: %s",
                         from, to, strerror(errno));
    free(from);
    free(to);
    return rc;
}

/* What of the payload is not there yet. */
static int fill_payload(struct redefine *r, const struct dump *dump,
                        const chain_snapshot *snapshot)
{
    struct operation *op = &r->op;
    struct chain_error why;
    char *config = NULL;
    size_t len;
    bool has;
    int rc;

    rc = redefine_payload_has(op, snapshot->serial, CHAIN_PAYLOAD_CONFIG, &has);
    if (rc) return rc;
    if (!has && dump->config) {
        rc = chain_store_payload_write(op->store, snapshot->serial,
                                       CHAIN_PAYLOAD_CONFIG, dump->config,
                                       strlen(dump->config), &why);
        if (rc) return manage_fail_chain(op->err, &why);
    } else if (!has) {
        rc = chain_store_payload_read(op->store, dump->snapshot.serial,
                                      CHAIN_PAYLOAD_CONFIG, &config, &len,
                                      &why);
        if (!rc)
            rc = chain_store_payload_write(op->store, snapshot->serial,
                                           CHAIN_PAYLOAD_CONFIG, config, len,
                                           &why);
        free(config);
        if (rc) return manage_fail_chain(op->err, &why);
    }
    rc = redefine_payload_has(op, snapshot->serial, CHAIN_PAYLOAD_MEMORY, &has);
    if (!rc && snapshot->memory && !has)
        rc = bring_memory(r, &dump->snapshot, snapshot->serial);
    if (rc) return rc;
    rc = chain_store_payload_seal(op->store, snapshot->serial, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

static int make_payload(struct operation *op, const chain_snapshot *snapshot)
{
    struct chain_error why;
    bool there;
    int rc;

    rc = redefine_payload_has(op, snapshot->serial, NULL, &there);
    if (rc || there) return rc;
    rc = operation_journal_payload(op, snapshot);
    if (rc) return rc;
    manage_reached(op->m, "redefine:journaled");
    rc = chain_store_payload_create(op->store, snapshot->serial, &why);
    return rc ? manage_fail_chain(op->err, &why) : 0;
}

/* Who made a frozen image is not known for certain any more, so it is never
 * removed by us. */
static int note_images(struct operation *op, const chain_snapshot *snapshot,
                       struct chain_error *why)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL &&
            !chain_images_find(&op->chain, disk->path))
            rc = chain_images_add(&op->chain, disk->path, disk->format, false,
                                  NULL, LIBXL_DISK_FORMAT_UNKNOWN, why);
    }
    return rc;
}

/* What it builds on may have been put back under another serial. */
static uint64_t base_serial(const struct redefine *r,
                            const chain_snapshot *snapshot)
{
    const chain_snapshot *base = NULL;
    size_t i;

    for (i = 0; i < r->dumps.num && snapshot->memory_base && !base; i++)
        if (r->dumps.list[i].snapshot.serial == snapshot->memory_base)
            base = chain_model_by_name(&r->op.chain,
                                       r->dumps.list[i].snapshot.name);
    return base ? base->serial : snapshot->memory_base;
}

static int add(struct redefine *r, const struct dump *dump)
{
    struct operation *op = &r->op;
    chain_snapshot snapshot;
    struct chain_error why;
    int rc;

    chain_snapshot_init(&snapshot);
    if (chain_snapshot_copy(NULL, &snapshot, &dump->snapshot)) {
        rc = manage_fail_nomem(op->err);
        goto out;
    }
    if (r->args->without_memory) {
        snapshot.memory = snapshot.live = false;
        snapshot.memory_bytes = snapshot.ram_bytes = 0;
    }
    /* It gets another file than it had, or none. */
    if (r->args->without_memory || r->args->memory) {
        free(snapshot.memory_sha256);
        snapshot.memory_sha256 = NULL;
    }
    snapshot.memory_base = r->args->without_memory || r->args->memory ? 0
                         : base_serial(r, &dump->snapshot);
    snapshot.parent = parent_serial(op, dump);
    rc = choose_serial(op, &snapshot);
    if (rc) goto out;
    /* Before anything is made: the chain may still find fault with it. */
    rc = note_images(op, &snapshot, &why);
    if (!rc) rc = chain_model_add(&op->chain, &snapshot, &why);
    if (!rc && r->args->current)
        rc = chain_model_set_current(&op->chain, snapshot.serial, &why);
    if (rc) {
        rc = manage_fail(op->err, MANAGE_REFUSED, "'%s': %s", snapshot.name,
                         why.text);
        goto out;
    }
    rc = make_payload(op, &snapshot);
    if (!rc) rc = fill_payload(r, dump, &snapshot);
    if (rc) goto out;
    manage_reached(op->m, "redefine:publish");
    rc = operation_save(op);
    if (!rc && op->journaled) rc = operation_journal_clear(op);
out:
    chain_snapshot_dispose(&snapshot);
    return rc;
}

static int update(struct redefine *r, const struct dump *dump)
{
    struct operation *op = &r->op;
    const chain_snapshot *s =
        chain_model_by_name(&op->chain, dump->snapshot.name);
    uint64_t serial = s->serial;
    struct chain_error why;
    int rc;

    rc = chain_model_set_parent(&op->chain, serial, parent_serial(op, dump),
                                &why);
    if (!rc)
        rc = chain_model_set_description(&op->chain, serial,
                                         dump->snapshot.description, &why);
    if (!rc && r->args->current)
        rc = chain_model_set_current(&op->chain, serial, &why);
    if (rc)
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': %s",
                           dump->snapshot.name, why.text);
    return operation_save(op);
}

static int keep(struct redefine *r, const struct dump *dump)
{
    struct operation *op = &r->op;
    const chain_snapshot *s =
        chain_model_by_name(&op->chain, dump->snapshot.name);
    struct chain_error why;
    int rc;

    r->done.kept++;
    if (!r->args->current) return 0;
    rc = chain_model_set_current(&op->chain, s->serial, &why);
    return rc ? manage_fail_chain(op->err, &why) : operation_save(op);
}

static int note_done(struct redefine *r, const char *name)
{
    struct manage_redefined *done = &r->done;
    char **grown = realloc(done->names, (done->num + 1) * sizeof(*grown));

    if (!grown) return manage_fail_nomem(r->op.err);
    done->names = grown;
    grown[done->num] = strdup(name);
    if (!grown[done->num]) return manage_fail_nomem(r->op.err);
    done->num++;
    return 0;
}

static int carry_out(struct redefine *r)
{
    struct operation *op = &r->op;
    size_t i;
    int rc = 0;

    manage_reached(op->m, "redefine:begin");
    for (i = 0; i < r->dumps.num && !rc; i++) {
        size_t at = r->dumps.order[i];
        const struct dump *dump = &r->dumps.list[at];

        switch (r->actions[at]) {
        case KEEP:   rc = keep(r, dump);   break;
        case UPDATE: rc = update(r, dump); break;
        case ADD:    rc = add(r, dump);    break;
        }
        if (rc && op->journaled) rc = roll_back(op);
        if (!rc && r->actions[at] != KEEP)
            rc = note_done(r, dump->snapshot.name);
    }
    if (!rc) manage_reached(op->m, "redefine:end");
    return rc;
}

int manage_redefine(struct manage *m, const struct manage_redefine *args,
                    struct manage_redefined *redefined_r, char **plan_r,
                    struct manage_error *err)
{
    struct redefine r = { .args = args };
    int rc;

    operation_init(&r.op);
    dumps_init(&r.dumps);
    prediction_init(&r.predicted);
    manage_redefined_init(&r.done);
    rc = prepare(&r, m, err);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&r, plan_r);
        goto out;
    }
    rc = carry_out(&r);
    manage_redefined_dispose(redefined_r);
    *redefined_r = r.done;
    manage_redefined_init(&r.done);
out:
    manage_redefined_dispose(&r.done);
    free(r.actions);
    prediction_dispose(&r.predicted);
    dumps_dispose(&r.dumps);
    operation_dispose(&r.op);
    return rc;
}
