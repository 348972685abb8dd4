/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several memory images that build on each other, as one. */
#ifndef MEMORY_MERGE_H
#define MEMORY_MERGE_H

#include "memory/chain.h"

/*
 * The image that the chain is opened for, as one file: with its UUID, so that what
 * builds on it does so afterwards, and building on what the last one of the
 * chain builds on. fd: an empty file.
 */
int memory_merge(struct memory_chain *chain, int fd, int level,
                 struct work_pool *pool, uint64_t *bytes_r, struct diag *diag);

#endif
