/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each operation will write, and how long the guest will stand still,
 * asked before anything is started. p is initialised and empty. What does not
 * fit is refused with MANAGE_NO_SPACE; a dry run tells p.
 */
#ifndef MANAGE_PREFLIGHT_H
#define MANAGE_PREFLIGHT_H

#include "manage/internal.h"
#include "manage/predict.h"

/* snapshot: as it is to be recorded, with its overlays in op->journal. */
int preflight_create(struct operation *op, const libxl_domain_config *config,
                     const chain_snapshot *snapshot, struct prediction *p);

/* undo: the present is kept first. */
int preflight_revert(struct operation *op, const chain_snapshot *target,
                     bool undo, struct prediction *p);

/* The images of a clone, which op->journal has. */
int preflight_clone(struct operation *op, const chain_snapshot *snapshot,
                    struct prediction *p);

/*
 * The merges that the chain can do without these snapshots. A delete is never
 * refused for them, since what does not fit waits, hidden, for the next one;
 * only with must_merge it is. Else the user is told.
 */
int preflight_delete(struct operation *op, const uint64_t *serials,
                     size_t num_serials, bool must_merge, bool dry_run,
                     struct prediction *p);

/* A snapshot to path (NULL: to fd), with copies of its disks in work_dir. */
int preflight_export(struct operation *op, const chain_snapshot *snapshot,
                     const struct manage_export *args, const char *work_dir,
                     bool compressed, struct prediction *p);

/* From fd, of which nothing more is read: what its length tells. */
int preflight_import(struct operation *op, const chain_snapshot *snapshot,
                     const struct manage_import *args, bool disks,
                     struct prediction *p);

/* A memory image, copied into the chain's directory; NULL: none. */
int preflight_redefine(struct operation *op, const char *memory,
                       struct prediction *p);

#endif
