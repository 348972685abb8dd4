/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A memory image, written: first its page frames in order, then the rest of
 * the stream. Blocks are packed by the pool while more comes.
 *
 * Holds 8 MiB for each of twice as many blocks as the pool has threads, and some
 * bytes for each run of page frames of one state.
 */
#ifndef MEMORY_WRITER_H
#define MEMORY_WRITER_H

#include "memory/format.h"
#include "memory/work.h"

struct memory_writer;

/* fd stays the caller's, as does the pool. The image must end before limit, which
 * is where something else may begin. level: zstd's; 0: do not pack. */
int memory_writer_start(int fd, uint64_t limit,
                        const struct memory_header *header, int level,
                        struct work_pool *pool, struct memory_writer **writer_r,
                        struct diag *diag);

/* In ascending order; those between are absent. data is for MEMORY_DATA. */
int memory_writer_page(struct memory_writer *writer, uint64_t pfn, uint8_t state,
                       const void *data, struct diag *diag);

/* After all pages. */
int memory_writer_rest(struct memory_writer *writer, const void *data,
                       size_t len, struct diag *diag);

/*
 * The index and the end. pages_at: before which byte of the rest the pages belong.
 * Neither syncs nor closes. *bytes_r: of the file.
 */
int memory_writer_finish(struct memory_writer *writer, uint64_t pages_at,
                         uint64_t *bytes_r, struct diag *diag);

/* In any case, also after a finish. NULL is fine. */
void memory_writer_free(struct memory_writer *writer);

#endif
