/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images that a disk is made of: told, and followed by the chain. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "manage/block_job.h"
#include "manage/note.h"

/* ---- telling ---- */

void manage_block_chain_init(struct manage_block_chain *chain)
{
    memset(chain, 0, sizeof(*chain));
}

void manage_block_chain_dispose(struct manage_block_chain *chain)
{
    int i;

    for (i = 0; i < chain->num; i++) {
        free(chain->images[i].path);
        free(chain->images[i].snapshot);
    }
    free(chain->images);
    manage_block_chain_init(chain);
}

static int add(const struct chain_model *model, const char *path,
               libxl_disk_format format, struct manage_block_chain *chain,
               struct manage_error *err)
{
    struct manage_block_image *to = &chain->images[chain->num++];
    const chain_image *known = chain_images_find(model, path);
    const char *by = NULL;

    if (known && chain_images_frozen(model, path, &by) && by) {
        to->snapshot = strdup(by);
        if (!to->snapshot) return manage_fail_nomem(err);
    }
    to->format = format;
    to->ours = known && known->ours;
    to->path = strdup(path);
    return to->path ? 0 : manage_fail_nomem(err);
}

static int tell_running(struct manage *m, const struct manage_view *view,
                        const char *vdev, struct manage_block_chain *chain,
                        struct manage_error *err)
{
    libxl_disk_image *list = NULL;
    libxl_snapshot_diag diag;
    int i, rc, num = 0;

    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_image_list(m->sctx, view->domid, vdev, &list, &num, &diag);
    if (rc) manage_fail_library(err, rc, &diag);
    libxl_snapshot_diag_dispose(&diag);
    if (rc) return rc;
    chain->images = calloc(num + 1, sizeof(*chain->images));
    if (!chain->images) rc = manage_fail_nomem(err);
    for (i = 0; i < num && !rc; i++)
        rc = add(&view->chain, list[i].path, list[i].format, chain, err);
    libxl_disk_image_list_free(list, num);
    return rc;
}

static int tell_off(const struct manage_view *view, const char *vdev,
                    struct manage_block_chain *chain, struct manage_error *err)
{
    const chain_active_disk *active = chain_images_active(&view->chain, vdev);
    const chain_image **below = NULL;
    struct chain_error why;
    size_t i, num = 0;
    int rc;

    if (!active)
        return manage_fail(err, MANAGE_REFUSED, "the domain '%s' is off, and"
                           " its snapshots do not tell of images of %s; 'qemu-"
                           "img info --backing-chain' reads them from the image",
                           view->domain, vdev);
    rc = chain_images_below(&view->chain, active->path, &below, &num, &why);
    if (rc) return manage_fail_chain(err, &why);
    chain->images = calloc(num + 1, sizeof(*chain->images));
    if (!chain->images) rc = manage_fail_nomem(err);
    for (i = 0; i < num && !rc; i++)
        rc = add(&view->chain, below[i]->path, below[i]->format, chain, err);
    free(below);
    return rc;
}

int manage_block_chain(struct manage *m, const char *domain, const char *vdev,
                       struct manage_block_chain *chain_r,
                       struct manage_error *err)
{
    struct manage_block_chain chain;
    struct manage_view view;
    int rc;

    manage_view_init(&view);
    manage_block_chain_init(&chain);
    rc = manage_look(m, domain, &view, err);
    if (!rc)
        rc = view.running ? tell_running(m, &view, vdev, &chain, err)
                          : tell_off(&view, vdev, &chain, err);
    manage_view_dispose(&view);
    if (rc) {
        manage_block_chain_dispose(&chain);
        return rc;
    }
    manage_block_chain_dispose(chain_r);
    *chain_r = chain;
    return 0;
}

/* ---- following ---- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* list[0] is the active image, list[1] what it builds on. One that the chain
 * has never heard of was below what it knows. */
static int follow_image(struct operation *op, const libxl_disk_image *list,
                        int num, char **note, bool *changed_r)
{
    const chain_image *image = chain_images_find(&op->chain, list[0].path);
    const char *backing = num > 1 ? list[1].path : NULL;
    struct chain_error why;
    int rc;

    if (!image || same(image->backing, backing)) return 0;
    /* Not in it before: QEMU says more than the chain knows, as ever. */
    if (!image->backing) return 0;
    if (backing && !chain_images_find(&op->chain, backing))
        rc = chain_images_add(&op->chain, image->path, image->format,
                              image->ours, backing, list[1].format, &why);
    else
        rc = chain_images_set_backing(&op->chain, image->path, backing, &why);
    /* Somebody else's job has done what none of ours may. */
    if (rc == ERROR_INVAL) {
        note_add(note, "%s builds on less than what reads through it needs: %s",
                 image->path, why.text);
        return 0;
    }
    if (rc) return manage_fail_chain(op->err, &why);
    *changed_r = true;
    return 0;
}

static int follow_disk(struct operation *op, const chain_active_disk *disk,
                       char **note, bool *changed_r)
{
    libxl_disk_image *list = NULL;
    int rc, num = 0;

    rc = libxl_disk_image_list(op->m->sctx, op->domid, disk->vdev, &list, &num,
                               NULL);
    if (rc) return 0;
    /* The domain may have been started on another image. */
    if (num && !strcmp(list[0].path, disk->path))
        rc = follow_image(op, list, num, note, changed_r);
    libxl_disk_image_list_free(list, num);
    return rc;
}

int block_chain_follow(struct operation *op, char **note)
{
    const chain_tree *tree = &op->chain.tree;
    bool changed, any = false;
    int i, rc = 0;

    if (!op->running) return 0;
    for (i = 0; i < tree->num_active && !rc; i++) {
        changed = false;
        rc = follow_disk(op, &tree->active[i], note, &changed);
        if (!changed) continue;
        any = true;
        note_add(note, "%s builds on fewer images since a block job of %s",
                 tree->active[i].path, tree->active[i].vdev);
    }
    if (rc || !any) return rc;
    manage_reached(op->m, "job:publish");
    return operation_save(op);
}

/* ---- closing ---- */

void block_images_note(struct operation *op, const char *vdev,
                       struct block_images *images)
{
    images->list = NULL;
    images->num = 0;
    if (libxl_disk_image_list(op->m->sctx, op->domid, vdev, &images->list,
                              &images->num, NULL)) {
        images->list = NULL;
        images->num = 0;
    }
}

static bool has(const struct block_images *images, const char *path)
{
    int i;

    for (i = 0; i < images->num; i++)
        if (!strcmp(images->list[i].path, path)) return true;
    return false;
}

/* From the top down: each is used by the one above it. */
void block_images_close_left(struct operation *op, const char *vdev,
                             const struct block_images *before)
{
    struct manage_error *err = op->err, ignored;
    struct block_images now;
    int i;

    block_images_note(op, vdev, &now);
    for (i = 0; i < before->num && now.num; i++) {
        if (has(&now, before->list[i].path)) continue;
        ignored = (struct manage_error){ MANAGE_OK, "" };
        op->err = &ignored;
        image_close(op, before->list[i].path);
    }
    op->err = err;
    block_images_dispose(&now);
}

void block_images_dispose(struct block_images *images)
{
    if (images->list) libxl_disk_image_list_free(images->list, images->num);
    images->list = NULL;
    images->num = 0;
}
