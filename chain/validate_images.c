/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of images and of the disks of the present. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/image_graph.h"
#include "chain/name.h"
#include "chain/validate.h"

int chain_path_check(const char *path, struct chain_error *err)
{
    if (!path || !path[0])
        return chain_error_set(err, ERROR_INVAL, "path: there is none");
    if (path[0] != '/')
        return chain_error_set(err, ERROR_INVAL,
                               "path: '%s' is not absolute", path);
    return 0;
}

static int format_check(libxl_disk_format format, struct chain_error *err)
{
    switch (format) {
    case LIBXL_DISK_FORMAT_QCOW:
    case LIBXL_DISK_FORMAT_QCOW2:
    case LIBXL_DISK_FORMAT_VHD:
    case LIBXL_DISK_FORMAT_RAW:
    case LIBXL_DISK_FORMAT_QED:
        return 0;
    default:
        return chain_error_set(err, ERROR_INVAL,
                               "format: it is not that of an image");
    }
}

/* What a clone's disk does not read through concerns nobody here. */
static int clone_check(const chain_image *image, struct chain_error *err)
{
    int rc;

    rc = chain_domain_name_check(image->clone, err);
    if (rc) return chain_error_within(err, rc, "clone: ");
    if (!image->backing)
        return chain_error_set(err, ERROR_INVAL,
                               "clone: it has no backing image");
    if (image->ours)
        return chain_error_set(err, ERROR_INVAL,
                               "clone: an image of another domain is not ours");
    return 0;
}

int chain_image_check(const chain_image *image, struct chain_error *err)
{
    int rc;

    rc = chain_path_check(image->path, err);
    if (!rc) rc = format_check(image->format, err);
    if (!rc && image->clone) rc = clone_check(image, err);
    if (rc || !image->backing) return rc;
    if (image->backing[0] != '/')
        return chain_error_set(err, ERROR_INVAL,
                               "backing: '%s' is not absolute",
                               image->backing);
    if (image->format == LIBXL_DISK_FORMAT_RAW)
        return chain_error_set(err, ERROR_INVAL,
                               "backing: a raw image cannot have one");
    return 0;
}

int chain_active_disk_check(const chain_active_disk *disk,
                            struct chain_error *err)
{
    int rc;

    if (!disk->vdev || !disk->vdev[0])
        return chain_error_set(err, ERROR_INVAL, "vdev: there is none");
    rc = chain_path_check(disk->path, err);
    return rc ? rc : format_check(disk->format, err);
}

/* ---- lists of them, in a tree or a journal ---- */

int chain_active_list_check(const chain_active_disk *active, int num,
                            struct chain_error *err)
{
    int i, j, rc;

    if (num < 0 || (unsigned int)num > CHAIN_MAX_DISKS)
        return chain_error_set(err, ERROR_INVAL, ": more than %u",
                               CHAIN_MAX_DISKS);
    for (i = 0; i < num; i++) {
        rc = chain_active_disk_check(&active[i], err);
        if (rc) return chain_error_within(err, rc, "[%d].", i);
        /* there are few of them */
        for (j = 0; j < i; j++) {
            if (!strcmp(active[i].vdev, active[j].vdev))
                return chain_error_set(err, ERROR_INVAL,
                    "[%d].vdev: '%s' is that of active[%d], too",
                    i, active[i].vdev, j);
            if (!strcmp(active[i].path, active[j].path))
                return chain_error_set(err, ERROR_INVAL,
                    "[%d].path: '%s' is that of active[%d], too",
                    i, active[i].path, j);
        }
    }
    return 0;
}

int chain_image_list_check(const chain_image *images, int num,
                           struct chain_error *err)
{
    struct chain_image_graph graph = { 0 };
    const struct chain_image_graph_entry *e;
    size_t i;
    int at, rc;

    if (num < 0 || (unsigned int)num > CHAIN_MAX_IMAGES)
        return chain_error_set(err, ERROR_INVAL, ": more than %u",
                               CHAIN_MAX_IMAGES);
    for (at = 0; at < num; at++) {
        rc = chain_image_check(&images[at], err);
        if (rc) return chain_error_within(err, rc, "[%d].", at);
    }
    rc = chain_image_graph_build(&graph, &(chain_tree){
                                     .images = (chain_image *)images,
                                     .num_images = num });
    if (rc) return chain_error_set_nomem(err);
    e = graph.by_path;
    for (i = 1; i < graph.num && !rc; i++)
        if (!strcmp(e[i].path, e[i - 1].path))
            rc = chain_error_set(err, ERROR_INVAL,
                "[%zu].path: '%s' is that of images[%zu], too",
                e[i].pos, e[i].path, e[i - 1].pos);
    chain_image_graph_dispose(&graph);
    return rc;
}

/* ---- the whole tree ---- */

static int backings_check(const chain_tree *tree,
                          const struct chain_image_graph *graph,
                          struct chain_error *err)
{
    struct chain_index links = { .num = graph->num, .parent = graph->backing };
    size_t i, num_cut, first;

    for (i = 0; i < graph->num; i++)
        if (graph->backing[i] == CHAIN_LOST)
            return chain_error_set(err, ERROR_BADFAIL,
                "images[%zu].backing: '%s' is not one of the images", i,
                tree->images[i].backing);
    if (chain_index_cut_cycles(&links, &num_cut, &first))
        return chain_error_set_nomem(err);
    if (num_cut)
        return chain_error_set(err, ERROR_BADFAIL,
            "images[%zu].backing: the image reads from itself", first);
    return 0;
}

/* A clone's image is nobody's here: no disk's, and below nothing. */
static int clones_check(const chain_tree *tree,
                        const struct chain_image_graph *graph,
                        const int *in_use, struct chain_error *err)
{
    size_t pos, below;

    for (pos = 0; pos < graph->num; pos++) {
        below = graph->backing[pos];
        if (below < graph->num && tree->images[below].clone)
            return chain_error_set(err, ERROR_BADFAIL,
                "images[%zu].backing: '%s' is a clone's", pos,
                tree->images[pos].backing);
        if (tree->images[pos].clone && in_use[pos])
            return chain_error_set(err, ERROR_BADFAIL,
                "active[%d].path: '%s' is a clone's", in_use[pos] - 1,
                tree->images[pos].path);
    }
    return 0;
}

static int format_agrees(const chain_tree *tree, size_t pos,
                         libxl_disk_format format, struct chain_error *err)
{
    if (tree->images[pos].format == format) return 0;
    return chain_error_set(err, ERROR_BADFAIL,
                           "format: it is not that of images[%zu]", pos);
}

/* in_use[] says by one more than its position which disk has an image. */
static int active_check(const chain_tree *tree,
                        const struct chain_image_graph *graph, int *in_use,
                        struct chain_error *err)
{
    size_t pos;
    int i, rc;

    for (i = 0; i < tree->num_active; i++) {
        pos = chain_image_graph_find(graph, tree->active[i].path);
        if (pos == CHAIN_LOST)
            return chain_error_set(err, ERROR_BADFAIL,
                "active[%d].path: '%s' is not one of the images", i,
                tree->active[i].path);
        rc = format_agrees(tree, pos, tree->active[i].format, err);
        if (rc) return chain_error_within(err, rc, "active[%d].", i);
        in_use[pos] = i + 1;
    }
    for (pos = 0; pos < graph->num; pos++)
        if (graph->backing[pos] < graph->num && in_use[graph->backing[pos]])
            return chain_error_set(err, ERROR_BADFAIL,
                "images[%zu].backing: '%s' is being written to, by active[%d]",
                pos, tree->images[pos].backing,
                in_use[graph->backing[pos]] - 1);
    return 0;
}

static int external_check(const chain_tree *tree, const chain_disk *disk,
                          const struct chain_image_graph *graph,
                          const int *in_use, struct chain_error *err)
{
    size_t pos;

    if (disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL) return 0;
    pos = chain_image_graph_find(graph, disk->path);
    if (pos == CHAIN_LOST)
        return chain_error_set(err, ERROR_BADFAIL,
            "path: '%s' is not one of the images", disk->path);
    if (in_use[pos])
        return chain_error_set(err, ERROR_BADFAIL,
            "path: '%s' is being written to, by active[%d]", disk->path,
            in_use[pos] - 1);
    if (tree->images[pos].clone)
        return chain_error_set(err, ERROR_BADFAIL,
            "path: '%s' is a clone's", disk->path);
    return format_agrees(tree, pos, disk->format, err);
}

static int externals_check(const chain_tree *tree,
                           const struct chain_image_graph *graph,
                           const int *in_use, struct chain_error *err)
{
    int i, j, rc;

    for (i = 0; i < tree->num_snapshots; i++)
        for (j = 0; j < tree->snapshots[i].num_disks; j++) {
            rc = external_check(tree, &tree->snapshots[i].disks[j], graph,
                                in_use, err);
            if (rc)
                return chain_error_within(err, rc, "snapshots[%d].disks[%d].",
                                          i, j);
        }
    return 0;
}

int chain_tree_images_check(const chain_tree *tree, struct chain_error *err)
{
    struct chain_image_graph graph = { 0 };
    int *in_use = NULL;
    int rc;

    rc = chain_image_list_check(tree->images, tree->num_images, err);
    if (rc == ERROR_INVAL)
        rc = chain_error_within(err, ERROR_BADFAIL, "images");
    if (rc) goto out;
    rc = chain_active_list_check(tree->active, tree->num_active, err);
    if (rc) {
        rc = chain_error_within(err, ERROR_BADFAIL, "active");
        goto out;
    }
    rc = chain_image_graph_build(&graph, tree);
    in_use = calloc(graph.num + 1, sizeof(*in_use));
    if (rc || !in_use) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    rc = backings_check(tree, &graph, err);
    if (!rc) rc = active_check(tree, &graph, in_use, err);
    if (!rc) rc = clones_check(tree, &graph, in_use, err);
    if (!rc) rc = externals_check(tree, &graph, in_use, err);

out:
    free(in_use);
    chain_image_graph_dispose(&graph);
    return rc;
}
