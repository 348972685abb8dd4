/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What would become free if one snapshot were removed, for each of them, in
 * time that grows with the chain and not with its square.
 *
 * What chain_images_next would do is known of each image from its own state:
 * it is removed when nobody needs it, no internal snapshot reads through it
 * and no image above it stays; it is merged when exactly one stays. A removed
 * snapshot changes the state of the images that it names, and, as long as
 * something changes, of what is below them. It is taken away, looked at, and
 * put back. What is changed so by one snapshot is, but for where each walk
 * ends, changed by no other.
 */
#include "config.h"

#include <stdlib.h>

#include "chain/filter.h"
#include "chain/image_graph.h"
#include "chain/images.h"

struct place {
    size_t needs;       /* snapshots' external disks, and the present's */
    size_t readers;     /* internal snapshots in it, a clone whose disk it is,
                         * and the images above that have such or are below such */
    size_t staying;     /* images above that are not removed */
};

/* A place as it was before it was changed. */
struct change {
    size_t pos;
    struct place before;
};

struct scene {
    const chain_tree *tree;
    struct chain_image_graph graph;
    struct place *places;
    bool odd;           /* see chain_images_freed */
    bool (*size)(void *user, const char *path, uint64_t *bytes_r);
    void *user;
    /* of the snapshot that is being looked at */
    struct change *changes;
    size_t num_changes, room;
    struct chain_freed *freed;
    ptrdiff_t merges;   /* more than before */
};

static bool is_read(const struct place *place)
{
    return place->readers > 0;
}

static bool stays(const struct place *place)
{
    return place->needs || place->readers || place->staying;
}

static bool is_merged(const struct scene *s, size_t pos)
{
    const chain_image *image = &s->tree->images[pos];
    const struct place *place = &s->places[pos];

    return !place->needs && !place->readers && place->staying == 1 &&
           (image->ours || image->was_disk);
}

/* ---- how it is ---- */

static void count_disk(struct scene *s, const chain_disk *disk)
{
    size_t pos;

    if (!disk->path || !chain_disk_included(disk)) return;
    pos = chain_image_graph_find(&s->graph, disk->path);
    if (pos >= s->graph.num) return;
    if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL)
        s->places[pos].needs++;
    else if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL)
        s->places[pos].readers++;
}

static void count_names(struct scene *s)
{
    const chain_tree *tree = s->tree;
    size_t pos;
    int i, k;

    for (i = 0; i < tree->num_snapshots; i++)
        for (k = 0; k < tree->snapshots[i].num_disks; k++)
            count_disk(s, &tree->snapshots[i].disks[k]);
    for (i = 0; i < tree->num_active; i++) {
        pos = chain_image_graph_find(&s->graph, tree->active[i].path);
        if (pos < s->graph.num) s->places[pos].needs++;
    }
    for (i = 0; i < tree->num_images; i++)
        if (tree->images[i].clone) s->places[i].readers++;
}

/* From the top down: an image is done when all that are above it are. */
static int count_above(struct scene *s)
{
    size_t num = s->graph.num, *above, *todo, left = 0, pos, below;

    above = calloc(num + 1, sizeof(*above));
    todo = calloc(num + 1, sizeof(*todo));
    if (!above || !todo) {
        free(above);
        free(todo);
        return ERROR_NOMEM;
    }
    for (pos = 0; pos < num; pos++) {
        below = s->graph.backing[pos];
        if (below >= num) continue;
        above[below]++;
        if (!s->tree->images[pos].ours && !s->tree->images[pos].was_disk &&
            !s->tree->images[pos].clone)
            s->odd = true;
    }
    for (pos = 0; pos < num; pos++)
        if (!above[pos]) todo[left++] = pos;
    while (left) {
        pos = todo[--left];
        below = s->graph.backing[pos];
        if (below >= num) continue;
        s->places[below].readers += is_read(&s->places[pos]);
        s->places[below].staying += stays(&s->places[pos]);
        if (!--above[below]) todo[left++] = below;
    }
    free(above);
    free(todo);
    return 0;
}

/* ---- without a snapshot ---- */

static int note_change(struct scene *s, size_t pos)
{
    struct change *grown;
    size_t room;

    if (s->num_changes == s->room) {
        room = s->room ? 2 * s->room : 64;
        grown = realloc(s->changes, room * sizeof(*grown));
        if (!grown) return ERROR_NOMEM;
        s->changes = grown;
        s->room = room;
    }
    s->changes[s->num_changes++] = (struct change){ pos, s->places[pos] };
    return 0;
}

static void add_bytes(struct scene *s, const chain_image *image)
{
    struct chain_freed *freed = s->freed;
    uint64_t bytes;

    if (!image->ours) return;
    if (!s->size(s->user, image->path, &bytes))
        freed->exact = false;
    else if (__builtin_add_overflow(freed->bytes, bytes, &freed->bytes)) {
        freed->bytes = UINT64_MAX;
        freed->exact = false;
    }
}

/* Less by so much, at pos, and below as far as that makes a difference. */
static int take_away(struct scene *s, size_t pos, struct place less)
{
    while (pos < s->graph.num &&
           (less.needs || less.readers || less.staying)) {
        struct place *place = &s->places[pos];
        bool was_read = is_read(place), stayed = stays(place);
        int rc;

        rc = note_change(s, pos);
        if (rc) return rc;
        s->merges -= is_merged(s, pos);
        place->needs -= less.needs;
        place->readers -= less.readers;
        place->staying -= less.staying;
        s->merges += is_merged(s, pos);
        less = (struct place){
            .readers = was_read && !is_read(place),
            .staying = stayed && !stays(place),
        };
        if (less.staying) add_bytes(s, &s->tree->images[pos]);
        pos = s->graph.backing[pos];
    }
    return 0;
}

static int take_disk(struct scene *s, const chain_disk *disk)
{
    struct place less = {
        .needs = disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL,
        .readers = disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL,
    };
    size_t pos;

    if (!disk->path) return 0;
    pos = chain_image_graph_find(&s->graph, disk->path);
    if (pos >= s->graph.num) return 0;
    s->freed->names = true;
    return take_away(s, pos, less);
}

static int look_without(struct scene *s, const chain_snapshot *snapshot,
                        struct chain_freed *freed)
{
    int i, rc = 0;

    *freed = (struct chain_freed){ .exact = true };
    s->freed = freed;
    s->num_changes = 0;
    s->merges = 0;
    for (i = 0; i < snapshot->num_disks && !rc; i++)
        rc = take_disk(s, &snapshot->disks[i]);
    if (s->merges || (s->odd && s->num_changes)) freed->exact = false;
    while (s->num_changes) {
        s->num_changes--;
        s->places[s->changes[s->num_changes].pos] =
            s->changes[s->num_changes].before;
    }
    return rc;
}

/* What goes whether or not, if all of it could be told. */
static bool rest_is_known(const struct scene *s)
{
    uint64_t bytes;
    size_t pos;

    for (pos = 0; pos < s->graph.num; pos++)
        if (!stays(&s->places[pos]) && s->tree->images[pos].ours &&
            !s->size(s->user, s->tree->images[pos].path, &bytes))
            return false;
    return true;
}

int chain_images_freed(const struct chain_model *model,
                       bool (*size)(void *user, const char *path,
                                    uint64_t *bytes_r),
                       void *user, struct chain_freed *freed,
                       struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    struct scene s = { .tree = tree, .size = size, .user = user };
    bool known;
    int i, rc;

    for (i = 0; i < tree->num_snapshots; i++)
        freed[i] = (struct chain_freed){ .exact = true };
    if (model->damaged || !tree->num_images) return 0;
    rc = chain_image_graph_build(&s.graph, tree);
    if (rc) goto out;
    s.places = calloc(s.graph.num + 1, sizeof(*s.places));
    if (!s.places) {
        rc = ERROR_NOMEM;
        goto out;
    }
    count_names(&s);
    rc = count_above(&s);
    known = !rc && rest_is_known(&s);
    for (i = 0; i < tree->num_snapshots && !rc; i++) {
        rc = look_without(&s, &tree->snapshots[i], &freed[i]);
        if (freed[i].names && !known) freed[i].exact = false;
    }
out:
    free(s.changes);
    free(s.places);
    chain_image_graph_dispose(&s.graph);
    return rc ? chain_error_set_nomem(err) : 0;
}
