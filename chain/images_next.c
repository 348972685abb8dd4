/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be done with the images that nobody names. */
#include "config.h"

#include <stdlib.h>

#include "chain/image_graph.h"
#include "chain/images.h"

/* What is known of the image at a position. */
struct place {
    bool needed;        /* as it is now: by a snapshot or a disk */
    bool read_through;  /* below one that has internal snapshots or is a
                         * clone's, or that one */
    size_t overlays;
    size_t overlay;     /* the only one, when there is one */
};

struct scene {
    const chain_tree *tree;
    struct chain_image_graph graph;
    struct place *places;
    uint64_t (*size)(void *user, const char *path);
    bool (*skip)(void *user, const char *path);
    void *user;
};

static struct place *find_place(struct scene *s, const char *path,
                                size_t *pos_r)
{
    size_t pos = path ? chain_image_graph_find(&s->graph, path) : CHAIN_LOST;

    *pos_r = pos;
    return pos < s->graph.num ? &s->places[pos] : NULL;
}

/* From pos down; what another has passed, is marked to the last. */
static void read_through(struct scene *s, size_t pos)
{
    for (; pos < s->graph.num && !s->places[pos].read_through;
         pos = s->graph.backing[pos])
        s->places[pos].read_through = true;
}

static void look_at_disk(struct scene *s, const chain_disk *disk)
{
    struct place *place;
    size_t pos;

    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_EXTERNAL:
        place = find_place(s, disk->path, &pos);
        if (place) place->needed = true;
        break;
    case CHAIN_DISK_TREATMENT_INTERNAL:
        place = find_place(s, disk->path, &pos);
        if (place) read_through(s, pos);
        break;
    default:
        break;
    }
}

static void look(struct scene *s)
{
    const chain_tree *tree = s->tree;
    struct place *place;
    size_t pos, below;
    int i, j;

    for (i = 0; i < tree->num_snapshots; i++)
        for (j = 0; j < tree->snapshots[i].num_disks; j++)
            look_at_disk(s, &tree->snapshots[i].disks[j]);
    for (i = 0; i < tree->num_active; i++) {
        place = find_place(s, tree->active[i].path, &pos);
        if (place) place->needed = true;
    }
    for (pos = 0; pos < s->graph.num; pos++) {
        if (tree->images[pos].clone) read_through(s, pos);
        below = s->graph.backing[pos];
        if (below >= s->graph.num) continue;
        s->places[below].overlays++;
        s->places[below].overlay = pos;
    }
}

static bool skipped(const struct scene *s, size_t pos)
{
    return s->skip && s->skip(s->user, s->tree->images[pos].path);
}

static bool is_free(const struct scene *s, size_t pos)
{
    return !s->places[pos].needed && !s->places[pos].read_through;
}

static bool can_remove(const struct scene *s, size_t pos)
{
    return is_free(s, pos) && !s->places[pos].overlays && !skipped(s, pos);
}

/* With its only overlay. An image that may be somebody else's backing image,
 * too, is neither written nor taken away. */
static bool can_merge(const struct scene *s, size_t pos)
{
    const chain_image *image = &s->tree->images[pos];

    return is_free(s, pos) && s->places[pos].overlays == 1 &&
           (image->ours || image->was_disk) &&
           !skipped(s, pos) && !skipped(s, s->places[pos].overlay);
}

static enum chain_image_step_type direction(const struct scene *s,
                                            const chain_image *image,
                                            const chain_image *overlay)
{
    uint64_t below, above;

    if (!image->ours || !s->size) return CHAIN_IMAGE_COMMIT;
    below = s->size(s->user, image->path);
    above = s->size(s->user, overlay->path);
    return below && above && below < above ? CHAIN_IMAGE_PULL
                                           : CHAIN_IMAGE_COMMIT;
}

/* The lowest of several that follow each other: then each cluster is moved
 * once, where from above it would be moved again with each. */
static size_t lowest_merge(const struct scene *s, size_t pos)
{
    size_t below = s->graph.backing[pos];

    while (below < s->graph.num && can_merge(s, below)) {
        pos = below;
        below = s->graph.backing[pos];
    }
    return pos;
}

static bool choose(const struct scene *s, struct chain_image_step *step_r)
{
    const chain_image *images = s->tree->images;
    size_t pos;

    for (pos = 0; pos < s->graph.num; pos++)
        if (can_remove(s, pos)) {
            *step_r = (struct chain_image_step){ .type = CHAIN_IMAGE_REMOVE,
                                                 .image = &images[pos] };
            return true;
        }
    for (pos = 0; pos < s->graph.num; pos++)
        if (can_merge(s, pos)) {
            pos = lowest_merge(s, pos);
            step_r->image = &images[pos];
            step_r->overlay = &images[s->places[pos].overlay];
            step_r->type = direction(s, step_r->image, step_r->overlay);
            return true;
        }
    return false;
}

bool chain_images_next(const struct chain_model *model,
                       uint64_t (*size)(void *user, const char *path),
                       bool (*skip)(void *user, const char *path),
                       void *user, struct chain_image_step *step_r)
{
    struct scene s = {
        .tree = &model->tree, .size = size, .skip = skip, .user = user,
    };
    bool found = false;

    /* (in a damaged chain, images may seem to be needed by nobody) */
    if (model->damaged || !model->tree.num_images) return false;
    if (chain_image_graph_build(&s.graph, s.tree)) goto out;
    s.places = calloc(s.graph.num, sizeof(*s.places));
    if (!s.places) goto out;
    look(&s);
    found = choose(&s, step_r);

out:
    free(s.places);
    chain_image_graph_dispose(&s.graph);
    return found;
}
