/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libxl/block_graph.h"
#include "libxl/qapi_read.h"
#include "libxl/vdev.h"

/* ---- elements ---- */

static void node_dispose(void *p)
{
    struct block_node *node = p;

    free(node->name);
    free(node->driver);
    free(node->filename);
    free(node->detect_zeroes);
    image_info_dispose(&node->image);
    qapi_dispose_elements(node->bitmaps, node->num_bitmaps,
                          sizeof(*node->bitmaps), image_bitmap_dispose);
}

static int bitmap_read(const xjson *value, void *p, struct xjson_error *err)
{
    struct image_bitmap *bitmap = p;
    int rc;

    /* one made by a job for itself has no name, and is nobody else's */
    rc = qapi_read_string(value, "name", QAPI_OPTIONAL, &bitmap->name, err);
    if (rc) return rc;
    rc = qapi_read_uint(value, "granularity", QAPI_REQUIRED, INT64_MAX,
                        &bitmap->granularity, err);
    if (rc) return rc;
    rc = qapi_read_bool(value, "persistent", QAPI_REQUIRED,
                        &bitmap->persistent, err);
    if (rc) return rc;
    rc = qapi_read_bool(value, "recording", QAPI_REQUIRED, &bitmap->recording,
                        err);
    if (rc) return rc;
    rc = qapi_read_bool(value, "busy", QAPI_REQUIRED, &bitmap->busy, err);
    if (rc) return rc;
    return qapi_read_bool(value, "inconsistent", QAPI_OPTIONAL,
                          &bitmap->inconsistent, err);
}

static int node_read_bitmaps(const xjson *value, struct block_node *node,
                             struct xjson_error *err)
{
    const xjson *bitmaps = NULL;
    void *elements;
    int rc;

    rc = qapi_read_array(value, "dirty-bitmaps", QAPI_OPTIONAL, &bitmaps, err);
    if (rc || !bitmaps) return rc;
    rc = qapi_read_elements(bitmaps, sizeof(*node->bitmaps), bitmap_read,
                            image_bitmap_dispose, &elements,
                            &node->num_bitmaps, err);
    if (rc) {
        xjson_error_within_member(err, "dirty-bitmaps");
        return rc;
    }
    node->bitmaps = elements;
    return 0;
}

static int node_read_options(const xjson *value, struct block_node *node,
                             struct xjson_error *err)
{
    const xjson *cache = xjson_member(value, "cache");
    int rc;

    rc = qapi_read_bool(cache, "direct", QAPI_OPTIONAL, &node->direct, err);
    if (rc) return rc;
    rc = qapi_read_bool(cache, "no-flush", QAPI_OPTIONAL, &node->no_flush,
                        err);
    if (rc) return rc;
    return qapi_read_string(value, "detect_zeroes", QAPI_OPTIONAL,
                            &node->detect_zeroes, err);
}

static int node_read(const xjson *value, void *p, struct xjson_error *err)
{
    struct block_node *node = p;
    int rc;

    image_info_init(&node->image);
    rc = qapi_read_string(value, "node-name", QAPI_REQUIRED, &node->name, err);
    if (rc) return rc;
    rc = qapi_read_string(value, "drv", QAPI_REQUIRED, &node->driver, err);
    if (rc) return rc;
    rc = qapi_read_string(value, "file", QAPI_REQUIRED, &node->filename, err);
    if (rc) return rc;
    rc = qapi_read_bool(value, "ro", QAPI_REQUIRED, &node->read_only, err);
    if (rc) return rc;
    node->active = true;
    rc = qapi_read_bool(value, "active", QAPI_OPTIONAL, &node->active, err);
    if (rc) return rc;
    rc = node_read_options(value, node, err);
    if (rc) return rc;
    rc = node_read_bitmaps(value, node, err);
    if (rc) return rc;
    rc = image_info_parse(xjson_member(value, "image"), &node->image, err);
    if (rc) xjson_error_within_member(err, "image");
    return rc;
}

static void job_dispose(void *p)
{
    struct block_job *job = p;

    free(job->id);
    free(job->type);
    free(job->status);
}

static int job_read(const xjson *value, void *p, struct xjson_error *err)
{
    struct block_job *job = p;
    int rc;

    rc = qapi_read_string(value, "id", QAPI_REQUIRED, &job->id, err);
    if (rc) return rc;
    rc = qapi_read_string(value, "type", QAPI_REQUIRED, &job->type, err);
    if (rc) return rc;
    return qapi_read_string(value, "status", QAPI_REQUIRED, &job->status, err);
}

static void disk_dispose(struct block_disk *disk)
{
    size_t i;

    for (i = 0; i < disk->num_images; i++) {
        free(disk->images[i].filename);
        free(disk->images[i].driver);
    }
    free(disk->images);
    free(disk->qdev);
    free(disk->type);
    free(disk->top);
}

/* ---- the whole ---- */

void block_graph_init(struct block_graph *graph)
{
    memset(graph, 0, sizeof(*graph));
}

void block_graph_dispose(struct block_graph *graph)
{
    size_t i;

    qapi_dispose_elements(graph->nodes, graph->num_nodes,
                          sizeof(*graph->nodes), node_dispose);
    qapi_dispose_elements(graph->jobs, graph->num_jobs, sizeof(*graph->jobs),
                          job_dispose);
    for (i = 0; i < graph->num_disks; i++)
        disk_dispose(&graph->disks[i]);
    free(graph->disks);
    block_graph_init(graph);
}

static int parse_nodes(const xjson *reply, struct block_graph *graph,
                       struct xjson_error *err)
{
    void *elements;
    int rc;

    rc = qapi_expect(qmp_reply_value(reply), XJSON_ARRAY, err);
    if (rc) return rc;
    rc = qapi_read_elements(qmp_reply_value(reply), sizeof(*graph->nodes),
                            node_read, node_dispose, &elements,
                            &graph->num_nodes, err);
    if (rc) return rc;
    graph->nodes = elements;
    return 0;
}

static int parse_jobs(const xjson *reply, struct block_graph *graph,
                      struct xjson_error *err)
{
    void *elements;
    int rc;

    rc = qapi_expect(qmp_reply_value(reply), XJSON_ARRAY, err);
    if (rc) return rc;
    rc = qapi_read_elements(qmp_reply_value(reply), sizeof(*graph->jobs),
                            job_read, job_dispose, &elements,
                            &graph->num_jobs, err);
    if (rc) return rc;
    graph->jobs = elements;
    return 0;
}

static const struct block_device_properties *
find_properties(const struct block_replies *replies, const char *qdev)
{
    size_t i;

    for (i = 0; i < replies->num_devices; i++) {
        if (!strcmp(replies->devices[i].qdev, qdev))
            return &replies->devices[i];
    }
    return NULL;
}

static int copy_string(const char *s, char **copy_r)
{
    *copy_r = s ? strdup(s) : NULL;
    return s && !*copy_r ? ERROR_NOMEM : 0;
}

/* The property "drive" is the present top node; where the device has none,
 * or a name of another kind, query-block's word has to do. */
static int parse_disk(const xjson *inserted,
                      const struct block_device_properties *properties,
                      struct block_disk *disk)
{
    const char *top = properties->drive;
    int rc;

    if (!top || !*top) top = xjson_member_string(inserted, "node-name");
    rc = copy_string(properties->qdev, &disk->qdev);
    if (rc) return rc;
    rc = copy_string(properties->type, &disk->type);
    if (rc) return rc;
    rc = copy_string(top, &disk->top);
    if (rc) return rc;
    disk->has_number = !vdev_number(properties->vdev, &disk->number);
    return block_disk_read_images(inserted, disk);
}

static int parse_disks(const struct block_replies *replies,
                       struct block_graph *graph, struct xjson_error *err)
{
    const xjson *list = qmp_reply_value(replies->block), *entry, *inserted;
    const struct block_device_properties *properties;
    const char *qdev;
    int rc;

    rc = qapi_expect(list, XJSON_ARRAY, err);
    if (rc) return rc;
    graph->disks = calloc(xjson_count(list) + 1, sizeof(*graph->disks));
    if (!graph->disks) goto nomem;
    for (entry = xjson_first(list); entry; entry = xjson_next(entry)) {
        qdev = xjson_member_string(entry, "qdev");
        inserted = xjson_member(entry, "inserted");
        if (!qdev || !inserted) continue;
        properties = find_properties(replies, qdev);
        if (!properties || !properties->type) continue;
        if (parse_disk(inserted, properties,
                       &graph->disks[graph->num_disks++]))
            goto nomem;
    }
    return 0;
 nomem:
    xjson_error_set(err, "out of memory");
    return ERROR_NOMEM;
}

int block_graph_parse(const struct block_replies *replies,
                      struct block_graph *graph_r, struct diag *diag)
{
    struct block_graph graph;
    struct xjson_error err;
    const char *command;
    int rc;

    block_graph_init(&graph);
    command = "query-named-block-nodes";
    rc = parse_nodes(replies->nodes, &graph, &err);
    if (rc) goto out;
    command = "query-jobs";
    rc = parse_jobs(replies->jobs, &graph, &err);
    if (rc) goto out;
    command = "query-block";
    rc = parse_disks(replies, &graph, &err);
    if (rc) goto out;

    block_graph_dispose(graph_r);
    *graph_r = graph;
    block_graph_init(&graph);
 out:
    if (rc)
        diag_set(diag, "QEMU's answer to %s is not understood: %s", command,
                 err.text);
    block_graph_dispose(&graph);
    return rc;
}

/* ---- files ---- */

int block_identify_by_stat(void *user, const char *filename,
                           dev_t *dev_r, ino_t *ino_r)
{
    char *path = block_filename_path(filename);
    struct stat st;
    int r = path ? stat(path, &st) : -1;

    free(path);
    if (r) return ERROR_NOTFOUND;
    *dev_r = st.st_dev;
    *ino_r = st.st_ino;
    return 0;
}

void block_graph_identify(struct block_graph *graph,
                          block_identify *identify, void *user)
{
    struct block_node *node;
    size_t i;

    if (!identify) identify = block_identify_by_stat;
    for (i = 0; i < graph->num_nodes; i++) {
        node = &graph->nodes[i];
        node->identified = !identify(user, node->filename, &node->dev,
                                     &node->ino);
    }
}

const struct block_node *block_graph_node(const struct block_graph *graph,
                                          const char *name)
{
    size_t i;

    for (i = 0; name && i < graph->num_nodes; i++) {
        if (!strcmp(graph->nodes[i].name, name)) return &graph->nodes[i];
    }
    return NULL;
}
