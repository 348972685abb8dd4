/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libxl/qapi_read.h"
#include "libxl/qemu_img_overlay.h"
#include "libxl/qemu_img_run.h"

static bool succeeded(const struct child_result *result)
{
    return WIFEXITED(result->status) && !WEXITSTATUS(result->status);
}

/* ---- the file ---- */

/* A name is on the disk when its directory is. */
static int sync_directory_of(const char *path, struct diag *diag)
{
    const char *slash = strrchr(path, '/');
    char *directory;
    int fd = -1, r, rc = 0;

    directory = slash == path ? strdup("/")
                              : strndup(path, (size_t)(slash - path));
    if (!directory) {
        diag_set(diag, "out of memory");
        return ERROR_NOMEM;
    }
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = fd < 0 ? -1 : fsync(fd);
    if (r) {
        diag_set(diag, "cannot sync the directory %s: %s", directory,
                 strerror(errno));
        rc = ERROR_FAIL;
    }
    if (fd >= 0) close(fd);
    free(directory);
    return rc;
}

/* Nobody's file is written over, and no link is followed. */
static int make_file(const char *path, int *fd_r, struct diag *diag)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0600);

    if (fd < 0) {
        diag_set(diag, errno == EEXIST
                 ? "%s: it exists already; choose another name, or remove it"
                 : "%s: cannot be made: %s", path, strerror(errno));
        return errno == EEXIST ? ERROR_DEVICE_EXISTS : ERROR_FAIL;
    }
    *fd_r = fd;
    return 0;
}

static bool is_still_ours(int fd, const char *path)
{
    struct stat ours, named;

    return !fstat(fd, &ours) && !lstat(path, &named) &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* The tool opens by name. What it wrote must be in the file that we made. */
static int finish_file(int fd, const char *path, struct diag *diag)
{
    if (!is_still_ours(fd, path)) {
        diag_set(diag, "%s: somebody replaced it while it was being made",
                 path);
        return ERROR_FAIL;
    }
    if (fsync(fd)) {
        diag_set(diag, "%s: cannot be synced: %s", path, strerror(errno));
        return ERROR_FAIL;
    }
    return sync_directory_of(path, diag);
}

int qemu_img_overlay_sync(const char *path, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r, rc = 0;

    r = fd < 0 ? -1 : fsync(fd);
    if (r) {
        diag_set(diag, "%s: cannot be synced: %s", path, strerror(errno));
        rc = ERROR_FAIL;
    }
    if (fd >= 0) close(fd);
    return rc ? rc : sync_directory_of(path, diag);
}

int qemu_img_overlay_remove(const char *path, struct diag *diag)
{
    if (unlink(path) && errno != ENOENT) {
        diag_set(diag, "%s: cannot be removed: %s", path, strerror(errno));
        return ERROR_FAIL;
    }
    return sync_directory_of(path, diag);
}

/* ---- making ---- */

/*
 * The tool's own cluster size, 64 KiB, whatever the backing image has: the
 * first write to each cluster of an overlay copies the rest of it up, which
 * makes an image of 2 MiB clusters a bad model; and small ones multiply the
 * tables. Merging does not care.
 */
static int write_overlay(const struct qemu_img *tool,
                         const struct overlay_layout *layout, deadline by,
                         struct diag *diag)
{
    const char *argv[] = {
        tool->program, "create", "-q", "-f", layout->format,
        "-b", layout->backing, "-F", layout->backing_format, "--",
        layout->path, NULL, NULL,
    };
    struct child_result result;
    char size[32];
    int rc;

    snprintf(size, sizeof(size), "%" PRIu64, layout->virtual_size);
    argv[11] = size;
    child_result_init(&result);
    rc = qemu_img_execute(tool, layout->path, argv, by, &result, diag);
    if (!rc && !succeeded(&result))
        rc = qemu_img_failed(&result, layout->path, argv[1], diag);
    child_result_dispose(&result);
    return rc;
}

int qemu_img_overlay_create(const struct qemu_img *tool,
                            const struct overlay_layout *layout, deadline by,
                            struct diag *diag)
{
    int fd = -1, rc;

    if (layout->path[0] != '/' || layout->backing[0] != '/') {
        diag_set(diag, "%s on %s: an image's path must be absolute",
                 layout->path, layout->backing);
        return ERROR_INVAL;
    }
    rc = make_file(layout->path, &fd, diag);
    if (rc) return rc;
    rc = write_overlay(tool, layout, by, diag);
    if (!rc) rc = finish_file(fd, layout->path, diag);
    if (rc && is_still_ours(fd, layout->path))
        qemu_img_overlay_remove(layout->path, NULL);
    close(fd);
    return rc;
}

/* ---- looking ---- */

/*
 * --image-opts has no good word for "without its backing image"; these are
 * the options as JSON.
 */
static int image_alone(const char *path, const char *format, char **image_r)
{
    static const char prefix[] = "json:";
    xjson_writer *w = NULL;
    char *text = NULL;
    struct stat st;
    size_t len;
    int rc;

    rc = xjson_writer_alloc(false, &w);
    if (rc) return rc;
    xjson_write_object(w);
    xjson_write_member_string(w, "driver", format);
    xjson_write_name(w, "backing");
    xjson_write_null(w);
    xjson_write_name(w, "file");
    xjson_write_object(w);
    xjson_write_member_string(w, "driver", !stat(path, &st) &&
                              S_ISBLK(st.st_mode) ? "host_device" : "file");
    xjson_write_member_string(w, "filename", path);
    xjson_write_object_end(w);
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, &text, &len);
    xjson_writer_free(w);
    if (rc) return rc;
    *image_r = malloc(sizeof(prefix) + len);
    if (*image_r) sprintf(*image_r, "%s%s", prefix, text);
    free(text);
    return *image_r ? 0 : ERROR_NOMEM;
}

/* A list of extents; "present" is what the image itself has. */
static int read_map(const struct child_result *result, bool *empty_r,
                    struct xjson_error *err)
{
    const xjson *extent;
    xjson *value = NULL;
    bool present, empty = true;
    int rc;

    rc = xjson_parse(result->out, result->out_len, &value, err);
    if (!rc) rc = qapi_expect(value, XJSON_ARRAY, err);
    for (extent = xjson_first(value); !rc && extent;
         extent = xjson_next(extent)) {
        rc = qapi_read_bool(extent, "present", QAPI_REQUIRED, &present, err);
        if (!rc && present) empty = false;
    }
    if (!rc) *empty_r = empty;
    xjson_free(value);
    return rc;
}

int qemu_img_overlay_is_empty(const struct qemu_img *tool, const char *path,
                              const char *format, deadline by, bool *empty_r,
                              struct diag *diag)
{
    const char *argv[] = {
        tool->program, "map", "-U", "--output=json", "--", NULL, NULL,
    };
    struct child_result result;
    struct xjson_error err;
    char *image = NULL;
    int rc;

    child_result_init(&result);
    rc = image_alone(path, format, &image);
    if (rc) {
        diag_set(diag, rc == ERROR_NOMEM ? "out of memory"
                 : "%s: its name is no UTF-8", path);
        goto out;
    }
    argv[5] = image;
    rc = qemu_img_execute(tool, path, argv, by, &result, diag);
    if (rc == ERROR_BUFFERFULL) {
        /* So many extents, and none of them there? */
        *empty_r = false;
        rc = 0;
        goto out;
    }
    if (rc) goto out;
    if (!succeeded(&result)) {
        rc = qemu_img_failed(&result, path, argv[1], diag);
        goto out;
    }
    rc = read_map(&result, empty_r, &err);
    if (rc)
        diag_set(diag, "%s: the answer of qemu-img map is not understood: %s",
                 path, err.text);
out:
    free(image);
    child_result_dispose(&result);
    return rc;
}
