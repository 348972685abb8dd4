/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl.h>
#include <xxhash.h>

#include "memory/bytes.h"
#include "memory/format.h"

#define HEADER_MAGIC    "XLSMEM\r\n"
#define TRAILER_MAGIC   "XLSMEND\n"
#define MAGIC_BYTES     8
#define FORMAT_VERSION         1u

#define CHECKSUM_AT     120     /* in the header, and in the trailer */

#define RUN_BYTES       4u      /* pages in 24 bits, state in 8 */
#define RUN_MAX_PAGES   ((1u << 24) - 1)
#define BLOCK_BYTES     20u
#define FLAG_REST       (1u << 8)

/* An index that is larger is none: a run for every page of the largest guest. */
#define INDEX_MAX       (UINT64_C(1) << 34)

uint64_t memory_checksum(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}

static int damaged(struct diag *diag, const char *what)
{
    diag_set(diag, "the memory image is damaged: %s", what);
    return ERROR_BADFAIL;
}

static int no_memory(struct diag *diag)
{
    diag_set(diag, "out of memory");
    return ERROR_NOMEM;
}

/* ---- header ----
 *
 *   0  magic    8  version   12  page bytes   16  pages in a block at most
 *  20  depth   24  uuid      40  parent       56  zeroes   120  checksum
 */

void memory_header_encode(const struct memory_header *header,
                          uint8_t bytes[MEMORY_HEADER_BYTES])
{
    memset(bytes, 0, MEMORY_HEADER_BYTES);
    memcpy(bytes, HEADER_MAGIC, MAGIC_BYTES);
    put32(bytes + 8, FORMAT_VERSION);
    put32(bytes + 12, MEMORY_PAGE_BYTES);
    put32(bytes + 16, MEMORY_BLOCK_PAGES);
    put32(bytes + 20, header->depth);
    memcpy(bytes + 24, header->uuid, 16);
    memcpy(bytes + 40, header->parent, 16);
    put64(bytes + CHECKSUM_AT, memory_checksum(bytes, CHECKSUM_AT));
}

static bool all_zero(const uint8_t *p, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (p[i]) return false;
    return true;
}

int memory_header_decode(const uint8_t bytes[MEMORY_HEADER_BYTES],
                         struct memory_header *header_r, struct diag *diag)
{
    struct memory_header h;

    if (memcmp(bytes, HEADER_MAGIC, MAGIC_BYTES)) {
        diag_set(diag, "it is no memory image");
        return ERROR_INVAL;
    }
    if (get32(bytes + 8) != FORMAT_VERSION) {
        diag_set(diag, "it is a memory image of version %u, and this program"
                 " knows %u", get32(bytes + 8), FORMAT_VERSION);
        return ERROR_INVAL;
    }
    if (get64(bytes + CHECKSUM_AT) != memory_checksum(bytes, CHECKSUM_AT))
        return damaged(diag, "its header has changed");
    if (get32(bytes + 12) != MEMORY_PAGE_BYTES ||
        get32(bytes + 16) != MEMORY_BLOCK_PAGES ||
        !all_zero(bytes + 56, CHECKSUM_AT - 56)) {
        diag_set(diag, "it is a memory image of a kind that this program does"
                 " not know");
        return ERROR_INVAL;
    }
    h.depth = get32(bytes + 20);
    memcpy(h.uuid, bytes + 24, 16);
    memcpy(h.parent, bytes + 40, 16);
    if (h.depth > MEMORY_MAX_DEPTH ||
        all_zero(h.parent, 16) != (h.depth == 0) ||
        (h.depth && !memcmp(h.uuid, h.parent, 16)))
        return damaged(diag, "its header contradicts itself");
    *header_r = h;
    return 0;
}

/* ---- trailer ----
 *
 *   0  magic   8  index: offset  16  bytes stored  24  bytes unpacked
 *  32  method  36  0  40  checksum of the index as stored
 *  48  where the pages belong in the rest   56  bytes of the rest
 *  64  zeroes   120  checksum of the header and of this
 */

static uint64_t trailer_checksum(const uint8_t *header, const uint8_t *bytes)
{
    uint8_t both[MEMORY_HEADER_BYTES + CHECKSUM_AT];

    memcpy(both, header, MEMORY_HEADER_BYTES);
    memcpy(both + MEMORY_HEADER_BYTES, bytes, CHECKSUM_AT);
    return memory_checksum(both, sizeof(both));
}

void memory_trailer_encode(const struct memory_trailer *trailer,
                           const uint8_t header[MEMORY_HEADER_BYTES],
                           uint8_t bytes[MEMORY_TRAILER_BYTES])
{
    memset(bytes, 0, MEMORY_TRAILER_BYTES);
    memcpy(bytes, TRAILER_MAGIC, MAGIC_BYTES);
    put64(bytes + 8, trailer->index_offset);
    put64(bytes + 16, trailer->index_stored);
    put64(bytes + 24, trailer->index_raw);
    put32(bytes + 32, trailer->index_method);
    put64(bytes + 40, trailer->index_checksum);
    put64(bytes + 48, trailer->pages_at);
    put64(bytes + 56, trailer->rest_bytes);
    put64(bytes + CHECKSUM_AT, trailer_checksum(header, bytes));
}

int memory_trailer_decode(const uint8_t bytes[MEMORY_TRAILER_BYTES],
                          const uint8_t header[MEMORY_HEADER_BYTES],
                          uint64_t file_bytes, struct memory_trailer *trailer_r,
                          struct diag *diag)
{
    struct memory_trailer t = {
        .index_offset = get64(bytes + 8),
        .index_stored = get64(bytes + 16),
        .index_raw = get64(bytes + 24),
        .index_method = get32(bytes + 32),
        .index_checksum = get64(bytes + 40),
        .pages_at = get64(bytes + 48),
        .rest_bytes = get64(bytes + 56),
    };

    if (memcmp(bytes, TRAILER_MAGIC, MAGIC_BYTES))
        return damaged(diag, "its end is missing; was it cut short?");
    if (get64(bytes + CHECKSUM_AT) != trailer_checksum(header, bytes))
        return damaged(diag, "its end has changed");
    if (t.index_offset < MEMORY_HEADER_BYTES || t.index_offset > file_bytes ||
        t.index_stored > INDEX_MAX || t.index_raw > INDEX_MAX ||
        t.index_offset + t.index_stored + MEMORY_TRAILER_BYTES != file_bytes ||
        t.index_method > MEMORY_METHOD_ZSTD || t.pages_at > t.rest_bytes ||
        get32(bytes + 36) || !all_zero(bytes + 64, CHECKSUM_AT - 64))
        return damaged(diag, "its end contradicts the rest");
    *trailer_r = t;
    return 0;
}

/* ---- index ----
 *
 *   number of runs, runs; number of blocks, blocks: stored, raw, method and
 *   flags, checksum
 */

void memory_index_init(struct memory_index *index)
{
    memset(index, 0, sizeof(*index));
}

void memory_index_dispose(struct memory_index *index)
{
    free(index->runs);
    free(index->blocks);
    memory_index_init(index);
}

/* Room for one more. */
static int grow(void **array, size_t num, size_t *room, size_t size)
{
    size_t wanted = *room ? *room * 2 : 64;
    void *p;

    if (num < *room) return 0;
    p = reallocarray(*array, wanted, size);
    if (!p) return ERROR_NOMEM;
    *array = p;
    *room = wanted;
    return 0;
}

static int add_run(struct memory_index *index, uint32_t pages, uint8_t state)
{
    int rc = grow((void **)&index->runs, index->num_runs, &index->room_runs,
                  sizeof(*index->runs));

    if (rc) return rc;
    index->runs[index->num_runs++] = (struct memory_run){ pages, state };
    return 0;
}

int memory_index_add_pages(struct memory_index *index, uint64_t pages,
                           uint8_t state)
{
    struct memory_run *last = index->num_runs ?
        &index->runs[index->num_runs - 1] : NULL;
    uint64_t part;
    int rc = 0;

    if (last && last->state == state && pages &&
        pages <= RUN_MAX_PAGES - last->pages) {
        last->pages += (uint32_t)pages;
        return 0;
    }
    for (; pages && !rc; pages -= part) {
        part = pages < RUN_MAX_PAGES ? pages : RUN_MAX_PAGES;
        rc = add_run(index, (uint32_t)part, state);
    }
    return rc;
}

int memory_index_add_block(struct memory_index *index,
                           const struct memory_block *block)
{
    int rc = grow((void **)&index->blocks, index->num_blocks,
                  &index->room_blocks, sizeof(*index->blocks));

    if (rc) return rc;
    index->blocks[index->num_blocks++] = *block;
    return 0;
}

int memory_index_encode(const struct memory_index *index, uint8_t **bytes_r,
                        size_t *len_r)
{
    size_t i, len = 8 + index->num_runs * RUN_BYTES +
                    index->num_blocks * BLOCK_BYTES;
    uint8_t *bytes, *p;

    if (index->num_runs > UINT32_MAX || index->num_blocks > UINT32_MAX)
        return ERROR_NOMEM;
    bytes = p = malloc(len);
    if (!bytes) return ERROR_NOMEM;
    put32(p, (uint32_t)index->num_runs);
    p += 4;
    for (i = 0; i < index->num_runs; i++, p += RUN_BYTES)
        put32(p, index->runs[i].pages | (uint32_t)index->runs[i].state << 24);
    put32(p, (uint32_t)index->num_blocks);
    p += 4;
    for (i = 0; i < index->num_blocks; i++, p += BLOCK_BYTES) {
        const struct memory_block *b = &index->blocks[i];

        put32(p, b->stored);
        put32(p + 4, b->raw);
        put32(p + 8, b->method | (b->rest ? FLAG_REST : 0));
        put64(p + 12, b->checksum);
    }
    *bytes_r = bytes;
    *len_r = len;
    return 0;
}

struct totals {
    uint64_t pages, data, parent;
};

static int decode_runs(const uint8_t *p, size_t num, struct memory_index *index,
                       struct totals *totals, struct diag *diag)
{
    size_t i;

    for (i = 0; i < num; i++, p += RUN_BYTES) {
        uint32_t word = get32(p), pages = word & RUN_MAX_PAGES;
        uint8_t state = (uint8_t)(word >> 24);
        enum memory_kind kind = memory_state_kind(state);

        if (!pages || !memory_state_is_sound(state))
            return damaged(diag, "its index has pages of an unknown state");
        if (add_run(index, pages, state)) return no_memory(diag);
        totals->pages += pages;
        if (totals->pages > MEMORY_MAX_PAGES)
            return damaged(diag, "its index has more pages than a guest can");
        if (kind == MEMORY_DATA) totals->data += pages;
        if (kind == MEMORY_PARENT) totals->parent += pages;
    }
    return 0;
}

static bool block_is_sound(const struct memory_block *b, uint32_t flags,
                           uint64_t room)
{
    if (flags & ~(0xffu | FLAG_REST)) return false;
    if (!b->stored || b->stored > room) return false;
    if (!b->raw || b->raw > MEMORY_BLOCK_BYTES) return false;
    if (!b->rest && b->raw % MEMORY_PAGE_BYTES) return false;
    /* What does not get smaller is stored as it is. */
    return b->method == MEMORY_METHOD_NONE ? b->stored == b->raw
         : b->method == MEMORY_METHOD_ZSTD && b->stored < b->raw;
}

static int decode_blocks(const uint8_t *p, size_t num, uint64_t end,
                         struct memory_index *index, uint64_t *data_pages,
                         uint64_t *rest_bytes, struct diag *diag)
{
    uint64_t offset = MEMORY_HEADER_BYTES;
    size_t i;

    for (i = 0; i < num; i++, p += BLOCK_BYTES) {
        uint32_t flags = get32(p + 8);
        struct memory_block b = {
            .offset = offset, .stored = get32(p), .raw = get32(p + 4),
            .method = (uint8_t)flags, .rest = flags & FLAG_REST,
            .checksum = get64(p + 12),
        };

        if (!block_is_sound(&b, flags, end - offset))
            return damaged(diag, "its index has an impossible block");
        if (memory_index_add_block(index, &b)) return no_memory(diag);
        offset += b.stored;
        if (b.rest) *rest_bytes += b.raw;
        else *data_pages += b.raw / MEMORY_PAGE_BYTES;
    }
    if (offset != end)
        return damaged(diag, "there is something between its blocks and its"
                       " index");
    return 0;
}

int memory_index_decode(const uint8_t *bytes, size_t len,
                        const struct memory_header *header,
                        const struct memory_trailer *trailer,
                        struct memory_index *index, struct diag *diag)
{
    uint64_t data_pages = 0, rest_bytes = 0, num_runs, num_blocks;
    struct totals totals = { 0 };
    int rc;

    if (len < 8) return damaged(diag, "its index is too short");
    num_runs = get32(bytes);
    if (num_runs > (len - 8) / RUN_BYTES)
        return damaged(diag, "its index is too short");
    num_blocks = get32(bytes + 4 + num_runs * RUN_BYTES);
    if (8 + num_runs * RUN_BYTES + num_blocks * BLOCK_BYTES != len)
        return damaged(diag, "its index has another length");

    rc = decode_runs(bytes + 4, num_runs, index, &totals, diag);
    if (rc) return rc;
    rc = decode_blocks(bytes + 8 + num_runs * RUN_BYTES, num_blocks,
                       trailer->index_offset, index, &data_pages, &rest_bytes,
                       diag);
    if (rc) return rc;
    if (data_pages != totals.data || rest_bytes != trailer->rest_bytes)
        return damaged(diag, "its blocks are not what its index says");
    if (totals.parent && !header->depth)
        return damaged(diag, "it needs pages of an image that it does not name");
    return 0;
}
