/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images of other domains, which were made from snapshots of this one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "chain/validate.h"

/* Is path the image, or below it? (Copes with a damaged chain.) */
static bool reads(const struct chain_model *model, const chain_image *image,
                  const char *path)
{
    int steps;

    for (steps = 0; image && steps <= model->tree.num_images; steps++) {
        if (image->path && !strcmp(image->path, path)) return true;
        image = image->backing ? chain_images_find(model, image->backing)
                               : NULL;
    }
    return false;
}

bool chain_images_cloned(const struct chain_model *model, const char *path,
                         const char **by_r)
{
    const chain_tree *tree = &model->tree;
    int i;

    for (i = 0; i < tree->num_images; i++) {
        if (!tree->images[i].clone || !reads(model, &tree->images[i], path))
            continue;
        if (by_r) *by_r = tree->images[i].clone;
        return true;
    }
    return false;
}

static bool froze(const chain_snapshot *snapshot, const char *path)
{
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        const chain_disk *disk = &snapshot->disks[i];

        if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL && disk->path &&
            path && !strcmp(disk->path, path))
            return true;
    }
    return false;
}

const char *chain_images_next_clone(const struct chain_model *model,
                                    const chain_snapshot *snapshot, int *at_r)
{
    const chain_image *images = model->tree.images;
    int i, at;

    for (at = *at_r; at < model->tree.num_images; at++) {
        if (!images[at].clone || !froze(snapshot, images[at].backing)) continue;
        for (i = 0; i < at; i++)
            if (images[i].clone && !strcmp(images[i].clone, images[at].clone) &&
                froze(snapshot, images[i].backing))
                break;
        if (i < at) continue;
        *at_r = at + 1;
        return images[at].clone;
    }
    return NULL;
}

int chain_images_add_clone(struct chain_model *model, const char *path,
                           libxl_disk_format format, const char *backing,
                           const char *clone, struct chain_error *err)
{
    const chain_image *below = chain_images_find(model, backing);
    chain_image asked, *image;
    char *copy;
    int rc;

    rc = chain_model_need_sound(model, err);
    if (rc) return rc;
    if (chain_images_find(model, path))
        return chain_error_set(err, ERROR_INVAL,
                               "the chain has the image %s already", path);
    if (!below || below->clone)
        return chain_error_set(err, ERROR_INVAL,
            "no clone can be made on the image %s, which is none of this "
            "domain's", backing);
    chain_image_init(&asked);
    asked.path = (char *)path;
    asked.format = format;
    asked.backing = (char *)backing;
    asked.clone = (char *)clone;
    rc = chain_image_check(&asked, err);
    if (rc) return rc;
    copy = strdup(clone);
    if (!copy) return chain_error_set_nomem(err);
    rc = chain_images_add(model, path, format, false, backing, below->format,
                          err);
    if (rc) {
        free(copy);
        return rc;
    }
    image = (chain_image *)chain_images_find(model, path);
    image->clone = copy;
    return 0;
}

int chain_images_drop_clone(struct chain_model *model, const char *path,
                            struct chain_error *err)
{
    const chain_image *image = chain_images_find(model, path);
    chain_tree *tree = &model->tree;
    int at, rc;

    rc = chain_model_need_sound(model, err);
    if (rc) return rc;
    if (!image || !image->clone)
        return chain_error_set(err, ERROR_INVAL, "the image %s is no clone's",
                               path);
    at = (int)(image - tree->images);
    chain_image_dispose(&tree->images[at]);
    tree->num_images--;
    memmove(&tree->images[at], &tree->images[at + 1],
            (size_t)(tree->num_images - at) * sizeof(*tree->images));
    if (!tree->num_images) {
        free(tree->images);
        tree->images = NULL;
    }
    return 0;
}
