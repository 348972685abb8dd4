/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present, kept as a snapshot before it is given up. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chain/name.h"
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

/* A disk that has overlays already gets one more: an internal snapshot in one
 * of them would keep all below it from being merged. */
static struct manage_disk_spec *external_where_it_is(struct operation *op)
{
    const chain_tree *tree = &op->chain.tree;
    struct manage_disk_spec *specs;
    int i;

    specs = calloc(tree->num_active + 1, sizeof(*specs));
    if (!specs) return NULL;
    for (i = 0; i < tree->num_active; i++) {
        specs[i].vdev = tree->active[i].vdev;
        specs[i].kind = MANAGE_DISK_EXTERNAL;
    }
    return specs;
}

int undo_take(struct operation *op, const chain_snapshot *target,
              char **name_r)
{
    struct manage_create create = { .domain = op->domain };
    struct manage_disk_spec *specs = NULL;
    char *name = NULL, description[160];
    chain_snapshot made;
    int rc;

    chain_snapshot_init(&made);
    rc = choose_name(op, &name);
    if (rc) goto out;
    specs = external_where_it_is(op);
    if (!specs) {
        rc = manage_fail_nomem(op->err);
        goto out;
    }
    snprintf(description, sizeof(description), "before going back to %s",
             target->name);
    create.name = name;
    create.description = description;
    /* What the revert changes are this one's disks, so that a machine like it
     * keeps all that would be lost. */
    create.like = target->name;
    create.specs = specs;
    create.num_specs = op->chain.tree.num_active;
    /* A paused or dead guest cannot answer the request to suspend. */
    create.disk_only = op->running && (op->info.paused || op->info.shutdown);
    chain_store_unlock(op->store);
    rc = manage_create(op->m, &create, &made, NULL, op->err);
    if (rc) goto out;
    *name_r = name;
    name = NULL;
out:
    free(specs);
    free(name);
    chain_snapshot_dispose(&made);
    return rc;
}
