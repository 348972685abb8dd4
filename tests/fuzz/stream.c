/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libxl saved, or says that it did: taken apart, every byte of it goes to one of
 * two sides. Then as it really goes, through a pipe and into an image; and what comes
 * out of that can be taken again.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/feed.h"
#include "memory/intake.h"
#include "tests/fuzz/fuzz.h"
#include "tests/memory/guest.h"

#define MOST (1u << 20)

static struct work_pool *pool;

/* ---- the stream alone ---- */

struct taken {
    const uint8_t *data;
    size_t left;
    uint64_t rest, pages;       /* bytes */
    uint8_t page[MEMORY_PAGE_BYTES];
};

static ssize_t take(void *user, const struct iovec *iov, int num, struct diag *diag)
{
    struct taken *t = user;
    size_t len, done = 0;
    int i;

    for (i = 0; i < num; i++, done += len) {
        len = iov[i].iov_len < t->left ? iov[i].iov_len : t->left;
        memcpy(iov[i].iov_base, t->data, len);
        t->data += len;
        t->left -= len;
    }
    return (ssize_t)done;
}

static int rest(void *user, const void *data, size_t len, struct diag *diag)
{
    struct taken *t = user;

    t->rest += len;
    return 0;
}

static int place(void *user, const struct stream_frame *frames, unsigned num,
                 struct iovec *iov, struct diag *diag)
{
    struct taken *t = user;
    unsigned i, n = 0;

    for (i = 0; i < num; i++)
        if (!stream_type_is_bare(frames[i].type))
            iov[n++] = (struct iovec){ t->page, sizeof(t->page) };
    t->pages += STREAM_PAGES_HEAD((uint64_t)num) + n * (uint64_t)MEMORY_PAGE_BYTES;
    return 0;
}

static int placed(void *user, const struct stream_frame *frames, unsigned num,
                  struct diag *diag)
{
    return 0;
}

/* Was it? */
static bool take_apart(const uint8_t *data, size_t size)
{
    struct taken *t = calloc(1, sizeof(*t));
    const struct stream_taker taker = {
        .user = t, .read = take, .rest = rest, .place = place, .placed = placed,
    };
    struct stream_result result;
    struct diag diag = { "" };
    int rc;

    if (!t) abort();
    t->data = data;
    t->left = size;
    rc = stream_take(&taker, &result, &diag);
    if (rc ? !*diag.text : t->left || t->rest + t->pages != size ||
                           result.pages_at > t->rest)
        abort();
    free(t);
    return !rc;
}

/* ---- all of the way ---- */

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
        .fd = fuzz_file("", 0), .memory_bytes = MOST,
        .limit = 4u << 20,
    };
    struct intake_image_args how = { .uuid = { 1 }, .pool = pool };
    struct intake_result result;
    struct diag diag = { "" };
    struct intake *in;
    int pipe_fd, rc;

    if (intake_start(&args, &in, &pipe_fd)) abort();
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

/* The long way takes long, with threads that wait for each other, and what is broken
 * mostly shows nothing new on it. */
static bool is_one_in(unsigned n, const uint8_t *data, size_t size)
{
    return memory_checksum(data, size) % n == 0;
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
    if (!is_one_in(take_apart(data, size) ? 8 : 64, data, size)) return 0;
    file.fd = image_of(data, size, &whole);
    if (file.fd < 0) return 0;
    fd = fuzz_file("", 0);
    if (memory_chain_open(&file, 1, false, pool, &chain, NULL) ||
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

    guest_make(&guest, 1 + (unsigned)rand_r(seed) % 6, seed);
    guest_save(&guest, &how, &stream, seed);
    guest_free(&guest);
    *data_r = stream.data;
    *size_r = stream.len;
}
