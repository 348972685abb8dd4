/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What taking, packing, checking and feeding a guest's memory costs, on a stream
 * of a real guest: a file of xl save's or of snapshot-export --xl's. Figures, of
 * which the ratios to a peer in the same run mean something.
 *
 *   memory-bench FILE [SCRATCH-DIR]
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxl.h>

#include "tests/bench/stream.h"

static struct stream stream;
static struct work_pool *pool;

/* For the image's peer: zstd on the pages that are not zero. */
static void write_pages(int fd)
{
    struct memory_file file = { fd, "plain" };
    struct memory_chain *chain;
    struct memory_page page;
    int out = scratch_file(&stream, "pages");
    bool more;

    if (memory_chain_open(&file, 1, false, pool, &chain, NULL)) die("open");
    while (!memory_chain_next(chain, &page, &more, NULL) && more)
        if (page.data && write(out, page.data, MEMORY_PAGE_BYTES) < 0)
            die("write");
    memory_chain_close(chain);
    close(out);
}

static double zstd(off_t *bytes_r)
{
    char command[2000];
    double began;
    struct stat st;

    snprintf(command, sizeof(command), "zstd -q -f -1 -T0 %s/pages -o"
             " %s/pages.zst", stream.scratch, stream.scratch);
    began = now();
    if (system(command)) die("zstd");
    began = now() - began;
    snprintf(command, sizeof(command), "%s/pages.zst", stream.scratch);
    if (stat(command, &st)) die(command);
    *bytes_r = st.st_size;
    return began;
}

int main(int argc, char **argv)
{
    double piped = 0, filter = 0, packed = 0, peer = 0, verify = 0, fed = 0;
    struct intake_image_args how = { .level = 1, .uuid = { 1 } };
    struct intake_result result = { 0 };
    struct memory_chain *chain;
    struct memory_file file;
    struct intake *in;
    uint64_t bytes;
    off_t peer_bytes = 0;
    double began;
    int i, fd;

    stream_load(&stream, argc, argv);
    if (work_pool_start(&pool)) die("threads");
    how.pool = pool;
    for (i = 0; i < ROUNDS; i++) {
        fd = scratch_file(&stream, "image");
        piped = least(piped, through_a_pipe(&stream));
        filter = least(filter, take(&stream, fd, &in));
        began = now();
        if (intake_image(in, &how, &result, NULL)) die("image");
        packed = least(packed, now() - began);
        if (!i) write_pages(fd);
        intake_free(in);
        peer = least(peer, zstd(&peer_bytes));

        file = (struct memory_file){ fd, "image" };
        began = now();
        if (memory_chain_open(&file, 1, false, pool, &chain, NULL)) die("open");
        if (memory_chain_verify(chain, &bytes, NULL)) die("verify");
        verify = least(verify, now() - began);
        fed = least(fed, feed(chain, &bytes));
        memory_chain_close(chain);
        close(fd);
    }
    printf("stream %.0f MiB, %.0f%% of its pages zero; %u processors\n",
           (double)stream.size / (1 << 20), 100.0 * (double)result.zero /
           (double)result.pages, work_pool_threads(pool));
    printf("filter    %.2f GiB/s; a pipe alone %.2f; ratio of times %.2f\n",
           (double)stream.size / GIB / filter, (double)stream.size / GIB / piped,
           filter / piped);
    printf("image     %.1f%% of the stream; zstd -1 of the pages that are not"
           " zero %.1f%%; ratio %.3f\n", 100.0 * (double)result.bytes /
           (double)stream.size, 100.0 * (double)peer_bytes / (double)stream.size,
           (double)result.bytes / (double)peer_bytes);
    printf("packing   %.2f s; zstd -1 -T0 of the same %.2f s; ratio %.2f\n",
           packed, peer, packed / peer);
    printf("verify    %.2f GiB/s of the image\n",
           (double)result.bytes / GIB / verify);
    printf("feed      %.2f GiB/s of the stream; ratio to a pipe alone %.2f\n",
           (double)stream.size / GIB / fed, fed / piped);
    work_pool_stop(pool);
    stream_free(&stream);
    return 0;
}
