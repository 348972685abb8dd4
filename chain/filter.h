/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which snapshots of a chain somebody wants to see. Pure.
 *
 * The conditions come in groups, as libvirt's do: one that names several
 * members of a group wants any of them, one that names none or all of them
 * does not care; and every group has to agree.
 */
#ifndef CHAIN_FILTER_H
#define CHAIN_FILTER_H

#include "chain/model.h"

/* What the disks of a snapshot are kept as. */
enum chain_kind {
    CHAIN_KIND_NONE,        /* it has no disks */
    CHAIN_KIND_INTERNAL,
    CHAIN_KIND_EXTERNAL,
    CHAIN_KIND_MANUAL,
    CHAIN_KIND_MIXED,       /* not all of one kind */
};

enum chain_kind chain_snapshot_kind(const chain_snapshot *snapshot);

/* Whether a disk is part of its snapshot, or was left out. */
bool chain_disk_included(const chain_disk *disk);

/* All zeros: everything passes. */
struct chain_filter {
    /* Where to look: 0: the whole chain. Else what descends from that
     * serial: its children alone, or with descendants all; with itself,
     * that snapshot too. */
    uint64_t from;
    bool descendants;
    bool itself;

    bool roots;             /* without a parent; not together with from */

    bool leaves;            /* without children */
    bool no_leaves;

    bool inactive;          /* the domain was off */
    bool active;            /* it was not, and its memory was taken */
    bool disk_only;         /* it was not, and its memory was left out */

    bool internal;          /* no disk is external */
    bool external;          /* some disk is */
};

/* Whether the filter lets everything pass. */
bool chain_filter_is_empty(const struct chain_filter *filter);

struct chain_filtered {
    const chain_snapshot *snapshot;
    const chain_snapshot *parent;   /* passing or not; NULL: a root */
    /* In the forest of those that pass, where each hangs on its nearest
     * ancestor that does: as in struct chain_walk_entry. */
    size_t depth;
    bool last;
};

/*
 * The snapshots that pass, in the order of chain_model_walk: parents before
 * their children, siblings by serial. Damaged chains are looked at as
 * chain_model_walk shows them: one whose parent is lost is a root.
 * *entries_r is malloc'd, NULL when there are none. ERROR_NOTFOUND when from
 * is not there. O(n log n).
 */
int chain_filter_apply(const struct chain_model *model,
                       const struct chain_filter *filter,
                       struct chain_filtered **entries_r, size_t *num_r,
                       struct chain_error *err);

#endif
