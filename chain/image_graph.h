/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which image is an overlay of which, by position in the tree's array, so
 * that whatever looks at all images stays below quadratic. Of this room only.
 */
#ifndef CHAIN_IMAGE_GRAPH_H
#define CHAIN_IMAGE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "chain/index.h"
#include "chain/model.h"

struct chain_image_graph_entry {
    const char *path;       /* never NULL */
    size_t pos;
};

struct chain_image_graph {
    size_t num;
    struct chain_image_graph_entry *by_path;    /* equal paths: by position */
    size_t *backing;        /* of the image at a position: a position,
                             * CHAIN_ROOT (it has none) or CHAIN_LOST */
};

/* The tree may be damaged in any way. Paths are borrowed. */
int chain_image_graph_build(struct chain_image_graph *graph,
                            const chain_tree *tree);
void chain_image_graph_dispose(struct chain_image_graph *graph);

/* The first position that has the path, or CHAIN_LOST. */
size_t chain_image_graph_find(const struct chain_image_graph *graph,
                              const char *path);

#endif
