/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold within one snapshot, wherever it stands. Of this room only. */
#ifndef CHAIN_VALIDATE_H
#define CHAIN_VALIDATE_H

#include "chain/error.h"
#include "chain/model.h"

/* NULL is fine: unknown. */
int chain_uuid_check(const char *uuid, struct chain_error *err);

/* ERROR_INVAL with the place in front: "disks[1].vdev: ...". */
int chain_snapshot_check(const chain_snapshot *snapshot,
                         struct chain_error *err);

#endif
