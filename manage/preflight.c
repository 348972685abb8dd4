/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of what changes a domain: facts, gathered into a prediction. What carries
 * snapshots from and to elsewhere is in preflight_port.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/preflight.h"
#include "manage/revert_disks.h"
#include "manage/space.h"

/* Of QEMU's images, where the head does not tell. */
#define USUAL_CLUSTER 65536u

static int need(struct operation *op, struct prediction *p, const char *path,
                const char *what, const char *vdev,
                const struct space_facts *facts, uint64_t bytes)
{
    char text[160];

    snprintf(text, sizeof(text), "%s%.60s", what, vdev);
    return predict_need(p, path, text, facts->volume, bytes, true)
        ? manage_fail_nomem(op->err) : 0;
}

/* ---- create ---- */

static const char *overlay_path(const struct operation *op, const char *vdev)
{
    int i;

    for (i = 0; i < op->journal.num_active; i++)
        if (!strcmp(op->journal.active[i].vdev, vdev))
            return op->journal.active[i].path;
    return NULL;
}

/* A disk without an overlay chosen yet gets one beside its image. */
static int predict_overlay(struct operation *op, const chain_disk *disk,
                           const struct space_facts *image,
                           struct prediction *p)
{
    const char *path = overlay_path(op, disk->vdev);
    struct space_facts facts;
    int rc;

    if (!path) path = disk->path;
    space_look(path, LIBXL_DISK_FORMAT_UNKNOWN, &facts);
    rc = need(op, p, path, "the overlay of ", disk->vdev, &facts,
              predict_overlay_bytes(image));
    return rc ? rc : need(op, p, path, "first writes to ", disk->vdev, &facts,
                          predict_first_writes());
}

static int predict_disk(struct operation *op, const chain_disk *disk,
                        struct prediction *p, struct pause_facts *pause)
{
    struct space_facts image;

    if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL &&
        disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL)
        return 0;
    space_look(disk->path, disk->format, &image);
    if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL) {
        pause->external++;
        return predict_overlay(op, disk, &image, p);
    }
    pause->internal++;
    pause->clusters += image.allocated /
                       (image.cluster ? image.cluster : USUAL_CLUSTER);
    /* On a block device, how full it is is its owner's to watch. */
    if (!image.file) return 0;
    return need(op, p, disk->path, "the snapshot in ", disk->vdev, &image,
                predict_internal_bytes(&image));
}

/* PVH alone, for certain: whether a PV domain's Xen has shadow paging is not
 * known here. */
static bool is_live(const libxl_domain_config *config)
{
    return config->c_info.type == LIBXL_DOMAIN_TYPE_PVH;
}

static int predict_snapshot(struct operation *op,
                            const libxl_domain_config *config,
                            const chain_snapshot *snapshot,
                            struct prediction *p)
{
    struct pause_facts pause = {
        .running = snapshot->state == CHAIN_DOMAIN_STATE_RUNNING,
        .memory = snapshot->memory,
        .live = snapshot->memory && is_live(config),
        .memory_bytes = snapshot->memory ? op->info.current_memkb * 1024 : 0,
    };
    const char *dir = chain_store_dir(op->store);
    struct space_facts facts;
    int i, rc;

    space_look(dir, LIBXL_DISK_FORMAT_UNKNOWN, &facts);
    rc = need(op, p, dir, "the memory image", "", &facts,
              predict_memory_bytes(pause.memory_bytes));
    if (!rc)
        rc = need(op, p, dir, "the snapshot's record", "", &facts,
                  PREDICT_OWN_FILES);
    for (i = 0; i < snapshot->num_disks && !rc; i++)
        rc = predict_disk(op, &snapshot->disks[i], p, &pause);
    if (!rc) predict_pause(p, &pause, &op->chain);
    return rc;
}

int preflight_create(struct operation *op, const libxl_domain_config *config,
                     const chain_snapshot *snapshot, struct prediction *p)
{
    int rc = predict_snapshot(op, config, snapshot, p);

    return rc ? rc : space_check(op, p);
}

/* ---- revert ---- */

/* What undo_take will do, as far as it can be told now. */
static int predict_undo(struct operation *op, const chain_snapshot *target,
                        struct prediction *p)
{
    const struct manage_create args = { .domain = op->domain };
    libxl_domain_config config;
    chain_snapshot present;
    int i, rc;

    libxl_domain_config_init(&config);
    chain_snapshot_init(&present);
    op->like = target->name;
    rc = domain_configuration(op, &config);
    op->like = NULL;
    if (!rc) rc = disks_of_configuration(&config, &args, &present, op->err);
    for (i = 0; i < present.num_disks && !rc; i++) {
        chain_disk *disk = &present.disks[i];

        if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL &&
            chain_images_active(&op->chain, disk->vdev))
            disk->treatment = CHAIN_DISK_TREATMENT_EXTERNAL;
    }
    present.state = !op->running ? CHAIN_DOMAIN_STATE_OFF
        : op->info.paused || op->info.shutdown ? CHAIN_DOMAIN_STATE_PAUSED
        : CHAIN_DOMAIN_STATE_RUNNING;
    present.memory = present.state == CHAIN_DOMAIN_STATE_RUNNING;
    if (!rc) rc = predict_snapshot(op, &config, &present, p);
    chain_snapshot_dispose(&present);
    libxl_domain_config_dispose(&config);
    return rc;
}

/* The undo's overlay freezes an image that could be changed in place now. */
static enum revert_disk_way way_then(const struct operation *op,
                                     const chain_disk *disk, bool undo)
{
    enum revert_disk_way way = revert_disk_way(&op->chain, disk);
    const chain_active_disk *active;

    if (way != REVERT_DISK_APPLY || !undo) return way;
    active = chain_images_active(&op->chain, disk->vdev);
    return active && !strcmp(active->path, disk->path) ? REVERT_DISK_COPY
                                                       : way;
}

static int measure(struct operation *op, const chain_disk *disk,
                   uint64_t *bytes_r)
{
    libxl_snapshot_diag diag;
    libxl_device_disk image;
    int rc;

    rc = disk_to_libxl(disk, &image, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_measure(op->m->sctx, &image, &disk->handle, bytes_r,
                            &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&image);
    return rc;
}

static int predict_back(struct operation *op, const chain_disk *disk,
                        bool undo, struct prediction *p)
{
    struct space_facts image;
    uint64_t bytes;
    int rc;

    space_look(disk->path, disk->format, &image);
    switch (way_then(op, disk, undo)) {
    case REVERT_DISK_APPLY:
        if (!image.file) return 0;
        return need(op, p, disk->path, "going back in ", disk->vdev, &image,
                    predict_apply_bytes(&image));
    case REVERT_DISK_OVERLAY:
        /* None for first writes: see predict_apply_bytes. */
        return need(op, p, disk->path, "an overlay for ", disk->vdev, &image,
                    predict_overlay_bytes(&image));
    case REVERT_DISK_COPY:
        rc = measure(op, disk, &bytes);
        return rc ? rc : need(op, p, disk->path, "a copy of what the snapshot"
                              " holds of ", disk->vdev, &image, bytes);
    case REVERT_DISK_HOOK:      /* its own check asks whether there is room */
    case REVERT_DISK_NOTHING:
        break;
    }
    return 0;
}

int preflight_revert(struct operation *op, const chain_snapshot *target,
                     bool undo, struct prediction *p)
{
    int i, rc = 0;

    if (undo) rc = predict_undo(op, target, p);
    for (i = 0; i < target->num_disks && !rc; i++)
        rc = predict_back(op, &target->disks[i], undo, p);
    return rc ? rc : space_check(op, p);
}

/* ---- clone ---- */

/* What the disk's new image takes at first; it is there to be written to. */
static int predict_clone(struct operation *op, const chain_disk *disk,
                         const char *path, struct prediction *p)
{
    struct space_facts image, there;
    uint64_t bytes;
    int rc;

    space_look(path, LIBXL_DISK_FORMAT_UNKNOWN, &there);
    if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL) {
        rc = measure(op, disk, &bytes);
        if (rc) return rc;
        rc = need(op, p, path, "a copy of what the snapshot holds of ",
                  disk->vdev, &there, bytes);
    } else {
        space_look(disk->path, disk->format, &image);
        rc = need(op, p, path, "an overlay for ", disk->vdev, &there,
                  predict_overlay_bytes(&image));
    }
    return rc ? rc : need(op, p, path, "first writes to ", disk->vdev, &there,
                          predict_first_writes());
}

int preflight_clone(struct operation *op, const chain_snapshot *snapshot,
                    struct prediction *p)
{
    const char *dir = chain_store_dir(op->store), *path;
    struct space_facts facts;
    int i, rc;

    space_look(dir, LIBXL_DISK_FORMAT_UNKNOWN, &facts);
    rc = need(op, p, dir, "the journal", "", &facts, PREDICT_OWN_FILES);
    for (i = 0; i < snapshot->num_disks && !rc; i++) {
        path = overlay_path(op, snapshot->disks[i].vdev);
        if (path) rc = predict_clone(op, &snapshot->disks[i], path, p);
    }
    return rc ? rc : space_check(op, p);
}

/* ---- delete ---- */

static int tell_shortage(struct operation *op, const struct prediction *p)
{
    const struct predicted_volume *volume = predict_short(p, true);
    char *text;

    if (!volume) return 0;
    text = predict_shortage(p, volume, true);
    if (!text) return manage_fail_nomem(op->err);
    manage_warn(op->m, "%s; what does not fit waits, hidden, for the next"
                " snapshot-delete or snapshot-recover", text);
    free(text);
    return 0;
}

static int predict_rest(struct operation *op, const struct chain_model *rest,
                        bool hard, struct prediction *p)
{
    const chain_tree *tree = &rest->tree;
    struct space_facts *facts;
    int i, rc;

    facts = calloc(tree->num_images + 1, sizeof(*facts));
    if (!facts) return manage_fail_nomem(op->err);
    for (i = 0; i < tree->num_images; i++)
        space_look(tree->images[i].path, tree->images[i].format, &facts[i]);
    rc = predict_merges(p, rest, facts, hard);
    free(facts);
    return rc ? manage_fail_nomem(op->err) : 0;
}

int preflight_delete(struct operation *op, const uint64_t *serials,
                     size_t num_serials, bool must_merge, bool dry_run,
                     struct prediction *p)
{
    struct chain_model rest;
    struct chain_error why;
    int rc;

    chain_model_init(&rest);
    rc = chain_model_copy(&rest, &op->chain, &why);
    if (!rc) rc = chain_model_remove(&rest, serials, num_serials, &why);
    if (rc)
        manage_fail_chain(op->err, &why);
    else
        rc = predict_rest(op, &rest, must_merge, p);
    chain_model_dispose(&rest);
    if (!rc) rc = must_merge ? space_check(op, p) : space_measure(op, p);
    if (rc || must_merge || dry_run) return rc;
    return tell_shortage(op, p);
}
