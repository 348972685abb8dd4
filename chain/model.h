/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The chain of one domain as a value: no files, no locks. (It is a forest:
 * several snapshots may have the same parent, and several may have none.)
 *
 * Parents are stored, as serials; children are computed. The current
 * snapshot is the one that the domain's present state descends from.
 *
 * A chain can be damaged: it was read, but breaks a rule (see
 * chain_tree_validate). It can be looked at like any other, and everything
 * that looks copes with lost parents and cycles; everything that changes it
 * refuses with ERROR_BADFAIL.
 *
 * On failure a model is as it was before the call. Pointers to snapshots
 * point into the model and hold until the next call that changes it.
 */
#ifndef CHAIN_MODEL_H
#define CHAIN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/_chain_types.h"
#include "chain/error.h"

/* The version of chain.json and journal.json that this code writes, and the
 * latest that it reads. */
#define CHAIN_VERSION 1u

/* Bounds of what is accepted; far beyond use, within what can be read back. */
#define CHAIN_MAX_SNAPSHOTS 100000u
#define CHAIN_MAX_MEMORY_DEPTH 64u      /* memory images that build on others */
#define CHAIN_MAX_DISKS 256u            /* of one snapshot, or of the present */
#define CHAIN_MAX_IMAGES 200000u

struct chain_model {
    chain_tree tree;    /* look freely; change by the functions below */
    char *damaged;      /* NULL: sound. Else one line that says how */
};

void chain_model_init(struct chain_model *model);
void chain_model_dispose(struct chain_model *model);

/* An initialised model becomes the empty chain of domain. */
int chain_model_set_empty(struct chain_model *model, const char *domain,
                          struct chain_error *err);

/* An initialised model takes the contents of tree, which is left empty, and
 * is marked as damaged when the tree is not valid. */
int chain_model_take(struct chain_model *model, chain_tree *tree,
                     struct chain_error *err);

/* dst is initialised and empty. */
int chain_model_copy(struct chain_model *dst, const struct chain_model *src,
                     struct chain_error *err);

/*
 * The rules of docs/format/chain.md, whole: known version; serials unique,
 * not 0, below next_serial; names well-formed and unique; parents present and
 * without cycles; current present, or 0; vdevs unique in their snapshot; and
 * so on. O(n log n). ERROR_BADFAIL with the place of the first offence, as in
 * "snapshots[3].name: ..."; ERROR_VERSION for a later version.
 */
int chain_tree_validate(const chain_tree *tree, struct chain_error *err);

/* ---- looking ---- */

/* NULL when there is none. */
const chain_snapshot *chain_model_by_name(const struct chain_model *model,
                                          const char *name);
const chain_snapshot *chain_model_by_serial(const struct chain_model *model,
                                            uint64_t serial);
const chain_snapshot *chain_model_current(const struct chain_model *model);
const chain_snapshot *chain_model_parent(const struct chain_model *model,
                                         const chain_snapshot *snapshot);

/* The snapshot's record of a disk; NULL: it has none, or there is no snapshot. */
const chain_disk *chain_snapshot_disk(const chain_snapshot *snapshot,
                                      const char *vdev);

struct chain_walk_entry {
    const chain_snapshot *snapshot;
    size_t depth;       /* 0: where the walk began */
    bool last;          /* of its siblings: what a drawing of the tree needs */
};

/*
 * The snapshot called from and all that descend from it, or with 0 the whole
 * chain: depth first, parents before their children, siblings by serial. Read
 * backwards, children come before their parents. Entries of depth 1 are
 * from's children. In a damaged chain each snapshot still appears once; one
 * whose parent is lost or is its own descendant begins a tree.
 * *entries_r is malloc'd, NULL when there are none. ERROR_NOTFOUND when from
 * is not there.
 */
int chain_model_walk(const struct chain_model *model, uint64_t from,
                     struct chain_walk_entry **entries_r, size_t *num_r,
                     struct chain_error *err);

/* ---- changing ---- */

/*
 * Give an initialised snapshot its place: the next serial, and the current
 * snapshot as its parent. The model does not change: the serial is taken when
 * the snapshot is added. The caller may choose another parent after this.
 */
int chain_model_place(const struct chain_model *model,
                      chain_snapshot *snapshot, struct chain_error *err);

/*
 * Add a copy of snapshot, whose serial must not be below next_serial and
 * whose parent is 0 or in the chain. The images of its external disks are in
 * the chain already (chain_images_add). The current snapshot stays what it
 * was: see chain_model_set_current.
 */
int chain_model_add(struct chain_model *model, const chain_snapshot *snapshot,
                    struct chain_error *err);

/*
 * Remove some snapshots at once. What hung on a removed one hangs on its
 * nearest ancestor that stays, or becomes a root; current moves likewise.
 * ERROR_NOTFOUND, and nothing removed, when one is not there; naming one
 * twice is no error.
 */
int chain_model_remove(struct chain_model *model, const uint64_t *serials,
                       size_t num_serials, struct chain_error *err);

/* ERROR_INVAL when the name is malformed or another snapshot has it. */
int chain_model_rename(struct chain_model *model, uint64_t serial,
                       const char *name, struct chain_error *err);

/* NULL: no description. */
int chain_model_set_description(struct chain_model *model, uint64_t serial,
                                const char *description,
                                struct chain_error *err);

/* Of its memory image: see the type. It is another one than before: what was known of
 * the file's SHA-256 is forgotten. */
int chain_model_set_memory(struct chain_model *model, uint64_t serial,
                           uint64_t memory_bytes, uint64_t ram_bytes,
                           struct chain_error *err);

/* NULL: it is not known. ERROR_INVAL when it is none, or there is no memory. */
int chain_model_set_memory_sha256(struct chain_model *model, uint64_t serial,
                                  const char *sha256, struct chain_error *err);

/* Hang a snapshot, and all that descends from it, on another parent; 0: it
 * becomes a root. ERROR_INVAL when parent is the snapshot itself, descends
 * from it, or is not there. */
int chain_model_set_parent(struct chain_model *model, uint64_t serial,
                           uint64_t parent, struct chain_error *err);

/* 0: the present descends from no snapshot. */
int chain_model_set_current(struct chain_model *model, uint64_t serial,
                            struct chain_error *err);

/* Add a copy of an internal or manual disk to the leftovers; remove the one at index. */
int chain_model_add_leftover(struct chain_model *model, const chain_disk *disk,
                             struct chain_error *err);
int chain_model_remove_leftover(struct chain_model *model, int index,
                                struct chain_error *err);

/* The domain's uuid as last seen. */
int chain_model_set_domain_uuid(struct chain_model *model, const char *uuid,
                                struct chain_error *err);

#endif
