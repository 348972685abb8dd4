/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/filter.h"

bool chain_disk_included(const chain_disk *disk)
{
    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_SKIPPED_CDROM:
    case CHAIN_DISK_TREATMENT_SKIPPED_EMPTY:
    case CHAIN_DISK_TREATMENT_SKIPPED_READONLY:
    case CHAIN_DISK_TREATMENT_EXCLUDED:
        return false;
    default:
        return true;
    }
}

static enum chain_kind kind_of(const chain_disk *disk)
{
    switch (disk->treatment) {
    case CHAIN_DISK_TREATMENT_EXTERNAL: return CHAIN_KIND_EXTERNAL;
    case CHAIN_DISK_TREATMENT_MANUAL:   return CHAIN_KIND_MANUAL;
    default:                            return CHAIN_KIND_INTERNAL;
    }
}

enum chain_kind chain_snapshot_kind(const chain_snapshot *snapshot)
{
    enum chain_kind kind = CHAIN_KIND_NONE, one;
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        if (!chain_disk_included(&snapshot->disks[i])) continue;
        one = kind_of(&snapshot->disks[i]);
        if (kind == CHAIN_KIND_NONE)
            kind = one;
        else if (kind != one)
            return CHAIN_KIND_MIXED;
    }
    return kind;
}

static bool has_external(const chain_snapshot *snapshot)
{
    int i;

    for (i = 0; i < snapshot->num_disks; i++) {
        if (snapshot->disks[i].treatment == CHAIN_DISK_TREATMENT_EXTERNAL)
            return true;
    }
    return false;
}

bool chain_filter_is_empty(const struct chain_filter *filter)
{
    return !filter->from && !filter->roots && !filter->leaves &&
           !filter->no_leaves && !filter->inactive && !filter->active &&
           !filter->disk_only && !filter->internal && !filter->external;
}

/* A group that names none of its members does not care. One that names all
 * of them lets everything pass by itself: each snapshot is one of them. */

static bool by_leaf(const struct chain_filter *filter, bool leaf)
{
    if (!filter->leaves && !filter->no_leaves) return true;
    return leaf ? filter->leaves : filter->no_leaves;
}

static bool by_state(const struct chain_filter *filter,
                     const chain_snapshot *snapshot)
{
    if (!filter->inactive && !filter->active && !filter->disk_only)
        return true;
    if (snapshot->state == CHAIN_DOMAIN_STATE_OFF) return filter->inactive;
    return snapshot->memory ? filter->active : filter->disk_only;
}

static bool by_kind(const struct chain_filter *filter,
                    const chain_snapshot *snapshot)
{
    if (!filter->internal && !filter->external) return true;
    return has_external(snapshot) ? filter->external : filter->internal;
}

/* depth: below from, when there is one. */
static bool by_place(const struct chain_filter *filter, size_t depth)
{
    if (!filter->from) return !filter->roots || !depth;
    if (!depth) return filter->itself;
    return filter->descendants || depth == 1;
}

static bool passes(const struct chain_filter *filter,
                   const struct chain_walk_entry *entries, size_t num,
                   size_t i)
{
    bool leaf = i + 1 == num || entries[i + 1].depth <= entries[i].depth;

    return by_place(filter, entries[i].depth) && by_leaf(filter, leaf) &&
           by_state(filter, entries[i].snapshot) &&
           by_kind(filter, entries[i].snapshot);
}

/* Read backwards, the first at its depth since the last that was less deep
 * is the last of its siblings. seen: one for each depth. */
static void mark_last(struct chain_filtered *entries, size_t num, bool *seen)
{
    size_t i, above = 0, depth;

    for (i = num; i-- > 0; above = depth) {
        depth = entries[i].depth;
        /* what is deeper belonged to siblings further down */
        if (i + 1 < num && depth > above)
            memset(seen + above + 1, 0, (depth - above) * sizeof(*seen));
        entries[i].last = !seen[depth];
        seen[depth] = true;
    }
}

/*
 * shown[d]: the depth that what hangs on the walk's last entry of depth d
 * gets. path[d]: that entry.
 */
static size_t pick(const struct chain_filter *filter,
                   const struct chain_model *model,
                   const struct chain_walk_entry *entries, size_t num,
                   const chain_snapshot **path, size_t *shown,
                   struct chain_filtered *filtered)
{
    size_t count = 0, i, depth, at;

    for (i = 0; i < num; i++) {
        depth = entries[i].depth;
        path[depth] = entries[i].snapshot;
        at = depth ? shown[depth - 1] : 0;
        shown[depth] = at;
        if (!passes(filter, entries, num, i)) continue;
        shown[depth] = at + 1;
        filtered[count++] = (struct chain_filtered){
            .snapshot = entries[i].snapshot,
            /* the walk does not show what is above where it began */
            .parent = depth ? path[depth - 1] : filter->from
                      ? chain_model_parent(model, entries[i].snapshot) : NULL,
            .depth = at,
        };
    }
    return count;
}

int chain_filter_apply(const struct chain_model *model,
                       const struct chain_filter *filter,
                       struct chain_filtered **entries_r, size_t *num_r,
                       struct chain_error *err)
{
    struct chain_walk_entry *entries = NULL;
    struct chain_filtered *filtered = NULL;
    const chain_snapshot **path = NULL;
    size_t *shown = NULL, num = 0, count;
    bool *seen = NULL;
    int rc;

    rc = chain_model_walk(model, filter->from, &entries, &num, err);
    if (rc) goto out;
    path = calloc(num + 1, sizeof(*path));
    shown = calloc(num + 1, sizeof(*shown));
    seen = calloc(num + 1, sizeof(*seen));
    filtered = calloc(num + 1, sizeof(*filtered));
    if (!path || !shown || !seen || !filtered) {
        rc = chain_error_set_nomem(err);
        goto out;
    }

    count = pick(filter, model, entries, num, path, shown, filtered);
    mark_last(filtered, count, seen);
    if (!count) {
        free(filtered);
        filtered = NULL;
    }
    *entries_r = filtered;
    *num_r = count;
    filtered = NULL;
out:
    free(entries);
    free(path);
    free(shown);
    free(seen);
    free(filtered);
    return rc;
}
