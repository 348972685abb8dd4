/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/image_info.h"
#include "libxl/plan.h"

int plan_check_domain(const struct domain_facts *domain, bool memory,
                      libxl_snapshot_diag *diag)
{
    if (domain->domid == LIBXL_SNAPSHOT_NO_DOMAIN)
        return !memory ? 0 : xls_diag(diag, ERROR_INVAL, NULL,
            "the domain is not running and so has no memory to take");
    if (domain->dying)
        return xls_diag(diag, ERROR_NOT_READY, NULL,
            "the domain is being destroyed; wait until it is gone");
    if (domain->stubdomain)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "the domain's device model runs in a stub domain, where its disks"
            " cannot be reached; run it without device_model_stubdomain_override");
    if (domain->restricted)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "the domain's device model is restricted (dm_restrict), and can"
            " neither open nor change images; run it without dm_restrict");
    if (!memory) return 0;

    if (!domain->can_suspend)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "this Xen cannot save a domain's memory on this kind of machine;"
            " take a disk-only snapshot");
    if (domain->passthrough)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "the domain owns PCI or USB devices of the host, whose state"
            " cannot be saved; take a disk-only snapshot, or detach them");
    if (domain->shutdown)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "the domain has shut down or crashed and has no memory worth"
            " taking; take a disk-only snapshot, or destroy it");
    if (domain->paused)
        return xls_diag(diag, ERROR_INVAL, NULL,
            "the domain is paused and so cannot answer the request to"
            " suspend; unpause it, or take a disk-only snapshot");
    return 0;
}

static int check_backend(const struct disk_facts *disk,
                         libxl_snapshot_diag *diag)
{
    const char *vdev = disk->disk->vdev;

    if (!disk->attached)
        return xls_diag(diag, ERROR_NOTFOUND, vdev,
            "disk %s is not attached to the domain", vdev);
    if (disk->backend_domid)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s is served by a driver domain (%u), whose QEMU cannot be"
            " reached from here", vdev, disk->backend_domid);
    if (!disk->qdisk)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s is not served by QEMU, so nothing can take a snapshot of"
            " it; an image with backendtype=qdisk can be", vdev);
    return 0;
}

static int check_handle(const libxl_device_disk *d,
                        const libxl_snapshot_handle *handle,
                        libxl_snapshot_diag *diag)
{
    bool external = plan_overlay(handle);
    const char *vdev = d->vdev, *name;

    if (handle->format != d->format)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s is %s, but its snapshot's handle is for %s", vdev,
            libxl_disk_format_to_string(d->format),
            libxl_disk_format_to_string(handle->format));
    if (d->format != LIBXL_DISK_FORMAT_QCOW2)
        return external ? 0 : xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s is %s, which cannot hold snapshots; take an external one,"
            " or convert its image to qcow2 (qemu-img convert -O qcow2)", vdev,
            libxl_disk_format_to_string(d->format));
    name = handle->u.qcow2.name;
    if (external)
        return !name ? 0 : xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its snapshot is to be internal ('%s') and external (%s);"
            " choose one", vdev, name, handle->u.qcow2.overlay.path);
    if (!name || !image_snapshot_name_is_valid(name))
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: a snapshot's name is a letter, then letters, digits,"
            " '.', '_' and '-', %d at most", vdev, IMAGE_SNAPSHOT_NAME_MAX);
    return 0;
}

int plan_check_disk(const struct domain_facts *domain,
                    const struct disk_facts *disk,
                    const libxl_snapshot_handle *handle,
                    libxl_snapshot_diag *diag)
{
    const libxl_device_disk *d = disk->disk;
    const char *vdev = d->vdev;
    int rc;

    if (!vdev || !d->pdev_path)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "a disk without a vdev or an image");
    if (d->is_cdrom || d->format == LIBXL_DISK_FORMAT_EMPTY)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s is a CD-ROM or an empty drive and has nothing to take a"
            " snapshot of", vdev);
    if (domain->domid != LIBXL_SNAPSHOT_NO_DOMAIN) {
        rc = check_backend(disk, diag);
        if (rc) return rc;
    }
    if (!xls_format_driver(d->format))
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s is %s, of which no snapshot can be taken; convert its"
            " image to qcow2 (qemu-img convert -O qcow2)", vdev,
            libxl_disk_format_to_string(d->format));
    if (handle) {
        rc = check_handle(d, handle, diag);
        if (rc) return rc;
    }
    if (disk->image_errno)
        return xls_diag(diag, ERROR_INVAL, vdev,
            "disk %s: its image %s cannot be reached: %s", vdev, d->pdev_path,
            strerror(disk->image_errno));
    return 0;
}

int plan_check_disks(const struct plan_disk *disks, int num_disks,
                     libxl_snapshot_diag *diag)
{
    const struct disk_facts *a, *b;
    int i, j, rc;

    for (i = 1; i < num_disks; i++)
        for (j = 0; j < i; j++) {
            a = &disks[j].facts;
            b = &disks[i].facts;
            if (!strcmp(a->disk->vdev, b->disk->vdev))
                return xls_diag(diag, ERROR_INVAL, b->disk->vdev,
                    "disk %s is named twice", b->disk->vdev);
            if (a->dev == b->dev && a->ino == b->ino)
                return xls_diag(diag, ERROR_INVAL, b->disk->vdev,
                    "disks %s and %s are the same image %s", a->disk->vdev,
                    b->disk->vdev, b->disk->pdev_path);
            rc = plan_check_overlays(&disks[j], &disks[i], diag);
            if (rc) return rc;
        }
    return 0;
}

bool plan_live(const struct domain_facts *domain)
{
    switch (domain->type) {
    case LIBXL_DOMAIN_TYPE_PVH: return true;
    case LIBXL_DOMAIN_TYPE_PV: return domain->shadow;
    default: return false;
    }
}

static int set(char **where, const char *s)
{
    if (!s) return 0;
    *where = strdup(s);
    return *where ? 0 : ERROR_NOMEM;
}

/* Which disks an action is for. */
enum kind { ALL, INTERNAL, EXTERNAL, NEW_OVERLAY };

static bool is_of(enum kind kind, const struct plan_disk *disk)
{
    const libxl_snapshot_overlay *overlay = plan_overlay(disk->handle);

    switch (kind) {
    case INTERNAL: return !overlay;
    case EXTERNAL: return overlay;
    case NEW_OVERLAY: return overlay && !overlay->reuse;
    default: return true;
    }
}

static libxl_snapshot_action *append(libxl_snapshot_plan *plan,
                                     libxl_snapshot_action_type type)
{
    libxl_snapshot_action *a = &plan->actions[plan->num_actions++];

    libxl_snapshot_action_init(a);
    a->type = type;
    return a;
}

/* path and node are those of what is made, opened or named: the overlay's,
 * but for a flush, which is of the image that is. */
static int add(libxl_snapshot_plan *plan, libxl_snapshot_action_type type,
               const struct plan_disk *disk)
{
    libxl_snapshot_action *a = append(plan, type);
    const libxl_snapshot_overlay *overlay = plan_overlay(disk->handle);
    bool attach = type == LIBXL_SNAPSHOT_ACTION_TYPE_OVERLAY_ATTACH;
    int rc;

    if (type == LIBXL_SNAPSHOT_ACTION_TYPE_FLUSH_IMAGE) overlay = NULL;
    rc = set(&a->vdev, disk->facts.disk->vdev);
    if (!rc)
        rc = set(&a->path, overlay ? overlay->path
                                   : disk->facts.disk->pdev_path);
    if (!rc) rc = set(&a->node, attach ? disk->overlay_node : disk->node);
    if (!rc && !plan_overlay(disk->handle))
        rc = set(&a->name, disk->handle->u.qcow2.name);
    return rc;
}

static int add_each(libxl_snapshot_plan *plan, libxl_snapshot_action_type type,
                    enum kind kind, const struct plan_disk *disks,
                    int num_disks)
{
    int i, rc = 0;

    for (i = 0; i < num_disks && !rc; i++)
        if (is_of(kind, &disks[i])) rc = add(plan, type, &disks[i]);
    return rc;
}

struct step {
    libxl_snapshot_action_type type;
    enum kind kind;             /* each of these disks */
    bool once;                  /* not of disks */
    bool skip;
};

static int add_steps(libxl_snapshot_plan *plan, const struct step *steps,
                     size_t num, const struct plan_disk *disks, int num_disks)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < num && !rc; i++) {
        if (steps[i].skip) continue;
        if (steps[i].once)
            append(plan, steps[i].type);
        else
            rc = add_each(plan, steps[i].type, steps[i].kind, disks,
                          num_disks);
    }
    return rc;
}

#define ACTION(name) LIBXL_SNAPSHOT_ACTION_TYPE_##name
#define NUM(array) (sizeof(array) / sizeof((array)[0]))

int plan_snapshot_create(const struct domain_facts *domain,
                         const struct plan_wish *wish,
                         const struct plan_disk *disks, int num_disks,
                         libxl_snapshot_plan *plan_r)
{
    bool memory = wish->memory;
    bool running = domain->domid != LIBXL_SNAPSHOT_NO_DOMAIN;
    /* A guest that stands still already needs no pause of ours. */
    bool pause = running && !memory && !domain->paused && !domain->shutdown;
    const struct step online[] = {
        /* What takes long, or may fail, while the guest still runs; also
         * writing an image's dirty pages, which else QEMU would do inside
         * the snapshot. */
        { ACTION(OVERLAY_CREATE), .kind = NEW_OVERLAY },
        { ACTION(OVERLAY_ATTACH), .kind = EXTERNAL },
        { ACTION(FLUSH_IMAGE), .kind = ALL },
        { ACTION(SUSPEND), .once = true, .skip = !memory },
        { ACTION(PAUSE), .once = true, .skip = !pause },
        /* An overlay in use cannot be taken back: what can fail is first. */
        { ACTION(HOOK), .once = true, .skip = !wish->hook },
        { ACTION(DISK_SNAPSHOT_CREATE), .kind = INTERNAL },
        { ACTION(DISK_SNAPSHOT_OVERLAY), .kind = EXTERNAL },
        { ACTION(STORE_PATH), .kind = EXTERNAL },
        { ACTION(RESUME), .once = true, .skip = !memory },
        { ACTION(UNPAUSE), .once = true, .skip = !pause },
    };
    const struct step offline[] = {
        { ACTION(OVERLAY_CREATE), .kind = NEW_OVERLAY },
        { ACTION(HOOK), .once = true, .skip = !wish->hook },
        { ACTION(IMAGE_SNAPSHOT_CREATE), .kind = INTERNAL },
        { ACTION(FLUSH_IMAGE), .kind = ALL },
    };
    libxl_snapshot_plan plan;
    int rc;

    libxl_snapshot_plan_init(&plan);
    plan.actions = calloc(5 * num_disks + 3, sizeof(*plan.actions));
    if (!plan.actions) {
        rc = ERROR_NOMEM;
        goto out;
    }
    rc = running ? add_steps(&plan, online, NUM(online), disks, num_disks)
                 : add_steps(&plan, offline, NUM(offline), disks, num_disks);
out:
    if (rc) libxl_snapshot_plan_dispose(&plan);
    else *plan_r = plan;
    return rc;
}
