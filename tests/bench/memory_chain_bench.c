/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a restore costs that has to read a whole row of images, each with the
 * differences to the one before, beside one of the same guest that is whole.
 *
 *   memory-chain-bench FILE [SCRATCH-DIR]
 *
 * FILE is a real guest's stream. Between two images a share of its pages gets
 * other content, which packs as the guest's own does: that of another page, with
 * a number in it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "memory/merge.h"
#include "memory/stream.h"
#include "tests/bench/stream.h"

#define LENGTH 20

static struct stream stream;
static struct work_pool *pool;

/* ---- where in the stream the pages are ---- */

static size_t at;               /* how far it has been read */
static char **pages;
static size_t num_pages;
static char page_buffer[STREAM_BATCH_PAGES][MEMORY_PAGE_BYTES];

static ssize_t read_stream(void *user, const struct iovec *iov, int num,
                           struct diag *diag)
{
    ssize_t got = 0;
    int i;

    (void)user;
    (void)diag;
    for (i = 0; i < num; i++) {
        size_t len = iov[i].iov_len;

        if (len > stream.size - at) len = stream.size - at;
        if (iov[i].iov_base >= (void *)page_buffer &&
            iov[i].iov_base < (void *)(page_buffer + STREAM_BATCH_PAGES))
            pages[num_pages++] = stream.data + at;
        else
            memcpy(iov[i].iov_base, stream.data + at, len);
        at += len;
        got += (ssize_t)len;
    }
    return got;
}

static int take_rest(void *user, const void *data, size_t len, struct diag *diag)
{
    (void)user;
    (void)data;
    (void)len;
    (void)diag;
    return 0;
}

static int place_pages(void *user, const struct stream_frame *frames,
                       unsigned num, struct iovec *iov, struct diag *diag)
{
    unsigned i, n = 0;

    (void)user;
    (void)diag;
    for (i = 0; i < num; i++)
        if (!stream_type_is_bare(frames[i].type))
            iov[n++] = (struct iovec){ page_buffer[i], MEMORY_PAGE_BYTES };
    return 0;
}

static int pages_placed(void *user, const struct stream_frame *frames,
                        unsigned num, struct diag *diag)
{
    (void)user;
    (void)frames;
    (void)num;
    (void)diag;
    return 0;
}

static void find_pages(void)
{
    struct stream_taker taker = {
        .read = read_stream, .rest = take_rest, .place = place_pages,
        .placed = pages_placed,
    };
    struct stream_result result;

    pages = calloc(stream.size / MEMORY_PAGE_BYTES, sizeof(*pages));
    if (!pages || stream_take(&taker, &result, NULL) || !num_pages) die("pages");
}

static void change(double share, unsigned step)
{
    size_t i, n = (size_t)((double)num_pages * share);

    for (i = 0; i < n; i++) {
        char *page = pages[(size_t)random() % num_pages];

        memmove(page, pages[(size_t)random() % num_pages], MEMORY_PAGE_BYTES);
        memcpy(page, &step, sizeof(step));
        memcpy(page + sizeof(step), &i, sizeof(i));
    }
}

/* ---- the row ---- */

static uint64_t size_of(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (end < 0) die("lseek");
    return (uint64_t)end;
}

/* files[0] is the newest. */
static void make_row(struct memory_file files[LENGTH], double share)
{
    struct memory_chain *parent;
    struct intake_result result;
    struct intake *in;
    int i;

    for (i = LENGTH - 1; i >= 0; i--) {
        struct intake_image_args how = {
            .level = 1, .uuid = { (uint8_t)(i + 1) }, .pool = pool,
        };
        char name[32];

        snprintf(name, sizeof(name), "row-%d", i);
        files[i] = (struct memory_file){ scratch_file(&stream, name), "row" };
        if (i < LENGTH - 1) change(share, (unsigned)i + 1);
        take(&stream, files[i].fd, &in);
        parent = NULL;
        if (i < LENGTH - 1 &&
            memory_chain_open(&files[i + 1], (unsigned)(LENGTH - 1 - i), false,
                              pool, &parent, NULL))
            die("open");
        how.parent = parent;
        if (intake_image(in, &how, &result, NULL)) die("image");
        if (parent) memory_chain_close(parent);
        intake_free(in);
    }
}

/* What a revert does: all is checked, and then fed. */
static double restore(const struct memory_file *files, unsigned num)
{
    struct memory_chain *chain;
    uint64_t bytes;
    double began = now();

    if (memory_chain_open(files, num, false, pool, &chain, NULL)) die("open");
    if (memory_chain_verify(chain, &bytes, NULL)) die("verify");
    memory_chain_rewind(chain);
    feed(chain, &bytes);
    memory_chain_close(chain);
    return now() - began;
}

static void compare(double share)
{
    struct memory_file files[LENGTH], whole;
    struct memory_chain *chain;
    double row = 0, one = 0;
    uint64_t bytes, all = 0;
    int i;

    make_row(files, share);
    whole = (struct memory_file){ scratch_file(&stream, "whole"), "whole" };
    if (memory_chain_open(files, LENGTH, false, pool, &chain, NULL)) die("open");
    if (memory_merge(chain, whole.fd, 1, pool, &bytes, NULL)) die("merge");
    memory_chain_close(chain);
    for (i = 0; i < ROUNDS; i++) {
        row = least(row, restore(files, LENGTH));
        one = least(one, restore(&whole, 1));
    }
    for (i = 0; i < LENGTH; i++) {
        all += size_of(files[i].fd);
        close(files[i].fd);
    }
    printf("%5.1f %%   %5.2f   %5.2f\n", 100 * share, row / one,
           (double)all / (double)bytes);
    close(whole.fd);
}

int main(int argc, char **argv)
{
    stream_load(&stream, argc, argv);
    if (work_pool_start(&pool)) die("threads");
    find_pages();
    printf("the %dth of a row to one that is whole\n", LENGTH);
    printf("changed    time   bytes\n");
    compare(0.001);
    compare(0.01);
    compare(0.015);
    work_pool_stop(pool);
    stream_free(&stream);
    free(pages);
    return 0;
}
