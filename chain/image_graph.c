/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/image_graph.h"

static int compare_entries(const void *a, const void *b)
{
    const struct chain_image_graph_entry *x = a, *y = b;
    int r = strcmp(x->path, y->path);

    return r ? r : x->pos < y->pos ? -1 : x->pos > y->pos;
}

size_t chain_image_graph_find(const struct chain_image_graph *graph,
                              const char *path)
{
    size_t low = 0, high = graph->num, mid;

    while (low < high) {
        mid = low + (high - low) / 2;
        if (strcmp(graph->by_path[mid].path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == graph->num || strcmp(graph->by_path[low].path, path))
        return CHAIN_LOST;
    return graph->by_path[low].pos;
}

int chain_image_graph_build(struct chain_image_graph *graph,
                            const chain_tree *tree)
{
    size_t num = (size_t)tree->num_images, i;
    const chain_image *image;

    *graph = (struct chain_image_graph){ .num = num };
    graph->by_path = calloc(num + 1, sizeof(*graph->by_path));
    graph->backing = calloc(num + 1, sizeof(*graph->backing));
    if (!graph->by_path || !graph->backing) {
        chain_image_graph_dispose(graph);
        return ERROR_NOMEM;
    }
    for (i = 0; i < num; i++) {
        image = &tree->images[i];
        graph->by_path[i].path = image->path ? image->path : "";
        graph->by_path[i].pos = i;
    }
    qsort(graph->by_path, num, sizeof(*graph->by_path), compare_entries);
    for (i = 0; i < num; i++) {
        image = &tree->images[i];
        graph->backing[i] = image->backing
                            ? chain_image_graph_find(graph, image->backing)
                            : CHAIN_ROOT;
    }
    return 0;
}

void chain_image_graph_dispose(struct chain_image_graph *graph)
{
    free(graph->by_path);
    free(graph->backing);
    *graph = (struct chain_image_graph){ 0 };
}
