/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What others have put into the images becomes part of the chain. The images
 * are only read.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/name.h"
#include "manage/internal.h"

/* The snapshots that one disk's image holds. */
struct held {
    int disk;                   /* of the template */
    libxl_disk_snapshot *list;
    int num;
};

struct adopt {
    const struct manage_adopt *args;
    struct operation op;
    libxl_domain_config config;
    char *config_json;
    chain_snapshot template;    /* the domain's disks, without handles */
    struct held *held;
    int num_held;
    chain_snapshot *found;      /* what is to be adopted, the oldest first */
    int num_found;
    struct manage_redefined done;
};

static void adopt_init(struct adopt *a, const struct manage_adopt *args)
{
    memset(a, 0, sizeof(*a));
    a->args = args;
    operation_init(&a->op);
    libxl_domain_config_init(&a->config);
    chain_snapshot_init(&a->template);
    manage_redefined_init(&a->done);
}

static void adopt_dispose(struct adopt *a)
{
    int i;

    for (i = 0; i < a->num_held; i++)
        libxl_disk_snapshot_list_free(a->held[i].list, a->held[i].num);
    free(a->held);
    for (i = 0; i < a->num_found; i++) chain_snapshot_dispose(&a->found[i]);
    free(a->found);
    manage_redefined_dispose(&a->done);
    chain_snapshot_dispose(&a->template);
    free(a->config_json);
    libxl_domain_config_dispose(&a->config);
    operation_dispose(&a->op);
}

/* ---- what there is ---- */

static int read_domain(struct adopt *a)
{
    const struct manage_create plain = { NULL };
    chain_snapshot *t = &a->template;
    struct operation *op = &a->op;
    char uuid[37];
    int i, rc;

    rc = domain_configuration(op, &a->config);
    if (rc) return rc;
    a->config_json = libxl_domain_config_to_json(op->m->ctx, &a->config);
    if (!a->config_json) return manage_fail_nomem(op->err);
    snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(a->config.c_info.uuid));
    t->domain_uuid = strdup(uuid);
    if (!t->domain_uuid) return manage_fail_nomem(op->err);
    t->state = CHAIN_DOMAIN_STATE_OFF;
    rc = disks_of_configuration(&a->config, &plain, t, op->err);
    for (i = 0; i < t->num_disks && !rc; i++)
        if (t->disks[i].treatment == CHAIN_DISK_TREATMENT_INTERNAL &&
            t->disks[i].format != LIBXL_DISK_FORMAT_QCOW2)
            t->disks[i].treatment = CHAIN_DISK_TREATMENT_EXCLUDED;
    return rc;
}

static int list_disk(struct adopt *a, int i)
{
    struct held *held = &a->held[a->num_held];
    const chain_disk *disk = &a->template.disks[i];
    struct operation *op = &a->op;
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    int rc;

    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    held->disk = i;
    rc = libxl_disk_snapshot_list(op->m->sctx, disk_domid(op, disk), &image,
                                  &held->list, &held->num, &diag);
    if (rc)
        manage_fail_library(op->err, rc, &diag);
    else
        a->num_held++;
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

static int list_disks(struct adopt *a)
{
    int i, rc = 0;

    a->held = calloc(a->template.num_disks + 1, sizeof(*a->held));
    if (!a->held) return manage_fail_nomem(a->op.err);
    for (i = 0; i < a->template.num_disks && !rc; i++)
        if (a->template.disks[i].treatment == CHAIN_DISK_TREATMENT_INTERNAL)
            rc = list_disk(a, i);
    if (!rc && !a->num_held)
        rc = manage_fail(a->op.err, MANAGE_REFUSED, "the domain '%s' has no"
                         " writable qcow2 disk", a->op.domain);
    return rc;
}

/* The only one of that name; why it will not do, or NULL. */
static const char *pick(const struct held *held, const char *name,
                        const libxl_disk_snapshot **picked_r)
{
    int i;

    *picked_r = NULL;
    for (i = 0; i < held->num; i++) {
        if (!held->list[i].handle.u.qcow2.name ||
            strcmp(held->list[i].handle.u.qcow2.name, name))
            continue;
        if (*picked_r) return "is there more than once";
        *picked_r = &held->list[i];
    }
    if (!*picked_r) return "is not in its image";
    return (*picked_r)->vm_state_size
        ? "holds the state of a machine, which Xen cannot use" : NULL;
}

static int fill_disk(struct adopt *a, chain_disk *disk,
                     const libxl_disk_snapshot *from)
{
    if (libxl_snapshot_handle_copy(NULL, &disk->handle, &from->handle))
        return manage_fail_nomem(a->op.err);
    disk->id = strdup(from->id);
    if (!disk->id) return manage_fail_nomem(a->op.err);
    disk->date_sec = from->date_sec;
    disk->date_nsec = from->date_nsec;
    return 0;
}

/*
 * snapshot is initialised. ERROR_INVAL, with err filled in, when there is none
 * of that name that could be adopted; *ours_r when the chain has it.
 */
static int describe(struct adopt *a, const char *name, chain_snapshot *snapshot,
                    bool *ours_r, struct manage_error *err)
{
    struct chain_error bad_name;
    const libxl_disk_snapshot *from;
    const char *why;
    int i;

    *ours_r = false;
    if (chain_name_check(name, &bad_name)) {
        manage_fail(err, MANAGE_REFUSED, "%s", bad_name.text);
        return ERROR_INVAL;
    }
    if (chain_snapshot_copy(NULL, snapshot, &a->template) ||
        !(snapshot->name = strdup(name)))
        return manage_fail_nomem(err);
    for (i = 0; i < a->num_held; i++) {
        chain_disk *disk = &snapshot->disks[a->held[i].disk];

        why = pick(&a->held[i], name, &from);
        if (why) {
            manage_fail(err, MANAGE_REFUSED, "'%s' cannot be adopted: of disk"
                        " %s it %s", name, disk->vdev, why);
            return ERROR_INVAL;
        }
        if (fill_disk(a, disk, from)) return ERROR_FAIL;
        if (disk->date_sec > snapshot->created)
            snapshot->created = disk->date_sec;
        if (disk_snapshot_owner(&a->op, disk)) *ours_r = true;
    }
    if (*ours_r) {
        manage_fail(err, MANAGE_REFUSED, "'%s' is in the images a snapshot of"
                    " the chain already", name);
        return ERROR_INVAL;
    }
    if (chain_model_by_name(&a->op.chain, name)) {
        manage_fail(err, MANAGE_REFUSED, "the domain '%s' has another snapshot"
                    " called '%s'; rename that first", a->op.domain, name);
        return ERROR_INVAL;
    }
    return 0;
}

/* optional: what cannot be adopted is left out. */
static int find_one(struct adopt *a, const char *name, bool optional)
{
    struct manage_error why = { MANAGE_OK, "" };
    chain_snapshot snapshot, *grown;
    bool ours;
    int i, rc;

    for (i = 0; i < a->num_found; i++)
        if (!strcmp(a->found[i].name, name)) return 0;
    chain_snapshot_init(&snapshot);
    rc = describe(a, name, &snapshot, &ours, &why);
    if (rc == ERROR_INVAL && optional) {
        rc = 0;
        goto out;
    }
    if (rc) {
        manage_fail(a->op.err, why.outcome, "%s", why.text);
        goto out;
    }
    grown = realloc(a->found, (a->num_found + 1) * sizeof(*grown));
    if (!grown) {
        rc = manage_fail_nomem(a->op.err);
        goto out;
    }
    a->found = grown;
    grown[a->num_found++] = snapshot;
    chain_snapshot_init(&snapshot);
out:
    chain_snapshot_dispose(&snapshot);
    return rc;
}

static int by_date(const void *a, const void *b)
{
    const chain_snapshot *x = a, *y = b;

    if (x->created != y->created) return x->created < y->created ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int find_all(struct adopt *a)
{
    const struct held *first = &a->held[0];
    int i, rc = 0;

    if (a->args->num_names)
        for (i = 0; i < a->args->num_names && !rc; i++)
            rc = find_one(a, a->args->names[i], false);
    else
        for (i = 0; i < first->num && !rc; i++)
            if (first->list[i].handle.u.qcow2.name)
                rc = find_one(a, first->list[i].handle.u.qcow2.name, true);
    if (!rc && !a->num_found)
        rc = manage_fail(a->op.err, MANAGE_NOT_FOUND, "the images of '%s' hold"
                         " no snapshot that could be adopted: one that is in"
                         " all of them under one name, and in no chain",
                         a->op.domain);
    if (!rc) qsort(a->found, a->num_found, sizeof(*a->found), by_date);
    return rc;
}

static int prepare(struct adopt *a, struct manage *m, struct manage_error *err)
{
    int rc;

    rc = operation_begin(&a->op, m, "snapshot-adopt", a->args->domain, false,
                         a->args->dry_run, err);
    if (rc) return rc;
    if (a->args->parent && !operation_find(&a->op, a->args->parent))
        return ERROR_NOTFOUND;
    rc = read_domain(a);
    if (!rc) rc = list_disks(a);
    return rc ? rc : find_all(a);
}

/* ---- doing it ---- */

/* The newest that is not younger. */
static uint64_t parent_by_date(const struct operation *op,
                               const chain_snapshot *snapshot)
{
    const chain_tree *tree = &op->chain.tree;
    const chain_snapshot *best = NULL;
    int i;

    for (i = 0; i < tree->num_snapshots; i++) {
        const chain_snapshot *s = &tree->snapshots[i];

        if (s->created <= snapshot->created &&
            (!best || s->created >= best->created))
            best = s;
    }
    return best ? best->serial : 0;
}

static int note_done(struct adopt *a, const char *name)
{
    struct manage_redefined *done = &a->done;
    char **grown = realloc(done->names, (done->num + 1) * sizeof(*grown));

    if (!grown) return manage_fail_nomem(a->op.err);
    done->names = grown;
    grown[done->num] = strdup(name);
    if (!grown[done->num]) return manage_fail_nomem(a->op.err);
    done->num++;
    return 0;
}

static int adopt_one(struct adopt *a, int i)
{
    struct operation *op = &a->op;
    chain_snapshot *s = &a->found[i];
    struct chain_error why;
    int rc;

    rc = chain_model_place(&op->chain, s, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    s->parent = a->args->parent && !i
        ? chain_model_by_name(&op->chain, a->args->parent)->serial
        : parent_by_date(op, s);
    rc = operation_journal_payload(op, s);
    if (rc) return rc;
    manage_reached(op->m, "adopt:journaled");
    rc = chain_store_payload_create(op->store, s->serial, &why);
    if (!rc)
        rc = chain_store_payload_write(op->store, s->serial,
                                       CHAIN_PAYLOAD_CONFIG, a->config_json,
                                       strlen(a->config_json), &why);
    if (!rc) rc = chain_store_payload_seal(op->store, s->serial, &why);
    if (!rc) rc = chain_model_add(&op->chain, s, &why);
    if (!rc && a->args->current && i == a->num_found - 1)
        rc = chain_model_set_current(&op->chain, s->serial, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    manage_reached(op->m, "adopt:publish");
    rc = operation_save(op);
    return rc ? rc : operation_journal_clear(op);
}

static int carry_out(struct adopt *a)
{
    int i, rc = 0;

    for (i = 0; i < a->num_found && !rc; i++) {
        rc = adopt_one(a, i);
        if (rc && a->op.journaled) rc = roll_back(&a->op);
        if (!rc) rc = note_done(a, a->found[i].name);
    }
    return rc;
}

static int tell_plan(struct adopt *a, char **plan_r)
{
    struct plan_writer plan;
    int i, rc;

    rc = plan_begin(&plan, "snapshot-adopt", &a->op);
    if (rc) return rc;
    for (i = 0; i < a->num_found; i++)
        plan_step(&plan, "adopt", NULL, a->found[i].name);
    return plan_end(&plan, plan_r, a->op.err);
}

int manage_adopt(struct manage *m, const struct manage_adopt *args,
                 struct manage_redefined *adopted_r, char **plan_r,
                 struct manage_error *err)
{
    struct adopt a;
    int rc;

    adopt_init(&a, args);
    rc = prepare(&a, m, err);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&a, plan_r);
        goto out;
    }
    rc = carry_out(&a);
    manage_redefined_dispose(adopted_r);
    *adopted_r = a.done;
    manage_redefined_init(&a.done);
out:
    adopt_dispose(&a);
    return rc;
}
