/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which images a disk is made of: its active one and its backing chain. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/block_graph.h"
#include "libxl/vdev.h"

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list; list++) {
        if (!strcmp(s, *list)) return true;
    }
    return false;
}

/* Nodes that a job, an export or a throttle group puts around an image. */
bool block_driver_is_filter(const char *driver)
{
    static const char *const filters[] = {
        "backup-top", "blkdebug", "blklogwrites", "blkreplay", "blkverify",
        "commit_top", "compress", "copy-before-write", "copy-on-read",
        "mirror_top", "preallocate", "replication", "snapshot-access",
        "throttle", NULL
    };

    return is_one_of(driver, filters);
}

/* Nodes below an image format: every image has one, on the same file. */
bool block_driver_is_protocol(const char *driver)
{
    static const char *const protocols[] = {
        "file", "host_cdrom", "host_device", NULL
    };

    return is_one_of(driver, protocols);
}

/* ---- reading ---- */

/* The file is at the bottom of the options. */
static const char *json_filename(const xjson *options)
{
    const xjson *file;

    while ((file = xjson_member(options, "file")))
        options = file;
    return xjson_member_string(options, "filename");
}

char *block_filename_path(const char *filename)
{
    xjson *options = NULL;
    char *path = NULL;

    if (!strncmp(filename, "json:", 5)) {
        filename += 5;
        if (xjson_parse(filename, strlen(filename), &options, NULL))
            return NULL;
        filename = json_filename(options);
    }
    if (filename && filename[0] == '/') path = strdup(filename);
    xjson_free(options);
    return path;
}

int block_disk_read_images(const xjson *inserted, struct block_disk *disk)
{
    const xjson *image, *first = xjson_member(inserted, "image");
    const char *filename, *driver;
    struct block_image *to;
    size_t num = 0;

    for (image = first; image; image = xjson_member(image, "backing-image"))
        num++;
    disk->images = calloc(num + 1, sizeof(*disk->images));
    if (!disk->images) return ERROR_NOMEM;
    for (image = first; image; image = xjson_member(image, "backing-image")) {
        filename = xjson_member_string(image, "filename");
        driver = xjson_member_string(image, "format");
        to = &disk->images[disk->num_images++];
        to->filename = strdup(filename ? filename : "");
        to->driver = strdup(driver ? driver : "");
        if (!to->filename || !to->driver) return ERROR_NOMEM;
    }
    return 0;
}

/* ---- using it ---- */

const struct block_disk *block_graph_disk(const struct block_graph *graph,
                                          const char *vdev)
{
    const struct block_disk *disk, *found = NULL;
    uint32_t number;
    size_t i;

    if (vdev_number(vdev, &number)) return NULL;
    for (i = 0; i < graph->num_disks; i++) {
        disk = &graph->disks[i];
        if (strcmp(disk->type, "xen-disk") || !disk->has_number ||
            disk->number != number)
            continue;
        if (found) return NULL;
        found = disk;
    }
    return found;
}

/* By name where QEMU tells it, else by what is open. */
const struct block_node *block_graph_image_node(const struct block_graph *graph,
                                                const struct block_disk *disk,
                                                size_t i)
{
    const struct block_node *node, *found = NULL;
    const struct block_image *image = &disk->images[i];
    size_t k;

    if (i == 0) return block_graph_node(graph, disk->top);
    for (k = 0; k < graph->num_nodes; k++) {
        node = &graph->nodes[k];
        if (strcmp(node->driver, image->driver) ||
            strcmp(node->filename, image->filename))
            continue;
        if (found) return NULL;
        found = node;
    }
    return found;
}
