/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "manage/disk_choice.h"

void disk_choice_init(struct disk_choice *choice)
{
    memset(choice, 0, sizeof(*choice));
}

void disk_choice_dispose(struct disk_choice *choice)
{
    int i;

    for (i = 0; i < choice->num; i++) {
        libxl_device_disk_dispose(&choice->disks[i]);
        libxl_snapshot_handle_dispose(&choice->handles[i]);
        libxl_snapshot_overlay_dispose(&choice->overlays[i]);
    }
    free(choice->disks);
    free(choice->handles);
    free(choice->overlays);
    free(choice->index);
    disk_choice_init(choice);
}

static const struct manage_disk_spec *spec_of(const struct manage_create *args,
                                              const char *vdev)
{
    int i;

    for (i = 0; i < args->num_specs; i++)
        if (!strcmp(args->specs[i].vdev, vdev)) return &args->specs[i];
    return NULL;
}

static int set_overlay(struct operation *op, const struct manage_create *args,
                       const chain_snapshot *snapshot, const chain_disk *disk,
                       libxl_snapshot_overlay *overlay)
{
    const struct manage_disk_spec *spec = spec_of(args, disk->vdev);
    int rc = 0;

    overlay->format = spec && spec->format != LIBXL_DISK_FORMAT_UNKNOWN
        ? spec->format : LIBXL_DISK_FORMAT_QCOW2;
    overlay->reuse = spec && spec->reuse;
    if (spec && spec->file) {
        overlay->path = strdup(spec->file);
        if (!overlay->path) rc = manage_fail_nomem(op->err);
    } else {
        rc = image_choose_path(op, disk->path, snapshot->name,
                               &overlay->path);
    }
    if (!rc) rc = image_note_base(op, disk->path, disk->format);
    if (!rc)
        rc = image_note(op, disk->vdev, overlay->path, overlay->format,
                        disk->path, overlay->reuse);
    return rc;
}

int disk_choice_make(struct disk_choice *choice, struct operation *op,
                     const libxl_domain_config *config,
                     const struct manage_create *args,
                     const chain_snapshot *snapshot)
{
    int i, k, rc, n = snapshot->num_disks;

    choice->disks = calloc(n + 1, sizeof(*choice->disks));
    choice->handles = calloc(n + 1, sizeof(*choice->handles));
    choice->overlays = calloc(n + 1, sizeof(*choice->overlays));
    choice->index = calloc(n + 1, sizeof(*choice->index));
    if (!choice->disks || !choice->handles || !choice->overlays ||
        !choice->index)
        return manage_fail_nomem(op->err);
    for (i = 0; i < n; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL &&
            disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL)
            continue;
        k = choice->num++;
        choice->index[k] = i;
        libxl_device_disk_init(&choice->disks[k]);
        libxl_snapshot_handle_init(&choice->handles[k]);
        libxl_snapshot_overlay_init(&choice->overlays[k]);
        libxl_device_disk_copy(op->m->ctx, &choice->disks[k],
                               &config->disks[i]);
        if (disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL) continue;
        rc = set_overlay(op, args, snapshot, disk, &choice->overlays[k]);
        if (rc) return rc;
    }
    return 0;
}

static libxl_snapshot_overlay *overlay_in(libxl_snapshot_handle *handle)
{
    switch (handle->format) {
    case LIBXL_DISK_FORMAT_QCOW2:   return &handle->u.qcow2.overlay;
    case LIBXL_DISK_FORMAT_RAW:     return &handle->u.raw.overlay;
    case LIBXL_DISK_FORMAT_QED:     return &handle->u.qed.overlay;
    default:                        return NULL;
    }
}

/* A format that cannot have such a snapshot is refused by the library, which
 * says why. */
static int set_handle(struct operation *op, libxl_snapshot_handle *handle,
                      libxl_disk_format format, const char *name,
                      const libxl_snapshot_overlay *overlay)
{
    libxl_snapshot_overlay *into;

    libxl_snapshot_handle_dispose(handle);
    libxl_snapshot_handle_init(handle);
    libxl_snapshot_handle_init_format(handle, format);
    if (overlay->path) {
        into = overlay_in(handle);
        if (into && libxl_snapshot_overlay_copy(NULL, into, overlay))
            return manage_fail_nomem(op->err);
    } else if (format == LIBXL_DISK_FORMAT_QCOW2) {
        handle->u.qcow2.name = strdup(name);
        if (!handle->u.qcow2.name) return manage_fail_nomem(op->err);
    }
    return 0;
}

int disk_choice_set_handles(struct disk_choice *choice, struct operation *op,
                            const char *name)
{
    int i, rc = 0;

    for (i = 0; i < choice->num && !rc; i++)
        rc = set_handle(op, &choice->handles[i], choice->disks[i].format, name,
                        &choice->overlays[i]);
    return rc;
}

int disk_choice_record_handles(const struct disk_choice *choice,
                               struct operation *op, chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < choice->num; i++) {
        chain_disk *disk = &snapshot->disks[choice->index[i]];

        if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL) continue;
        libxl_snapshot_handle_dispose(&disk->handle);
        libxl_snapshot_handle_init(&disk->handle);
        if (libxl_snapshot_handle_copy(NULL, &disk->handle,
                                       &choice->handles[i]))
            return manage_fail_nomem(op->err);
    }
    return 0;
}

int disk_choice_record_result(const struct disk_choice *choice,
                              struct operation *op,
                              const libxl_domain_snapshot_result *result,
                              chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < choice->num; i++) {
        chain_disk *disk = &snapshot->disks[choice->index[i]];
        const libxl_disk_snapshot *made = &result->disks[i];

        if (disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL) continue;
        disk->id = strdup(made->id);
        if (!disk->id) return manage_fail_nomem(op->err);
        disk->date_sec = made->date_sec;
        disk->date_nsec = made->date_nsec;
    }
    return 0;
}
