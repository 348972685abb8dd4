/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include "chain/index.h"
#include "chain/model.h"

/* The tree turned round: from parents to children. The row past the last
 * position stands for what all trees of the forest hang on, so that a tree
 * is nothing special. */
struct links {
    size_t *child;      /* the first one */
    size_t *sibling;    /* the next one */
};

#define NOBODY SIZE_MAX

static int links_build(struct links *links, const struct chain_index *index)
{
    size_t num = index->num, i, pos, parent;

    links->child = calloc(num + 1, sizeof(*links->child));
    links->sibling = calloc(num + 1, sizeof(*links->sibling));
    if (!links->child || !links->sibling) return ERROR_NOMEM;
    for (i = 0; i <= num; i++) links->child[i] = links->sibling[i] = NOBODY;
    /* in front of their siblings, the latest first: so they end in order */
    for (i = num; i-- > 0; ) {
        pos = index->by_serial[i].pos;
        parent = index->parent[pos] < num ? index->parent[pos] : num;
        links->sibling[pos] = links->child[parent];
        links->child[parent] = pos;
    }
    return 0;
}

/* Follows the links, not itself: a chain may be as deep as it is long. */
static size_t walk(const chain_tree *tree, const struct chain_index *index,
                   const struct links *links, size_t from,
                   struct chain_walk_entry *entries)
{
    size_t num = index->num, count = 0, depth = 0;
    size_t pos = from < num ? from : links->child[num];

    while (pos != NOBODY) {
        entries[count++] = (struct chain_walk_entry){
            .snapshot = &tree->snapshots[pos],
            .depth = depth,
            .last = pos == from || links->sibling[pos] == NOBODY,
        };
        if (links->child[pos] != NOBODY) {
            pos = links->child[pos];
            depth++;
            continue;
        }
        while (depth && links->sibling[pos] == NOBODY) {
            pos = index->parent[pos];
            depth--;
        }
        pos = pos == from ? NOBODY : links->sibling[pos];
    }
    return count;
}

int chain_model_walk(const struct chain_model *model, uint64_t from,
                     struct chain_walk_entry **entries_r, size_t *num_r,
                     struct chain_error *err)
{
    const chain_tree *tree = &model->tree;
    struct chain_walk_entry *entries = NULL;
    struct chain_index index = { 0 };
    struct links links = { 0 };
    size_t num_cut, first_cut, begin = CHAIN_ROOT, num;
    int rc;

    rc = chain_index_build(&index, tree);
    if (!rc) rc = chain_index_cut_cycles(&index, &num_cut, &first_cut);
    if (!rc) rc = links_build(&links, &index);
    if (rc) goto nomem;
    if (from) {
        begin = chain_index_find(&index, from);
        if (begin == CHAIN_LOST) {
            rc = chain_error_set(err, ERROR_NOTFOUND,
                                 "there is no snapshot with serial %llu",
                                 (unsigned long long)from);
            goto out;
        }
    }
    if (!index.num) {
        *entries_r = NULL;
        *num_r = 0;
        rc = 0;
        goto out;
    }
    entries = calloc(index.num, sizeof(*entries));
    if (!entries) goto nomem;
    num = walk(tree, &index, &links, begin, entries);
    *entries_r = entries;
    *num_r = num;
    rc = 0;
    goto out;

nomem:
    rc = chain_error_set_nomem(err);
out:
    free(links.child);
    free(links.sibling);
    chain_index_dispose(&index);
    return rc;
}
