/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/index.h"
#include "chain/memories.h"
#include "chain/name.h"
#include "chain/validate.h"

/* ---- one snapshot ---- */

int chain_uuid_check(const char *uuid, struct chain_error *err)
{
    const char *shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i;

    if (!uuid) return 0;
    for (i = 0; shape[i]; i++)
        if (shape[i] == 'x' ? !isxdigit((unsigned char)uuid[i])
                            : uuid[i] != shape[i])
            break;
    if (!shape[i] && !uuid[i]) return 0;
    return chain_error_set(err, ERROR_INVAL, "'%.40s' is not a uuid", uuid);
}

static bool is_empty(const char *s)
{
    return !s || !s[0];
}

/* (How an external one is to be made is nothing that is kept.) */
static bool is_default(const libxl_snapshot_overlay *overlay)
{
    return is_empty(overlay->path) && !overlay->reuse &&
           overlay->format == LIBXL_DISK_FORMAT_UNKNOWN;
}

static int hook_check(const chain_disk *disk, struct chain_error *err)
{
    if (!disk->hook) return 0;
    if (disk->treatment != CHAIN_DISK_TREATMENT_MANUAL)
        return chain_error_set(err, ERROR_INVAL,
                               "hook: the disk was not done by hand");
    if (disk->hook[0] != '/')
        return chain_error_set(err, ERROR_INVAL,
                               "hook: '%s' is not absolute", disk->hook);
    return 0;
}

static int disk_check(const chain_disk *disk, struct chain_error *err)
{
    int rc;

    if (is_empty(disk->vdev))
        return chain_error_set(err, ERROR_INVAL, "vdev: there is none");
    rc = hook_check(disk, err);
    if (rc) return rc;
    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_UNKNOWN:
        return chain_error_set(err, ERROR_INVAL, "treatment: there is none");
    case CHAIN_DISK_TREATMENT_INTERNAL:
        if (is_empty(disk->path))
            return chain_error_set(err, ERROR_INVAL, "path: there is none");
        if (disk->handle.format != disk->format)
            return chain_error_set(err, ERROR_INVAL,
                "handle: it is not for the format of the disk");
        if (disk->format != LIBXL_DISK_FORMAT_QCOW2)
            return chain_error_set(err, ERROR_INVAL,
                "format: internal snapshots are in qcow2 images only");
        if (is_empty(disk->handle.u.qcow2.name))
            return chain_error_set(err, ERROR_INVAL,
                                   "handle: it does not name a snapshot");
        if (!is_default(&disk->handle.u.qcow2.overlay))
            return chain_error_set(err, ERROR_INVAL,
                "handle: an internal snapshot has no overlay");
        return 0;
    case CHAIN_DISK_TREATMENT_EXTERNAL:
        rc = chain_path_check(disk->path, err);
        if (rc) return rc;
        __attribute__((fallthrough));
    case CHAIN_DISK_TREATMENT_MANUAL:
    case CHAIN_DISK_TREATMENT_EXCLUDED:
    case CHAIN_DISK_TREATMENT_SKIPPED_CDROM:
    case CHAIN_DISK_TREATMENT_SKIPPED_EMPTY:
    case CHAIN_DISK_TREATMENT_SKIPPED_READONLY:
        if (disk->handle.format != LIBXL_DISK_FORMAT_UNKNOWN)
            return chain_error_set(err, ERROR_INVAL,
                                   "handle: no snapshot was made in the image");
        return 0;
    }
    return chain_error_set(err, ERROR_INVAL, "treatment: %d is unknown",
                           (int)disk->treatment);
}

static int disks_check(const chain_snapshot *snapshot, struct chain_error *err)
{
    int i, j, rc;

    if (snapshot->num_disks < 0 ||
        (unsigned int)snapshot->num_disks > CHAIN_MAX_DISKS)
        return chain_error_set(err, ERROR_INVAL, "disks: more than %u",
                               CHAIN_MAX_DISKS);
    for (i = 0; i < snapshot->num_disks; i++) {
        rc = disk_check(&snapshot->disks[i], err);
        if (rc) return chain_error_within(err, rc, "disks[%d].", i);
        /* there are few of them */
        for (j = 0; j < i; j++)
            if (!strcmp(snapshot->disks[i].vdev, snapshot->disks[j].vdev))
                return chain_error_set(err, ERROR_INVAL,
                    "disks[%d].vdev: '%s' is that of disks[%d], too",
                    i, snapshot->disks[i].vdev, j);
    }
    return 0;
}

static bool is_sha256(const char *s)
{
    return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int memory_check(const chain_snapshot *snapshot,
                        struct chain_error *err)
{
    const char *what = snapshot->live ? "live"
                     : snapshot->memory_bytes ? "memory_bytes"
                     : snapshot->ram_bytes ? "ram_bytes"
                     : snapshot->memory_base ? "memory_base"
                     : snapshot->memory_sha256 ? "memory_sha256" : NULL;

    if (snapshot->memory && snapshot->state == CHAIN_DOMAIN_STATE_OFF)
        return chain_error_set(err, ERROR_INVAL,
                               "memory: a domain that is off has none");
    if (!snapshot->memory && what)
        return chain_error_set(err, ERROR_INVAL,
            "%s: the snapshot is without memory", what);
    if (snapshot->memory_sha256 && !is_sha256(snapshot->memory_sha256))
        return chain_error_set(err, ERROR_INVAL, "memory_sha256: it is not 64"
                               " hexadecimal digits in lower case");
    return 0;
}

int chain_snapshot_check(const chain_snapshot *snapshot,
                         struct chain_error *err)
{
    int rc;

    if (!snapshot->serial)
        return chain_error_set(err, ERROR_INVAL, "serial: it is 0");
    rc = chain_name_check(snapshot->name, err);
    if (rc) return chain_error_within(err, rc, "name: ");
    if (snapshot->description) {
        rc = chain_description_check(snapshot->description, err);
        if (rc) return chain_error_within(err, rc, "description: ");
    }
    rc = chain_uuid_check(snapshot->domain_uuid, err);
    if (rc) return chain_error_within(err, rc, "domain_uuid: ");
    if (snapshot->state == CHAIN_DOMAIN_STATE_UNKNOWN)
        return chain_error_set(err, ERROR_INVAL, "state: there is none");
    if (snapshot->quiesced && snapshot->state == CHAIN_DOMAIN_STATE_OFF)
        return chain_error_set(err, ERROR_INVAL,
                               "quiesced: a domain that is off has no agent");
    rc = memory_check(snapshot, err);
    if (rc) return rc;
    return disks_check(snapshot, err);
}

/* ---- the whole tree ---- */

static int header_check(const chain_tree *tree, struct chain_error *err)
{
    int rc;

    if (tree->version > CHAIN_VERSION)
        return chain_error_set(err, ERROR_VERSION,
            "version: %u is later than %u, the latest that is known here: "
            "use the xl that wrote it, or a later one",
            tree->version, CHAIN_VERSION);
    if (!tree->version)
        return chain_error_set(err, ERROR_BADFAIL, "version: there is none");
    rc = chain_domain_name_check(tree->domain, err);
    if (rc) return chain_error_within(err, ERROR_BADFAIL, "domain: ");
    rc = chain_uuid_check(tree->domain_uuid, err);
    if (rc) return chain_error_within(err, ERROR_BADFAIL, "domain_uuid: ");
    if (tree->num_snapshots < 0 ||
        (unsigned int)tree->num_snapshots > CHAIN_MAX_SNAPSHOTS)
        return chain_error_set(err, ERROR_BADFAIL, "snapshots: more than %u",
                               CHAIN_MAX_SNAPSHOTS);
    return 0;
}

static int each_check(const chain_tree *tree, struct chain_error *err)
{
    const chain_snapshot *s;
    int i, rc;

    for (i = 0; i < tree->num_snapshots; i++) {
        s = &tree->snapshots[i];
        rc = chain_snapshot_check(s, err);
        if (rc)
            return chain_error_within(err, ERROR_BADFAIL, "snapshots[%d].", i);
        if (s->serial >= tree->next_serial)
            return chain_error_set(err, ERROR_BADFAIL,
                "snapshots[%d].serial: %" PRIu64 " is not below next_serial",
                i, s->serial);
    }
    return 0;
}

static int serials_check(const struct chain_index *index,
                         struct chain_error *err)
{
    const struct chain_index_entry *e = index->by_serial;
    size_t i;

    for (i = 1; i < index->num; i++)
        if (e[i].serial == e[i - 1].serial)
            return chain_error_set(err, ERROR_BADFAIL,
                "snapshots[%zu].serial: %" PRIu64 " is that of "
                "snapshots[%zu], too", e[i].pos, e[i].serial, e[i - 1].pos);
    return 0;
}

/* Sorted by name; by address, that is by position, where names are equal. */
static int compare_by_name(const void *a, const void *b)
{
    const chain_snapshot *x = *(const chain_snapshot *const *)a;
    const chain_snapshot *y = *(const chain_snapshot *const *)b;
    int r = strcmp(x->name, y->name);

    return r ? r : x < y ? -1 : x > y;
}

static int names_check(const chain_tree *tree, struct chain_error *err)
{
    const chain_snapshot **by_name;
    size_t num = (size_t)tree->num_snapshots, i;
    int rc = 0;

    by_name = calloc(num + 1, sizeof(*by_name));
    if (!by_name) return chain_error_set_nomem(err);
    for (i = 0; i < num; i++) by_name[i] = &tree->snapshots[i];
    qsort(by_name, num, sizeof(*by_name), compare_by_name);
    for (i = 1; i < num && !rc; i++)
        if (!strcmp(by_name[i]->name, by_name[i - 1]->name))
            rc = chain_error_set(err, ERROR_BADFAIL,
                "snapshots[%zu].name: '%s' is that of snapshots[%zu], too",
                (size_t)(by_name[i] - tree->snapshots), by_name[i]->name,
                (size_t)(by_name[i - 1] - tree->snapshots));
    free(by_name);
    return rc;
}

static int parents_check(const chain_tree *tree, struct chain_index *index,
                         struct chain_error *err)
{
    size_t i, num_cut, first;

    for (i = 0; i < index->num; i++)
        if (index->parent[i] == CHAIN_LOST)
            return chain_error_set(err, ERROR_BADFAIL,
                "snapshots[%zu].parent: there is no snapshot with serial "
                "%" PRIu64, i, tree->snapshots[i].parent);
    if (chain_index_cut_cycles(index, &num_cut, &first))
        return chain_error_set_nomem(err);
    if (num_cut)
        return chain_error_set(err, ERROR_BADFAIL,
            "snapshots[%zu].parent: the snapshot is its own descendant", first);
    return 0;
}

static int leftover_check(const chain_disk *disk, struct chain_error *err)
{
    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_INTERNAL:
        break;
    case CHAIN_DISK_TREATMENT_MANUAL:
        if (is_empty(disk->path))
            return chain_error_set(err, ERROR_INVAL, "path: there is none");
        if (is_empty(disk->hook))
            return chain_error_set(err, ERROR_INVAL, "hook: there is none");
        if (is_empty(disk->id))
            return chain_error_set(err, ERROR_INVAL, "id: there is none");
        break;
    default:
        return chain_error_set(err, ERROR_INVAL,
                               "treatment: neither internal nor manual");
    }
    return disk_check(disk, err);
}

static int leftovers_check(const chain_tree *tree, struct chain_error *err)
{
    int i, rc;

    if (tree->num_leftovers < 0 ||
        (unsigned int)tree->num_leftovers > CHAIN_MAX_SNAPSHOTS)
        return chain_error_set(err, ERROR_BADFAIL, "leftovers: more than %u",
                               CHAIN_MAX_SNAPSHOTS);
    for (i = 0; i < tree->num_leftovers; i++) {
        rc = leftover_check(&tree->leftovers[i], err);
        if (rc)
            return chain_error_within(err, ERROR_BADFAIL, "leftovers[%d].", i);
    }
    return 0;
}

int chain_tree_validate(const chain_tree *tree, struct chain_error *err)
{
    struct chain_index index = { 0 };
    int rc;

    rc = header_check(tree, err);
    if (rc) goto out;
    rc = each_check(tree, err);
    if (rc) goto out;
    if (!tree->next_serial) {
        rc = chain_error_set(err, ERROR_BADFAIL, "next_serial: it is 0");
        goto out;
    }
    rc = chain_index_build(&index, tree);
    if (rc) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    rc = serials_check(&index, err);
    if (rc) goto out;
    rc = names_check(tree, err);
    if (rc) goto out;
    rc = parents_check(tree, &index, err);
    if (rc) goto out;
    if (tree->current &&
        chain_index_find(&index, tree->current) == CHAIN_LOST) {
        rc = chain_error_set(err, ERROR_BADFAIL,
            "current: there is no snapshot with serial %" PRIu64,
            tree->current);
        goto out;
    }
    rc = chain_memories_check(tree, err);
    if (rc) goto out;
    rc = chain_tree_images_check(tree, err);
    if (rc) goto out;
    rc = leftovers_check(tree, err);

out:
    chain_index_dispose(&index);
    return rc;
}
