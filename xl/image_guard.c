/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "chain/images.h"
#include "xl/image_guard.h"

bool image_guard_same(const char *a, const char *b)
{
    struct stat sa, sb;

    if (!strcmp(a, b)) return true;
    return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* The image as the chain calls it; NULL: it knows no such image. */
static const chain_image *find(const struct chain_model *model,
                               const char *path)
{
    const chain_image *image = chain_images_find(model, path);
    int i;

    for (i = 0; !image && i < model->tree.num_images; i++)
        if (image_guard_same(model->tree.images[i].path, path))
            image = &model->tree.images[i];
    return image;
}

static bool is_active(const struct chain_model *model, const char *path)
{
    int i;

    for (i = 0; i < model->tree.num_active; i++)
        if (!strcmp(model->tree.active[i].path, path)) return true;
    return false;
}

bool image_guard_refuses(const struct chain_model *model, const char *path,
                         char *text, size_t len)
{
    const chain_image *image = find(model, path);
    const char *by = NULL;

    if (!image) return false;
    if (chain_images_frozen(model, image->path, &by)) {
        if (by)
            snprintf(text, len, "is frozen: the snapshot '%s' of domain '%s'"
                     " needs it as it is", by, model->tree.domain);
        else
            snprintf(text, len, "is frozen: other images of domain '%s' are"
                     " overlays of it", model->tree.domain);
        return true;
    }
    /* It is the disk of a domain that was made from a snapshot of this one. */
    if (image->clone) return false;
    if (is_active(model, image->path)) return false;
    snprintf(text, len, "is one that no disk of domain '%s' has any more",
             model->tree.domain);
    return true;
}
