/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One memory image, read: its page frames in order, and the rest of the stream.
 * Blocks are read, checked and unpacked by the pool ahead of who wants them.
 *
 * Holds 8 MiB for each of twice as many blocks as the pool has threads while pages
 * are read, and the index.
 */
#ifndef MEMORY_READER_H
#define MEMORY_READER_H

#include "memory/format.h"
#include "memory/work.h"

struct memory_reader;

struct memory_page {
    uint64_t pfn;
    uint8_t state;
    const void *data;           /* for MEMORY_DATA; valid until the next one */
};

/*
 * Header, index and end are checked; blocks when they are read. fd, of a file that
 * nobody writes to, stays the caller's, as does the pool. name is for messages.
 */
int memory_reader_open(int fd, const char *name, struct work_pool *pool,
                       struct memory_reader **reader_r, struct diag *diag);
void memory_reader_close(struct memory_reader *reader);

const struct memory_header *memory_reader_header(const struct memory_reader *reader);
const struct memory_index *memory_reader_index(const struct memory_reader *reader);
uint64_t memory_reader_pages_at(const struct memory_reader *reader);
uint64_t memory_reader_rest_bytes(const struct memory_reader *reader);

/* From the first page frame on again. */
void memory_reader_rewind(struct memory_reader *reader);

/* The next page frame that is not absent; *more_r false: that was the last one. */
int memory_reader_next(struct memory_reader *reader, struct memory_page *page_r,
                       bool *more_r, struct diag *diag);

/* Go on from this page frame, which is not before where it is, and need not be
 * there. Cheaper than as many calls of next by far. */
int memory_reader_seek(struct memory_reader *reader, uint64_t pfn,
                       struct diag *diag);

/* Bytes from to to of the rest of the stream, in pieces. Not between pages. */
int memory_reader_rest(struct memory_reader *reader, uint64_t from, uint64_t to,
                       int (*piece)(void *user, const void *data, size_t len,
                                    struct diag *diag),
                       void *user, struct diag *diag);

/* Read all blocks, and check them as they are stored. stored_r: bytes. */
int memory_reader_verify(struct memory_reader *reader, uint64_t *stored_r,
                         struct diag *diag);

#endif
