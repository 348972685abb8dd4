/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream becomes the first snapshot of a domain. What comes in goes to files
 * that have no name yet, and to a payload that no chain names; when all of it
 * is known to be right the files get their names, and the chain is published.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chain/name.h"
#include "manage/import_parts.h"

static void import_init(struct import *in, const struct manage_import *args)
{
    memset(in, 0, sizeof(*in));
    in->args = args;
    operation_init(&in->op);
    manifest_init(&in->manifest);
    prediction_init(&in->predicted);
}

static void import_dispose(struct import *in)
{
    int i;

    for (i = 0; i < in->num; i++) new_file_dispose(&in->files[i]);
    for (i = 0; i < in->num; i++) free((char *)in->where[i].path);
    free(in->files);
    free(in->where);
    free(in->index);
    free(in->config);
    free(in->chunk);
    prediction_dispose(&in->predicted);
    manifest_dispose(&in->manifest);
    tar_reader_free(in->tar);
    operation_dispose(&in->op);
}

void manage_imported_init(struct manage_imported *imported)
{
    imported->domain = NULL;
    chain_snapshot_init(&imported->snapshot);
}

void manage_imported_dispose(struct manage_imported *imported)
{
    free(imported->domain);
    chain_snapshot_dispose(&imported->snapshot);
    manage_imported_init(imported);
}

/* ---- what it is, and where it goes ---- */

static int read_manifest(struct import *in, struct manage_error *err)
{
    char *text = NULL, *name;
    size_t len;
    int rc;

    rc = tar_reader_open(in->args->fd, &in->tar, err);
    if (!rc) rc = tar_reader_text(in->tar, TAR_MANIFEST, &text, &len);
    if (!rc) rc = manifest_parse(&in->manifest, text, len, err);
    free(text);
    if (rc) return rc;
    in->domain = in->args->domain ? in->args->domain : in->manifest.domain;
    if (in->args->name) {
        name = strdup(in->args->name);
        if (!name) return manage_fail_nomem(err);
        free(in->manifest.snapshot.name);
        in->manifest.snapshot.name = name;
    }
    return 0;
}

static int check_domain(struct import *in)
{
    struct operation *op = &in->op;
    const char *why = op->running ? "is running"
        : op->chain.tree.num_snapshots ? "has snapshots" : NULL;

    if (!why) return 0;
    return manage_fail(op->err, MANAGE_REFUSED, "a domain '%s' %s already:"
                       " give it another name with --name", op->domain, why);
}

static int check_dir(struct import *in)
{
    const char *dir = in->args->dir;
    struct stat st;

    if (!dir)
        return manage_fail(in->op.err, MANAGE_USAGE, "the snapshot has disks:"
                           " say with --dir DIRECTORY where they are to go");
    if (dir[0] != '/')
        return manage_fail(in->op.err, MANAGE_USAGE, "'%s' is not an absolute"
                           " path", dir);
    if (stat(dir, &st))
        return manage_fail(in->op.err, MANAGE_REFUSED, "%s: %s", dir,
                           strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return manage_fail(in->op.err, MANAGE_REFUSED, "%s is not a directory",
                           dir);
    return 0;
}

static int choose_files(struct import *in)
{
    const chain_snapshot *s = &in->manifest.snapshot;
    struct stat st;
    char *path;
    int i;

    in->where = calloc(s->num_disks + 1, sizeof(*in->where));
    in->index = calloc(s->num_disks + 1, sizeof(*in->index));
    in->files = calloc(s->num_disks + 1, sizeof(*in->files));
    in->chunk = malloc(IMPORT_CHUNK);
    if (!in->where || !in->index || !in->files || !in->chunk)
        return manage_fail_nomem(in->op.err);
    for (i = 0; i < s->num_disks; i++) {
        if (!manifest_has_disk(&s->disks[i])) continue;
        if (!in->num && check_dir(in)) return ERROR_FAIL;
        if (asprintf(&path, "%s/%s-%s.qcow2", in->args->dir, in->domain,
                     s->disks[i].vdev) < 0)
            return manage_fail_nomem(in->op.err);
        new_file_init(&in->files[in->num]);
        in->where[in->num] = (struct config_disk){
            s->disks[i].vdev, path, LIBXL_DISK_FORMAT_QCOW2 };
        in->index[in->num++] = i;
        if (!lstat(path, &st))
            return manage_fail(in->op.err, MANAGE_REFUSED, "%s is there"
                               " already, and is not overwritten", path);
    }
    return 0;
}

/* The domain's own, as long as it keeps its name. */
static int choose_uuid(struct import *in)
{
    const chain_snapshot *s = &in->manifest.snapshot;
    char *copy;
    libxl_uuid uuid;

    if (s->domain_uuid && strlen(s->domain_uuid) < sizeof(in->uuid) &&
        !strcmp(in->domain, in->manifest.domain)) {
        strcpy(in->uuid, s->domain_uuid);
        return 0;
    }
    libxl_uuid_generate(&uuid);
    snprintf(in->uuid, sizeof(in->uuid), LIBXL_UUID_FMT,
             LIBXL_UUID_BYTES(uuid));
    copy = strdup(in->uuid);
    if (!copy) return manage_fail_nomem(in->op.err);
    free(in->manifest.snapshot.domain_uuid);
    in->manifest.snapshot.domain_uuid = copy;
    return 0;
}

static int change_config(struct import *in, const char *old, const char *whose,
                         char **text_r)
{
    const struct config_change change = {
        in->domain, in->uuid, in->where, in->num };

    return config_json_change(old, whose, &change, text_r, in->op.err);
}

static int read_config(struct import *in)
{
    char *text = NULL;
    size_t len;
    int rc;

    rc = tar_reader_text(in->tar, TAR_CONFIG, &text, &len);
    if (!rc) rc = change_config(in, text, "the archive", &in->config);
    free(text);
    return rc;
}

/* What the record says of its disks is made true later; until then they are
 * disks that nothing was done to. The chain's rules judge the rest. */
static int settle_record(struct import *in)
{
    chain_snapshot *s = &in->manifest.snapshot;
    struct chain_model trial;
    struct chain_error why;
    int i, rc;

    s->parent = 0;
    rc = chain_model_place(&in->op.chain, s, &why);
    if (rc) return manage_fail_chain(in->op.err, &why);
    s->parent = 0;
    for (i = 0; i < s->num_disks; i++) {
        chain_disk *disk = &s->disks[i];

        libxl_snapshot_handle_dispose(&disk->handle);
        libxl_snapshot_handle_init(&disk->handle);
        free(disk->hook);
        disk->hook = NULL;
        free(disk->id);
        disk->id = NULL;
        disk->date_sec = disk->date_nsec = 0;
        if (manifest_has_disk(disk) ||
            disk->treatment == CHAIN_DISK_TREATMENT_MANUAL)
            disk->treatment = CHAIN_DISK_TREATMENT_EXCLUDED;
    }
    chain_model_init(&trial);
    rc = chain_model_copy(&trial, &in->op.chain, &why);
    if (!rc) rc = chain_model_add(&trial, s, &why);
    if (rc)
        manage_fail(in->op.err, why.rc == ERROR_NOMEM ? MANAGE_FAILED
                    : MANAGE_REFUSED, "the archive's " TAR_MANIFEST ": %s",
                    why.text);
    chain_model_dispose(&trial);
    return rc;
}

static int prepare(struct import *in, struct manage *m,
                   struct manage_error *err)
{
    struct chain_error why;
    int rc;

    in->op.err = err;
    if (in->args->name && chain_name_check(in->args->name, &why))
        return manage_fail_chain(err, &why);
    rc = read_manifest(in, err);
    if (rc) return rc;
    rc = operation_begin_any(&in->op, m, "snapshot-import", in->domain,
                             in->args->dry_run, err);
    if (!rc) rc = check_domain(in);
    if (!rc) rc = choose_files(in);
    if (!rc) rc = choose_uuid(in);
    if (!rc) rc = settle_record(in);
    if (!rc) rc = read_config(in);
    if (!rc)
        rc = preflight_import(&in->op, &in->manifest.snapshot, in->args,
                              in->num > 0, &in->predicted);
    return rc;
}

static int carry_out(struct import *in)
{
    struct operation *op = &in->op;
    int i, rc;

    manage_reached(op->m, "import:begin");
    rc = operation_journal_payload(op, &in->manifest.snapshot);
    if (!rc) rc = import_receive(in);
    if (rc) return rc;
    manage_reached(op->m, "import:received");
    rc = import_journal_names(in);
    if (!rc) rc = import_name_files(in);
    if (rc) return rc;
    manage_reached(op->m, "import:named");
    for (i = 0; i < in->num && !rc; i++) rc = import_snapshot_disk(in, i);
    if (!rc) rc = import_publish(in);
    if (!rc) manage_reached(op->m, "import:end");
    return rc;
}

/* The images of this host that the configuration names besides those that
 * come with it: for a person to look at. */
static void tell_others(struct import *in, struct plan_writer *plan)
{
    const xjson *disk;
    xjson *config = NULL;
    int i;

    if (xjson_parse(in->config, strlen(in->config), &config, NULL)) return;
    disk = xjson_first(xjson_member(config, "disks"));
    for (; disk; disk = xjson_next(disk)) {
        const char *path = xjson_member_string(disk, "pdev_path");
        const char *vdev = xjson_member_string(disk, "vdev");

        for (i = 0; i < in->num; i++)
            if (path && !strcmp(path, in->where[i].path)) break;
        if (path && *path && i == in->num)
            plan_step(plan, "uses", vdev, path);
    }
    xjson_free(config);
}

static int tell_plan(struct import *in, char **plan_r)
{
    struct plan_writer plan;
    int i, rc;

    rc = plan_begin(&plan, "snapshot-import", &in->op);
    if (rc) return rc;
    plan_step(&plan, "write_journal", NULL, NULL);
    if (in->manifest.snapshot.memory)
        plan_step(&plan, "receive", NULL, TAR_MEMORY);
    for (i = 0; i < in->num; i++)
        plan_step(&plan, "receive", in->where[i].vdev, in->where[i].path);
    tell_others(in, &plan);
    for (i = 0; i < in->num; i++)
        plan_step(&plan, "image_snapshot_create", in->where[i].vdev,
                  in->where[i].path);
    plan_step(&plan, "publish", NULL, in->manifest.snapshot.name);
    plan_step(&plan, "clear_journal", NULL, NULL);
    plan_predicted(&plan, &in->predicted);
    return plan_end(&plan, plan_r, in->op.err);
}

int manage_import(struct manage *m, const struct manage_import *args,
                  struct manage_imported *imported_r, char **plan_r,
                  struct manage_error *err)
{
    struct import in;
    int rc;

    import_init(&in, args);
    rc = prepare(&in, m, err);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&in, plan_r);
        goto out;
    }
    rc = carry_out(&in);
    if (rc && in.op.journaled) rc = roll_back(&in.op);
    if (rc) goto out;
    manage_imported_dispose(imported_r);
    imported_r->domain = in.op.domain;
    in.op.domain = NULL;
    imported_r->snapshot = in.manifest.snapshot;
    chain_snapshot_init(&in.manifest.snapshot);
out:
    import_dispose(&in);
    return rc;
}
