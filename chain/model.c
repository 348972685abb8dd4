/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "chain/index.h"
#include "chain/memories.h"
#include "chain/model.h"
#include "chain/name.h"
#include "chain/validate.h"

/* ---- the value ---- */

void chain_model_init(struct chain_model *model)
{
    chain_tree_init(&model->tree);
    model->damaged = NULL;
}

void chain_model_dispose(struct chain_model *model)
{
    chain_tree_dispose(&model->tree);
    free(model->damaged);
    model->damaged = NULL;
}

int chain_model_set_empty(struct chain_model *model, const char *domain,
                          struct chain_error *err)
{
    char *copy;
    int rc;

    rc = chain_domain_name_check(domain, err);
    if (rc) return rc;
    copy = strdup(domain);
    if (!copy) return chain_error_set_nomem(err);

    chain_model_dispose(model);
    chain_model_init(model);
    model->tree.version = CHAIN_VERSION;
    model->tree.next_serial = 1;
    model->tree.domain = copy;
    return 0;
}

int chain_model_take(struct chain_model *model, chain_tree *tree,
                     struct chain_error *err)
{
    struct chain_error why;
    char *damaged = NULL;
    int rc;

    rc = chain_tree_validate(tree, &why);
    if (rc == ERROR_NOMEM) return chain_error_set_nomem(err);
    if (rc) {
        damaged = strdup(why.text);
        if (!damaged) return chain_error_set_nomem(err);
    }
    chain_model_dispose(model);
    model->tree = *tree;
    model->damaged = damaged;
    chain_tree_init(tree);
    return 0;
}

int chain_model_copy(struct chain_model *dst, const struct chain_model *src,
                     struct chain_error *err)
{
    char *damaged = NULL;

    if (src->damaged) {
        damaged = strdup(src->damaged);
        if (!damaged) return chain_error_set_nomem(err);
    }
    if (chain_tree_copy(NULL, &dst->tree, &src->tree)) {
        free(damaged);
        return chain_error_set_nomem(err);
    }
    dst->damaged = damaged;
    return 0;
}

/* ---- looking ---- */

static chain_snapshot *find(const struct chain_model *model, uint64_t serial)
{
    int i;

    if (!serial) return NULL;
    for (i = 0; i < model->tree.num_snapshots; i++)
        if (model->tree.snapshots[i].serial == serial)
            return &model->tree.snapshots[i];
    return NULL;
}

const chain_snapshot *chain_model_by_serial(const struct chain_model *model,
                                            uint64_t serial)
{
    return find(model, serial);
}

const chain_snapshot *chain_model_by_name(const struct chain_model *model,
                                          const char *name)
{
    const chain_snapshot *s;
    int i;

    for (i = 0; i < model->tree.num_snapshots; i++) {
        s = &model->tree.snapshots[i];
        if (s->name && !strcmp(s->name, name)) return s;
    }
    return NULL;
}

const chain_snapshot *chain_model_current(const struct chain_model *model)
{
    return find(model, model->tree.current);
}

const chain_snapshot *chain_model_parent(const struct chain_model *model,
                                         const chain_snapshot *snapshot)
{
    return find(model, snapshot->parent);
}

const chain_disk *chain_snapshot_disk(const chain_snapshot *snapshot,
                                      const char *vdev)
{
    int i;

    for (i = 0; snapshot && i < snapshot->num_disks; i++)
        if (!strcmp(snapshot->disks[i].vdev, vdev)) return &snapshot->disks[i];
    return NULL;
}

/* ---- changing ---- */

int chain_model_need_sound(const struct chain_model *model,
                           struct chain_error *err)
{
    if (!model->damaged) return 0;
    return chain_error_set(err, ERROR_BADFAIL,
                           "the chain is damaged and cannot be changed: %s",
                           model->damaged);
}

/* The snapshot to change, when it may be changed. */
static int find_to_change(struct chain_model *model, uint64_t serial,
                          chain_snapshot **snapshot_r, struct chain_error *err)
{
    chain_snapshot *s;
    int rc;

    rc = chain_model_need_sound(model, err);
    if (rc) return rc;
    s = find(model, serial);
    if (!s)
        return chain_error_set(err, ERROR_NOTFOUND,
                               "there is no snapshot with serial %" PRIu64,
                               serial);
    *snapshot_r = s;
    return 0;
}

/* "" would come back from the file as it is, but means the same as none. */
static int replace_string(char **where, const char *with,
                          struct chain_error *err)
{
    char *copy = NULL;

    if (with && with[0]) {
        copy = strdup(with);
        if (!copy) return chain_error_set_nomem(err);
    }
    free(*where);
    *where = copy;
    return 0;
}

static int name_is_free(const struct chain_model *model, const char *name,
                        struct chain_error *err)
{
    if (!chain_model_by_name(model, name)) return 0;
    return chain_error_set(err, ERROR_INVAL,
        "there is a snapshot '%s' already: choose another name", name);
}

int chain_model_place(const struct chain_model *model,
                      chain_snapshot *snapshot, struct chain_error *err)
{
    int rc;

    rc = chain_model_need_sound(model, err);
    if (rc) return rc;
    snapshot->serial = model->tree.next_serial;
    snapshot->parent = model->tree.current;
    return 0;
}

static int check_to_add(const struct chain_model *model,
                        const chain_snapshot *snapshot,
                        struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    int i, rc;

    rc = chain_snapshot_check(snapshot, err);
    if (rc) return rc;
    rc = name_is_free(model, snapshot->name, err);
    if (rc) return rc;
    if (snapshot->serial < tree->next_serial || snapshot->serial == UINT64_MAX)
        return chain_error_set(err, ERROR_INVAL,
            "serial: %" PRIu64 " cannot be the next, which is %" PRIu64,
            snapshot->serial, tree->next_serial);
    if (snapshot->parent && !find(model, snapshot->parent))
        return chain_error_set(err, ERROR_INVAL,
            "parent: there is no snapshot with serial %" PRIu64,
            snapshot->parent);
    for (i = 0; i < snapshot->num_disks; i++) {
        const chain_disk *disk = &snapshot->disks[i];
        if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL &&
            !chain_images_find(model, disk->path))
            return chain_error_set(err, ERROR_INVAL,
                "disks[%d].path: '%s' is not one of the images", i,
                disk->path);
    }
    if ((unsigned int)tree->num_snapshots >= CHAIN_MAX_SNAPSHOTS)
        return chain_error_set(err, ERROR_INVAL,
            "there are %u snapshots, as many as can be: delete some",
            CHAIN_MAX_SNAPSHOTS);
    return 0;
}

/* The images that a snapshot names are disks' images, and no templates. */
static void mark_images(struct chain_model *model,
                        const chain_snapshot *snapshot)
{
    const chain_disk *disk;
    chain_image *image;
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        disk = &snapshot->disks[i];
        if (disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL &&
            disk->treatment != CHAIN_DISK_TREATMENT_INTERNAL)
            continue;
        image = (chain_image *)chain_images_find(model, disk->path);
        if (image) image->was_disk = true;
    }
}

int chain_model_add(struct chain_model *model, const chain_snapshot *snapshot,
                    struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    chain_snapshot copy, *grown;
    int rc;

    chain_snapshot_init(&copy);
    rc = chain_model_need_sound(model, err);
    if (rc) goto out;
    rc = check_to_add(model, snapshot, err);
    if (rc) goto out;
    rc = chain_snapshot_copy(NULL, &copy, snapshot);
    if (rc) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    grown = realloc(tree->snapshots,
                    ((size_t)tree->num_snapshots + 1) * sizeof(*grown));
    if (!grown) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    tree->snapshots = grown;
    tree->snapshots[tree->num_snapshots++] = copy;
    chain_snapshot_init(&copy);
    tree->next_serial = snapshot->serial + 1;
    mark_images(model, snapshot);

out:
    chain_snapshot_dispose(&copy);
    return rc;
}

/* Who takes the place of each: itself when it stays, else who takes the place
 * of its parent. Parents come first in a walk, so one pass will do. */
static void find_heirs(const struct chain_index *index, const bool *goes,
                       const chain_tree *tree,
                       const struct chain_walk_entry *entries, uint64_t *heir)
{
    size_t i, pos, parent;

    for (i = 0; i < index->num; i++) {
        pos = (size_t)(entries[i].snapshot - tree->snapshots);
        parent = index->parent[pos];
        if (!goes[pos])
            heir[pos] = tree->snapshots[pos].serial;
        else
            heir[pos] = parent < index->num ? heir[parent] : 0;
    }
}

/* Nothing here can fail. */
static void remove_and_reparent(chain_tree *tree,
                                const struct chain_index *index,
                                const bool *goes, const uint64_t *heir)
{
    size_t i, kept = 0;

    if (tree->current)
        tree->current = heir[chain_index_find(index, tree->current)];
    for (i = 0; i < index->num; i++) {
        chain_snapshot *s = &tree->snapshots[i];
        if (goes[i]) {
            chain_snapshot_dispose(s);
            continue;
        }
        if (s->parent) s->parent = heir[index->parent[i]];
        if (kept != i) tree->snapshots[kept] = *s;
        kept++;
    }
    tree->num_snapshots = (int)kept;
    if (!kept) {
        free(tree->snapshots);
        tree->snapshots = NULL;
    }
}

/* What others build on, of those that go. */
static int keep_memories(struct chain_model *model,
                         const struct chain_index *index, const bool *goes,
                         struct chain_error *err)
{
    int before = model->tree.num_memories, rc = 0;
    size_t i;

    for (i = 0; i < index->num && !rc; i++)
        if (goes[i])
            rc = chain_memory_keep(model, &model->tree.snapshots[i], err);
    if (rc) model->tree.num_memories = before;
    return rc;
}

int chain_model_remove(struct chain_model *model, const uint64_t *serials,
                       size_t num_serials, struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    struct chain_index index = { 0 };
    struct chain_walk_entry *entries = NULL;
    bool *goes = NULL;
    uint64_t *heir = NULL;
    size_t num, i, pos;
    int rc;

    rc = chain_model_need_sound(model, err);
    if (rc) goto out;
    rc = chain_model_walk(model, 0, &entries, &num, err);
    if (rc) goto out;
    rc = chain_index_build(&index, tree);
    goes = calloc(num + 1, sizeof(*goes));
    heir = calloc(num + 1, sizeof(*heir));
    if (rc || !goes || !heir) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    for (i = 0; i < num_serials; i++) {
        pos = chain_index_find(&index, serials[i]);
        if (pos == CHAIN_LOST) {
            rc = chain_error_set(err, ERROR_NOTFOUND,
                                 "there is no snapshot with serial %" PRIu64,
                                 serials[i]);
            goto out;
        }
        goes[pos] = true;
    }
    rc = keep_memories(model, &index, goes, err);
    if (rc) goto out;
    find_heirs(&index, goes, tree, entries, heir);
    remove_and_reparent(tree, &index, goes, heir);
    rc = 0;

out:
    free(entries);
    free(goes);
    free(heir);
    chain_index_dispose(&index);
    return rc;
}

int chain_model_rename(struct chain_model *model, uint64_t serial,
                       const char *name, struct chain_error *err)
{
    chain_snapshot *s;
    int rc;

    rc = find_to_change(model, serial, &s, err);
    if (rc) return rc;
    rc = chain_name_check(name, err);
    if (rc) return rc;
    if (!strcmp(s->name, name)) return 0;
    rc = name_is_free(model, name, err);
    if (rc) return rc;
    return replace_string(&s->name, name, err);
}

int chain_model_set_description(struct chain_model *model, uint64_t serial,
                                const char *description,
                                struct chain_error *err)
{
    chain_snapshot *s;
    int rc;

    rc = find_to_change(model, serial, &s, err);
    if (rc) return rc;
    if (description) {
        rc = chain_description_check(description, err);
        if (rc) return rc;
    }
    return replace_string(&s->description, description, err);
}

int chain_model_set_memory(struct chain_model *model, uint64_t serial,
                           uint64_t memory_bytes, uint64_t ram_bytes,
                           struct chain_error *err)
{
    chain_snapshot *s;
    int rc;

    rc = find_to_change(model, serial, &s, err);
    if (rc) return rc;
    s->memory_bytes = memory_bytes;
    s->ram_bytes = ram_bytes;
    return replace_string(&s->memory_sha256, NULL, err);
}

int chain_model_set_memory_sha256(struct chain_model *model, uint64_t serial,
                                  const char *sha256, struct chain_error *err)
{
    chain_snapshot *s, changed;
    int rc;

    rc = find_to_change(model, serial, &s, err);
    if (rc) return rc;
    changed = *s;
    changed.memory_sha256 = (char *)sha256;
    rc = chain_snapshot_check(&changed, err);
    return rc ? rc : replace_string(&s->memory_sha256, sha256, err);
}

int chain_model_set_parent(struct chain_model *model, uint64_t serial,
                           uint64_t parent, struct chain_error *err)
{
    const chain_snapshot *above;
    chain_snapshot *s;
    int rc;

    rc = find_to_change(model, serial, &s, err);
    if (rc) return rc;
    if (parent && !find(model, parent))
        return chain_error_set(err, ERROR_INVAL,
            "parent: there is no snapshot with serial %" PRIu64, parent);
    /* The tree is sound, so this comes to a root. */
    for (above = find(model, parent); above; above = find(model, above->parent))
        if (above->serial == serial)
            return chain_error_set(err, ERROR_INVAL,
                "parent: '%s' would be its own descendant", s->name);
    s->parent = parent;
    return 0;
}

int chain_model_set_current(struct chain_model *model, uint64_t serial,
                            struct chain_error *err)
{
    chain_snapshot *s;
    int rc;

    rc = serial ? find_to_change(model, serial, &s, err)
                : chain_model_need_sound(model, err);
    if (rc) return rc;
    model->tree.current = serial;
    return 0;
}

int chain_model_set_domain_uuid(struct chain_model *model, const char *uuid,
                                struct chain_error *err)
{
    int rc;

    rc = chain_model_need_sound(model, err);
    if (rc) return rc;
    rc = chain_uuid_check(uuid, err);
    if (rc) return rc;
    return replace_string(&model->tree.domain_uuid, uuid, err);
}
