/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libxl/overlay_facts.h"
#include "libxl/qemu_img_overlay.h"

static const struct {
    libxl_disk_format format;
    const char *driver;
} formats[] = {
    { LIBXL_DISK_FORMAT_QCOW2, "qcow2" },
    { LIBXL_DISK_FORMAT_RAW, "raw" },
    { LIBXL_DISK_FORMAT_QED, "qed" },
    /* known, but not to be used */
    { LIBXL_DISK_FORMAT_QCOW, "qcow" },
    { LIBXL_DISK_FORMAT_VHD, "vpc" },
};
#define NUM_USABLE 3

const char *xls_format_driver(libxl_disk_format format)
{
    size_t i;

    for (i = 0; i < NUM_USABLE; i++)
        if (formats[i].format == format) return formats[i].driver;
    return NULL;
}

libxl_disk_format xls_driver_format(const char *driver)
{
    size_t i;

    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (!strcmp(formats[i].driver, driver)) return formats[i].format;
    return LIBXL_DISK_FORMAT_UNKNOWN;
}

static void gather_directory(const char *path, struct overlay_facts *facts)
{
    const char *slash = strrchr(path, '/');
    char *directory;
    struct stat st;

    facts->dir_errno = ENOENT;
    if (!slash) return;
    directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!directory) {
        facts->dir_errno = ENOMEM;
        return;
    }
    facts->dir_errno = stat(directory, &st) ? errno : 0;
    if (!facts->dir_errno && !S_ISDIR(st.st_mode)) facts->dir_errno = ENOTDIR;
    if (!facts->dir_errno) {
        facts->dir_dev = st.st_dev;
        facts->dir_ino = st.st_ino;
    }
    free(directory);
}

void overlay_facts_gather(const libxl_snapshot_overlay *overlay,
                          struct overlay_facts *facts_r)
{
    struct overlay_facts facts;
    struct stat st;
    int r;

    memset(&facts, 0, sizeof(facts));
    /* A link to nowhere is in the way of a new file, too. */
    r = overlay->reuse ? stat(overlay->path, &st)
                       : lstat(overlay->path, &st);
    facts.path_errno = r ? errno : 0;
    if (!r) {
        facts.regular = S_ISREG(st.st_mode);
        facts.block = S_ISBLK(st.st_mode);
        facts.dev = st.st_dev;
        facts.ino = st.st_ino;
    }
    gather_directory(overlay->path, &facts);
    *facts_r = facts;
}

static void note_backing(const struct image_info *info,
                         struct overlay_facts *facts)
{
    struct stat st;

    facts->has_backing = info->backing_filename;
    if (info->full_backing_filename &&
        !stat(info->full_backing_filename, &st)) {
        facts->backing_found = true;
        facts->backing_dev = st.st_dev;
        facts->backing_ino = st.st_ino;
    }
    if (info->backing_format)
        snprintf(facts->backing_format, sizeof(facts->backing_format), "%s",
                 info->backing_format);
}

int overlay_facts_look(libxl_snapshot_ctx *sctx, const char *vdev,
                       const libxl_snapshot_overlay *overlay,
                       struct overlay_facts *facts,
                       libxl_snapshot_diag *diag)
{
    const struct qemu_img tool = { sctx->qemu_img, sctx->lg };
    const char *driver = xls_format_driver(overlay->format);
    deadline by = deadline_after(XLS_QEMU_IMG_TIMEOUT_MS);
    struct image_info info;
    struct diag d = { "" };
    int rc;

    image_info_init(&info);
    rc = qemu_img_info(&tool, overlay->path, driver, by, &info, &d);
    if (rc) goto out;
    note_backing(&info, facts);
    facts->virtual_size = info.virtual_size;
    facts->snapshots = info.num_snapshots;
    facts->bitmaps = info.num_bitmaps;
    facts->unsound = info.corrupt || info.data_file;
    rc = qemu_img_overlay_is_empty(&tool, overlay->path, driver, by,
                                   &facts->empty, &d);
    if (rc) goto out;
    facts->looked = true;
out:
    image_info_dispose(&info);
    if (rc)
        xls_diag(diag, rc == ERROR_FAIL ? ERROR_INVAL : rc, vdev,
                 "disk %s: its overlay cannot be looked at: %s", vdev,
                 d.text);
    return rc == ERROR_FAIL ? ERROR_INVAL : rc;
}
