/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "libxl/domain_config.h"
#include "libxl/json.h"
#include "libxl/vdev.h"

/* Is this element of "disks" the disk of that number? */
static bool is_disk(const xjson *element, uint32_t number)
{
    uint32_t n;

    return !vdev_number(xjson_member_string(element, "vdev"), &n) &&
           n == number;
}

static bool is_right(const xjson *element,
                     const struct domain_config_disk *disk)
{
    const char *path = xjson_member_string(element, "pdev_path");
    const char *format = xjson_member_string(element, "format");

    return path && format && !strcmp(path, disk->path) &&
           !strcmp(format, libxl_disk_format_to_string(disk->format));
}

/* The one disk; two with one number would make it a guess which. */
static int find_disk(const xjson *config,
                     const struct domain_config_disk *disk,
                     const xjson **found_r, struct diag *diag)
{
    const xjson *element, *found = NULL;
    uint32_t number;

    if (vdev_number(disk->vdev, &number)) {
        diag_set(diag, "'%s' is not a virtual disk's name", disk->vdev);
        return ERROR_INVAL;
    }
    element = xjson_first(xjson_member(config, "disks"));
    for (; element; element = xjson_next(element)) {
        if (!is_disk(element, number)) continue;
        if (found) {
            diag_set(diag, "libxl's stored configuration names the disk %s"
                     " twice", disk->vdev);
            return ERROR_INVAL;
        }
        found = element;
    }
    if (!found) {
        diag_set(diag, "libxl's stored configuration has no disk %s",
                 disk->vdev);
        return ERROR_NOTFOUND;
    }
    *found_r = found;
    return 0;
}

/* libxl leaves out what has its default value: a missing member is added. */
static void write_disk(xjson_writer *w, const xjson *element,
                       const struct domain_config_disk *disk)
{
    const char *format = libxl_disk_format_to_string(disk->format);
    bool has_path = false, has_format = false;
    const xjson *v;

    xjson_write_object(w);
    for (v = xjson_first(element); v; v = xjson_next(v)) {
        xjson_write_name(w, xjson_name(v));
        if (!strcmp(xjson_name(v), "pdev_path")) {
            has_path = true;
            xjson_write_string(w, disk->path);
        } else if (!strcmp(xjson_name(v), "format")) {
            has_format = true;
            xjson_write_string(w, format);
        } else {
            xjson_write_value(w, v);
        }
    }
    if (!has_path) xjson_write_member_string(w, "pdev_path", disk->path);
    if (!has_format) xjson_write_member_string(w, "format", format);
    xjson_write_object_end(w);
}

static void write_disks(xjson_writer *w, const xjson *disks,
                        const xjson *changed,
                        const struct domain_config_disk *disk)
{
    const xjson *v;

    xjson_write_array(w);
    for (v = xjson_first(disks); v; v = xjson_next(v)) {
        if (v == changed)
            write_disk(w, v, disk);
        else
            xjson_write_value(w, v);
    }
    xjson_write_array_end(w);
}

static int write_config(const xjson *config, const xjson *changed,
                        const struct domain_config_disk *disk, char **text_r,
                        size_t *len_r)
{
    const xjson *disks = xjson_member(config, "disks");
    xjson_writer *w;
    const xjson *v;
    int rc;

    rc = xjson_writer_alloc(true, &w);
    if (rc) return rc;
    xjson_write_object(w);
    for (v = xjson_first(config); v; v = xjson_next(v)) {
        xjson_write_name(w, xjson_name(v));
        if (v == disks)
            write_disks(w, v, changed, disk);
        else
            xjson_write_value(w, v);
    }
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, text_r, len_r);
    xjson_writer_free(w);
    return rc;
}

int domain_config_set_disk(const char *text, size_t len,
                           const struct domain_config_disk *disk,
                           char **text_r, size_t *len_r, struct diag *diag)
{
    struct xjson_error why = { "" };
    const xjson *found;
    xjson *config = NULL;
    int rc;

    rc = xjson_parse(text, len, &config, &why);
    if (rc) {
        diag_set(diag, "cannot understand libxl's stored configuration: %s",
                 why.text);
        goto out;
    }
    rc = find_disk(config, disk, &found, diag);
    if (rc) goto out;
    if (is_right(found, disk)) {
        *text_r = NULL;
        *len_r = 0;
        goto out;
    }
    rc = write_config(config, found, disk, text_r, len_r);
    if (rc)
        diag_set(diag, rc == ERROR_NOMEM ? "out of memory" : "libxl's stored"
                 " configuration cannot hold the path %s, which is not UTF-8",
                 disk->path);
out:
    xjson_free(config);
    return rc;
}
