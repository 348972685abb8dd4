/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/durable.h"
#include "manage/import_parts.h"

int import_journal_names(struct import *in)
{
    chain_journal *journal = &in->op.journal;
    int i;

    if (!in->num) return 0;
    journal->images = calloc(in->num, sizeof(*journal->images));
    if (!journal->images) return manage_fail_nomem(in->op.err);
    for (i = 0; i < in->num; i++) {
        chain_image *image = &journal->images[i];

        chain_image_init(image);
        journal->num_images = i + 1;
        image->format = LIBXL_DISK_FORMAT_QCOW2;
        image->ours = true;
        image->path = strdup(in->where[i].path);
        if (!image->path) return manage_fail_nomem(in->op.err);
    }
    return operation_journal(&in->op, CHAIN_STEP_BEGUN);
}

/* Has the file that we made got the name? What says that it failed may come
 * after that. */
static bool is_named(struct import *in, int i)
{
    struct stat ours, named;

    return in->files[i].fd >= 0 && !fstat(in->files[i].fd, &ours) &&
           !lstat(in->where[i].path, &named) &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

int import_name_files(struct import *in)
{
    chain_journal *journal = &in->op.journal;
    struct chain_error ignored;     /* why they cannot have their names counts */
    int i, rc = 0;

    for (i = 0; i < in->num && !rc; i++)
        rc = new_file_publish(&in->files[i], in->op.err);
    if (!rc) return 0;
    for (i = 0; i < in->num; i++)
        if (is_named(in, i))
            chain_durable_remove(in->where[i].path, &ignored);
    for (i = 0; i < journal->num_images; i++)
        chain_image_dispose(&journal->images[i]);
    free(journal->images);
    journal->images = NULL;
    journal->num_images = 0;
    return rc;
}

static int record_disk(struct import *in, int i,
                       const libxl_disk_snapshot *made,
                       libxl_snapshot_handle *handle)
{
    chain_disk *disk = &in->manifest.snapshot.disks[in->index[i]];
    char *path = strdup(in->where[i].path), *id = strdup(made->id);

    if (!path || !id || libxl_snapshot_handle_copy(NULL, &disk->handle,
                                                   handle)) {
        free(path);
        free(id);
        return manage_fail_nomem(in->op.err);
    }
    free(disk->path);
    disk->path = path;
    disk->id = id;
    disk->format = LIBXL_DISK_FORMAT_QCOW2;
    disk->treatment = CHAIN_DISK_TREATMENT_INTERNAL;
    disk->date_sec = made->date_sec;
    disk->date_nsec = made->date_nsec;
    return fsync(in->files[i].fd)
        ? manage_fail(in->op.err, MANAGE_FAILED, "%s: %s", disk->path,
                      strerror(errno)) : 0;
}

int import_snapshot_disk(struct import *in, int i)
{
    struct operation *op = &in->op;
    libxl_domain_snapshot_result result;
    libxl_snapshot_handle handle;
    libxl_snapshot_diag diag;
    libxl_device_disk disk;
    chain_disk image = { 0 };
    int rc;

    image.vdev = (char *)in->where[i].vdev;
    image.path = (char *)in->where[i].path;
    image.format = LIBXL_DISK_FORMAT_QCOW2;
    rc = disk_to_libxl(&image, &disk, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    libxl_domain_snapshot_result_init(&result);
    libxl_snapshot_handle_init(&handle);
    libxl_snapshot_handle_init_format(&handle, LIBXL_DISK_FORMAT_QCOW2);
    handle.u.qcow2.name = strdup(in->manifest.snapshot.name);
    if (!handle.u.qcow2.name) {
        rc = manage_fail_nomem(op->err);
        goto out;
    }
    rc = libxl_disk_snapshot_create(op->m->sctx, LIBXL_SNAPSHOT_NO_DOMAIN,
                                    &disk, &handle, 1, &result, &diag);
    if (rc)
        manage_fail_library(op->err, rc, &diag);
    else
        rc = record_disk(in, i, &result.disks[0], &handle);
out:
    libxl_snapshot_handle_dispose(&handle);
    libxl_domain_snapshot_result_dispose(&result);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&disk);
    return rc;
}

int import_publish(struct import *in)
{
    struct operation *op = &in->op;
    const chain_snapshot *s = &in->manifest.snapshot;
    struct chain_error why;
    int rc;

    rc = chain_store_payload_seal(op->store, s->serial, &why);
    if (!rc) rc = chain_model_add(&op->chain, s, &why);
    if (!rc) rc = chain_model_set_current(&op->chain, s->serial, &why);
    if (!rc) rc = chain_model_set_domain_uuid(&op->chain, in->uuid, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    manage_reached(op->m, "import:publish");
    rc = operation_save(op);
    return rc ? rc : operation_journal_clear(op);
}
