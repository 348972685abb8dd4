/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chain/filter.h"
#include "chain/images.h"
#include "manage/internal.h"

static int from_json(struct operation *op, libxl_domain_config *config,
                     const char *text, const char *whose)
{
    /* Runs _init itself, over one that is initialised already. */
    libxl_domain_config_dispose(config);
    if (!libxl_domain_config_from_json(op->m->ctx, config, text)) return 0;
    return manage_fail(op->err, MANAGE_FAILED, "the configuration of '%s' %s"
                       " cannot be understood", op->domain, whose);
}

static int of_snapshot(struct operation *op, const chain_snapshot *snapshot,
                       const char *whose, libxl_domain_config *config)
{
    struct chain_error why;
    char *text = NULL;
    size_t len;
    int rc;

    rc = chain_store_payload_read(op->store, snapshot->serial,
                                  CHAIN_PAYLOAD_CONFIG, &text, &len, &why);
    if (rc) return manage_fail_chain(op->err, &why);
    rc = from_json(op, config, text, whose);
    free(text);
    return rc;
}

/* A chain without a current snapshot leaves it open which machine this is. */
static int of_application(struct operation *op, libxl_domain_config *config)
{
    const struct manage_application *app = &op->m->app;
    const chain_snapshot *like;
    int rc;

    if (!op->configuration && app->configuration)
        op->configuration = app->configuration(app->user, op->domain, op->err);
    if (!op->configuration && op->like &&
        (!op->err || op->err->outcome == MANAGE_OK ||
         op->err->outcome == MANAGE_NOT_FOUND)) {
        if (op->err) op->err->outcome = MANAGE_OK;
        like = operation_find(op, op->like);
        return like ? of_snapshot(op, like, "in that snapshot", config)
                    : ERROR_NOTFOUND;
    }
    if (!op->configuration)
        return manage_fail(op->err, MANAGE_NOT_FOUND, "the domain '%s' is off,"
                           " and there is no configuration of it", op->domain);
    rc = from_json(op, config, op->configuration, "in its file");
    if (!rc && (!config->c_info.name ||
                strcmp(config->c_info.name, op->domain)))
        rc = manage_fail(op->err, MANAGE_REFUSED, "the configuration is that"
                         " of a domain '%s', not '%s'",
                         config->c_info.name ? config->c_info.name : "",
                         op->domain);
    return rc;
}

int domain_follow_images(struct operation *op, const chain_active_disk *active,
                         int num_active, libxl_domain_config *config)
{
    int i, j;

    for (i = 0; i < config->num_disks; i++) {
        libxl_device_disk *disk = &config->disks[i];

        for (j = 0; j < num_active; j++) {
            if (!disk->vdev || strcmp(disk->vdev, active[j].vdev)) continue;
            free(disk->pdev_path);
            disk->pdev_path = strdup(active[j].path);
            if (!disk->pdev_path) return manage_fail_nomem(op->err);
            disk->format = active[j].format;
        }
    }
    return 0;
}

static int follow_snapshot(struct operation *op,
                           const chain_snapshot *snapshot,
                           libxl_domain_config *config)
{
    const chain_active_disk *active;
    int i, rc = 0;

    for (i = 0; i < snapshot->num_disks && !rc; i++) {
        const chain_disk *disk = &snapshot->disks[i];
        chain_active_disk one = {
            .vdev = disk->vdev, .path = disk->path, .format = disk->format,
        };

        if (chain_disk_included(disk) && disk->path) {
            rc = domain_follow_images(op, &one, 1, config);
            continue;
        }
        /* Left out of the snapshot: it is as it is now. */
        active = chain_images_active(&op->chain, disk->vdev);
        if (active) rc = domain_follow_images(op, active, 1, config);
    }
    return rc;
}

/* A disk of the running domain is not what the chain says. Was the domain
 * started on an image that snapshots need, or did the disk get another one? */
int domain_check_images(struct operation *op,
                        const libxl_domain_config *config)
{
    const chain_active_disk *active;
    const char *by = NULL;
    int i;

    for (i = 0; op->running && i < config->num_disks; i++) {
        const libxl_device_disk *disk = &config->disks[i];

        if (!disk->vdev || !disk->pdev_path) continue;
        active = chain_images_active(&op->chain, disk->vdev);
        if (active && !strcmp(active->path, disk->pdev_path)) continue;
        if (!chain_images_frozen(&op->chain, disk->pdev_path, &by)) continue;
        return manage_fail(op->err, MANAGE_REFUSED, "disk %s of the running"
            " domain is %s, which %s%s%s needs as it was; the domain was"
            " started from an old configuration and damages it: stop it, and"
            " start it with 'xl create --active'", disk->vdev,
            disk->pdev_path, by ? "the snapshot '" : "an overlay",
            by ? by : "", by ? "'" : "");
    }
    return 0;
}

int domain_configuration(struct operation *op, libxl_domain_config *config)
{
    const chain_snapshot *current = chain_model_current(&op->chain);
    int rc;

    if (!op->running) {
        rc = current ? of_snapshot(op, current, "in its current snapshot",
                                   config)
                     : of_application(op, config);
        return rc ? rc : domain_follow_images(op, op->chain.tree.active,
                                              op->chain.tree.num_active,
                                              config);
    }
    rc = libxl_retrieve_domain_configuration(op->m->ctx, op->domid, config,
                                             NULL);
    if (rc)
        return manage_fail(op->err, MANAGE_FAILED, "cannot read the"
                           " configuration of the domain '%s'", op->domain);
    return 0;
}

/* One that is all zeros is not set. */
static void renew_generation_id(struct operation *op,
                                libxl_domain_config *config)
{
    libxl_ms_vm_genid *id = &config->b_info.u.hvm.ms_vm_genid;

    if (config->c_info.type != LIBXL_DOMAIN_TYPE_HVM ||
        libxl_ms_vm_genid_is_zero(id))
        return;
    libxl_ms_vm_genid_generate(op->m->ctx, id);
}

int domain_configuration_of(struct operation *op,
                            const chain_snapshot *snapshot,
                            libxl_domain_config *config)
{
    int rc;

    rc = of_snapshot(op, snapshot, "in that snapshot", config);
    if (rc) return rc;
    /* The images as the snapshot names them now: merges may have renamed
     * what its configuration names. New ones come after. */
    rc = follow_snapshot(op, snapshot, config);
    return rc ? rc : domain_follow_images(op, op->journal.active,
                                          op->journal.num_active, config);
}

int start_configuration(struct operation *op, const chain_snapshot *target,
                        char **json_r)
{
    libxl_domain_config config;
    char *json;
    int rc;

    libxl_domain_config_init(&config);
    rc = domain_configuration_of(op, target, &config);
    if (rc) goto out;
    renew_generation_id(op, &config);
    json = libxl_domain_config_to_json(op->m->ctx, &config);
    if (!json) {
        rc = manage_fail_nomem(op->err);
        goto out;
    }
    *json_r = json;
out:
    libxl_domain_config_dispose(&config);
    return rc;
}

/* libxl may fail at what is left of a domain after that is gone. */
static bool is_going(struct operation *op, uint32_t domid)
{
    libxl_dominfo info;
    bool going;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(op->m->ctx, &info, domid);
    going = rc ? rc == ERROR_DOMAIN_NOTFOUND : info.dying;
    libxl_dominfo_dispose(&info);
    return going;
}

int domain_destroy_other(struct operation *op, uint32_t domid,
                         const char *name)
{
    const struct timespec nap = { .tv_nsec = 20000000 };
    int waited_ms, rc;

    rc = libxl_domain_destroy(op->m->ctx, domid, NULL);
    if (rc && !is_going(op, domid))
        return manage_fail(op->err, MANAGE_FAILED,
                           "cannot destroy the domain '%s'", name);
    for (waited_ms = 0; waited_ms < MANAGE_GONE_TIMEOUT_MS; waited_ms += 20) {
        rc = libxl_domain_info(op->m->ctx, NULL, domid);
        if (rc == ERROR_DOMAIN_NOTFOUND) return 0;
        nanosleep(&nap, NULL);
    }
    return manage_fail(op->err, MANAGE_FAILED, "the domain '%s' was destroyed"
                       " but does not go away", name);
}

int domain_destroy(struct operation *op)
{
    return domain_destroy_other(op, op->domid, op->domain);
}
