/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/memories.h"

static const chain_memory *find_hidden(const chain_tree *tree, uint64_t serial)
{
    int i;

    for (i = 0; i < tree->num_memories; i++)
        if (tree->memories[i].serial == serial) return &tree->memories[i];
    return NULL;
}

uint64_t chain_memory_base(const struct chain_model *model, uint64_t serial)
{
    const chain_memory *hidden = find_hidden(&model->tree, serial);
    const chain_snapshot *s;

    if (hidden) return hidden->base;
    s = chain_model_by_serial(model, serial);
    return s ? s->memory_base : 0;
}

bool chain_memory_is_hidden(const struct chain_model *model, uint64_t serial)
{
    return find_hidden(&model->tree, serial);
}

static uint64_t bytes_of(const struct chain_model *model, uint64_t serial)
{
    const chain_memory *hidden = find_hidden(&model->tree, serial);
    const chain_snapshot *s;

    if (hidden) return hidden->bytes;
    s = chain_model_by_serial(model, serial);
    return s ? s->memory_bytes : 0;
}

unsigned chain_memory_depth(const struct chain_model *model, uint64_t serial,
                            uint64_t *differences_r, uint64_t *whole_r)
{
    uint64_t base, differences = 0;
    unsigned depth = 0;

    while ((base = chain_memory_base(model, serial))) {
        differences += bytes_of(model, serial);
        serial = base;
        depth++;
    }
    *differences_r = differences;
    *whole_r = bytes_of(model, serial);
    return depth;
}

static bool is_base(const chain_tree *tree, uint64_t serial)
{
    int i;

    for (i = 0; i < tree->num_snapshots; i++)
        if (tree->snapshots[i].memory_base == serial) return true;
    for (i = 0; i < tree->num_memories; i++)
        if (tree->memories[i].base == serial) return true;
    return false;
}

bool chain_memory_is_base(const struct chain_model *model, uint64_t serial)
{
    return is_base(&model->tree, serial);
}

int chain_memory_keep(struct chain_model *model, const chain_snapshot *snapshot,
                      struct chain_error *err)
{
    chain_tree *tree = &model->tree;
    chain_memory *grown;

    if (!snapshot->memory || !is_base(tree, snapshot->serial)) return 0;
    grown = reallocarray(tree->memories, (size_t)tree->num_memories + 1,
                         sizeof(*grown));
    if (!grown) return chain_error_set_nomem(err);
    tree->memories = grown;
    chain_memory_init(&grown[tree->num_memories]);
    grown[tree->num_memories].serial = snapshot->serial;
    grown[tree->num_memories].base = snapshot->memory_base;
    grown[tree->num_memories++].bytes = snapshot->memory_bytes;
    return 0;
}

/* Who builds on it; how many. */
static int heirs_of(const chain_tree *tree, uint64_t serial, uint64_t *heir_r)
{
    int i, num = 0;

    *heir_r = 0;
    for (i = 0; i < tree->num_snapshots; i++) {
        if (tree->snapshots[i].memory_base != serial) continue;
        *heir_r = tree->snapshots[i].serial;
        num++;
    }
    for (i = 0; i < tree->num_memories; i++) {
        if (tree->memories[i].base != serial) continue;
        *heir_r = tree->memories[i].serial;
        num++;
    }
    return num;
}

/* Those that can simply go come first: others may then have but one heir. */
struct chain_memory_step chain_memories_next(const struct chain_model *model,
                                             uint64_t after)
{
    const chain_tree *tree = &model->tree;
    struct chain_memory_step step = { 0, 0 };
    uint64_t heir;
    int i, num;

    for (i = 0; i < tree->num_memories; i++) {
        const chain_memory *m = &tree->memories[i];

        num = heirs_of(tree, m->serial, &heir);
        if (!num) return (struct chain_memory_step){ m->serial, 0 };
        if (num == 1 && m->serial > after &&
            (!step.hidden || m->serial < step.hidden))
            step = (struct chain_memory_step){ m->serial, heir };
    }
    return step;
}

void chain_memory_merged(struct chain_model *model,
                         const struct chain_memory_step *step, uint64_t bytes)
{
    uint64_t base = chain_memory_base(model, step->hidden);
    chain_tree *tree = &model->tree;
    int i, k = 0;

    for (i = 0; i < tree->num_snapshots && step->heir; i++) {
        if (tree->snapshots[i].serial != step->heir) continue;
        tree->snapshots[i].memory_base = base;
        tree->snapshots[i].memory_bytes = bytes;
        free(tree->snapshots[i].memory_sha256);
        tree->snapshots[i].memory_sha256 = NULL;
    }
    for (i = 0; i < tree->num_memories; i++) {
        chain_memory *m = &tree->memories[i];

        if (step->heir && m->serial == step->heir) {
            m->base = base;
            m->bytes = bytes;
        }
        if (m->serial != step->hidden) tree->memories[k++] = *m;
    }
    tree->num_memories = k;
}

/* ---- is it sound? ---- */

struct link {
    uint64_t serial, base;
    bool memory;
    size_t pos;                 /* of the snapshots, then of the memories */
};

static int compare(const void *a, const void *b)
{
    const struct link *x = a, *y = b;

    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static const struct link *find(const struct link *links, size_t num,
                               uint64_t serial)
{
    const struct link key = { .serial = serial };

    return bsearch(&key, links, num, sizeof(key), compare);
}

static int bad(const chain_tree *tree, const struct link *link, const char *what,
               struct chain_error *err)
{
    size_t num = (size_t)tree->num_snapshots;

    if (link->pos < num)
        return chain_error_set(err, ERROR_BADFAIL, "snapshots[%zu].memory_base:"
                               " %s", link->pos, what);
    return chain_error_set(err, ERROR_BADFAIL, "memories[%zu]: %s",
                           link->pos - num, what);
}

static int links_check(const chain_tree *tree, struct link *links, size_t num,
                       struct chain_error *err)
{
    const struct link *l;
    size_t i, steps;

    for (i = 1; i < num; i++)
        if (links[i].serial == links[i - 1].serial)
            return bad(tree, &links[i], "there are two of that serial", err);
    for (i = 0; i < num; i++) {
        for (l = &links[i], steps = 0; l->base; steps++) {
            l = find(links, num, l->base);
            if (!l || !l->memory)
                return bad(tree, &links[i], "there is no memory image of that"
                           " serial", err);
            if (steps == CHAIN_MAX_MEMORY_DEPTH)
                return bad(tree, &links[i], "it builds on too many others, or"
                           " on itself", err);
        }
    }
    return 0;
}

int chain_memories_check(const chain_tree *tree, struct chain_error *err)
{
    struct link *links;
    size_t num = 0;
    int i, rc;

    if (tree->num_memories < 0 ||
        (unsigned int)tree->num_memories > CHAIN_MAX_SNAPSHOTS)
        return chain_error_set(err, ERROR_BADFAIL, "memories: more than %u",
                               CHAIN_MAX_SNAPSHOTS);
    links = calloc((size_t)tree->num_snapshots + (size_t)tree->num_memories + 1,
                   sizeof(*links));
    if (!links) return chain_error_set_nomem(err);
    for (i = 0; i < tree->num_snapshots; i++)
        links[num++] = (struct link){
            tree->snapshots[i].serial, tree->snapshots[i].memory_base,
            tree->snapshots[i].memory, (size_t)i };
    for (i = 0; i < tree->num_memories; i++)
        links[num++] = (struct link){
            tree->memories[i].serial, tree->memories[i].base, true,
            (size_t)tree->num_snapshots + (size_t)i };
    qsort(links, num, sizeof(*links), compare);
    rc = links_check(tree, links, num, err);
    for (i = 0; i < tree->num_memories && !rc; i++)
        if (!tree->memories[i].serial ||
            tree->memories[i].serial >= tree->next_serial)
            rc = chain_error_set(err, ERROR_BADFAIL, "memories[%d].serial:"
                                 " %" PRIu64 " was never given out", i,
                                 tree->memories[i].serial);
    free(links);
    return rc;
}
