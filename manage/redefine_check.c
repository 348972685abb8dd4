/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manage/hook.h"
#include "manage/memory.h"
#include "manage/redefine_check.h"
#include "manage/save_image.h"

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

int redefine_payload_has(struct operation *op, uint64_t serial, const char *file,
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

/* The payload that the record had; nobody else's. */
static int old_payload_has(struct operation *op, const chain_snapshot *snapshot,
                           const char *file, bool *has_r)
{
    *has_r = false;
    if (chain_model_by_serial(&op->chain, snapshot->serial)) return 0;
    return redefine_payload_has(op, snapshot->serial, file, has_r);
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

int redefine_check(struct redefine *r, const struct dump *dump,
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
