/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory images of anybody's making, one after the other: the first builds on the
 * second, and so on ("cat A B >input"). Their checksums are put right first, or
 * nothing behind them would ever be reached.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/bytes.h"
#include "memory/chain.h"
#include "memory/codec.h"
#include "memory/feed.h"
#include "memory/merge.h"
#include "memory/writer.h"
#include "tests/fuzz/fuzz.h"

#define MOST (1u << 20)
#define MOST_IMAGES 4u
#define MAGIC "XLSMEM\r\n"

/* A run has up to 16 million frames, and there may be 2^32: all that can be said of
 * many can be said of few. Likewise an index may be of 16 GiB, and is held whole. */
#define MOST_FRAMES (1u << 16)
#define MOST_INDEX (1u << 20)

static struct work_pool *pool;

/* ---- checksums ---- */

/* Of the blocks, where the index is not packed. */
static void put_blocks_right(uint8_t *data, uint8_t *index, uint64_t len)
{
    uint64_t runs, left, offset = MEMORY_HEADER_BYTES;
    uint32_t stored;
    uint8_t *block;

    if (len < 8) return;
    runs = get32(index);
    if (runs > (len - 8) / 4) return;
    left = (len - 8 - runs * 4) / 20;
    for (block = index + 8 + runs * 4; left; left--, block += 20) {
        stored = get32(block);
        if (stored > (uint64_t)(index - data) - offset) return;
        put64(block + 12, memory_checksum(data + offset, stored));
        offset += stored;
    }
}

/* False: it is not worth it. */
static bool put_right(uint8_t *data, size_t size)
{
    uint8_t both[MEMORY_HEADER_BYTES + 120], *trailer;
    uint64_t at, len;

    if (size < MEMORY_HEADER_BYTES + MEMORY_TRAILER_BYTES) return true;
    trailer = data + size - MEMORY_TRAILER_BYTES;
    put64(data + 120, memory_checksum(data, 120));
    at = get64(trailer + 8);
    len = get64(trailer + 16);
    if (at >= MEMORY_HEADER_BYTES && at <= size && len <= size - at) {
        if (get32(trailer + 32) == MEMORY_METHOD_NONE)
            put_blocks_right(data, data + at, len);
        put64(trailer + 40, memory_checksum(data + at, len));
    }
    memcpy(both, data, MEMORY_HEADER_BYTES);
    memcpy(both + MEMORY_HEADER_BYTES, trailer, 120);
    put64(trailer + 120, memory_checksum(both, sizeof(both)));
    return get64(trailer + 24) <= MOST_INDEX;
}

/* ---- reading ---- */

static uint64_t frames_of(const struct memory_reader *reader)
{
    const struct memory_index *index = memory_reader_index(reader);
    uint64_t frames = 0;
    size_t i;

    for (i = 0; i < index->num_runs; i++) frames += index->runs[i].pages;
    return frames;
}

/* Of all that comes out. 0: it is broken. */
static uint64_t sum_of(struct memory_chain *chain)
{
    struct memory_page page;
    struct diag diag = { "" };
    uint64_t sum = 1;
    bool more;

    memory_chain_rewind(chain);
    for (;;) {
        if (memory_chain_next(chain, &page, &more, &diag)) {
            if (!*diag.text) abort();
            return 0;
        }
        if (!more) return sum | 1;
        sum = sum * 31 + page.pfn * 256 + page.state;
        if (page.data) sum ^= memory_checksum(page.data, MEMORY_PAGE_BYTES);
    }
}

/* What can be read is the same as one image, and a stream. */
static void make_one(struct memory_chain *chain, bool part, uint64_t sum)
{
    struct memory_file merged = { fuzz_file("", 0), "merged" };
    struct memory_chain *again;
    int stream = fuzz_file("", 0);
    uint64_t bytes;

    if (!memory_merge(chain, merged.fd, 1, pool, &bytes, NULL)) {
        if (memory_chain_open(&merged, 1, part, pool, &again, NULL) ||
            sum_of(again) != sum)
            abort();
        memory_chain_close(again);
    }
    memory_chain_rewind(chain);
    if (!part) (void)memory_feed(chain, stream, &bytes, NULL);
    close(stream);
    close(merged.fd);
}

/* False: it cannot be opened. */
static bool read_all(const struct memory_file *files, unsigned num, bool part)
{
    struct memory_chain *chain;
    struct diag diag = { "" };
    uint64_t bytes, sum;

    if (memory_chain_open(files, num, part, pool, &chain, &diag)) {
        if (!*diag.text) abort();
        return false;
    }
    if (frames_of(memory_chain_top(chain)) <= MOST_FRAMES) {
        sum = sum_of(chain);
        if (sum) make_one(chain, part, sum);
        else if (memory_chain_verify(chain, &bytes, &diag) && !*diag.text) abort();
    }
    memory_chain_close(chain);
    return true;
}

/* Where the next one begins. */
static size_t length_of_one(const uint8_t *data, size_t size)
{
    const uint8_t *next = NULL;

    if (size > MEMORY_HEADER_BYTES)
        next = memmem(data + MEMORY_HEADER_BYTES, size - MEMORY_HEADER_BYTES,
                      MAGIC, strlen(MAGIC));
    return next ? (size_t)(next - data) : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_file files[MOST_IMAGES];
    unsigned num = 0;
    uint8_t *copy, *at;
    size_t len;
    bool sound = true;

    if (!size || size > MOST || (!pool && work_pool_start(&pool))) return 0;
    copy = at = malloc(size);
    if (!copy) abort();
    memcpy(copy, data, size);
    for (; size && num < MOST_IMAGES; size -= len, at += len) {
        len = length_of_one(at, size);
        sound &= put_right(at, len);
        files[num++] = (struct memory_file){ fuzz_file(at, len), "image" };
    }
    free(copy);
    if (sound && !read_all(files, num, false)) read_all(files, num, true);
    while (num) close(files[--num].fd);
    return 0;
}

/* ---- to begin with ---- */

struct image {
    uint8_t *data;
    size_t size;
};

/* As put_right wants it, so that the blocks, too, can be changed: the index is
 * packed, if at all, by itself. */
static void unpack_index(struct image *image)
{
    uint8_t header[MEMORY_HEADER_BYTES], *trailer;
    struct memory_codec *codec;
    struct memory_trailer t;
    uint8_t *larger;

    memcpy(header, image->data, sizeof(header));
    trailer = image->data + image->size - MEMORY_TRAILER_BYTES;
    if (memory_trailer_decode(trailer, header, image->size, &t, NULL)) abort();
    if (t.index_method == MEMORY_METHOD_NONE) return;
    larger = malloc(t.index_offset + t.index_raw + MEMORY_TRAILER_BYTES);
    if (!larger || memory_codec_alloc(&codec)) abort();
    memcpy(larger, image->data, t.index_offset);
    if (!memory_unpack(codec, t.index_method, image->data + t.index_offset,
                       t.index_stored, larger + t.index_offset, t.index_raw))
        abort();
    memory_codec_free(codec);
    t.index_method = MEMORY_METHOD_NONE;
    t.index_stored = t.index_raw;
    t.index_checksum = memory_checksum(larger + t.index_offset, t.index_raw);
    memory_trailer_encode(&t, header, larger + t.index_offset + t.index_raw);
    free(image->data);
    image->data = larger;
    image->size = t.index_offset + t.index_raw + MEMORY_TRAILER_BYTES;
}

/* Of some twenty pages, packed or not. */
static struct image write_image(const struct memory_header *header, unsigned *seed)
{
    uint8_t page[MEMORY_PAGE_BYTES], state;
    struct image image;
    struct memory_writer *w;
    uint64_t bytes, pfn = 0;
    int fd = fuzz_file("", 0), i;

    if (memory_writer_start(fd, UINT64_MAX, header, rand_r(seed) % 2, pool, &w,
                            NULL))
        abort();
    for (i = 0; i < 20; i++, pfn += 1 + (unsigned)rand_r(seed) % 3) {
        memset(page, rand_r(seed), sizeof(page));
        switch (rand_r(seed) % 4) {
        case 0: state = memory_state(MEMORY_ZERO, 0); break;
        case 1: state = memory_state(MEMORY_BARE, 0xf); break;
        case 2:
            state = memory_state(header->depth ? MEMORY_PARENT : MEMORY_ZERO, 2);
            break;
        default: state = memory_state(MEMORY_DATA, 1); break;
        }
        if (memory_writer_page(w, pfn, state, page, NULL)) abort();
    }
    if (memory_writer_rest(w, page, 100, NULL) ||
        memory_writer_finish(w, 60, &bytes, NULL))
        abort();
    memory_writer_free(w);
    image = (struct image){ malloc(bytes), bytes };
    if (!image.data || pread(fd, image.data, bytes, 0) != (ssize_t)bytes) abort();
    close(fd);
    if (rand_r(seed) % 4) unpack_index(&image);
    return image;
}

/* Up to three, from the top down. */
void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    unsigned depth = (unsigned)rand_r(seed) % 3;

    if (!pool && work_pool_start(&pool)) abort();
    *data_r = NULL;
    *size_r = 0;
    for (;; depth--) {
        struct memory_header header = { .depth = depth };
        struct image image;

        header.uuid[0] = (uint8_t)(depth + 1);
        header.parent[0] = (uint8_t)depth;
        image = write_image(&header, seed);
        *data_r = realloc(*data_r, *size_r + image.size);
        if (!*data_r) abort();
        memcpy(*data_r + *size_r, image.data, image.size);
        *size_r += image.size;
        free(image.data);
        if (!depth) return;
    }
}
