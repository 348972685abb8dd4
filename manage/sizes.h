/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What snapshots take on the volumes, and what deleting one would free. From
 * stat(2) and the chain: no image is opened, so a guest may run meanwhile, and
 * no hypervisor is needed.
 *
 * Allocated bytes are counted, not lengths: images are sparse.
 */
#ifndef MANAGE_SIZES_H
#define MANAGE_SIZES_H

#include "chain/store.h"
#include "manage/manage.h"

/*
 * Into sizes[], one for each snapshot of the tree, in its order. freed: work
 * that out as well; else it is 0 and not exact. Reads only, and what cannot be
 * read counts as nothing, and is not exact. ERROR_NOMEM, or what is wrong with
 * the chain.
 */
int sizes_compute(const chain_store *store, const struct chain_model *chain,
                  bool freed, struct manage_size *sizes,
                  struct chain_error *err);

#endif
