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
#include "manage/dump_read.h"
#include "manage/hook.h"
#include "manage/internal.h"
#include "manage/memory.h"
#include "manage/preflight.h"
#include "manage/save_image.h"

enum action { KEEP, UPDATE, ADD };

struct redefine {
    const struct manage_redefine *args;
    struct operation op;
    struct dumps dumps;
    struct prediction predicted;
    enum action *actions;       /* one for each dump, in the order of the text */
    struct manage_redefined done;
};

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

/* ---- disks ---- */

static bool same_string(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool same_disk(const chain_disk *a, const chain_disk *b)
{
    return same_string(a->vdev, b->vdev) && same_string(a->path, b->path) &&
           a->treatment == b->treatment && a->date_sec == b->date_sec &&
           a->date_nsec == b->date_nsec;
}

/* Has the chain this very snapshot? Names and parents change, this does not. */
static bool same_snapshot(const chain_snapshot *a, const chain_snapshot *b)
{
    int i;

    if (a->created != b->created || a->num_disks != b->num_disks) return false;
    for (i = 0; i < a->num_disks; i++)
        if (!same_disk(&a->disks[i], &b->disks[i])) return false;
    return true;
}

static int check_internal(struct operation *op, const chain_snapshot *snapshot,
                          const chain_disk *disk)
{
    const chain_snapshot *owner;
    bool present, other;
    int rc;

    if (disk->format != LIBXL_DISK_FORMAT_QCOW2 || !disk->path ||
        disk->handle.format != LIBXL_DISK_FORMAT_QCOW2 ||
        !disk->handle.u.qcow2.name || !disk->date_sec)
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %s: it is not"
                           " said which snapshot of which image it is",
                           snapshot->name, disk->vdev);
    owner = disk_snapshot_owner(op, disk);
    if (owner)
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %s: what is in"
                           " its image belongs to the snapshot '%s' of the"
                           " chain", snapshot->name, disk->vdev, owner->name);
    rc = disk_has_snapshot(op, disk, &present, &other);
    if (rc) return rc;
    if (present) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %s: the image %s"
                       " %s the snapshot '%s' of that time; what is gone from"
                       " an image cannot be put back", snapshot->name,
                       disk->vdev, disk->path, other
                       ? "has another one in the place of" : "does not have",
                       disk->handle.u.qcow2.name);
}

static bool is_active(struct operation *op, const chain_disk *disk)
{
    const chain_tree *tree = &op->chain.tree;
    int i;

    for (i = 0; i < tree->num_active; i++)
        if (same_string(tree->active[i].path, disk->path)) return true;
    return disk_domid(op, disk) != LIBXL_SNAPSHOT_NO_DOMAIN;
}

static int check_external(struct operation *op, const chain_snapshot *snapshot,
                          const chain_disk *disk)
{
    struct stat st;

    if (!disk->path || disk->path[0] != '/')
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %s: it is not"
                           " said which image it is", snapshot->name,
                           disk->vdev);
    if (stat(disk->path, &st))
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %s: its image"
                           " %s: %s", snapshot->name, disk->vdev, disk->path,
                           strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %s: %s is"
                           " neither a file nor a block device",
                           snapshot->name, disk->vdev, disk->path);
    if (is_active(op, disk))
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %s: the domain"
                           " writes to %s, so that it no longer holds what it"
                           " held at that time", snapshot->name, disk->vdev,
                           disk->path);
    return 0;
}

static int check_disks(struct operation *op, const chain_snapshot *snapshot)
{
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (!disk->vdev)
            rc = manage_fail(op->err, MANAGE_REFUSED, "'%s': disk %d has no"
                             " vdev", snapshot->name, i);
        else if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL)
            rc = check_internal(op, snapshot, disk);
        else if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL)
            rc = check_external(op, snapshot, disk);
        else if (disk->treatment == CHAIN_DISK_TREATMENT_MANUAL)
            /* It knows whether there still is something to go back to. */
            rc = hook_check(op, HOOK_REVERT, snapshot->name, disk);
    }
    return rc;
}

/* ---- payloads ---- */

/* A file of a payload, or with NULL the payload itself. */
static int payload_has(struct operation *op, uint64_t serial, const char *file,
                       bool *has_r)
{
    struct chain_error why;
    char *path;
    int rc;

    *has_r = false;
    if (!serial) return 0;
    rc = chain_store_payload_path(op->store, serial, file, &path, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    *has_r = !access(path, F_OK);
    free(path);
    return 0;
}

/* Never given out in this chain, as far as it knows. */
static bool may_keep_serial(const struct operation *op,
                            const chain_snapshot *snapshot)
{
    return snapshot->serial >= op->chain.tree.next_serial &&
           snapshot->serial < UINT64_MAX / 2;
}

/* The payload that the record had; nobody else's. */
static int old_payload_has(struct operation *op, const chain_snapshot *snapshot,
                           const char *file, bool *has_r)
{
    *has_r = false;
    if (chain_model_by_serial(&op->chain, snapshot->serial)) return 0;
    return payload_has(op, snapshot->serial, file, has_r);
}

/* What --memory names: a file of xl's. */
static int check_given(struct operation *op, const char *path)
{
    char *config = NULL;
    struct stat st;
    int fd, rc;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        rc = manage_fail(op->err, MANAGE_REFUSED, "the memory image %s: %s",
                         path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = manage_fail(op->err, MANAGE_REFUSED, "the memory image %s is not"
                         " a file", path);
    else
        rc = save_image_read_header(fd, path, &config, op->err);
    free(config);
    if (fd >= 0) close(fd);
    return rc;
}

/* What the record's payload has, but for what it builds on. */
static int check_kept(struct operation *op, const chain_snapshot *snapshot)
{
    struct memory_files memory;
    int rc;

    memory_files_init(&memory);
    rc = memory_files_open_alone(op, snapshot->serial, &memory);
    if (!rc) rc = memory_files_verify(op, &memory);
    memory_files_dispose(&memory);
    /* No snapshot of the chain's is; this one does not become one. */
    if (rc && op->err && op->err->outcome == MANAGE_DAMAGED)
        op->err->outcome = MANAGE_REFUSED;
    return rc;
}

/* That is there, or is put back together with it. */
static int check_base(struct redefine *r, const chain_snapshot *snapshot)
{
    const chain_snapshot *base;
    size_t i;

    if (!snapshot->memory_base) return 0;
    base = chain_model_by_serial(&r->op.chain, snapshot->memory_base);
    for (i = 0; i < r->dumps.num && !base; i++)
        if (r->dumps.list[i].snapshot.serial == snapshot->memory_base)
            base = &r->dumps.list[i].snapshot;
    if (base && base->memory) return 0;
    return manage_fail(r->op.err, MANAGE_REFUSED, "the memory image of '%s'"
                       " holds the differences to that of a snapshot that is"
                       " not here: put that one back first, or both together;"
                       " or give a file with --memory, or put back the disks"
                       " alone with --disk-only", snapshot->name);
}

static int check_memory(struct redefine *r, const chain_snapshot *snapshot)
{
    struct operation *op = &r->op;
    bool has;
    int rc;

    if (!snapshot->memory || r->args->without_memory) {
        if (!r->args->memory) return 0;
        return manage_fail(op->err, MANAGE_USAGE, "the snapshot '%s' is"
                           " without memory: there is none to be given",
                           snapshot->name);
    }
    if (r->args->memory) return check_given(op, r->args->memory);
    rc = old_payload_has(op, snapshot, CHAIN_PAYLOAD_MEMORY, &has);
    if (rc) return rc;
    if (!has)
        return manage_fail(op->err, MANAGE_REFUSED, "the memory image of '%s'"
                           " is not where it was: give it with --memory FILE,"
                           " or put back the disks alone with --disk-only",
                           snapshot->name);
    rc = check_base(r, snapshot);
    return rc ? rc : check_kept(op, snapshot);
}

/* ---- what is to be done ---- */

/* It would be started under its own name, with the chain of another. */
static int check_config(struct operation *op, const struct dump *dump)
{
    struct xjson_error why;
    xjson *config = NULL;
    const char *name;
    bool has;
    int rc;

    if (!dump->config) {
        rc = old_payload_has(op, &dump->snapshot, CHAIN_PAYLOAD_CONFIG, &has);
        if (rc || has) return rc;
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': the configuration"
                           " of the domain is lost, and a snapshot without it"
                           " is of no use", dump->snapshot.name);
    }
    rc = xjson_parse(dump->config, strlen(dump->config), &config, &why);
    if (rc)
        return manage_fail(op->err, MANAGE_REFUSED, "'%s': config: %s",
                           dump->snapshot.name, why.text);
    name = xjson_member_string(xjson_member(config, "c_info"), "name");
    if (!name || strcmp(name, op->domain))
        rc = manage_fail(op->err, MANAGE_REFUSED, "'%s': the configuration is"
                         " that of a domain '%s', not '%s'",
                         dump->snapshot.name, name ? name : "", op->domain);
    xjson_free(config);
    return rc;
}

static int check_parent(struct operation *op, const struct dump *dump)
{
    if (!dump->parent_name || dump->parent ||
        chain_model_by_name(&op->chain, dump->parent_name))
        return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "the parent of '%s' is '%s',"
                       " which the domain '%s' does not have: put that back"
                       " first, or both together", dump->snapshot.name,
                       dump->parent_name, op->domain);
}

static int check_existing(struct redefine *r, const struct dump *dump,
                          const chain_snapshot *existing, enum action *action_r)
{
    struct operation *op = &r->op;

    if (!same_snapshot(existing, &dump->snapshot))
        return manage_fail(op->err, MANAGE_REFUSED, "the domain '%s' has"
                           " another snapshot called '%s': rename it first",
                           op->domain, existing->name);
    if (r->args->memory)
        return manage_fail(op->err, MANAGE_REFUSED, "the domain '%s' has the"
                           " snapshot '%s', with all that belongs to it",
                           op->domain, existing->name);
    *action_r = r->args->update ? UPDATE : KEEP;
    return r->args->update ? check_parent(op, dump) : 0;
}

static int check_one(struct redefine *r, const struct dump *dump,
                     enum action *action_r)
{
    struct operation *op = &r->op;
    const chain_snapshot *existing;
    int rc;

    if (strcmp(dump->domain, op->domain))
        return manage_fail(op->err, MANAGE_REFUSED, "'%s' is a snapshot of the"
                           " domain '%s', not of '%s'", dump->snapshot.name,
                           dump->domain, op->domain);
    existing = chain_model_by_name(&op->chain, dump->snapshot.name);
    if (existing) return check_existing(r, dump, existing, action_r);
    if (r->args->update)
        return manage_fail(op->err, MANAGE_NOT_FOUND, "the domain '%s' has no"
                           " snapshot '%s' to be changed", op->domain,
                           dump->snapshot.name);
    *action_r = ADD;
    rc = check_parent(op, dump);
    if (!rc) rc = check_config(op, dump);
    if (!rc) rc = check_disks(op, &dump->snapshot);
    if (!rc) rc = check_memory(r, &dump->snapshot);
    return rc;
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

        rc = check_one(r, &r->dumps.list[at], &r->actions[at]);
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

/* Its own, or else the next one that has no payload lying about. */
static int choose_serial(struct operation *op, chain_snapshot *snapshot)
{
    bool taken;
    int rc;

    if (may_keep_serial(op, snapshot)) return 0;
    snapshot->serial = op->chain.tree.next_serial;
    for (;;) {
        rc = payload_has(op, snapshot->serial, NULL, &taken);
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

    rc = payload_has(op, snapshot->serial, CHAIN_PAYLOAD_CONFIG, &has);
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
    rc = payload_has(op, snapshot->serial, CHAIN_PAYLOAD_MEMORY, &has);
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

    rc = payload_has(op, snapshot->serial, NULL, &there);
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
