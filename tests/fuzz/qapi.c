/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU says of its disks, and qemu-img of an image, as recorded in
 * tests/data/qmp, and made sense of.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "libxl/block_graph.h"
#include "libxl/qmp_block.h"
#include "tests/fuzz/fuzz.h"
#include "tests/qmp/data.h"

#define MOST (128u << 10)

/* Nobody's files are looked at; two nodes of one name are one file. */
static int identify(void *user, const char *filename, dev_t *dev_r, ino_t *ino_r)
{
    char *path = block_filename_path(filename);
    const char *p;

    if (!path) return ERROR_NOTFOUND;
    *dev_r = 1;
    for (*ino_r = 5381, p = path; *p; p++) *ino_r = *ino_r * 33 + (unsigned char)*p;
    free(path);
    return 0;
}

static void find(const struct block_graph *graph)
{
    static const char *const vdevs[] = { "xvda", "xvdb", "hda", "" };
    const struct block_node *node;
    enum block_refusal refusal;
    struct diag diag;
    size_t i, k;
    int rc;

    for (i = 0; i < graph->num_disks; i++)
        for (k = 0; k < graph->disks[i].num_images; k++)
            (void)block_graph_image_node(graph, &graph->disks[i], k);
    for (i = 0; i < sizeof(vdevs) / sizeof(*vdevs); i++) {
        for (k = 0; k <= graph->num_nodes; k++) {
            struct block_disk_request wanted = { .vdev = vdevs[i], .driver = "qcow2" };

            if (k < graph->num_nodes) {
                wanted.dev = graph->nodes[k].dev;
                wanted.ino = graph->nodes[k].ino;
            }
            diag.text[0] = 0;
            node = NULL;
            refusal = BLOCK_REFUSAL_NONE;
            rc = block_graph_find_disk(graph, &wanted, &node, &refusal, &diag);
            if (rc ? !*diag.text || refusal == BLOCK_REFUSAL_NONE : !node) abort();
        }
        (void)block_graph_disk(graph, vdevs[i]);
    }
}

static void read_graph(const char *text, size_t len)
{
    struct block_replies replies;
    struct block_graph graph;
    struct diag diag = { "" };

    block_replies_init(&replies);
    block_graph_init(&graph);
    if (data_parse_replies(text, len, &replies)) {
        if (!block_graph_parse(&replies, &graph, &diag)) {
            block_graph_identify(&graph, identify, NULL);
            find(&graph);
        } else if (!*diag.text) {
            abort();
        }
    }
    block_graph_dispose(&graph);
    block_replies_dispose(&replies);
}

static void read_image(const char *text, size_t len)
{
    const struct image_snapshot *found;
    struct image_info info;
    struct xjson_error why = { "" };
    xjson *value;
    size_t i;

    if (xjson_parse(text, len, &value, &why)) return;
    image_info_init(&info);
    if (image_info_parse(value, &info, &why)) {
        if (!*why.text) abort();
    } else {
        for (i = 0; i < info.num_snapshots; i++)
            (void)image_info_find_snapshot(&info, info.snapshots[i].name, &found);
    }
    image_info_dispose(&info);
    xjson_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST) return 0;
    read_graph((const char *)data, size);
    read_image((const char *)data, size);
    return 0;
}

/* Of one node of a recorded graph: qemu-img says the same of an image. */
static char *image_of(const char *text, size_t *len_r)
{
    const xjson *node;
    xjson_writer *w;
    xjson *all;
    char *image;

    if (xjson_parse(text, strlen(text), &all, NULL)) abort();
    node = xjson_first(xjson_member(xjson_member(all, "query-named-block-nodes"),
                                    "return"));
    if (xjson_writer_alloc(true, &w) ||
        xjson_write_value(w, xjson_member(node, "image")) ||
        xjson_writer_finish(w, &image, len_r))
        abort();
    xjson_writer_free(w);
    xjson_free(all);
    return image;
}

void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    static const char *const names[] = {
        "backup.json", "bitmaps.json", "concluded-job.json", "inactive.json",
        "one-disk.json", "overlay.json", "snapshots.json", "two-nodes.json",
    };
    char *text = data_read(data_versions[rand_r(seed) % 2],
                           names[(size_t)rand_r(seed) % (sizeof(names) /
                                                         sizeof(*names))]);

    *data_r = (uint8_t *)text;
    *size_r = strlen(text);
    if (rand_r(seed) % 4) return;
    *data_r = (uint8_t *)image_of(text, size_r);
    free(text);
}
