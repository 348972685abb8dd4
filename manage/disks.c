/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "manage/internal.h"

static chain_disk_treatment treatment_of(const libxl_device_disk *disk,
                                         bool external)
{
    if (disk->is_cdrom) return CHAIN_DISK_TREATMENT_SKIPPED_CDROM;
    if (disk->format == LIBXL_DISK_FORMAT_EMPTY || !disk->pdev_path)
        return CHAIN_DISK_TREATMENT_SKIPPED_EMPTY;
    if (!disk->readwrite) return CHAIN_DISK_TREATMENT_SKIPPED_READONLY;
    return external ? CHAIN_DISK_TREATMENT_EXTERNAL
                    : CHAIN_DISK_TREATMENT_INTERNAL;
}

static bool is_taken(chain_disk_treatment treatment)
{
    return treatment == CHAIN_DISK_TREATMENT_INTERNAL ||
           treatment == CHAIN_DISK_TREATMENT_EXTERNAL;
}

static chain_disk_treatment treatment_asked(enum manage_disk_kind kind)
{
    switch (kind) {
    case MANAGE_DISK_EXTERNAL:  return CHAIN_DISK_TREATMENT_EXTERNAL;
    case MANAGE_DISK_NONE:      return CHAIN_DISK_TREATMENT_EXCLUDED;
    case MANAGE_DISK_MANUAL:    return CHAIN_DISK_TREATMENT_MANUAL;
    default:                    return CHAIN_DISK_TREATMENT_INTERNAL;
    }
}

static int apply_spec(const struct manage_disk_spec *spec,
                      chain_snapshot *snapshot, struct manage_error *err)
{
    chain_disk *disk;
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        disk = &snapshot->disks[i];
        if (strcmp(disk->vdev, spec->vdev)) continue;
        if (!is_taken(disk->treatment)) {
            if (spec->kind == MANAGE_DISK_NONE) return 0;
            return manage_fail(err, MANAGE_REFUSED, "disk %s is a CD-ROM, an"
                               " empty drive or read-only, and has nothing to"
                               " take a snapshot of", spec->vdev);
        }
        disk->treatment = treatment_asked(spec->kind);
        if (spec->kind != MANAGE_DISK_MANUAL || !spec->hook) return 0;
        disk->hook = strdup(spec->hook);
        return disk->hook ? 0 : manage_fail_nomem(err);
    }
    return manage_fail(err, MANAGE_NOT_FOUND, "the domain has no disk '%s'",
                       spec->vdev);
}

int disks_of_configuration(const libxl_domain_config *config,
                           const struct manage_create *args,
                           chain_snapshot *snapshot, struct manage_error *err)
{
    int i, rc = 0;

    if (!config->num_disks && args->num_specs)
        return manage_fail(err, MANAGE_NOT_FOUND, "the domain has no disks");
    if (!config->num_disks) return 0;
    snapshot->disks = calloc(config->num_disks, sizeof(*snapshot->disks));
    if (!snapshot->disks) return manage_fail_nomem(err);
    for (i = 0; i < config->num_disks; i++) {
        const libxl_device_disk *from = &config->disks[i];
        chain_disk *to = &snapshot->disks[i];

        chain_disk_init(to);
        snapshot->num_disks = i + 1;
        to->vdev = strdup(from->vdev ? from->vdev : "");
        to->path = from->pdev_path ? strdup(from->pdev_path) : NULL;
        to->format = from->format;
        to->treatment = treatment_of(from, args->external);
        if (!to->vdev || (from->pdev_path && !to->path))
            return manage_fail_nomem(err);
    }
    for (i = 0; i < args->num_specs && !rc; i++)
        rc = apply_spec(&args->specs[i], snapshot, err);
    return rc;
}

int disk_to_libxl(const chain_disk *disk, libxl_device_disk *disk_r,
                  struct manage_error *err)
{
    return image_to_libxl(disk->vdev, disk->path, disk->format, disk_r, err);
}

int image_to_libxl(const char *vdev, const char *path,
                   libxl_disk_format format, libxl_device_disk *disk_r,
                   struct manage_error *err)
{
    libxl_device_disk_init(disk_r);
    disk_r->vdev = strdup(vdev);
    disk_r->pdev_path = strdup(path);
    disk_r->format = format;
    disk_r->backend = LIBXL_DISK_BACKEND_QDISK;
    disk_r->readwrite = 1;
    if (disk_r->vdev && disk_r->pdev_path) return 0;
    libxl_device_disk_dispose(disk_r);
    return manage_fail_nomem(err);
}

static bool same_string(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

const chain_snapshot *disk_snapshot_owner(const struct operation *op,
                                          const chain_disk *disk)
{
    const chain_tree *tree = &op->chain.tree;
    int i, k;

    for (i = 0; i < tree->num_snapshots; i++)
        for (k = 0; k < tree->snapshots[i].num_disks; k++) {
            const chain_disk *d = &tree->snapshots[i].disks[k];

            if (d->treatment == CHAIN_DISK_TREATMENT_INTERNAL &&
                same_string(d->path, disk->path) &&
                same_string(d->handle.u.qcow2.name,
                            disk->handle.u.qcow2.name) &&
                d->date_sec == disk->date_sec &&
                d->date_nsec == disk->date_nsec)
                return &tree->snapshots[i];
        }
    return NULL;
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;

    if (!a || !b) return false;
    if (!strcmp(a, b)) return true;
    return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

static bool is_served(const libxl_device_disk *disks, int num,
                      const chain_disk *disk)
{
    int i;

    for (i = 0; i < num; i++)
        if (disks[i].vdev && !strcmp(disks[i].vdev, disk->vdev) &&
            same_file(disks[i].pdev_path, disk->path))
            return true;
    return false;
}

void disks_served(struct operation *op, const chain_disk *const *disks,
                  int num, bool *served_r)
{
    libxl_device_disk *domains = NULL;
    int i, num_domains = 0;

    if (op->running)
        domains = libxl_device_disk_list(op->m->ctx, op->domid, &num_domains);
    for (i = 0; i < num; i++)
        served_r[i] = is_served(domains, num_domains, disks[i]);
    if (domains) libxl_device_disk_list_free(domains, num_domains);
}

uint32_t disk_domid(struct operation *op, const chain_disk *disk)
{
    bool served;

    disks_served(op, &disk, 1, &served);
    return served ? op->domid : LIBXL_SNAPSHOT_NO_DOMAIN;
}
