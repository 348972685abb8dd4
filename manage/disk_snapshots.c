/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The internal snapshots that images hold, as the chain knows them. Several
 * disks at once: each call of the library's is a session with the domain's
 * QEMU, which looks at all of its disks.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "manage/internal.h"

/* Those of some disks that are served by the running domain's QEMU, or those
 * that are not, as the library wants them. */
struct batch {
    uint32_t domid;
    int num;
    int *which;                 /* their places among the disks */
    libxl_device_disk *images;
    libxl_snapshot_handle *handles; /* what they point to is the disks' */
};

static void batch_dispose(struct batch *batch)
{
    int i;

    for (i = 0; i < batch->num; i++)
        libxl_device_disk_dispose(&batch->images[i]);
    free(batch->which);
    free(batch->images);
    free(batch->handles);
}

static int batch_add(struct batch *batch, int which, const chain_disk *disk,
                     struct manage_error *err)
{
    int rc = disk_to_libxl(disk, &batch->images[batch->num], err);

    if (rc) return rc;
    batch->handles[batch->num] = disk->handle;
    batch->which[batch->num++] = which;
    return 0;
}

/* The disks i with wanted[i] and served[i] == serve. */
static int batch_init(struct batch *batch, struct operation *op,
                      const chain_disk *const *disks, int num,
                      const bool *wanted, const bool *served, bool serve)
{
    int i, rc = 0;

    memset(batch, 0, sizeof(*batch));
    batch->domid = serve ? op->domid : LIBXL_SNAPSHOT_NO_DOMAIN;
    batch->which = calloc(num, sizeof(*batch->which));
    batch->images = calloc(num, sizeof(*batch->images));
    batch->handles = calloc(num, sizeof(*batch->handles));
    if (!batch->which || !batch->images || !batch->handles)
        return manage_fail_nomem(op->err);
    for (i = 0; i < num && !rc; i++)
        if (wanted[i] && served[i] == serve)
            rc = batch_add(batch, i, disks[i], op->err);
    return rc;
}

typedef int batch_work(struct operation *op, const struct batch *batch,
                       void *user, libxl_snapshot_diag *diag);

static int do_batch(struct operation *op, const chain_disk *const *disks,
                    int num, const bool *wanted, const bool *served,
                    bool serve, batch_work *work, void *user)
{
    libxl_snapshot_diag diag;
    struct batch batch;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = batch_init(&batch, op, disks, num, wanted, served, serve);
    if (rc || !batch.num) goto out;
    rc = work(op, &batch, user, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
out:
    batch_dispose(&batch);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

/* Two calls at most. */
static int do_batches(struct operation *op, const chain_disk *const *disks,
                      int num, const bool *wanted, batch_work *work,
                      void *user)
{
    bool *served = calloc(num, sizeof(*served));
    int rc;

    if (!served) return manage_fail_nomem(op->err);
    disks_served(op, disks, num, served);
    rc = do_batch(op, disks, num, wanted, served, true, work, user);
    if (!rc) rc = do_batch(op, disks, num, wanted, served, false, work, user);
    free(served);
    return rc;
}

/* ---- are they there ---- */

struct search {
    const chain_disk *const *disks;
    struct disk_presence *found;
};

static int search_batch(struct operation *op, const struct batch *batch,
                        void *user, libxl_snapshot_diag *diag)
{
    struct search *search = user;
    libxl_disk_snapshot *there;
    int i, rc;

    there = calloc(batch->num, sizeof(*there));
    if (!there) return manage_fail_nomem(op->err);
    rc = libxl_disk_snapshot_find(op->m->sctx, batch->domid, batch->images,
                                  batch->handles, batch->num, there, diag);
    for (i = 0; i < batch->num && !rc; i++) {
        const chain_disk *disk = search->disks[batch->which[i]];
        struct disk_presence *found = &search->found[batch->which[i]];

        if (there[i].id) {
            found->present = there[i].date_sec == disk->date_sec &&
                             there[i].date_nsec == disk->date_nsec;
            found->other = !found->present;
        }
        libxl_disk_snapshot_dispose(&there[i]);
    }
    free(there);
    return rc;
}

int disks_have_snapshots(struct operation *op, const chain_disk *const *disks,
                         int num, struct disk_presence *found_r)
{
    struct search search = { disks, found_r };
    bool *wanted, gone;
    int i, rc = 0;

    if (num <= 0) return 0;
    memset(found_r, 0, num * sizeof(*found_r));
    wanted = calloc(num, sizeof(*wanted));
    if (!wanted) return manage_fail_nomem(op->err);
    for (i = 0; i < num && !rc; i++) {
        rc = image_is_gone(op, disks[i]->path, &gone);
        wanted[i] = !gone;
    }
    if (!rc) rc = do_batches(op, disks, num, wanted, search_batch, &search);
    free(wanted);
    return rc;
}

int disk_has_snapshot(struct operation *op, const chain_disk *disk,
                      bool *present_r, bool *other_r)
{
    struct disk_presence found = { false, false };
    int rc;

    rc = disks_have_snapshots(op, &disk, 1, &found);
    *present_r = found.present;
    *other_r = found.other;
    return rc;
}

/* ---- deleting ---- */

static int delete_batch(struct operation *op, const struct batch *batch,
                        void *user, libxl_snapshot_diag *diag)
{
    return libxl_disk_snapshot_delete(op->m->sctx, batch->domid,
                                      batch->images, batch->handles,
                                      batch->num, diag);
}

/* An image that is gone holds nothing any more, and one that was made anew may
 * hold somebody else's snapshot of the same name. A create that is undone never
 * learnt the date, and its name was free. */
int disks_delete_snapshots(struct operation *op,
                           const chain_disk *const *disks, int num)
{
    struct disk_presence *found;
    bool *wanted;
    int i, rc;

    if (num <= 0) return 0;
    found = calloc(num, sizeof(*found));
    wanted = calloc(num, sizeof(*wanted));
    rc = found && wanted ? 0 : manage_fail_nomem(op->err);
    if (!rc) rc = disks_have_snapshots(op, disks, num, found);
    for (i = 0; i < num && !rc; i++)
        wanted[i] = found[i].present ||
                    (found[i].other && !disks[i]->date_sec);
    if (!rc) rc = do_batches(op, disks, num, wanted, delete_batch, NULL);
    free(found);
    free(wanted);
    return rc;
}

int disk_delete_snapshot(struct operation *op, const chain_disk *disk)
{
    return disks_delete_snapshots(op, &disk, 1);
}

/* ---- a snapshot's disks ---- */

int disks_internal(const chain_snapshot *snapshot, disk_filter *wanted,
                   void *user, const chain_disk ***disks_r, int *num_r,
                   struct manage_error *err)
{
    const chain_disk **disks;
    int i, num = 0;

    disks = calloc(snapshot->num_disks + 1, sizeof(*disks));
    if (!disks) return manage_fail_nomem(err);
    for (i = 0; i < snapshot->num_disks; i++)
        if (snapshot->disks[i].treatment == CHAIN_DISK_TREATMENT_INTERNAL &&
            (!wanted || wanted(user, &snapshot->disks[i])))
            disks[num++] = &snapshot->disks[i];
    *disks_r = disks;
    *num_r = num;
    return 0;
}

int disks_visit(struct operation *op, const chain_snapshot *snapshot,
                disk_filter *wanted, disk_visitor *visit, void *user)
{
    struct disk_presence *found = NULL;
    const chain_disk **disks = NULL;
    int i, num, rc;

    rc = disks_internal(snapshot, wanted, user, &disks, &num, op->err);
    if (rc) return rc;
    found = calloc(num + 1, sizeof(*found));
    rc = found ? disks_have_snapshots(op, disks, num, found)
               : manage_fail_nomem(op->err);
    for (i = 0; i < num && !rc; i++)
        rc = visit(op, snapshot, disks[i], &found[i]);
    free(found);
    free(disks);
    return rc;
}
