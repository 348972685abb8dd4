/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The images behind external snapshots, as a value: which image is an overlay
 * of which, who needs it, and what can be done with those that nobody needs
 * any more. Pure: it looks at the chain and touches no file.
 *
 * An image is needed as it is now by
 *   - a snapshot with an external disk whose path it is;
 *   - a snapshot with an internal disk in it: the image itself, and, since an
 *     internal snapshot reads through to the backing images, all of those;
 *   - a disk of the present (chain_tree.active);
 *   - the overlays on it.
 * One that only overlays need is hidden. A hidden image with one overlay can
 * be merged with it; with several it stays; with none it can go.
 *
 * Because this is a function of the chain alone, a delete publishes the
 * smaller chain first and merges afterwards, and a merge that was cut short is
 * simply planned again. Each step below may be done twice.
 */
#ifndef CHAIN_IMAGES_H
#define CHAIN_IMAGES_H

#include "chain/model.h"

/* NULL: the chain does not know it. Paths are compared as strings. */
const chain_image *chain_images_find(const struct chain_model *model,
                                     const char *path);

/* The image that the present's disk vdev has; NULL: the chain does not say. */
const chain_active_disk *chain_images_active(const struct chain_model *model,
                                             const char *vdev);

/*
 * Is it an image that must not be written, because a snapshot or an overlay
 * needs it as it is? *by_r, unless NULL, is then the name of a snapshot that
 * needs it, or NULL when only other images do.
 */
bool chain_images_frozen(const struct chain_model *model, const char *path,
                         const char **by_r);

/* Is path the image vdev has now, or below it in the chain of backing images? */
bool chain_images_in_use(const struct chain_model *model, const char *path);

enum chain_image_step_type {
    CHAIN_IMAGE_REMOVE,         /* nobody needs it: remove the file if ours */
    CHAIN_IMAGE_COMMIT,         /* overlay into image; overlay goes */
    CHAIN_IMAGE_PULL,           /* image into overlay; image goes */
};

/* Pointers into the model. */
struct chain_image_step {
    enum chain_image_step_type type;
    const chain_image *image;   /* the one nobody names */
    const chain_image *overlay; /* COMMIT, PULL: the only one on it */
};

/*
 * The first thing to do about images that nobody names; false: nothing. Do
 * it, note it with chain_images_done, and ask again. size tells how many
 * bytes an image has allocated (to choose the cheaper direction), or 0 if it
 * cannot tell; skip says of an image that it shall be left alone for now (its
 * merge failed, or the user stopped it). Both may be NULL.
 *
 * COMMIT is the rule: the older name survives, and an image that is not ours
 * stays the disk's own. PULL when the image is ours and has less in it than
 * the overlay. (Neither where the overlay holds internal snapshots: the image
 * is needed then, see above.)
 */
bool chain_images_next(const struct chain_model *model,
                       uint64_t (*size)(void *user, const char *path),
                       bool (*skip)(void *user, const char *path),
                       void *user, struct chain_image_step *step_r);

/*
 * The chain after that step: who named the one that is gone names the other.
 * The step's pointers are no longer valid.
 */
int chain_images_done(struct chain_model *model,
                      const struct chain_image_step *step,
                      struct chain_error *err);

/* ---- changing ---- */

/*
 * Add an image, or change what is known of it. backing (may be NULL) is added
 * too, as not ours and with no backing image, when it is not known.
 */
int chain_images_add(struct chain_model *model, const char *path,
                     libxl_disk_format format, bool ours, const char *backing,
                     libxl_disk_format backing_format,
                     struct chain_error *err);

/* From now on the present's disk vdev has this image. */
int chain_images_set_active(struct chain_model *model, const char *vdev,
                            const char *path, libxl_disk_format format,
                            struct chain_error *err);

/* The present has no disk vdev any more. */
int chain_images_clear_active(struct chain_model *model, const char *vdev,
                              struct chain_error *err);

#endif
