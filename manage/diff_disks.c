/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/filter.h"
#include "chain/images.h"
#include "manage/diff.h"

struct diff_disks {
    struct manage_disk_difference *list;    /* the result's */
    libxl_disk_compare **compares;          /* of each; NULL: not compared */
    int num;
};

void diff_disks_free(struct diff_disks *disks)
{
    int i;

    if (!disks) return;
    for (i = 0; i < disks->num; i++)
        libxl_disk_compare_end(disks->compares[i]);
    free(disks->compares);
    free(disks);
}

/* ---- what cannot be compared ---- */

static int because(struct operation *op, struct manage_disk_difference *to,
                   bool failed, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int because(struct operation *op, struct manage_disk_difference *to,
                   bool failed, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = vasprintf(&to->problem, fmt, ap);
    va_end(ap);
    to->failed = failed;
    if (r >= 0) return 0;
    to->problem = NULL;
    return manage_fail_nomem(op->err);
}

/* The library has said which disk it is about, as we shall. */
static int because_library(struct operation *op,
                           struct manage_disk_difference *to, int rc,
                           const libxl_snapshot_diag *diag)
{
    const char *text = diag->message ? diag->message
                                     : libxl_error_to_string(rc);
    char prefix[64];

    snprintf(prefix, sizeof(prefix), "disk %s: ", to->vdev);
    if (!strncmp(text, prefix, strlen(prefix))) text += strlen(prefix);
    return because(op, to, true, "%s", text);
}

static int look_at_present(struct operation *op, const struct diff_side *side,
                           struct manage_disk_difference *to)
{
    if (!side->present || !op->running) return 0;
    return because(op, to, false, "the domain runs and writes to it; take a"
                   " snapshot, and compare with that");
}

static int look_at_internal(struct operation *op, const struct diff_side *side,
                            const chain_disk *disk,
                            struct manage_disk_difference *to)
{
    struct manage_error *err = op->err, mine = { MANAGE_OK, "" };
    bool present, other;
    int rc;

    op->err = &mine;
    rc = disk_has_snapshot(op, disk, &present, &other);
    op->err = err;
    if (rc) return because(op, to, true, "%s", mine.text);
    if (present) return 0;
    return because(op, to, true, "its image %s does not hold %s any more",
                   disk->path, side->whose);
}

/* Is there something of this side's disk that could be read? */
static int look(struct operation *op, const struct diff_side *side,
                const chain_disk *disk, struct manage_disk_difference *to)
{
    if (to->problem) return 0;
    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_INTERNAL:
        return look_at_internal(op, side, disk, to);
    case CHAIN_DISK_TREATMENT_EXTERNAL:
        return look_at_present(op, side, to);
    case CHAIN_DISK_TREATMENT_MANUAL:
        return because(op, to, false, "a hook has what %s holds of it",
                       side->whose);
    case CHAIN_DISK_TREATMENT_EXCLUDED:
        return because(op, to, false, "it was left out of %s", side->whose);
    case CHAIN_DISK_TREATMENT_SKIPPED_CDROM:
        return because(op, to, false, "it is a CD-ROM");
    case CHAIN_DISK_TREATMENT_SKIPPED_EMPTY:
        return because(op, to, false, "it is an empty drive");
    case CHAIN_DISK_TREATMENT_SKIPPED_READONLY:
        return because(op, to, false, "it is read-only");
    default:
        return because(op, to, false, "what %s holds of it is not known",
                       side->whose);
    }
}

/* ---- opening ---- */

static int copy(struct operation *op, const char *text, char **to)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? manage_fail_nomem(op->err) : 0;
}

static const libxl_snapshot_handle *handle_of(const chain_disk *disk)
{
    return disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL ? &disk->handle
                                                            : NULL;
}

static int open_images(struct operation *op, const chain_disk *a,
                       const chain_disk *b, struct manage_disk_difference *to,
                       libxl_disk_compare **compare_r)
{
    libxl_device_disk image_a, image_b;
    libxl_snapshot_diag diag;
    int rc;

    rc = disk_to_libxl(a, &image_a, op->err);
    if (rc) return rc;
    rc = disk_to_libxl(b, &image_b, op->err);
    if (rc) {
        libxl_device_disk_dispose(&image_a);
        return rc;
    }
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_compare_begin(op->m->sctx, &image_a, handle_of(a),
                                  &image_b, handle_of(b), compare_r, &diag);
    if (rc) rc = because_library(op, to, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image_a);
    libxl_device_disk_dispose(&image_b);
    return rc;
}

static int open_disk(struct operation *op, const struct diff_side *a,
                     const struct diff_side *b, const char *vdev,
                     struct diff_disks *disks)
{
    const chain_disk *da = chain_snapshot_disk(a->snapshot, vdev);
    const chain_disk *db = chain_snapshot_disk(b->snapshot, vdev);
    struct manage_disk_difference *to = &disks->list[disks->num];
    libxl_disk_compare **compare = &disks->compares[disks->num++];
    int rc;

    rc = copy(op, vdev, &to->vdev);
    if (!rc && da) rc = copy(op, da->path, &to->path_a);
    if (!rc && db) rc = copy(op, db->path, &to->path_b);
    if (rc) return rc;
    if (!da || !db)
        return because(op, to, false, "only %s has it",
                       da ? a->whose : b->whose);
    rc = look(op, a, da, to);
    if (!rc) rc = look(op, b, db, to);
    if (rc || to->problem) return rc;
    return open_images(op, da, db, to, compare);
}

int diff_disks_open(struct operation *op, const struct diff_side *a,
                    const struct diff_side *b,
                    struct manage_difference *result,
                    struct diff_disks **disks_r)
{
    size_t most = (size_t)a->snapshot->num_disks +
                  (size_t)b->snapshot->num_disks + 1;
    struct diff_disks *disks = calloc(1, sizeof(*disks));
    int i, rc = 0;

    result->disks = calloc(most, sizeof(*result->disks));
    if (disks) disks->compares = calloc(most, sizeof(*disks->compares));
    if (!disks || !disks->compares || !result->disks) {
        diff_disks_free(disks);
        return manage_fail_nomem(op->err);
    }
    disks->list = result->disks;
    for (i = 0; i < a->snapshot->num_disks && !rc; i++)
        rc = open_disk(op, a, b, a->snapshot->disks[i].vdev, disks);
    for (i = 0; i < b->snapshot->num_disks && !rc; i++)
        if (!chain_snapshot_disk(a->snapshot, b->snapshot->disks[i].vdev))
            rc = open_disk(op, a, b, b->snapshot->disks[i].vdev, disks);
    result->num_disks = disks->num;
    *disks_r = disks;
    return rc;
}

/* ---- reading ---- */

static int run(struct operation *op, struct manage_disk_difference *to,
               libxl_disk_compare *compare)
{
    const libxl_snapshot_callbacks callbacks = {
        .user = op->m->app.user, .cancelled = op->m->app.cancelled,
    };
    libxl_snapshot_diag diag;
    int rc;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_compare_run(compare, &callbacks, &to->bytes, &diag);
    if (rc == ERROR_ABORTED || rc == ERROR_NOMEM)
        manage_fail_library(op->err, rc, &diag);
    else if (rc)
        rc = because_library(op, to, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    return rc;
}

int diff_disks_run(struct operation *op, struct diff_disks *disks)
{
    int i, rc = 0;

    for (i = 0; i < disks->num && !rc; i++) {
        if (!disks->compares[i]) continue;
        rc = run(op, &disks->list[i], disks->compares[i]);
        /* Its servers need not wait for the others. */
        libxl_disk_compare_end(disks->compares[i]);
        disks->compares[i] = NULL;
    }
    return rc;
}

/* ---- afterwards ---- */

static bool same_string(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool same_layers(const struct chain_model *then,
                        const struct chain_model *now, const char *path)
{
    const chain_image *a = path ? chain_images_find(then, path) : NULL;
    const chain_image *b = path ? chain_images_find(now, path) : NULL;

    /* Neither has a circle: both were checked when they were loaded. */
    while (a && b && same_string(a->backing, b->backing)) {
        if (!a->backing) return true;
        a = chain_images_find(then, a->backing);
        b = chain_images_find(now, b->backing);
    }
    return !a && !b;
}

bool diff_disks_unchanged(const struct chain_model *then,
                          const struct chain_model *now,
                          const chain_snapshot *snapshot)
{
    const chain_snapshot *its = chain_model_by_serial(now, snapshot->serial);
    int i;

    if (!its || its->num_disks != snapshot->num_disks) return false;
    for (i = 0; i < snapshot->num_disks; i++) {
        const chain_disk *a = &snapshot->disks[i], *b = &its->disks[i];

        if (!chain_disk_included(a)) continue;
        if (a->treatment != b->treatment || !same_string(a->path, b->path) ||
            !same_string(a->id, b->id) || !same_layers(then, now, a->path))
            return false;
    }
    return true;
}
