/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/filter.h"
#include "chain/images.h"
#include "manage/losses.h"
#include "manage/space.h"

/* ---- from facts ---- */

static struct manage_loss *add(struct manage_losses *losses,
                               enum manage_loss_kind kind, const char *vdev,
                               const char *path)
{
    struct manage_loss *grown, *loss;

    grown = realloc(losses->list, (losses->num + 1) * sizeof(*grown));
    if (!grown) return NULL;
    losses->list = grown;
    loss = &grown[losses->num++];
    memset(loss, 0, sizeof(*loss));
    loss->kind = kind;
    loss->vdev = vdev ? strdup(vdev) : NULL;
    loss->path = path ? strdup(path) : NULL;
    return (vdev && !loss->vdev) || (path && !loss->path) ? NULL : loss;
}

static bool has_disk(const struct present *present, const char *vdev)
{
    int i;

    for (i = 0; i < present->num_disks; i++)
        if (!strcmp(present->disks[i].vdev, vdev)) return true;
    return false;
}

/* Do both images descend from one, or has the chain itself brought the disk
 * from the one to the other? */
static bool is_related(const struct chain_model *chain, const char *vdev,
                       const char *now, const char *then)
{
    const chain_active_disk *active = chain_images_active(chain, vdev);

    return (active && !strcmp(active->path, now)) ||
           !strcmp(image_root(chain, now), image_root(chain, then));
}

/* Written to the disk since the current snapshot: all that its image has, if
 * that is an overlay on what the snapshot froze. */
static int add_writes(const struct chain_model *chain,
                      const struct present_disk *disk,
                      struct manage_losses *losses)
{
    const chain_snapshot *current = chain_model_current(chain);
    const chain_image *image = chain_images_find(chain, disk->path);
    const chain_disk *was = chain_snapshot_disk(current, disk->vdev);
    struct manage_loss *loss;

    if (was && !chain_disk_included(was)) was = NULL;
    loss = add(losses, MANAGE_LOSS_WRITES, disk->vdev, disk->path);
    if (!loss) return ERROR_NOMEM;
    if (!was) return 0;
    loss->since = strdup(current->name);
    if (!loss->since) return ERROR_NOMEM;
    loss->since_time = current->created;
    loss->bytes_known = was->treatment == CHAIN_DISK_TREATMENT_EXTERNAL &&
                        image && image->backing &&
                        !strcmp(image->backing, was->path);
    if (loss->bytes_known) loss->bytes = disk->allocated;
    return 0;
}

static int look_at_disk(const struct chain_model *chain,
                        const chain_snapshot *target,
                        const struct present_disk *disk, bool undo,
                        struct manage_losses *losses)
{
    const chain_disk *then = chain_snapshot_disk(target, disk->vdev);

    if (!then || (then->path && chain_disk_included(then) &&
                  !is_related(chain, disk->vdev, disk->path, then->path)))
        return add(losses, MANAGE_DISK_LEAVES, disk->vdev, disk->path)
            ? 0 : ERROR_NOMEM;
    /* Left out of the snapshot: it stays as it is. */
    if (undo || !chain_disk_included(then)) return 0;
    return add_writes(chain, disk, losses);
}

int losses_find(const struct chain_model *chain, const chain_snapshot *target,
                const struct present *present, bool undo,
                struct manage_losses *losses_r)
{
    struct manage_loss *loss;
    int i, rc = 0;

    if (present->running && !(undo && present->can_keep_memory)) {
        loss = add(losses_r, MANAGE_LOSS_MEMORY, NULL, NULL);
        if (!loss) return ERROR_NOMEM;
        loss->bytes = present->memory_bytes;
        loss->bytes_known = true;
        loss->since_time = present->running_since;
    }
    for (i = 0; i < present->num_disks && !rc; i++)
        rc = look_at_disk(chain, target, &present->disks[i], undo, losses_r);
    for (i = 0; i < target->num_disks && !rc; i++) {
        const chain_disk *disk = &target->disks[i];

        if (!chain_disk_included(disk) || has_disk(present, disk->vdev))
            continue;
        if (!add(losses_r, MANAGE_DISK_RETURNS, disk->vdev, disk->path))
            rc = ERROR_NOMEM;
    }
    return rc;
}

/* ---- the facts ---- */

/* Of a domain that is off and of which nobody knows more: as its snapshot
 * says, with the images that the chain says. */
static void disks_of_target(const struct operation *op,
                            const chain_snapshot *target,
                            struct present_disk *disks, int *num_r)
{
    const chain_active_disk *active;
    int i;

    for (i = 0; i < target->num_disks; i++) {
        const chain_disk *disk = &target->disks[i];

        if (!chain_disk_included(disk)) continue;
        active = chain_images_active(&op->chain, disk->vdev);
        disks[(*num_r)++] = (struct present_disk){
            .vdev = disk->vdev, .path = active ? active->path : disk->path,
        };
    }
}

static void disks_of_config(const libxl_domain_config *config,
                            struct present_disk *disks, int *num_r)
{
    int i;

    for (i = 0; i < config->num_disks; i++) {
        const libxl_device_disk *disk = &config->disks[i];

        if (disk->is_cdrom || !disk->readwrite || !disk->vdev ||
            !disk->pdev_path || disk->format == LIBXL_DISK_FORMAT_EMPTY)
            continue;
        disks[(*num_r)++] = (struct present_disk){
            .vdev = disk->vdev, .path = disk->pdev_path,
        };
    }
}

/* A failure of this one is none of the revert's: what is lost is then told
 * from the chain. */
static bool read_configuration(struct operation *op,
                               libxl_domain_config *config)
{
    struct manage_error *err = op->err, ignored = { MANAGE_OK, "" };
    int rc;

    op->err = &ignored;
    rc = domain_configuration(op, config);
    op->err = err;
    return !rc;
}

static void look_at_memory(struct operation *op, struct present *present)
{
    present->running = op->running && !op->info.shutdown;
    if (!present->running) return;
    present->can_keep_memory = !op->info.paused;
    present->memory_bytes = op->info.current_memkb * 1024;
    present->running_since = libxl_vm_get_start_time(op->m->ctx, op->domid);
    if (present->running_since > INT32_MAX)     /* -1: it cannot tell */
        present->running_since = 0;
}

int losses_of_revert(struct operation *op, const chain_snapshot *target,
                     bool undo, struct manage_losses *losses_r)
{
    struct present present = { 0 };
    struct present_disk *disks;
    libxl_domain_config config;
    struct space_facts facts;
    bool known;
    int i, num = 0, rc;

    libxl_domain_config_init(&config);
    known = read_configuration(op, &config);
    disks = calloc((known ? config.num_disks : target->num_disks) + 1,
                   sizeof(*disks));
    if (!disks) {
        rc = ERROR_NOMEM;
        goto out;
    }
    if (known)
        disks_of_config(&config, disks, &num);
    else
        disks_of_target(op, target, disks, &num);
    for (i = 0; i < num; i++) {
        space_look(disks[i].path, LIBXL_DISK_FORMAT_UNKNOWN, &facts);
        disks[i].allocated = facts.allocated;
    }
    present.disks = disks;
    present.num_disks = num;
    look_at_memory(op, &present);
    rc = losses_find(&op->chain, target, &present, undo, losses_r);
out:
    free(disks);
    libxl_domain_config_dispose(&config);
    return rc ? manage_fail_nomem(op->err) : 0;
}

/* ---- in a plan ---- */

static void write_number(xjson_writer *w, const char *name, bool known,
                         uint64_t n)
{
    xjson_write_name(w, name);
    if (known)
        xjson_write_uint(w, n);
    else
        xjson_write_null(w);
}

void plan_losses(struct plan_writer *plan, const struct manage_losses *losses)
{
    xjson_writer *w = plan->w;
    int i;

    plan_end_actions(plan);
    xjson_write_name(w, "lost");
    xjson_write_array(w);
    for (i = 0; i < losses->num; i++) {
        const struct manage_loss *loss = &losses->list[i];

        xjson_write_object(w);
        xjson_write_member_string(w, "kind",
                                  manage_loss_kind_to_string(loss->kind));
        xjson_write_member_string(w, "vdev", loss->vdev);
        xjson_write_member_string(w, "path", loss->path);
        write_number(w, "bytes", loss->bytes_known, loss->bytes);
        xjson_write_member_string(w, "since", loss->since);
        write_number(w, "since_time", loss->since_time, loss->since_time);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
}
