/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A memory image, as libxl's stream again, for whoever restores it. */
#ifndef MEMORY_FEED_H
#define MEMORY_FEED_H

#include "memory/chain.h"

/*
 * All of it into fd, a pipe, socket or file. What is damaged is noticed before it
 * is sent: the stream then ends in the middle, and no restore takes that for
 * a whole one. Who calls must not be killed by SIGPIPE; it is ERROR_FAIL.
 */
int memory_feed(struct memory_chain *chain, int fd, uint64_t *bytes_r,
                struct diag *diag);

#endif
