/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Would it fit? Asked before anything is started. */
#ifndef MANAGE_SPACE_H
#define MANAGE_SPACE_H

#include "manage/internal.h"

/*
 * memory_bytes go to the snapshot's directory; each image that gets an
 * internal snapshot grows by its tables. MANAGE_NO_SPACE names the volume,
 * what is needed and what is there.
 */
int space_check(struct operation *op, const chain_snapshot *snapshot,
                uint64_t memory_bytes);

#endif
