/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is where in a memory image; docs/format/memory.md is the specification.
 * Pure: bytes in, values out.
 *
 *   header | block | block | ... | index | trailer
 *
 * Blocks, index and trailer follow one another without a gap, and everything is
 * covered by a checksum, so that no byte can change without notice.
 *
 * All of memory/ returns 0 or a libxl error: ERROR_NOMEM; ERROR_FAIL, a system
 * call; ERROR_INVAL, it is no memory image, or one that is not understood here;
 * ERROR_BADFAIL, it is one, and damaged.
 */
#ifndef MEMORY_FORMAT_H
#define MEMORY_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libxl/diag.h"
#include "memory/stream.h"

#define MEMORY_HEADER_BYTES     128u
#define MEMORY_TRAILER_BYTES    128u

#define MEMORY_PAGE_BYTES       4096u
/* Fewer compress worse, since each block begins without knowing any; more take
 * more memory for each thread. */
#define MEMORY_BLOCK_PAGES      1024u
#define MEMORY_BLOCK_BYTES      (MEMORY_BLOCK_PAGES * MEMORY_PAGE_BYTES)

/* Of a guest: 16 TiB. And of images that build on each other. */
#define MEMORY_MAX_PAGES        (UINT64_C(1) << 32)
#define MEMORY_MAX_DEPTH        64u

enum memory_method {
    MEMORY_METHOD_NONE = 0,
    MEMORY_METHOD_ZSTD = 1,
};

/* What is known of a page frame. */
enum memory_kind {
    MEMORY_ABSENT = 0,          /* the guest has no such page */
    MEMORY_DATA = 1,            /* its content is in a block of this image */
    MEMORY_ZERO = 2,            /* it is all zeroes */
    MEMORY_PARENT = 3,          /* it is what it is in the image that this one builds on */
    MEMORY_BARE = 4,            /* of a type that comes without content */
};

/* Four bits each, the kind lower; the type is the stream's (see stream.h). */
static inline uint8_t memory_state(enum memory_kind kind, unsigned type)
{
    return (uint8_t)(kind | type << 4);
}

static inline enum memory_kind memory_state_kind(uint8_t state)
{
    return state & 0xf;
}

static inline unsigned memory_state_type(uint8_t state)
{
    return state >> 4;
}

/* A page has content just when its type is one of those that have. */
static inline bool memory_state_is_sound(uint8_t state)
{
    enum memory_kind kind = memory_state_kind(state);

    if (kind == MEMORY_ABSENT) return !state;
    return kind <= MEMORY_BARE && (kind == MEMORY_BARE) ==
           stream_type_is_bare(memory_state_type(state));
}

struct memory_header {
    uint32_t depth;             /* 0: it builds on no other; else on so many, or fewer */
    uint8_t uuid[16];
    uint8_t parent[16];         /* of the one that it builds on; zeroes without */
};

void memory_header_encode(const struct memory_header *header,
                          uint8_t bytes[MEMORY_HEADER_BYTES]);
int memory_header_decode(const uint8_t bytes[MEMORY_HEADER_BYTES],
                         struct memory_header *header_r, struct diag *diag);

struct memory_trailer {
    uint64_t index_offset, index_stored, index_raw;
    uint32_t index_method;
    uint64_t index_checksum;
    uint64_t pages_at;          /* bytes of the rest that come before the pages */
    uint64_t rest_bytes;        /* bytes of the stream that are no pages */
};

/* With a checksum of itself and of the header. */
void memory_trailer_encode(const struct memory_trailer *trailer,
                           const uint8_t header[MEMORY_HEADER_BYTES],
                           uint8_t bytes[MEMORY_TRAILER_BYTES]);
/* file_bytes: the whole file's length, which it must agree with. */
int memory_trailer_decode(const uint8_t bytes[MEMORY_TRAILER_BYTES],
                          const uint8_t header[MEMORY_HEADER_BYTES],
                          uint64_t file_bytes, struct memory_trailer *trailer_r,
                          struct diag *diag);

struct memory_block {
    uint64_t offset;            /* in the file; not stored: they have no gaps */
    uint32_t stored, raw;       /* bytes */
    uint8_t method;
    bool rest;                  /* of the stream's rest; else of pages */
    uint64_t checksum;          /* of what is stored */
};

/* So many page frames in a row of one state. */
struct memory_run {
    uint32_t pages;
    uint8_t state;
};

struct memory_index {
    struct memory_run *runs;
    size_t num_runs, room_runs;
    struct memory_block *blocks;
    size_t num_blocks, room_blocks;
};

void memory_index_init(struct memory_index *index);
void memory_index_dispose(struct memory_index *index);

/* One more page frame, the next one. */
int memory_index_add_pages(struct memory_index *index, uint64_t pages,
                           uint8_t state);
int memory_index_add_block(struct memory_index *index,
                           const struct memory_block *block);

/* *bytes_r is malloc'd. */
int memory_index_encode(const struct memory_index *index, uint8_t **bytes_r,
                        size_t *len_r);

/*
 * Everything that the index says must fit together, with the header and trailer,
 * too: what comes afterwards need not look again.
 */
int memory_index_decode(const uint8_t *bytes, size_t len,
                        const struct memory_header *header,
                        const struct memory_trailer *trailer,
                        struct memory_index *index, struct diag *diag);

/* What every checksum in an image is: XXH3 of 64 bits. */
uint64_t memory_checksum(const void *data, size_t len);

#endif
