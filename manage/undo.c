/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present, kept as a snapshot before it is given up. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chain/images.h"
#include "chain/name.h"
#include "manage/hook.h"
#include "manage/internal.h"

static int choose_name(struct operation *op, char **name_r)
{
    char base[64], name[80];
    time_t now = time(NULL);
    struct tm tm;
    int n;

    if (!gmtime_r(&now, &tm) ||
        !strftime(base, sizeof(base), "undo-%Y%m%d-%H%M%S", &tm))
        return manage_fail(op->err, MANAGE_FAILED, "the clock is out of"
                           " range");
    snprintf(name, sizeof(name), "%s", base);
    for (n = 2; chain_model_by_name(&op->chain, name); n++)
        snprintf(name, sizeof(name), "%s-%d", base, n);
    *name_r = strdup(name);
    return *name_r ? 0 : manage_fail_nomem(op->err);
}

/* ---- how each disk is kept ---- */

struct specs {
    struct manage_disk_spec *list;
    int num;
};

static bool has_spec(const struct specs *specs, const char *vdev)
{
    int i;

    for (i = 0; i < specs->num; i++)
        if (!strcmp(specs->list[i].vdev, vdev)) return true;
    return false;
}

/* A disk that has overlays already gets one more: an internal snapshot in one
 * of them would keep all below it from being merged. */
static void external_where_it_is(struct operation *op, struct specs *specs)
{
    const chain_tree *tree = &op->chain.tree;
    struct manage_disk_spec *spec;
    int i;

    for (i = 0; i < tree->num_active; i++) {
        if (has_spec(specs, tree->active[i].vdev)) continue;
        spec = &specs->list[specs->num++];
        spec->vdev = tree->active[i].vdev;
        spec->kind = MANAGE_DISK_EXTERNAL;
    }
}

static bool domain_has(const libxl_domain_config *config,
                       const chain_disk *disk)
{
    int i;

    for (i = 0; i < config->num_disks; i++)
        if (config->disks[i].vdev && config->disks[i].pdev_path &&
            !strcmp(config->disks[i].vdev, disk->vdev))
            return !strcmp(config->disks[i].pdev_path, disk->path);
    return false;
}

/* A disk that a hook is known for gets it; unless it runs on an overlay now,
 * which the hook would not see. */
static void manual_as(struct operation *op, const libxl_domain_config *config,
                      const chain_snapshot *snapshot, struct specs *specs)
{
    struct manage_disk_spec *spec;
    const chain_image *image;
    int i;

    for (i = 0; snapshot && i < snapshot->num_disks; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (!hook_has(disk) || has_spec(specs, disk->vdev) ||
            !domain_has(config, disk))
            continue;
        image = chain_images_find(&op->chain, disk->path);
        if (image && image->backing) continue;
        spec = &specs->list[specs->num++];
        spec->vdev = disk->vdev;
        spec->kind = MANAGE_DISK_MANUAL;
        spec->hook = disk->hook;
    }
}

/* As the target was taken, and as the snapshot that the present descends
 * from. */
static int choose_specs(struct operation *op, const chain_snapshot *target,
                        struct specs *specs)
{
    const chain_snapshot *current =
        chain_model_by_serial(&op->chain, op->chain.tree.current);
    libxl_domain_config config;
    int rc;

    specs->list = calloc(op->chain.tree.num_active + target->num_disks +
                         (current ? current->num_disks : 0) + 1,
                         sizeof(*specs->list));
    if (!specs->list) return manage_fail_nomem(op->err);
    libxl_domain_config_init(&config);
    op->like = target->name;
    rc = domain_configuration(op, &config);
    if (!rc) {
        manual_as(op, &config, target, specs);
        manual_as(op, &config, current, specs);
        external_where_it_is(op, specs);
    }
    libxl_domain_config_dispose(&config);
    return rc;
}

/* ---- */

int undo_take(struct operation *op, const chain_snapshot *target,
              char **name_r)
{
    struct manage_create create = { .domain = op->domain };
    struct specs specs = { NULL, 0 };
    char *name = NULL, description[160];
    chain_snapshot made;
    int rc;

    chain_snapshot_init(&made);
    rc = choose_name(op, &name);
    if (rc) goto out;
    rc = choose_specs(op, target, &specs);
    if (rc) goto out;
    snprintf(description, sizeof(description), "before going back to %s",
             target->name);
    create.name = name;
    create.description = description;
    /* What the revert changes are this one's disks, so that a machine like it
     * keeps all that would be lost. */
    create.like = target->name;
    create.specs = specs.list;
    create.num_specs = specs.num;
    /* A paused or dead guest cannot answer the request to suspend. */
    create.disk_only = op->running && (op->info.paused || op->info.shutdown);
    chain_store_unlock(op->store);
    rc = manage_create(op->m, &create, &made, NULL, op->err);
    if (rc) goto out;
    *name_r = name;
    name = NULL;
out:
    free(specs.list);
    free(name);
    chain_snapshot_dispose(&made);
    return rc;
}
