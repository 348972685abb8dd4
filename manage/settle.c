/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images that no snapshot and no disk names any more: which of them can go or
 * be merged is chain/images.h's; here it is done, one step after the other.
 *
 * Each step: the journal names the image that is to go; its data is put where
 * it is needed; the chain is published without it; the file is removed. Up to
 * the last, everything may be repeated.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/images.h"
#include "manage/internal.h"
#include "manage/note.h"

/* QEMU may need a moment to close what it no longer uses. */
#define CLOSE_TIMEOUT_MS 5000

/* An overlay that has been merged, when the chain could not be told. */
#define MERGED_SUFFIX ".merged"

struct settle {
    struct operation *op;
    bool merge;
    const struct chain_image_step *step;
    bool committed;             /* the chain knows that the step is done */
    char **left;                /* images to be left alone in this run */
    int num_left;
};

static bool is_left(void *user, const char *path)
{
    const struct settle *s = user;
    const chain_image *image = chain_images_find(&s->op->chain, path);
    int i;

    if (image && image->keep) return true;
    for (i = 0; i < s->num_left; i++)
        if (!strcmp(s->left[i], path)) return true;
    return false;
}

static int leave(struct settle *s, const char *path)
{
    char **grown = realloc(s->left, (s->num_left + 1) * sizeof(*grown));

    if (!grown) return manage_fail_nomem(s->op->err);
    s->left = grown;
    s->left[s->num_left] = strdup(path);
    if (!s->left[s->num_left]) return manage_fail_nomem(s->op->err);
    s->num_left++;
    return 0;
}

/* ---- one step ---- */

static int sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    int fd, r = -1;

    if (!copy) return -1;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        r = fsync(fd);
        close(fd);
    }
    free(copy);
    return r;
}

static int wait_unused(struct operation *op, const chain_image *image)
{
    libxl_snapshot_diag diag;
    libxl_device_disk disk;
    bool gone;
    int rc;

    rc = image_is_gone(op, image->path, &gone);
    if (!rc) rc = image_close(op, image->path);
    if (rc || gone) return rc;
    rc = image_to_libxl("", image->path, image->format, &disk, op->err);
    if (rc) return rc;
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_snapshot_wait_unused(op->m->sctx, &disk,
                                         LIBXL_SNAPSHOT_NO_DOMAIN,
                                         CLOSE_TIMEOUT_MS, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    libxl_device_disk_dispose(&disk);
    return rc;
}

static int publish_step(struct settle *s)
{
    struct chain_error why;
    int rc;

    if (!s->committed) {
        rc = chain_images_done(&s->op->chain, s->step, &why);
        if (rc) return manage_fail_chain(s->op->err, &why);
        s->committed = true;
    }
    manage_reached(s->op->m, "merge:publish");
    return operation_save(s->op);
}

/*
 * The guest writes to the base from now on. If the chain cannot say so (its
 * volume is full), the overlay must at least never be taken for the disk's
 * image again: a rename needs no space. do_merge knows it by that name.
 */
static int on_committed(void *user)
{
    struct settle *s = user;
    const char *overlay = s->step->overlay->path;
    char *aside = NULL;
    int rc;

    if (asprintf(&aside, "%s" MERGED_SUFFIX, overlay) < 0)
        return manage_fail_nomem(s->op->err);
    rc = publish_step(s);
    if (rc && !rename(s->op->journal.images[0].path, aside))
        sync_folder_of(aside);
    free(aside);
    return rc;
}

static bool on_cancelled(void *user)
{
    const struct manage_application *app =
        &((struct settle *)user)->op->m->app;

    return app->cancelled && app->cancelled(app->user);
}

static void on_progress(void *user, uint64_t bytes, uint64_t estimate)
{
    const struct manage_application *app =
        &((struct settle *)user)->op->m->app;

    if (app->progress) app->progress(app->user, bytes, estimate);
}

static void on_stage(void *user, const char *name)
{
    struct settle *s = user;
    char point[64];

    snprintf(point, sizeof(point), "merge:%s", name);
    manage_reached(s->op->m, point);
}

static int add_dependants(struct operation *op, const chain_image *overlay,
                          libxl_disk_merge_params *merge)
{
    const chain_tree *tree = &op->chain.tree;
    libxl_snapshot_overlay *d;
    int i;

    merge->dependants = calloc(tree->num_images + 1, sizeof(*d));
    if (!merge->dependants) return manage_fail_nomem(op->err);
    for (i = 0; i < tree->num_images; i++) {
        if (!tree->images[i].backing ||
            strcmp(tree->images[i].backing, overlay->path))
            continue;
        d = &merge->dependants[merge->num_dependants++];
        libxl_snapshot_overlay_init(d);
        d->format = tree->images[i].format;
        d->path = strdup(tree->images[i].path);
        if (!d->path) return manage_fail_nomem(op->err);
    }
    return 0;
}

static int fill_merge(struct settle *s, libxl_disk_merge_params *merge)
{
    const struct chain_image_step *step = s->step;
    const chain_image *below;
    struct operation *op = s->op;

    merge->direction = step->type == CHAIN_IMAGE_COMMIT
        ? LIBXL_MERGE_DIRECTION_COMMIT : LIBXL_MERGE_DIRECTION_PULL;
    merge->top = strdup(step->overlay->path);
    merge->top_format = step->overlay->format;
    merge->base = strdup(step->image->path);
    merge->base_format = step->image->format;
    if (!merge->top || !merge->base) return manage_fail_nomem(op->err);
    if (step->image->backing) {
        below = chain_images_find(&op->chain, step->image->backing);
        merge->below = strdup(step->image->backing);
        if (!merge->below) return manage_fail_nomem(op->err);
        merge->below_format = below ? below->format
                                    : LIBXL_DISK_FORMAT_UNKNOWN;
    }
    return step->type == CHAIN_IMAGE_COMMIT
        ? add_dependants(op, step->overlay, merge) : 0;
}

static int merge(struct settle *s)
{
    struct operation *op = s->op;
    const chain_active_disk *user = image_disk(&op->chain,
                                               s->step->overlay->path);
    const libxl_snapshot_callbacks callbacks = {
        .user = s, .progress = on_progress, .stage = on_stage,
        .cancelled = on_cancelled, .committed = on_committed,
    };
    bool live = user && domain_has_disk(op, user->vdev);
    libxl_disk_merge_params params;
    libxl_snapshot_diag diag;
    libxl_device_disk disk;
    int rc;

    libxl_disk_merge_params_init(&params);
    libxl_snapshot_diag_init(&diag);
    libxl_device_disk_init(&disk);
    rc = fill_merge(s, &params);
    if (rc) goto out;
    rc = live ? image_to_libxl(user->vdev, user->path, user->format, &disk,
                               op->err)
              : image_to_libxl("", s->step->overlay->path,
                               s->step->overlay->format, &disk, op->err);
    if (rc) goto out;
    rc = libxl_disk_merge(op->m->sctx, live ? op->domid
                          : LIBXL_SNAPSHOT_NO_DOMAIN, &disk, &params,
                          &callbacks, &diag);
    if (rc) manage_fail_library(op->err, rc, &diag);
out:
    libxl_device_disk_dispose(&disk);
    libxl_snapshot_diag_dispose(&diag);
    libxl_disk_merge_params_dispose(&params);
    return rc;
}

/* The image whose file goes, by name, before it is touched. */
static int note_doomed(struct settle *s, const chain_image *doomed)
{
    chain_journal *journal = &s->op->journal;
    chain_image *image;
    int i;

    for (i = 0; i < journal->num_images; i++)
        chain_image_dispose(&journal->images[i]);
    free(journal->images);
    journal->num_images = 0;
    journal->images = image = calloc(1, sizeof(*image));
    if (!image) return manage_fail_nomem(s->op->err);
    chain_image_init(image);
    journal->num_images = 1;
    if (chain_image_copy(NULL, image, doomed))
        return manage_fail_nomem(s->op->err);
    return operation_journal(s->op, CHAIN_STEP_MERGING);
}

/* See on_committed. */
static int is_merged(struct operation *op, const struct chain_image_step *step,
                     bool *merged_r)
{
    char *aside;

    *merged_r = false;
    if (step->type != CHAIN_IMAGE_COMMIT || !access(step->overlay->path, F_OK))
        return 0;
    if (asprintf(&aside, "%s" MERGED_SUFFIX, step->overlay->path) < 0)
        return manage_fail_nomem(op->err);
    *merged_r = !access(aside, F_OK);
    free(aside);
    return 0;
}

static int remove_merged(struct operation *op, const char *path)
{
    char *aside;
    int rc;

    if (asprintf(&aside, "%s" MERGED_SUFFIX, path) < 0)
        return manage_fail_nomem(op->err);
    /* QEMU knows it by its first name. */
    rc = image_close(op, path);
    if (!rc) rc = image_remove(op, aside);
    free(aside);
    return rc;
}

static int do_merge(struct settle *s)
{
    const struct chain_image_step *step = s->step;
    bool merged;
    int rc;

    rc = is_merged(s->op, step, &merged);
    if (rc) return rc;
    rc = note_doomed(s, step->type == CHAIN_IMAGE_COMMIT ? step->overlay
                                                          : step->image);
    if (rc) return rc;
    manage_reached(s->op->m, "merge:begin");
    rc = merged ? 0 : merge(s);
    if (!rc && !s->committed) rc = publish_step(s);
    if (rc) return rc;
    manage_reached(s->op->m, "merge:published");
    if (merged) rc = remove_merged(s->op, s->op->journal.images[0].path);
    return rc ? rc : images_remove_doomed(s->op);
}

static int do_remove(struct settle *s)
{
    int rc;

    manage_reached(s->op->m, "merge:remove");
    rc = wait_unused(s->op, s->step->image);
    if (!rc && s->step->image->ours)
        rc = image_remove(s->op, s->step->image->path);
    return rc ? rc : publish_step(s);
}

/* One that is gone may have been put aside: the chain could be told after all,
 * but not that it was. */
static int remove_doomed(struct operation *op, const chain_image *image)
{
    bool gone;
    int rc;

    rc = image_is_gone(op, image->path, &gone);
    if (!rc && gone) rc = remove_merged(op, image->path);
    if (!rc) rc = wait_unused(op, image);
    return rc ? rc : image_remove(op, image->path);
}

int images_remove_doomed(struct operation *op)
{
    const chain_journal *journal = &op->journal;
    int i, rc = 0;

    for (i = 0; i < journal->num_images && !rc; i++) {
        const chain_image *image = &journal->images[i];

        if (image->ours && !chain_images_find(&op->chain, image->path))
            rc = remove_doomed(op, image);
    }
    return rc;
}

/* ---- all of them ---- */

/* What failed is left for another time, unless the chain is at stake. */
static int failed(struct settle *s, int rc, const char *path, char **note)
{
    struct manage_error *err = s->op->err;

    if (s->committed) return rc;
    note_add(note, "%s is kept for now: %s", path,
             rc == ERROR_ABORTED ? "stopped" : err ? err->text
             : "it could not be merged");
    if (err) {
        err->outcome = MANAGE_OK;
        err->text[0] = '\0';
    }
    return leave(s, path);
}

int images_settle(struct operation *op, bool with_merges, char **note)
{
    struct settle s = { .op = op, .merge = with_merges };
    struct chain_image_step step;
    char *path = NULL;
    int i, rc = 0, stopped = 0;

    while (!rc && !stopped &&
           chain_images_next(&op->chain, image_allocated, is_left, &s, &step)) {
        free(path);
        path = strdup(step.image->path);
        if (!path) {
            rc = manage_fail_nomem(op->err);
            break;
        }
        s.step = &step;
        s.committed = false;
        if (step.type == CHAIN_IMAGE_REMOVE) rc = do_remove(&s);
        else if (with_merges) rc = do_merge(&s);
        else {
            rc = leave(&s, path);
            continue;
        }
        stopped = rc == ERROR_ABORTED;
        if (rc) rc = failed(&s, rc, path, note);
    }
    free(path);
    for (i = 0; i < s.num_left; i++) free(s.left[i]);
    free(s.left);
    return rc;
}

static bool nobody(void *user, const char *path)
{
    (void)user;
    (void)path;
    return false;
}

/* Play it through on a copy. */
bool images_would_settle(const struct chain_model *model,
                         const chain_image **left_r)
{
    struct chain_image_step step;
    struct chain_model copy;
    bool settles = false;
    int i;

    *left_r = NULL;
    chain_model_init(&copy);
    if (chain_model_copy(&copy, model, NULL)) goto out;
    while (chain_images_next(&copy, NULL, nobody, NULL, &step))
        if (chain_images_done(&copy, &step, NULL)) goto out;
    settles = true;
    for (i = 0; i < copy.tree.num_images && settles; i++)
        if (chain_images_hidden(&copy, &copy.tree.images[i])) {
            settles = false;
            *left_r = chain_images_find(model, copy.tree.images[i].path);
        }
out:
    chain_model_dispose(&copy);
    return settles;
}
