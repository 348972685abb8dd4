/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl_disk_snapshot_extract: an internal snapshot becomes an image. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl/image_merge.h"

struct extract {
    libxl_snapshot_ctx *sctx;
    const libxl_device_disk *disk;
    const char *name, *path;
    const libxl_snapshot_callbacks *callbacks;  /* may be NULL */
    uint64_t bytes;             /* a guess at what is to be copied */
};

static bool cancelled(void *user)
{
    const struct extract *e = user;

    return e->callbacks && e->callbacks->cancelled &&
        e->callbacks->cancelled(e->callbacks->user);
}

static void progress(void *user, unsigned int permyriad)
{
    const struct extract *e = user;

    if (e->callbacks && e->callbacks->progress)
        e->callbacks->progress(e->callbacks->user,
                               e->bytes / 10000 * permyriad +
                               e->bytes % 10000 * permyriad / 10000, e->bytes);
}

static int check(const struct extract *e, const libxl_snapshot_handle *handle,
                 struct diag *d)
{
    if (e->disk->format != LIBXL_DISK_FORMAT_QCOW2 ||
        handle->format != LIBXL_DISK_FORMAT_QCOW2 || !handle->u.qcow2.name) {
        diag_set(d, "only a qcow2 image holds internal snapshots");
        return ERROR_INVAL;
    }
    if (!e->disk->pdev_path || e->path[0] != '/') {
        diag_set(d, "an image's path must be absolute");
        return ERROR_INVAL;
    }
    return 0;
}

/* The snapshot's id, if its name is there exactly once; the caller's. */
static int find(struct extract *e, const struct qemu_img *tool, char **id_r,
                struct diag *d)
{
    const struct image_snapshot *snapshot;
    const char *image = e->disk->pdev_path;
    struct image_info info;
    int rc;

    image_info_init(&info);
    rc = qemu_img_info(tool, image, "qcow2",
                       deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &info, d);
    if (rc) goto out;
    rc = image_info_find_snapshot(&info, e->name, &snapshot);
    if (rc == ERROR_NOTFOUND)
        diag_set(d, "its image %s has no snapshot '%s'", image, e->name);
    else if (rc)
        diag_set(d, "its image %s has several snapshots '%s', and which one is "
                 "meant cannot be known", image, e->name);
    if (rc) goto out;
    e->bytes = info.virtual_size;
    *id_r = strdup(snapshot->id);
    if (!*id_r) rc = ERROR_NOMEM;
 out:
    image_info_dispose(&info);
    return rc;
}

static int create(const char *path, struct diag *d)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    diag_set(d, "cannot create %s: %s", path, strerror(errno));
    return errno == EEXIST ? ERROR_DEVICE_EXISTS : ERROR_FAIL;
}

/* The name, too, must survive. */
static int sync_with_name(const char *path, struct diag *d)
{
    char *directory = strdup(path), *slash;
    int rc;

    if (!directory) return ERROR_NOMEM;
    slash = strrchr(directory, '/');
    slash[slash == directory] = 0;
    rc = image_sync(path, d);
    if (!rc) rc = image_sync(directory, d);
    free(directory);
    return rc;
}

static int extract(struct extract *e, const libxl_snapshot_handle *handle,
                   struct diag *d)
{
    const struct qemu_img tool = { e->sctx->qemu_img, e->sctx->lg };
    const struct qemu_img_watch watch = { e, progress, cancelled };
    char *id = NULL;
    int rc;

    rc = check(e, handle, d);
    if (rc) return rc;
    e->name = handle->u.qcow2.name;
    rc = find(e, &tool, &id, d);
    if (rc) return rc;
    rc = create(e->path, d);
    if (rc) goto out;
    rc = qemu_img_extract(&tool, e->disk->pdev_path, id, e->path, &watch,
                          deadline_after(UINT_MAX), d);
    if (!rc) rc = sync_with_name(e->path, d);
    if (rc) unlink(e->path);
 out:
    free(id);
    return rc;
}

int libxl_disk_snapshot_extract(libxl_snapshot_ctx *sctx,
                                const libxl_device_disk *disk,
                                const libxl_snapshot_handle *handle,
                                const char *path,
                                const libxl_snapshot_callbacks *callbacks,
                                libxl_snapshot_diag *diag)
{
    struct extract e = {
        .sctx = sctx, .disk = disk, .path = path, .callbacks = callbacks,
    };
    struct diag d = { "" };
    int rc = extract(&e, handle, &d);

    if (rc)
        xls_diag(diag, rc, disk->vdev, "disk %s: %s",
                 disk->vdev ? disk->vdev : "?",
                 d.text[0] ? d.text : libxl_error_to_string(rc));
    return rc;
}
