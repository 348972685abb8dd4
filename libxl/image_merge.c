/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "libxl/bitmap_union.h"
#include "libxl/image_merge.h"

/* Copying has no limit but the caller's patience. */
#define NO_LIMIT deadline_after(UINT_MAX)
#define BY deadline_after(XLS_QEMU_IMG_TIMEOUT_MS)

const char *image_format_name(libxl_disk_format format)
{
    switch (format) {
    case LIBXL_DISK_FORMAT_QCOW2: return "qcow2";
    case LIBXL_DISK_FORMAT_RAW: return "raw";
    case LIBXL_DISK_FORMAT_QED: return "qed";
    case LIBXL_DISK_FORMAT_QCOW: return "qcow";
    case LIBXL_DISK_FORMAT_VHD: return "vpc";
    default: return NULL;
    }
}

/* ---- the parameters ---- */

static int check_image(const char *what, const char *path,
                       libxl_disk_format format, struct diag *diag)
{
    if (!path || path[0] != '/') {
        diag_set(diag, "the %s of a merge needs an absolute path", what);
        return ERROR_INVAL;
    }
    if (!image_format_name(format)) {
        diag_set(diag, "%s: an image of this format cannot be merged", path);
        return ERROR_INVAL;
    }
    return 0;
}

int image_merge_check(const libxl_disk_merge_params *params,
                      struct diag *diag)
{
    const libxl_snapshot_overlay *overlay;
    int i, rc;

    if (params->direction != LIBXL_MERGE_DIRECTION_COMMIT &&
        params->direction != LIBXL_MERGE_DIRECTION_PULL) {
        diag_set(diag, "a merge is a commit or a pull");
        return ERROR_INVAL;
    }
    rc = check_image("overlay", params->top, params->top_format, diag);
    if (rc) return rc;
    rc = check_image("backing image", params->base, params->base_format, diag);
    if (rc) return rc;
    if (params->below) {
        rc = check_image("image below", params->below, params->below_format,
                         diag);
        if (rc) return rc;
    }
    if (params->num_dependants &&
        params->direction != LIBXL_MERGE_DIRECTION_COMMIT) {
        diag_set(diag, "%s: its overlays stay its overlays in a pull; none "
                 "may be named", params->top);
        return ERROR_INVAL;
    }
    for (i = 0; i < params->num_dependants; i++) {
        overlay = &params->dependants[i];
        rc = check_image("overlay's overlay", overlay->path, overlay->format,
                         diag);
        if (rc) return rc;
    }
    return 0;
}

/* ---- files ---- */

int image_sync(const char *path, struct diag *diag)
{
    int fd, r, errnoval;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    r = fd < 0 ? -1 : fsync(fd);
    errnoval = errno;
    if (fd >= 0) close(fd);
    if (!r) return 0;
    diag_set(diag, "%s: cannot bring it to the disk: %s", path,
             strerror(errnoval));
    return ERROR_FAIL;
}

static bool is_same(const struct image_inode *a, const struct image_inode *b)
{
    if (a->is_block && b->is_block) return a->rdev == b->rdev;
    return a->dev == b->dev && a->ino == b->ino;
}

static int check_unused(const struct image_merge *m, const char *const paths[],
                        size_t num, struct diag *diag)
{
    struct image_inode inode;
    size_t i;
    int rc;

    for (i = 0; i < num; i++) {
        rc = image_inode_of(paths[i], &inode, diag);
        if (rc) return rc;
        rc = image_users_wait(m->users, &inode, 1, deadline_after(0), diag);
        if (rc) {
            diag_prefix(diag, "%s: ", paths[i]);
            return rc;
        }
    }
    return 0;
}

/* When the overlay has been pulled into already, base may have been removed. */
static int check_both_unused(const struct image_merge *m, struct diag *diag)
{
    const char *const paths[] = { m->params->top, m->params->base };
    bool gone = m->params->direction == LIBXL_MERGE_DIRECTION_PULL &&
        access(m->params->base, F_OK) && errno == ENOENT;

    return check_unused(m, paths, gone ? 1 : 2, diag);
}

static int look_at(const struct image_merge *m, const char *path,
                   libxl_disk_format format, struct image_info *info,
                   struct diag *diag)
{
    return qemu_img_info(m->tool, path, image_format_name(format), BY, info,
                         diag);
}

static const char *backing_of(const struct image_info *info)
{
    return info->full_backing_filename ? info->full_backing_filename :
        info->backing_filename;
}

/* Is it on this image, or, with NULL, on none? */
static bool is_on(const struct image_info *info, const char *path)
{
    struct image_inode found, wanted;
    const char *backing = backing_of(info);

    if (!path || !backing) return !path && !backing;
    return !image_inode_of(path, &wanted, NULL) &&
           !image_inode_of(backing, &found, NULL) && is_same(&found, &wanted);
}

static int not_on(const char *path, const struct image_info *info,
                  const char *expected, struct diag *diag)
{
    const char *backing = backing_of(info);

    diag_set(diag, "%s: its backing image is %s, not %s; nothing was merged",
             path, backing ? backing : "none", expected ? expected : "none");
    return ERROR_INVAL;
}

/*
 * Does a header of this format leave no doubt about the backing image's? What
 * is not stated QEMU would guess, from what a guest may have written. A qed
 * header states raw or nothing, and then what is guessed is a true header.
 */
static bool states_format(const struct image_info *info,
                          libxl_disk_format own, libxl_disk_format format)
{
    const char *name = image_format_name(format);

    if (!info->backing_format)
        return own == LIBXL_DISK_FORMAT_QED && format != LIBXL_DISK_FORMAT_RAW;
    return name && !strcmp(info->backing_format, name);
}

/* Let top's header name base and its format, in the very words that qemu-img
 * will be told. Both have been found to be right. */
static int state_backing(const struct image_merge *m,
                         const struct image_info *top, struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;

    if (states_format(top, params->top_format, params->base_format) &&
        !strcmp(top->backing_filename, params->base))
        return 0;
    return qemu_img_set_backing(m->tool, params->top,
                                image_format_name(params->top_format),
                                params->base,
                                image_format_name(params->base_format), BY,
                                diag);
}

/* ---- bitmaps ---- */

static int unite_bitmap(const struct image_merge *m, const char *from_path,
                        const struct image_bitmap *from, const char *to_path,
                        const struct image_info *to, struct diag *diag)
{
    bool commit = m->params->direction == LIBXL_MERGE_DIRECTION_COMMIT;
    struct bitmap_union todo;
    struct qemu_img_bitmap_union what = {
        .from = from_path, .to = to_path, .name = from->name,
        .granularity = from->granularity,
    };

    todo = bitmap_union_decide(commit, from,
                               image_bitmap_find(to->bitmaps, to->num_bitmaps,
                                                 from->name));
    what.add = todo.add;
    what.recording = todo.recording;
    switch (todo.action) {
    case BITMAP_LEAVE: return 0;
    case BITMAP_REMOVE:
        return qemu_img_bitmap_remove(m->tool, to_path, "qcow2", from->name,
                                      BY, diag);
    case BITMAP_UNITE: break;
    }
    return qemu_img_bitmap_union(m->tool, &what, BY, diag);
}

/* The images' own words are asked for anew: copying may have changed them. */
static int unite_bitmaps(const struct image_merge *m, const char *from,
                         libxl_disk_format from_format, const char *to,
                         libxl_disk_format to_format, struct diag *diag)
{
    struct image_info source, target;
    size_t i;
    int rc = 0;

    if (from_format != LIBXL_DISK_FORMAT_QCOW2 ||
        to_format != LIBXL_DISK_FORMAT_QCOW2)
        return 0;
    image_info_init(&source);
    image_info_init(&target);
    rc = look_at(m, from, from_format, &source, diag);
    if (rc || !source.num_bitmaps) goto out;
    rc = look_at(m, to, to_format, &target, diag);
    for (i = 0; i < source.num_bitmaps && !rc; i++)
        rc = unite_bitmap(m, from, &source.bitmaps[i], to, &target, diag);
 out:
    image_info_dispose(&target);
    image_info_dispose(&source);
    return rc;
}

/* ---- commit ---- */

static int repoint(const struct image_merge *m,
                   const libxl_snapshot_overlay *overlay, struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;
    const char *const paths[] = { overlay->path };
    struct image_info info;
    int rc;

    image_info_init(&info);
    rc = look_at(m, overlay->path, overlay->format, &info, diag);
    if (rc) goto out;
    if (!is_on(&info, params->base) ||
        !states_format(&info, overlay->format, params->base_format)) {
        rc = check_unused(m, paths, 1, diag);
        if (rc) goto out;
        rc = qemu_img_set_backing(m->tool, overlay->path,
                                  image_format_name(overlay->format),
                                  params->base,
                                  image_format_name(params->base_format), BY,
                                  diag);
        if (rc) goto out;
    }
    rc = image_sync(overlay->path, diag);
 out:
    image_info_dispose(&info);
    return rc;
}

int image_merge_dependants(const struct image_merge *m, struct diag *diag)
{
    int i, rc = 0;

    for (i = 0; i < m->params->num_dependants && !rc; i++)
        rc = repoint(m, &m->params->dependants[i], diag);
    return rc;
}

/* Dependants must read through top or, as a merge that was cut short has
 * left them, base. Any other was never an overlay of top. */
static int check_dependants(const struct image_merge *m, struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;
    const libxl_snapshot_overlay *overlay;
    struct image_info info;
    int i, rc = 0;

    for (i = 0; i < params->num_dependants && !rc; i++) {
        overlay = &params->dependants[i];
        image_info_init(&info);
        rc = look_at(m, overlay->path, overlay->format, &info, diag);
        if (!rc && !is_on(&info, params->top) && !is_on(&info, params->base))
            rc = not_on(overlay->path, &info, params->top, diag);
        image_info_dispose(&info);
    }
    return rc;
}

static int check_commit(const struct image_merge *m,
                        const struct image_info *top, struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;
    struct image_info base;
    int rc;

    if (!is_on(top, params->base))
        return not_on(params->top, top, params->base, diag);
    rc = check_dependants(m, diag);
    if (rc) return rc;
    image_info_init(&base);
    rc = look_at(m, params->base, params->base_format, &base, diag);
    if (!rc && base.virtual_size > top->virtual_size) {
        diag_set(diag, "%s: it is larger (%" PRIu64 " bytes) than its overlay "
                 "(%" PRIu64 "), and so would the disk be; nothing was merged",
                 params->base, base.virtual_size, top->virtual_size);
        rc = ERROR_INVAL;
    }
    image_info_dispose(&base);
    return rc;
}

static int do_commit(const struct image_merge *m, const struct image_info *top,
                     struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;
    int rc;

    rc = check_commit(m, top, diag);
    if (rc) return rc;
    rc = state_backing(m, top, diag);
    if (rc) return rc;
    rc = qemu_img_commit(m->tool, params->top,
                         image_format_name(params->top_format), params->base,
                         m->watch, NO_LIMIT, diag);
    if (rc) return rc;
    /* A guest that was started on top meanwhile has changed it. */
    rc = check_both_unused(m, diag);
    if (rc) return rc;
    rc = unite_bitmaps(m, params->top, params->top_format, params->base,
                       params->base_format, diag);
    if (rc) return rc;
    rc = image_sync(params->base, diag);
    if (rc) return rc;
    return image_merge_dependants(m, diag);
}

/* ---- pull ---- */

static int check_pull(const struct image_merge *m,
                      const struct image_info *top, struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;
    struct image_info base;
    int rc;

    if (!is_on(top, params->base))
        return not_on(params->top, top, params->base, diag);
    image_info_init(&base);
    rc = look_at(m, params->base, params->base_format, &base, diag);
    if (!rc && !is_on(&base, params->below))
        rc = not_on(params->base, &base, params->below, diag);
    /* Copied is what base reads as now; below in another format would be
     * something else. */
    if (!rc && params->below &&
        !states_format(&base, params->base_format, params->below_format)) {
        diag_set(diag, "%s: its header does not say that its backing image is "
                 "%s; correct it with qemu-img rebase -u -F", params->base,
                 image_format_name(params->below_format));
        rc = ERROR_INVAL;
    }
    image_info_dispose(&base);
    return rc;
}

static int do_pull(const struct image_merge *m, const struct image_info *top,
                   struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;
    int rc;

    if (is_on(top, params->below)) return image_sync(params->top, diag);
    rc = check_pull(m, top, diag);
    if (rc) return rc;
    rc = state_backing(m, top, diag);
    if (rc) return rc;
    /* First: once top no longer names base, nobody would do it. */
    rc = unite_bitmaps(m, params->base, params->base_format, params->top,
                       params->top_format, diag);
    if (rc) return rc;
    rc = qemu_img_rebase(m->tool, params->top,
                         image_format_name(params->top_format), params->below,
                         params->below ?
                         image_format_name(params->below_format) : NULL,
                         m->watch, NO_LIMIT, diag);
    if (rc) return rc;
    rc = check_both_unused(m, diag);
    if (rc) return rc;
    return image_sync(params->top, diag);
}

int image_merge_run(const struct image_merge *m, struct diag *diag)
{
    const libxl_disk_merge_params *params = m->params;
    struct image_info top;
    int rc;

    image_info_init(&top);
    rc = image_merge_check(params, diag);
    if (rc) goto out;
    rc = check_both_unused(m, diag);
    if (rc) goto out;
    rc = look_at(m, params->top, params->top_format, &top, diag);
    if (rc) goto out;
    rc = params->direction == LIBXL_MERGE_DIRECTION_COMMIT ?
        do_commit(m, &top, diag) : do_pull(m, &top, diag);
 out:
    image_info_dispose(&top);
    return rc;
}
