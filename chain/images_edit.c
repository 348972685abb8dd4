/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing the images. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/image_graph.h"
#include "chain/images.h"
#include "chain/validate.h"

static bool same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static chain_image *find(struct chain_model *model, const char *path)
{
    return (chain_image *)chain_images_find(model, path);
}

/* ---- adding ---- */

static int known_as(const chain_image *image, libxl_disk_format format,
                    struct chain_error *err)
{
    if (image->format == format) return 0;
    return chain_error_set(err, ERROR_INVAL,
        "the chain knows the image %s as %s, not as %s", image->path,
        libxl_disk_format_to_string(image->format),
        libxl_disk_format_to_string(format));
}

/* Both are known; would image become its own backing image? */
static int check_no_cycle(const struct chain_model *model,
                          const chain_image *image, const chain_image *backing,
                          struct chain_error *err)
{
    const chain_image **below;
    size_t num, i;
    int rc;

    rc = chain_images_below(model, backing->path, &below, &num, err);
    if (rc) return rc;
    for (i = 0; i < num && !rc; i++)
        if (below[i] == image)
            rc = chain_error_set(err, ERROR_INVAL,
                "the image %s cannot have %s as its backing image, since "
                "that one reads from it", image->path, backing->path);
    free(below);
    return rc;
}

/* What could be wrong with an image and its backing image. */
static int check_to_add(const struct chain_model *model,
                        const chain_image *asked,
                        libxl_disk_format backing_format,
                        struct chain_error *err)
{
    const chain_image *image, *backing;
    chain_image lower;
    int rc;

    rc = chain_image_check(asked, err);
    if (rc) return rc;
    image = chain_images_find(model, asked->path);
    if (image) {
        rc = known_as(image, asked->format, err);
        if (rc) return rc;
    }
    if (!asked->backing) return 0;
    if (!strcmp(asked->backing, asked->path))
        return chain_error_set(err, ERROR_INVAL,
            "the image %s cannot be its own backing image", asked->path);

    backing = chain_images_find(model, asked->backing);
    if (!backing) {
        lower = (chain_image){ .path = asked->backing,
                               .format = backing_format };
        return chain_image_check(&lower, err);
    }
    rc = known_as(backing, backing_format, err);
    if (rc) return rc;
    return image ? check_no_cycle(model, image, backing, err) : 0;
}

/* Room for more; what is there stays what it is. */
static int reserve(chain_tree *tree, int more, struct chain_error *err)
{
    chain_image *grown;

    if ((unsigned int)(tree->num_images + more) > CHAIN_MAX_IMAGES)
        return chain_error_set(err, ERROR_INVAL,
            "there are %d images, as many as can be: delete some snapshots",
            tree->num_images);
    if (!more) return 0;
    grown = realloc(tree->images,
                    (size_t)(tree->num_images + more) * sizeof(*grown));
    if (!grown) return chain_error_set_nomem(err);
    tree->images = grown;
    return 0;
}

/* There is room. Takes over the strings, and empties what it was given. */
static void append(chain_tree *tree, chain_image *image)
{
    tree->images[tree->num_images++] = *image;
    chain_image_init(image);
}

static void take_string(char **where, char **from)
{
    free(*where);
    *where = *from;
    *from = NULL;
}

int chain_images_add(struct chain_model *model, const char *path,
                     libxl_disk_format format, bool ours, const char *backing,
                     libxl_disk_format backing_format,
                     struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    chain_image image, lower, *known;
    bool new_lower;
    int rc;

    chain_image_init(&image);
    chain_image_init(&lower);
    rc = chain_model_need_sound(model, err);
    if (rc) goto out;
    rc = check_to_add(model, &(chain_image){
                          .path = (char *)path, .format = format,
                          .backing = (char *)backing }, backing_format, err);
    if (rc) goto out;

    image.path = strdup(path);
    image.format = format;
    image.ours = ours;
    if (!image.path) goto nomem;
    if (backing) {
        image.backing = strdup(backing);
        lower.path = strdup(backing);
        lower.format = backing_format;
        if (!image.backing || !lower.path) goto nomem;
    }
    new_lower = backing && !find(model, backing);
    rc = reserve(tree, !find(model, path) + new_lower, err);
    if (rc) goto out;

    if (new_lower) append(tree, &lower);
    known = find(model, path);
    if (known) {
        known->ours = ours;
        if (backing) take_string(&known->backing, &image.backing);
    } else {
        append(tree, &image);
    }
    rc = 0;
    goto out;

nomem:
    rc = chain_error_set_nomem(err);
out:
    chain_image_dispose(&image);
    chain_image_dispose(&lower);
    return rc;
}

/* ---- another backing image ---- */

const char *chain_images_internal(const struct chain_model *model,
                                  const char *path)
{
    const chain_tree *tree = &model->tree;
    const chain_disk *disk;
    int i, k;

    for (i = 0; i < tree->num_snapshots; i++)
        for (k = 0; k < tree->snapshots[i].num_disks; k++) {
            disk = &tree->snapshots[i].disks[k];
            if (disk->treatment == CHAIN_DISK_TREATMENT_INTERNAL &&
                same(disk->path, path))
                return tree->snapshots[i].name;
        }
    return NULL;
}

static int check_below(const struct chain_model *model, const char *path,
                       const char *backing, struct chain_error *err)
{
    const chain_image **below;
    bool found = !backing;
    size_t num, i;
    int rc;

    rc = chain_images_below(model, path, &below, &num, err);
    if (rc) return rc;
    for (i = 1; i < num && !found; i++) found = same(below[i]->path, backing);
    free(below);
    if (found) return 0;
    return chain_error_set(err, ERROR_INVAL, "the image %s does not read from"
                           " %s", path, backing);
}

int chain_images_set_backing(struct chain_model *model, const char *path,
                             const char *backing, struct chain_error *err)
{
    chain_image *image;
    const char *name;
    char *copy = NULL;
    int rc;

    rc = chain_model_need_sound(model, err);
    if (!rc) rc = check_below(model, path, backing, err);
    if (rc) return rc;
    image = find(model, path);
    if (same(image->backing, backing) || image->backing == backing) return 0;
    if (chain_images_cloned(model, path, &name))
        return chain_error_set(err, ERROR_INVAL, "the image %s is read by the"
                               " domain '%s', a clone, which would no longer"
                               " be known to read %s", path, name,
                               image->backing);
    name = chain_images_internal(model, path);
    if (name)
        return chain_error_set(err, ERROR_INVAL, "the snapshot %s in the image"
                               " %s reads through to %s", name, path,
                               image->backing);
    if (backing) {
        copy = strdup(backing);
        if (!copy) return chain_error_set_nomem(err);
    }
    take_string(&image->backing, &copy);
    return 0;
}

/* ---- the disks of the present ---- */

static int check_to_set_active(const struct chain_model *model,
                               const char *vdev, const char *path,
                               struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    const char *by;
    int i;

    if (!vdev || !vdev[0])
        return chain_error_set(err, ERROR_INVAL, "vdev: there is none");
    for (i = 0; i < tree->num_active; i++)
        if (!same(tree->active[i].vdev, vdev) &&
            same(tree->active[i].path, path))
            return chain_error_set(err, ERROR_INVAL,
                "the disks %s and %s cannot both have the image %s",
                tree->active[i].vdev, vdev, path);
    if (chain_images_cloned(model, path, &by))
        return chain_error_set(err, ERROR_INVAL,
            "the disk %s cannot have the image %s, which the domain '%s', a "
            "clone, has or reads", vdev, path, by);
    if (chain_images_frozen(model, path, &by))
        return chain_error_set(err, ERROR_INVAL,
            "the image %s must stay as it is, so the disk %s cannot have it: "
            "%s%s needs it", path, vdev, by ? "the snapshot " : "an overlay",
            by ? by : "");
    if (!chain_images_active(model, vdev) &&
        (unsigned int)tree->num_active >= CHAIN_MAX_DISKS)
        return chain_error_set(err, ERROR_INVAL, "active: more than %u",
                               CHAIN_MAX_DISKS);
    return 0;
}

int chain_images_set_active(struct chain_model *model, const char *vdev,
                            const char *path, libxl_disk_format format,
                            struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    chain_active_disk disk, *grown, *known;
    int rc;

    chain_active_disk_init(&disk);
    rc = chain_model_need_sound(model, err);
    if (rc) goto out;
    rc = check_to_add(model, &(chain_image){ .path = (char *)path,
                                             .format = format },
                      LIBXL_DISK_FORMAT_UNKNOWN, err);
    if (rc) goto out;
    rc = check_to_set_active(model, vdev, path, err);
    if (rc) goto out;

    disk.vdev = strdup(vdev);
    disk.path = strdup(path);
    disk.format = format;
    if (!disk.vdev || !disk.path) goto nomem;
    grown = realloc(tree->active,
                    ((size_t)tree->num_active + 1) * sizeof(*grown));
    if (!grown) goto nomem;
    tree->active = grown;
    if (!find(model, path)) {
        rc = chain_images_add(model, path, format, false, NULL,
                              LIBXL_DISK_FORMAT_UNKNOWN, err);
        if (rc) goto out;
    }

    find(model, path)->was_disk = true;
    known = (chain_active_disk *)chain_images_active(model, vdev);
    if (!known) {
        known = &tree->active[tree->num_active++];
        chain_active_disk_init(known);
    }
    chain_active_disk_dispose(known);
    *known = disk;
    chain_active_disk_init(&disk);
    rc = 0;
    goto out;

nomem:
    rc = chain_error_set_nomem(err);
out:
    chain_active_disk_dispose(&disk);
    return rc;
}

int chain_images_clear_active(struct chain_model *model, const char *vdev,
                              struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    const chain_active_disk *known;
    int at, rc;

    rc = chain_model_need_sound(model, err);
    if (rc) return rc;
    known = chain_images_active(model, vdev);
    if (!known) return 0;
    at = (int)(known - tree->active);
    chain_active_disk_dispose(&tree->active[at]);
    tree->num_active--;
    memmove(&tree->active[at], &tree->active[at + 1],
            (size_t)(tree->num_active - at) * sizeof(*tree->active));
    if (!tree->num_active) {
        free(tree->active);
        tree->active = NULL;
    }
    return 0;
}

/* ---- after a step ---- */

/* The image goes from the list; the order of the others stays. */
static void drop(chain_tree *tree, size_t pos)
{
    chain_image_dispose(&tree->images[pos]);
    tree->num_images--;
    memmove(&tree->images[pos], &tree->images[pos + 1],
            ((size_t)tree->num_images - pos) * sizeof(*tree->images));
    if (!tree->num_images) {
        free(tree->images);
        tree->images = NULL;
    }
}

/*
 * Each string that names the image that goes, and beside it the format that
 * goes with it, if there is one. Without copies they are counted only.
 */
struct renaming {
    const char *from;
    const chain_image *to;
    char **copies;      /* of to's path; one for each */
    size_t num;
};

static void rename_one(struct renaming *r, char **path,
                       libxl_disk_format *format)
{
    if (!same(*path, r->from)) return;
    if (r->copies) {
        take_string(path, &r->copies[r->num]);
        if (format) *format = r->to->format;
    }
    r->num++;
}

static void rename_all(struct renaming *r, chain_tree *tree)
{
    chain_disk *disk;
    int i, j;

    r->num = 0;
    for (i = 0; i < tree->num_snapshots; i++)
        for (j = 0; j < tree->snapshots[i].num_disks; j++) {
            disk = &tree->snapshots[i].disks[j];
            if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL)
                rename_one(r, &disk->path, &disk->format);
        }
    for (i = 0; i < tree->num_active; i++)
        rename_one(r, &tree->active[i].path, &tree->active[i].format);
    for (i = 0; i < tree->num_images; i++)
        rename_one(r, &tree->images[i].backing, NULL);
}

/* The overlay went into the image: who named it, names the image. */
static int committed(chain_tree *tree, const chain_image *image,
                     size_t overlay, struct chain_error *err)
{
    struct renaming r = { .from = tree->images[overlay].path, .to = image };
    size_t num, i;
    int rc = 0;

    rename_all(&r, tree);
    num = r.num;
    r.copies = calloc(num + 1, sizeof(*r.copies));
    if (!r.copies) return chain_error_set_nomem(err);
    for (i = 0; i < num && !rc; i++) {
        r.copies[i] = strdup(image->path);
        if (!r.copies[i]) rc = chain_error_set_nomem(err);
    }
    if (!rc) {
        rename_all(&r, tree);
        drop(tree, overlay);
    }
    for (i = 0; i < num; i++) free(r.copies[i]);
    free(r.copies);
    return rc;
}

/* Would chain_images_next allow it now? What follows from a step that was
 * never right, is a chain that names what is not there. */
static int check_step(const struct chain_model *model,
                      const struct chain_image_step *step,
                      struct chain_error *err)
{
    size_t expected = step->type == CHAIN_IMAGE_REMOVE ? 0 : 1;
    const char *by;

    if (!chain_images_hidden(model, step->image))
        return chain_error_set(err, ERROR_INVAL,
            "the image %s is needed by a snapshot or a disk",
            step->image->path);
    if (chain_images_cloned(model, step->image->path, &by))
        return chain_error_set(err, ERROR_INVAL,
            "the domain '%s', a clone, reads the image %s", by,
            step->image->path);
    if (chain_images_overlays(model, step->image->path) != expected)
        return chain_error_set(err, ERROR_INVAL,
            "the image %s does not have %zu overlays", step->image->path,
            expected);
    if (expected && !same(step->overlay->backing, step->image->path))
        return chain_error_set(err, ERROR_INVAL,
            "the image %s is no overlay of %s", step->overlay->path,
            step->image->path);
    return 0;
}

int chain_images_done(struct chain_model *model,
                      const struct chain_image_step *step,
                      struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    size_t image, overlay;
    int rc;

    rc = chain_model_need_sound(model, err);
    if (!rc) rc = check_step(model, step, err);
    if (rc) return rc;

    image = (size_t)(step->image - tree->images);
    switch (step->type) {
    case CHAIN_IMAGE_REMOVE:
        drop(tree, image);
        return 0;
    case CHAIN_IMAGE_COMMIT:
        overlay = (size_t)(step->overlay - tree->images);
        return committed(tree, step->image, overlay, err);
    case CHAIN_IMAGE_PULL:
        overlay = (size_t)(step->overlay - tree->images);
        take_string(&tree->images[overlay].backing,
                    &tree->images[image].backing);
        drop(tree, image);
        return 0;
    }
    return chain_error_set(err, ERROR_INVAL, "step: %d is unknown",
                           (int)step->type);
}
