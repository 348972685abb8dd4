/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include "chain/index.h"

static int compare_entries(const void *a, const void *b)
{
    const struct chain_index_entry *x = a, *y = b;

    if (x->serial != y->serial) return x->serial < y->serial ? -1 : 1;
    return x->pos < y->pos ? -1 : x->pos > y->pos;
}

size_t chain_index_find(const struct chain_index *index, uint64_t serial)
{
    size_t low = 0, high = index->num, mid;

    while (low < high) {
        mid = low + (high - low) / 2;
        if (index->by_serial[mid].serial < serial)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == index->num || index->by_serial[low].serial != serial)
        return CHAIN_LOST;
    return index->by_serial[low].pos;
}

int chain_index_build(struct chain_index *index, const chain_tree *tree)
{
    size_t num = (size_t)tree->num_snapshots, i;

    *index = (struct chain_index){ .num = num };
    index->by_serial = calloc(num + 1, sizeof(*index->by_serial));
    index->parent = calloc(num + 1, sizeof(*index->parent));
    if (!index->by_serial || !index->parent) {
        chain_index_dispose(index);
        return ERROR_NOMEM;
    }
    for (i = 0; i < num; i++) {
        index->by_serial[i].serial = tree->snapshots[i].serial;
        index->by_serial[i].pos = i;
    }
    qsort(index->by_serial, num, sizeof(*index->by_serial), compare_entries);
    for (i = 0; i < num; i++) {
        uint64_t parent = tree->snapshots[i].parent;
        index->parent[i] = parent ? chain_index_find(index, parent)
                                  : CHAIN_ROOT;
    }
    return 0;
}

void chain_index_dispose(struct chain_index *index)
{
    free(index->by_serial);
    free(index->parent);
    *index = (struct chain_index){ 0 };
}

/* pos is on a cycle. */
static size_t cut_cycle(struct chain_index *index, size_t pos)
{
    size_t lowest = pos, i;

    for (i = index->parent[pos]; i != pos; i = index->parent[i])
        if (i < lowest) lowest = i;
    index->parent[lowest] = CHAIN_LOST;
    return lowest;
}

/*
 * From every position climb until there is no parent, or one that an earlier
 * climb has passed. Meeting one that this very climb has passed means a
 * cycle. Nobody is passed twice.
 */
int chain_index_cut_cycles(struct chain_index *index, size_t *num_cut_r,
                           size_t *first_r)
{
    size_t *passed_by, i, pos, cut, num_cut = 0, first = 0;

    passed_by = calloc(index->num + 1, sizeof(*passed_by));
    if (!passed_by) return ERROR_NOMEM;
    for (i = 0; i < index->num; i++) {
        for (pos = i; pos < index->num && !passed_by[pos];
             pos = index->parent[pos])
            passed_by[pos] = i + 1;
        if (pos >= index->num || passed_by[pos] != i + 1) continue;
        cut = cut_cycle(index, pos);
        if (!num_cut++ || cut < first) first = cut;
    }
    free(passed_by);
    *num_cut_r = num_cut;
    *first_r = first;
    return 0;
}
