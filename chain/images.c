/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking at the images. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/image_graph.h"
#include "chain/images.h"

/* What was read from a damaged file may lack any string. */
static bool same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

const chain_image *chain_images_find(const struct chain_model *model,
                                     const char *path)
{
    const chain_tree *tree = &model->tree;
    int i;

    for (i = 0; i < tree->num_images; i++)
        if (same(tree->images[i].path, path)) return &tree->images[i];
    return NULL;
}

const chain_active_disk *chain_images_active(const struct chain_model *model,
                                             const char *vdev)
{
    const chain_tree *tree = &model->tree;
    int i;

    for (i = 0; i < tree->num_active; i++)
        if (same(tree->active[i].vdev, vdev)) return &tree->active[i];
    return NULL;
}

/* ---- who needs an image ---- */

static bool names(const chain_disk *disk, const char *path)
{
    return (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL ||
            disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL) &&
           same(disk->path, path);
}

bool chain_images_hidden(const struct chain_model *model,
                         const chain_image *image)
{
    const chain_tree *tree = &model->tree;
    const chain_snapshot *s;
    int i, j;

    if (image->clone) return false;
    for (i = 0; i < tree->num_active; i++)
        if (same(tree->active[i].path, image->path)) return false;
    for (i = 0; i < tree->num_snapshots; i++) {
        s = &tree->snapshots[i];
        for (j = 0; j < s->num_disks; j++)
            if (names(&s->disks[j], image->path)) return false;
    }
    return true;
}

int chain_images_all_hidden(const struct chain_model *model,
                            const chain_image ***images_r, size_t *num_r,
                            struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    struct chain_image_graph graph = { 0 };
    const chain_image **images = NULL;
    bool *named = NULL;
    size_t pos, num = 0;
    int i, j, rc;

    rc = chain_image_graph_build(&graph, tree);
    if (rc) goto nomem;
    named = calloc(graph.num + 1, sizeof(*named));
    images = calloc(graph.num + 1, sizeof(*images));
    if (!named || !images) goto nomem;

    /* the last row is for those that are not in the list */
#define NAME(path) do { \
        pos = chain_image_graph_find(&graph, (path) ? (path) : ""); \
        named[pos < graph.num ? pos : graph.num] = true; \
    } while (0)
    for (i = 0; i < tree->num_active; i++) NAME(tree->active[i].path);
    for (i = 0; i < tree->num_snapshots; i++)
        for (j = 0; j < tree->snapshots[i].num_disks; j++) {
            const chain_disk *disk = &tree->snapshots[i].disks[j];
            if (names(disk, disk->path)) NAME(disk->path);
        }
#undef NAME
    for (pos = 0; pos < graph.num; pos++)
        if (!named[pos] && !tree->images[pos].clone)
            images[num++] = &tree->images[pos];
    *images_r = images;
    *num_r = num;
    images = NULL;
    rc = 0;
    goto out;

nomem:
    rc = chain_error_set_nomem(err);
out:
    free(named);
    free(images);
    chain_image_graph_dispose(&graph);
    return rc;
}

size_t chain_images_overlays(const struct chain_model *model, const char *path)
{
    const chain_tree *tree = &model->tree;
    size_t num = 0;
    int i;

    for (i = 0; i < tree->num_images; i++)
        if (same(tree->images[i].backing, path)) num++;
    return num;
}

/* Who froze it in so many words; NULL: nobody. */
static const char *frozen_by_name(const chain_tree *tree, const char *path)
{
    int i, j;

    for (i = 0; i < tree->num_snapshots; i++)
        for (j = 0; j < tree->snapshots[i].num_disks; j++) {
            const chain_disk *disk = &tree->snapshots[i].disks[j];
            if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL &&
                same(disk->path, path))
                return tree->snapshots[i].name;
        }
    return NULL;
}

enum leads { LEADS_UNKNOWN = 0, LEADS_THERE, LEADS_ELSEWHERE };

/* Is target below the image at pos? What is found out on the way is written
 * down, so that nobody is passed twice; a cycle leads nowhere. */
static bool leads_to(const struct chain_image_graph *graph, size_t pos,
                     size_t target, unsigned char *leads)
{
    enum leads found;
    size_t i;

    for (i = pos; i < graph->num && i != target && !leads[i];
         i = graph->backing[i])
        leads[i] = LEADS_ELSEWHERE;
    found = i == target || (i < graph->num && leads[i] == LEADS_THERE)
            ? LEADS_THERE : LEADS_ELSEWHERE;
    if (found == LEADS_THERE)
        for (; pos != i; pos = graph->backing[pos]) leads[pos] = LEADS_THERE;
    return found == LEADS_THERE;
}

/* The first snapshot that reads the image through others; NULL: there is
 * none, or no memory to find it. */
static const char *read_by_name(const chain_tree *tree, const char *path)
{
    struct chain_image_graph graph = { 0 };
    unsigned char *leads = NULL;
    const char *by = NULL;
    size_t target, pos;
    int i, j;

    if (chain_image_graph_build(&graph, tree)) goto out;
    leads = calloc(graph.num + 1, sizeof(*leads));
    if (!leads) goto out;
    target = chain_image_graph_find(&graph, path);
    for (i = 0; i < tree->num_snapshots; i++)
        for (j = 0; j < tree->snapshots[i].num_disks; j++) {
            const chain_disk *disk = &tree->snapshots[i].disks[j];
            if (!names(disk, disk->path)) continue;
            pos = chain_image_graph_find(&graph, disk->path);
            if (pos >= graph.num || pos == target) continue;
            if (!leads_to(&graph, pos, target, leads)) continue;
            by = tree->snapshots[i].name;
            goto out;
        }
out:
    free(leads);
    chain_image_graph_dispose(&graph);
    return by;
}

bool chain_images_frozen(const struct chain_model *model, const char *path,
                         const char **by_r)
{
    const char *by = frozen_by_name(&model->tree, path);

    if (!by && !chain_images_overlays(model, path)) return false;
    if (by_r) *by_r = by ? by : read_by_name(&model->tree, path);
    return true;
}

/* ---- what is below an image ---- */

int chain_images_below(const struct chain_model *model, const char *path,
                       const chain_image ***images_r, size_t *num_r,
                       struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    struct chain_image_graph graph = { 0 };
    const chain_image **images = NULL;
    size_t pos, num = 0;
    int rc;

    rc = chain_image_graph_build(&graph, tree);
    if (rc) goto nomem;
    pos = chain_image_graph_find(&graph, path);
    if (pos == CHAIN_LOST) {
        rc = chain_error_set(err, ERROR_NOTFOUND,
                             "the chain does not know the image %s", path);
        goto out;
    }
    images = calloc(graph.num, sizeof(*images));
    if (!images) goto nomem;
    for (; pos < graph.num && num < graph.num; pos = graph.backing[pos])
        images[num++] = &tree->images[pos];
    *images_r = images;
    *num_r = num;
    rc = 0;
    goto out;

nomem:
    rc = chain_error_set_nomem(err);
out:
    chain_image_graph_dispose(&graph);
    return rc;
}

bool chain_images_in_use(const struct chain_model *model, const char *path)
{
    const chain_tree *tree = &model->tree;
    struct chain_image_graph graph = { 0 };
    const chain_image *image;
    bool indexed, found = false;
    size_t pos;
    int i, steps;

    /* without memory it takes longer */
    indexed = !chain_image_graph_build(&graph, tree);
    for (i = 0; i < tree->num_active && !found; i++) {
        const char *at = tree->active[i].path;
        for (steps = 0; at && steps <= tree->num_images; steps++) {
            found = same(at, path);
            if (found) break;
            if (indexed) {
                pos = chain_image_graph_find(&graph, at);
                image = pos < graph.num ? &tree->images[pos] : NULL;
            } else {
                image = chain_images_find(model, at);
            }
            at = image ? image->backing : NULL;
        }
    }
    chain_image_graph_dispose(&graph);
    return found;
}
