/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks whose snapshots a hook takes: where that cannot work together with
 * snapshots of the other kinds, and what is done with all of them. */
#ifndef MANAGE_MANUAL_H
#define MANAGE_MANUAL_H

#include "manage/internal.h"

bool manual_any(const chain_snapshot *snapshot);

/* May the new snapshot be taken? All of its manual disks are asked about. */
int manual_check_create(struct operation *op, const chain_snapshot *snapshot);

/* Take them; the guest stands still. */
int manual_create(struct operation *op, const chain_snapshot *snapshot);

/*
 * Of a create that failed or was killed. What cannot be deleted now becomes a
 * leftover of the chain, which is saved: it must not keep the domain from
 * being recovered.
 */
int manual_undo_create(struct operation *op, const chain_snapshot *snapshot,
                       char **report);

/* May this disk of target be put back? */
int manual_check_revert(struct operation *op, const chain_snapshot *target,
                        const chain_disk *disk);

/* Put it back. Nobody has it open any more, or that is waited for. */
int manual_revert(struct operation *op, const chain_snapshot *target,
                  const chain_disk *disk);

/* May what the hooks have of this snapshot be deleted? */
int manual_check_delete(struct operation *op, const chain_snapshot *snapshot);

#endif
