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
 * A disk of another domain that was made from a snapshot (chain_image.clone)
 * reads through to all that is below it, like an internal snapshot, and
 * nobody here can tell it of a change: all of that stays as it is.
 *
 * One that only overlays need is hidden. A hidden image with one overlay can
 * be merged with it; with several it stays; with none it can go.
 *
 * An image that is neither ours nor was ever a disk's (chain_image.was_disk:
 * noted by chain_images_set_active and chain_model_add) may be a template that
 * other domains read, too: it is never written, and only forgotten in the end.
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
 * needs it: the one that froze it, else the first that reads it through other
 * images; NULL when only other images do. (The internal snapshots in an image
 * freeze what is below it, but not itself.)
 */
bool chain_images_frozen(const struct chain_model *model, const char *path,
                         const char **by_r);

/* Is path the image a disk has now, or below it in the chain of backing
 * images? */
bool chain_images_in_use(const struct chain_model *model, const char *path);

/* Nobody names it: neither a snapshot nor a disk. O(snapshots). */
bool chain_images_hidden(const struct chain_model *model,
                         const chain_image *image);

/* All of which that is true, in the order of the list. *images_r is malloc'd;
 * what it points to is in the model. */
int chain_images_all_hidden(const struct chain_model *model,
                            const chain_image ***images_r, size_t *num_r,
                            struct chain_error *err);

/* How many images have it as their backing image. */
size_t chain_images_overlays(const struct chain_model *model,
                             const char *path);

/*
 * The image path and all that it reads through to, from the top down, as far
 * as the chain knows: at least one. *images_r is malloc'd; what it points to
 * is in the model. ERROR_NOTFOUND when the chain does not know path. (Copes
 * with a damaged chain.)
 */
int chain_images_below(const struct chain_model *model, const char *path,
                       const chain_image ***images_r, size_t *num_r,
                       struct chain_error *err);

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
 * merge failed, or the user stopped it): then it is neither removed nor merged
 * with its overlay or its backing image. Both may be NULL. Also false for a
 * damaged chain, and when out of memory: it is only space.
 *
 * What can be removed comes first, then merges from the bottom up. REMOVE of
 * an image that is not ours only makes the chain forget it.
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
 * The step's pointers are no longer valid then. ERROR_INVAL when the image is
 * not hidden, or has other overlays than the step says.
 */
int chain_images_done(struct chain_model *model,
                      const struct chain_image_step *step,
                      struct chain_error *err);

/* What removing one snapshot, and doing all steps after that, would free
 * beyond what the steps free now. */
struct chain_freed {
    uint64_t bytes;     /* of images of ours that would be removed */
    bool exact;         /* false: at least so much; what two images that are
                         * merged have in common is not known, nor is the size
                         * of one that size cannot tell */
    bool names;         /* it names an image of the chain at all */
};

/*
 * For each snapshot, in the order of the tree. size: what an image takes;
 * false: not known. Nothing for a damaged chain. Of one where an image has a
 * backing image and was neither made by us nor a disk's, more may be called not
 * exact than need be: whether it is merged depends on its neighbours.
 */
int chain_images_freed(const struct chain_model *model,
                       bool (*size)(void *user, const char *path,
                                    uint64_t *bytes_r),
                       void *user, struct chain_freed *freed,
                       struct chain_error *err);

/*
 * Is it a clone's, or does a clone read through it? Then it must neither be
 * written nor removed. *by_r, unless NULL, is the clone's domain.
 */
bool chain_images_cloned(const struct chain_model *model, const char *path,
                         const char **by_r);

/*
 * The name of a domain that was made from the snapshot and whose disks are
 * overlays on what it froze; each once, in the chain's order. *at_r: where to go on,
 * at first 0. NULL: no more. (A clone of an internal snapshot has copies.)
 */
const char *chain_images_next_clone(const struct chain_model *model,
                                    const chain_snapshot *snapshot, int *at_r);

/* ---- changing ---- */

/*
 * An overlay, on an image that the chain knows, is a disk of the domain clone.
 * ERROR_INVAL when path is known already, or the backing image is not.
 */
int chain_images_add_clone(struct chain_model *model, const char *path,
                           libxl_disk_format format, const char *backing,
                           const char *clone, struct chain_error *err);

/* It reads through to nothing of ours any more. ERROR_INVAL when it is no
 * clone's. */
int chain_images_drop_clone(struct chain_model *model, const char *path,
                            struct chain_error *err);

/*
 * Add an image, or change what is known of it: whether it is ours, and its
 * backing image. backing is added too, as not ours and with no backing image,
 * when it is not known; NULL: none, or of a known image the one it had.
 * ERROR_INVAL when a path is not absolute, when the format is none that images
 * have or is not the one that is known, and for a circle. An overlay may be
 * added on an active image, but the disk must get another image
 * (chain_images_set_active) before the chain is sound again.
 */
int chain_images_add(struct chain_model *model, const char *path,
                     libxl_disk_format format, bool ours, const char *backing,
                     libxl_disk_format backing_format,
                     struct chain_error *err);

/*
 * A known image builds from now on on backing, which is below it already, or on
 * none of the list (NULL): what lay between has been copied into it.
 * ERROR_NOTFOUND: path is not known. ERROR_INVAL: backing is not below it; the
 * image holds internal snapshots, which read through to what lies between; or a
 * clone reads it, whose QEMU may have what lies between open, and which is known to
 * read that by way of this image alone.
 */
int chain_images_set_backing(struct chain_model *model, const char *path,
                             const char *backing, struct chain_error *err);

/* The name of a snapshot that is inside this image; NULL: none is. */
const char *chain_images_internal(const struct chain_model *model,
                                  const char *path);

/*
 * From now on the present's disk vdev has this image, which is added, as not
 * ours and with no backing image, when it is not known. ERROR_INVAL when the
 * image is frozen or another disk's, or known with another format.
 */
int chain_images_set_active(struct chain_model *model, const char *vdev,
                            const char *path, libxl_disk_format format,
                            struct chain_error *err);

/* The present has no disk vdev any more, or simply the one it is configured
 * with. No error when there was none. */
int chain_images_clear_active(struct chain_model *model, const char *vdev,
                              struct chain_error *err);

#endif
