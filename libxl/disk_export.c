/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A copy of what does not change any more, while others may have the image
 * open: an internal snapshot's clusters stay as they are as long as it is
 * there, and a frozen image is not written at all. So no lock is asked for.
 * And how large such a copy would be.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libxl/child.h"
#include "libxl/internal.h"
#include "libxl/json.h"
#include "libxl/qemu_img.h"

/* As long as it takes to copy the largest disk over the slowest network. */
#define EXPORT_TIMEOUT_MS (7u * 24 * 3600 * 1000)
#define MAX_OUTPUT (64u << 10)

/* QEMU's names; NULL: nothing that could be copied. */
static const char *format_name(libxl_disk_format format)
{
    switch (format) {
    case LIBXL_DISK_FORMAT_QCOW2: return "qcow2";
    case LIBXL_DISK_FORMAT_RAW: return "raw";
    case LIBXL_DISK_FORMAT_QED: return "qed";
    default: return NULL;
    }
}

/* --image-opts, where a comma is doubled. */
static char *image_opts(const char *path, const char *format)
{
    char *opts = malloc(strlen(format) + 2 * strlen(path) + 64), *to;
    struct stat st;

    if (!opts) return NULL;
    to = opts + sprintf(opts, "driver=%s,file.driver=%s,file.filename=",
                        format, !stat(path, &st) && S_ISBLK(st.st_mode)
                        ? "host_device" : "file");
    for (; *path; path++) {
        if (*path == ',') *to++ = ',';
        *to++ = *path;
    }
    *to = '\0';
    return opts;
}

/* "snapshot.id=N": a name made of digits could be taken for an id. */
static int find_id(libxl_snapshot_ctx *sctx, const libxl_device_disk *disk,
                   const char *name, char **id_r, libxl_snapshot_diag *diag)
{
    struct qemu_img tool = { sctx->qemu_img, sctx->lg };
    const struct image_snapshot *snapshot;
    struct image_info info;
    struct diag d = { "" };
    int rc;

    image_info_init(&info);
    rc = qemu_img_info(&tool, disk->pdev_path, "qcow2",
                       deadline_after(XLS_QEMU_IMG_TIMEOUT_MS), &info, &d);
    if (rc) {
        xls_diag(diag, rc, disk->vdev, "disk %s: %s", disk->vdev, d.text);
        goto out;
    }
    rc = image_info_find_snapshot(&info, name, &snapshot);
    if (rc)
        xls_diag(diag, rc, disk->vdev, "disk %s: its image has %s snapshot"
                 " '%s'", disk->vdev, rc == ERROR_NOTFOUND ? "no"
                 : "more than one", name);
    else if (asprintf(id_r, "snapshot.id=%s", snapshot->id) < 0)
        rc = ERROR_NOMEM;
out:
    image_info_dispose(&info);
    return rc;
}

/* What is read, as qemu-img's arguments. */
struct source {
    char *image;
    char *id;                   /* of the snapshot; NULL: the image itself */
};

static void source_dispose(struct source *source)
{
    free(source->image);
    free(source->id);
}

static int source_find(struct source *source, libxl_snapshot_ctx *sctx,
                       const libxl_device_disk *disk,
                       const libxl_snapshot_handle *handle,
                       libxl_snapshot_diag *diag)
{
    const char *format = format_name(disk->format);
    int rc;

    if (!disk->pdev_path || disk->pdev_path[0] != '/' || !format)
        return xls_diag(diag, ERROR_INVAL, disk->vdev, "disk %s: no image that"
                        " could be copied", disk->vdev);
    if (handle && (handle->format != LIBXL_DISK_FORMAT_QCOW2 ||
                   disk->format != LIBXL_DISK_FORMAT_QCOW2 ||
                   !handle->u.qcow2.name))
        return xls_diag(diag, ERROR_INVAL, disk->vdev, "disk %s: the handle"
                        " names no internal snapshot", disk->vdev);
    if (handle) {
        rc = find_id(sctx, disk, handle->u.qcow2.name, &source->id, diag);
        if (rc) return rc;
    }
    source->image = image_opts(disk->pdev_path, format);
    return source->image ? 0 : ERROR_NOMEM;
}

/* The subcommand in argv, of which n are there already, on the source; target
 * may be NULL. */
static int run(const char *argv[], int n, const struct source *source,
               const char *target, const libxl_device_disk *disk,
               const char *verb, struct child_result *result,
               libxl_snapshot_diag *diag)
{
    struct diag d = { "" };
    int rc;

    if (source->id) {
        argv[n++] = "-l";
        argv[n++] = source->id;
    }
    argv[n++] = "--image-opts";
    argv[n++] = "--";
    argv[n++] = source->image;
    argv[n++] = target;
    argv[n] = NULL;
    rc = child_run(argv, MAX_OUTPUT, deadline_after(EXPORT_TIMEOUT_MS),
                   result, &d);
    if (rc)
        return xls_diag(diag, rc, disk->vdev, "disk %s: %s", disk->vdev,
                        d.text);
    if (WIFEXITED(result->status) && !WEXITSTATUS(result->status)) return 0;
    result->err[strcspn(result->err, "\n")] = '\0';
    return xls_diag(diag, ERROR_FAIL, disk->vdev, "disk %s: cannot %s %s: %s",
                    disk->vdev, verb, disk->pdev_path, result->err[0]
                    ? result->err : "qemu-img was ended");
}

int libxl_disk_export(libxl_snapshot_ctx *sctx, const libxl_device_disk *disk,
                      const libxl_snapshot_handle *handle, int fd,
                      libxl_snapshot_diag *diag)
{
    const char *argv[16] = { sctx->qemu_img, "convert", "-U", "-O", "qcow2" };
    struct source source = { NULL, NULL };
    struct child_result result;
    char target[64];
    int rc;

    child_result_init(&result);
    rc = source_find(&source, sctx, disk, handle, diag);
    if (rc) goto out;
    /* qemu-img opens our file anew, whatever name it has, or none. */
    snprintf(target, sizeof(target), "/proc/%ld/fd/%d", (long)getpid(), fd);
    rc = run(argv, 5, &source, target, disk, "copy", &result, diag);
out:
    if (rc) xls_diag(diag, rc, disk->vdev, "%s", libxl_error_to_string(rc));
    child_result_dispose(&result);
    source_dispose(&source);
    return rc;
}

/* ---- how large it would be ---- */

static int read_size(const struct child_result *result, uint64_t *bytes_r)
{
    xjson *value = NULL;
    int rc;

    rc = xjson_parse(result->out, result->out_len, &value, NULL);
    if (!rc)
        rc = xjson_uint(xjson_member(value, "required"), INT64_MAX, bytes_r);
    xjson_free(value);
    return rc;
}

int libxl_disk_measure(libxl_snapshot_ctx *sctx, const libxl_device_disk *disk,
                       const libxl_snapshot_handle *handle, uint64_t *bytes_r,
                       libxl_snapshot_diag *diag)
{
    const char *argv[16] = { sctx->qemu_img, "measure", "-U", "--output=json",
                             "-O", "qcow2" };
    struct source source = { NULL, NULL };
    struct child_result result;
    int rc;

    child_result_init(&result);
    rc = source_find(&source, sctx, disk, handle, diag);
    if (!rc)
        rc = run(argv, 6, &source, NULL, disk, "measure", &result, diag);
    if (rc) goto out;
    rc = read_size(&result, bytes_r);
    if (rc == ERROR_INVAL)
        rc = xls_diag(diag, ERROR_QEMU_API, disk->vdev, "disk %s: the answer"
                      " of qemu-img measure is not understood", disk->vdev);
out:
    if (rc) xls_diag(diag, rc, disk->vdev, "%s", libxl_error_to_string(rc));
    child_result_dispose(&result);
    source_dispose(&source);
    return rc;
}
