/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One snapshot becomes a stream. What it holds does not change as long as the
 * chain is locked, so that the guest may run on meanwhile.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/_chain_types_json.h"
#include "manage/config_json.h"
#include "manage/digest.h"
#include "manage/internal.h"
#include "manage/memory.h"
#include "manage/new_file.h"
#include "manage/preflight.h"
#include "manage/save_image.h"
#include "manage/tar.h"

struct export {
    const struct manage_export *args;
    struct operation op;
    const chain_snapshot *snapshot;     /* of op.chain */
    struct prediction predicted;
    struct new_file file;
    int out;                            /* where it goes */
    char *work_dir;
    struct tar_writer *tar;
    struct memory_files memory;         /* the snapshot's, checked */
    struct new_file merged;             /* as one, if it builds on others */
    char sha256[DIGEST_HEX];            /* of what goes out; "": not counted */
};

static bool has_disk(const chain_disk *disk)
{
    return disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL ||
           disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL;
}

/* ---- what cannot work ---- */

static int check_disk(struct operation *op, const chain_disk *disk)
{
    bool present, other;
    int rc;

    if (disk->treatment == CHAIN_DISK_TREATMENT_MANUAL)
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: a hook made its"
                           " snapshot, and only that knows where it is",
                           disk->vdev);
    if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL &&
        access(disk->path, R_OK))
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s: its image %s:"
                           " %s", disk->vdev, disk->path, strerror(errno));
    if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL) return 0;
    rc = disk_has_snapshot(op, disk, &present, &other);
    if (rc || present) return rc;
    return manage_fail(op->err, MANAGE_REFUSED, "disk %s: its image %s does"
                       " not hold the snapshot any more", disk->vdev,
                       disk->path);
}

static int prepare(struct export *e, struct manage *m,
                   struct manage_error *err)
{
    const struct manage_export *args = e->args;
    struct operation *op = &e->op;
    int i, rc;

    rc = operation_begin(op, m, "snapshot-export", args->domain, true,
                         args->dry_run, err);
    if (rc) return rc;
    e->snapshot = operation_find(op, args->name);
    if (!e->snapshot) return ERROR_NOTFOUND;
    if (args->xl_image) {
        if (e->snapshot->memory) return 0;
        return manage_fail(err, MANAGE_REFUSED, "the snapshot '%s' is without"
                           " memory: there is nothing that xl could restore",
                           args->name);
    }
    for (i = 0; i < e->snapshot->num_disks && !rc; i++)
        rc = check_disk(op, &e->snapshot->disks[i]);
    return rc;
}

/* Beside what is written, unless the user says where. */
static int choose_work_dir(struct export *e)
{
    const struct manage_export *args = e->args;
    char *copy;

    if (args->work_dir || !args->path) {
        e->work_dir = strdup(args->work_dir ? args->work_dir
                             : chain_store_dir(e->op.store));
    } else {
        copy = strdup(args->path);
        e->work_dir = copy ? strdup(dirname(copy)) : NULL;
        free(copy);
    }
    return e->work_dir ? 0 : manage_fail_nomem(e->op.err);
}

static int preflight(struct export *e)
{
    const struct manage_export *args = e->args;
    int rc = choose_work_dir(e);

    return rc ? rc : preflight_export(&e->op, e->snapshot, args, e->work_dir,
                                      !args->xl_image && tar_writer_compresses(
                                      args->path, args->compress),
                                      &e->predicted);
}

/* ---- where it goes ---- */

static int open_output(struct export *e)
{
    int rc;

    e->out = e->args->fd;
    if (!e->args->path) return 0;
    rc = new_file_open(&e->file, e->args->path, e->op.err);
    if (!rc) e->out = e->file.fd;
    return rc;
}

/* ---- the members ---- */

/* One that builds on others goes as a whole one. */
static int merge_memory(struct export *e, const struct memory_files *memory)
{
    libxl_domain_snapshot_args args;
    libxl_snapshot_diag diag;
    uint64_t bytes;
    int rc;

    libxl_snapshot_diag_init(&diag);
    libxl_domain_snapshot_args_init(&args);
    rc = new_file_scratch(&e->merged, e->work_dir, e->op.err);
    if (rc) goto out;
    rc = libxl_memory_image_merge(e->op.m->sctx, memory->files, memory->num,
                                  args.memory_level, e->merged.fd, &bytes, &diag);
    if (rc) memory_fail(e->op.err, rc, &diag);
out:
    libxl_snapshot_diag_dispose(&diag);
    libxl_domain_snapshot_args_dispose(&args);
    return rc;
}

/* Before the manifest, which says what its SHA-256 is, if that was counted before. */
static int open_memory(struct export *e)
{
    const char *noted = e->snapshot->memory_sha256;
    struct memory_files *memory = &e->memory;
    int rc;

    if (!e->snapshot->memory) return 0;
    manage_reached(e->op.m, "export:memory");
    rc = memory_files_open(&e->op, e->snapshot->serial, memory);
    if (!rc) rc = memory_files_verify(&e->op, memory);
    if (!rc)
        rc = digest_check(memory->files[0].fd, memory->paths[0], noted, e->op.err);
    if (rc) return rc;
    if (memory->num == 1) {
        if (noted) strcpy(e->sha256, noted);
        return 0;
    }
    rc = merge_memory(e, memory);
    if (!rc && noted)
        rc = digest_file(e->merged.fd, TAR_MEMORY, e->sha256, e->op.err);
    return rc;
}

static int write_manifest(struct export *e)
{
    chain_snapshot record = *e->snapshot;
    xjson_writer *w;
    char *text = NULL;
    int rc;

    /* The archive has all of it. */
    record.memory_base = 0;
    record.memory_sha256 = *e->sha256 ? e->sha256 : NULL;
    if (xjson_writer_alloc(true, &w)) return manage_fail_nomem(e->op.err);
    xjson_write_object(w);
    xjson_write_member_uint(w, "version", TAR_VERSION);
    xjson_write_member_string(w, "type", "xl-snapshot-export");
    xjson_write_member_string(w, "domain", e->op.domain);
    xjson_write_name(w, "snapshot");
    chain_snapshot_gen_json(w, &record);
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, &text, NULL);
    xjson_writer_free(w);
    if (rc)
        rc = manage_fail(e->op.err, MANAGE_FAILED, "cannot write the record of"
                         " '%s' as JSON", e->args->name);
    else
        rc = tar_writer_text(e->tar, TAR_MANIFEST, text);
    free(text);
    return rc;
}

static int write_config(struct export *e)
{
    struct chain_error why;
    char *text = NULL;
    size_t len;
    int rc;

    rc = chain_store_payload_read(e->op.store, e->snapshot->serial,
                                  CHAIN_PAYLOAD_CONFIG, &text, &len, &why);
    if (rc) return manage_fail_chain(e->op.err, &why);
    rc = tar_writer_text(e->tar, TAR_CONFIG, text);
    free(text);
    return rc;
}

static int write_memory(struct export *e)
{
    const struct memory_files *memory = &e->memory;

    if (!e->snapshot->memory) return 0;
    return memory->num > 1 ? tar_writer_file(e->tar, TAR_MEMORY, e->merged.fd,
                                             TAR_MEMORY)
         : tar_writer_file(e->tar, TAR_MEMORY, memory->files[0].fd,
                           memory->paths[0]);
}

static int write_disk(struct export *e, const chain_disk *disk)
{
    struct operation *op = &e->op;
    libxl_snapshot_diag diag;
    struct new_file copy;
    libxl_device_disk image;
    char *name = NULL;
    int rc;

    manage_reached(op->m, "export:disk");
    libxl_snapshot_diag_init(&diag);
    new_file_init(&copy);
    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    rc = new_file_scratch(&copy, e->work_dir, op->err);
    if (rc) goto out;
    rc = libxl_disk_export(op->m->sctx, &image, disk->treatment ==
                           CHAIN_DISK_TREATMENT_INTERNAL ? &disk->handle
                           : NULL, copy.fd, &diag);
    if (rc) {
        manage_fail_library(op->err, rc, &diag);
        goto out;
    }
    if (asprintf(&name, TAR_DISKS "%s.qcow2", disk->vdev) < 0) {
        name = NULL;
        rc = manage_fail_nomem(op->err);
        goto out;
    }
    rc = tar_writer_file(e->tar, name, copy.fd, name);
out:
    free(name);
    new_file_dispose(&copy);
    libxl_device_disk_dispose(&image);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

static int write_all(struct export *e)
{
    int i, rc;

    rc = tar_writer_open(e->out, e->args->path, e->args->compress, &e->tar,
                         e->op.err);
    if (!rc) rc = open_memory(e);
    if (!rc) rc = write_manifest(e);
    if (!rc) rc = write_config(e);
    if (!rc) rc = write_memory(e);
    for (i = 0; i < e->snapshot->num_disks && !rc; i++)
        if (has_disk(&e->snapshot->disks[i]))
            rc = write_disk(e, &e->snapshot->disks[i]);
    if (!rc) rc = tar_writer_finish(e->tar);
    return rc;
}

/* ---- for the system's xl ---- */

/* The configuration of that time, with the images that the disks have now. */
static int present_config(struct export *e, char **json_r)
{
    const chain_tree *tree = &e->op.chain.tree;
    struct config_change change = { 0 };
    struct config_disk *disks = NULL;
    struct chain_error why;
    char *old = NULL;
    size_t len;
    int i, k, rc;

    rc = chain_store_payload_read(e->op.store, e->snapshot->serial,
                                  CHAIN_PAYLOAD_CONFIG, &old, &len, &why);
    if (rc) return manage_fail_chain(e->op.err, &why);
    disks = calloc(tree->num_active + 1, sizeof(*disks));
    if (!disks) {
        rc = manage_fail_nomem(e->op.err);
        goto out;
    }
    change.disks = disks;
    for (i = 0; i < tree->num_active; i++)
        for (k = 0; k < e->snapshot->num_disks; k++)
            if (!strcmp(tree->active[i].vdev, e->snapshot->disks[k].vdev))
                disks[change.num_disks++] = (struct config_disk){
                    tree->active[i].vdev, tree->active[i].path,
                    tree->active[i].format };
    rc = config_json_change(old, "in that snapshot", &change, json_r, e->op.err);
out:
    free(disks);
    free(old);
    return rc;
}

static int write_xl_image(struct export *e)
{
    struct memory_files memory;
    libxl_snapshot_diag diag;
    char *config = NULL;
    int rc;

    memory_files_init(&memory);
    libxl_snapshot_diag_init(&diag);
    rc = memory_files_open(&e->op, e->snapshot->serial, &memory);
    if (!rc) rc = present_config(e, &config);
    if (!rc) rc = save_image_write_header(e->out, config, e->op.err);
    if (rc) goto out;
    rc = libxl_memory_image_read(e->op.m->sctx, memory.files, memory.num,
                                 e->out, &diag);
    if (rc) memory_fail(e->op.err, rc, &diag);
out:
    free(config);
    libxl_snapshot_diag_dispose(&diag);
    memory_files_dispose(&memory);
    return rc;
}

/* ---- all of it ---- */

static int tell_plan(struct export *e, char **plan_r)
{
    struct plan_writer plan;
    int i, rc;

    rc = plan_begin(&plan, "snapshot-export", &e->op);
    if (rc) return rc;
    if (!e->args->xl_image) {
        plan_step(&plan, "write", NULL, TAR_MANIFEST);
        plan_step(&plan, "write", NULL, TAR_CONFIG);
    }
    if (e->snapshot->memory) plan_step(&plan, "write", NULL, TAR_MEMORY);
    for (i = 0; i < e->snapshot->num_disks && !e->args->xl_image; i++)
        if (has_disk(&e->snapshot->disks[i]))
            plan_step(&plan, "copy", e->snapshot->disks[i].vdev,
                      e->snapshot->disks[i].path);
    plan_predicted(&plan, &e->predicted);
    return plan_end(&plan, plan_r, e->op.err);
}

int manage_export(struct manage *m, const struct manage_export *args,
                  char **plan_r, struct manage_error *err)
{
    struct export e = { .args = args, .out = -1 };
    int rc;

    operation_init(&e.op);
    new_file_init(&e.file);
    new_file_init(&e.merged);
    memory_files_init(&e.memory);
    prediction_init(&e.predicted);
    rc = prepare(&e, m, err);
    if (!rc) rc = preflight(&e);
    if (rc) goto out;
    if (args->dry_run) {
        rc = tell_plan(&e, plan_r);
        goto out;
    }
    rc = open_output(&e);
    if (rc) goto out;
    rc = args->xl_image ? write_xl_image(&e) : write_all(&e);
    if (!rc && args->path) rc = new_file_publish(&e.file, err);
out:
    tar_writer_free(e.tar);
    free(e.work_dir);
    prediction_dispose(&e.predicted);
    new_file_dispose(&e.file);
    new_file_dispose(&e.merged);
    memory_files_dispose(&e.memory);
    operation_dispose(&e.op);
    return rc;
}
