/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libxl saved, or says that it did. What is taken becomes an image, and what
 * comes out of that can be taken again.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/feed.h"
#include "memory/intake.h"
#include "tests/fuzz/fuzz.h"
#include "tests/memory/guest.h"

#define MOST (1u << 20)

static struct work_pool *pool;

static void pour(int fd, const uint8_t *data, size_t size)
{
    ssize_t r;

    for (; size; size -= (size_t)r, data += r) {
        r = write(fd, data, size);
        if (r < 0) abort();
    }
}

/* -1: it was not taken. */
static int image_of(const uint8_t *data, size_t size, bool *whole_r)
{
    struct intake_args args = {
        .fd = memfd_create("image", MFD_CLOEXEC), .memory_bytes = MOST,
        .limit = 4u << 20,
    };
    struct intake_image_args how = { .uuid = { 1 }, .pool = pool };
    struct intake_result result;
    struct diag diag = { "" };
    struct intake *in;
    int pipe_fd, rc;

    if (args.fd < 0 || intake_start(&args, &in, &pipe_fd)) abort();
    pour(pipe_fd, data, size);
    rc = intake_end(in, &diag);
    if (!rc && intake_image(in, &how, &result, &diag)) abort();
    intake_free(in);
    if (!rc) {
        *whole_r = result.whole;
        return args.fd;
    }
    if (!*diag.text) abort();
    close(args.fd);
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_file file = { -1, "image" };
    struct memory_chain *chain;
    bool whole, again;
    uint64_t bytes;
    uint8_t *out;
    int fd, second;

    if (size > MOST || (!pool && work_pool_start(&pool))) return 0;
    file.fd = image_of(data, size, &whole);
    if (file.fd < 0) return 0;
    fd = memfd_create("stream", MFD_CLOEXEC);
    if (fd < 0 || memory_chain_open(&file, 1, false, pool, &chain, NULL) ||
        memory_feed(chain, fd, &bytes, NULL))
        abort();
    memory_chain_close(chain);
    out = malloc(bytes + 1);
    if (!out || pread(fd, out, bytes, 0) != (ssize_t)bytes) abort();
    second = image_of(out, bytes, &again);
    if (second < 0 || whole != again) abort();
    free(out);
    close(second);
    close(fd);
    close(file.fd);
    return 0;
}

void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    struct guest_stream how = { .rounds = (unsigned)rand_r(seed) % 2, .rest = 40 };
    struct bytes stream = { 0 };
    struct guest guest;

    guest_make(&guest, 1 + (unsigned)rand_r(seed) % 12, seed);
    guest_save(&guest, &how, &stream, seed);
    guest_free(&guest);
    *data_r = stream.data;
    *size_r = stream.len;
}
