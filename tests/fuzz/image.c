/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A memory image of anybody's making. Its checksums are put right first, or nothing
 * behind them would ever be reached.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/bytes.h"
#include "memory/chain.h"
#include "memory/writer.h"
#include "tests/fuzz/fuzz.h"

#define MOST (1u << 20)

static struct work_pool *pool;

static void put_right(uint8_t *data, size_t size)
{
    uint8_t both[MEMORY_HEADER_BYTES + 120], *trailer;
    uint64_t at, len;

    if (size < MEMORY_HEADER_BYTES + MEMORY_TRAILER_BYTES) return;
    trailer = data + size - MEMORY_TRAILER_BYTES;
    put64(data + 120, memory_checksum(data, 120));
    at = get64(trailer + 8);
    len = get64(trailer + 16);
    if (at <= size && len <= size - at)
        put64(trailer + 40, memory_checksum(data + at, len));
    memcpy(both, data, MEMORY_HEADER_BYTES);
    memcpy(both + MEMORY_HEADER_BYTES, trailer, 120);
    put64(trailer + 120, memory_checksum(both, sizeof(both)));
}

static int swallow(void *user, const void *data, size_t len, struct diag *diag)
{
    *(uint64_t *)user += memory_checksum(data, len);
    return 0;
}

/* Everything there is is touched. */
static void read_all(int fd)
{
    struct memory_file file = { fd, "image" };
    struct memory_chain *chain;
    struct memory_reader *top;
    struct memory_page page;
    struct diag diag = { "" };
    uint64_t sum = 0, pages = 0, bytes;
    bool more;

    if (memory_chain_open(&file, 1, true, pool, &chain, &diag)) return;
    top = memory_chain_top(chain);
    /* A run has 16 million frames: not all of each. */
    while (pages++ < 100000 &&
           !memory_chain_next(chain, &page, &more, &diag) && more)
        if (page.data) sum += memory_checksum(page.data, MEMORY_PAGE_BYTES);
    (void)memory_chain_verify(chain, &bytes, &diag);
    (void)memory_reader_rest(top, 0, memory_reader_pages_at(top), swallow, &sum,
                             &diag);
    (void)memory_reader_rest(top, memory_reader_pages_at(top),
                             memory_reader_rest_bytes(top), swallow, &sum, &diag);
    memory_chain_close(chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;
    int fd;

    if (size > MOST || (!pool && work_pool_start(&pool))) return 0;
    copy = malloc(size + 1);
    fd = memfd_create("image", MFD_CLOEXEC);
    if (!copy || fd < 0) abort();
    memcpy(copy, data, size);
    put_right(copy, size);
    if (write(fd, copy, size) != (ssize_t)size) abort();
    read_all(fd);
    close(fd);
    free(copy);
    return 0;
}

/* Packed or not, with a base or without; of some twenty pages. */
void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    struct memory_header header = { .uuid = { 1 } };
    uint8_t page[MEMORY_PAGE_BYTES], state;
    struct memory_writer *w;
    uint64_t bytes, pfn = 0;
    int fd = memfd_create("image", MFD_CLOEXEC), i;

    if (!pool && work_pool_start(&pool)) abort();
    if (rand_r(seed) % 2) {
        header.depth = 1 + (unsigned)rand_r(seed) % 3;
        header.parent[3] = 7;
    }
    if (memory_writer_start(fd, UINT64_MAX, &header, rand_r(seed) % 2, pool, &w,
                            NULL))
        abort();
    for (i = 0; i < 20; i++, pfn += 1 + (unsigned)rand_r(seed) % 3) {
        memset(page, rand_r(seed), sizeof(page));
        switch (rand_r(seed) % 4) {
        case 0: state = memory_state(MEMORY_ZERO, 0); break;
        case 1: state = memory_state(MEMORY_BARE, 0xf); break;
        case 2:
            state = memory_state(header.depth ? MEMORY_PARENT : MEMORY_ZERO, 2);
            break;
        default: state = memory_state(MEMORY_DATA, 1); break;
        }
        if (memory_writer_page(w, pfn, state, page, NULL)) abort();
    }
    if (memory_writer_rest(w, page, 100, NULL) ||
        memory_writer_finish(w, 60, &bytes, NULL))
        abort();
    memory_writer_free(w);
    *size_r = bytes;
    *data_r = malloc(bytes);
    if (!*data_r || pread(fd, *data_r, bytes, 0) != (ssize_t)bytes) abort();
    close(fd);
}
