/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What taking, packing, checking and feeding a guest's memory costs, on a stream
 * of a real guest: a file of xl save's or of snapshot-export --xl's. Figures, of
 * which the ratios to a peer in the same run mean something.
 *
 *   memory-bench FILE [SCRATCH-DIR]
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>

#include "memory/feed.h"
#include "memory/intake.h"

#define HEAD_BYTES  48          /* of xl's file; then its length of the rest of it */
#define GIB         (1024.0 * 1024 * 1024)
#define ROUNDS      5

static char *data;              /* the stream */
static size_t size;
static char scratch[512];
static struct work_pool *pool;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void load(const char *path)
{
    int fd = open(path, O_RDONLY);
    uint32_t optional;
    struct stat st;
    size_t done, skip;
    ssize_t r;

    if (fd < 0 || fstat(fd, &st)) die(path);
    if (pread(fd, &optional, 4, HEAD_BYTES - 4) != 4) die(path);
    skip = HEAD_BYTES + optional;
    size = (size_t)st.st_size - skip;
    data = malloc(size);
    if (!data) die("malloc");
    for (done = 0; done < size; done += (size_t)r) {
        r = pread(fd, data + done, size - done, (off_t)(skip + done));
        if (r <= 0) die(path);
    }
    close(fd);
}

/* ---- the way in ---- */

static void pour(int fd)
{
    size_t done, part;
    ssize_t r;

    for (done = 0; done < size; done += (size_t)r) {
        part = size - done < 1u << 20 ? size - done : 1u << 20;
        r = write(fd, data + done, part);
        if (r < 0) die("write");
    }
}

static void *drain(void *arg)
{
    static char buf[1 << 20];
    int fd = *(int *)arg;

    while (read(fd, buf, sizeof(buf)) > 0)
        ;
    return NULL;
}

/* The pipe alone: what the filter cannot be faster than. */
static double through_a_pipe(void)
{
    pthread_t thread;
    double began;
    int fds[2];

    if (pipe(fds)) die("pipe");
    fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
    pthread_create(&thread, NULL, drain, &fds[0]);
    began = now();
    pour(fds[1]);
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
    return now() - began;
}

static int scratch_file(const char *name)
{
    char path[600];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", scratch, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) die(path);
    return fd;
}

static double take(int fd, struct intake **intake_r)
{
    struct intake_args args = {
        .fd = fd, .memory_bytes = size, .limit = size + (64u << 20),
    };
    double began;
    int pipe_fd;

    args.ready = args.limit;
    if (intake_start(&args, intake_r, &pipe_fd)) die("intake");
    began = now();
    pour(pipe_fd);
    if (intake_end(*intake_r, NULL)) die("intake");
    return now() - began;
}

/* ---- the image, and its peer: zstd on the pages that are not zero ---- */

static void write_pages(struct intake *in, int fd)
{
    struct memory_file file = { fd, "plain" };
    struct memory_chain *chain;
    struct memory_page page;
    int out = scratch_file("pages");
    bool more;

    (void)in;
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
             " %s/pages.zst", scratch, scratch);
    began = now();
    if (system(command)) die("zstd");
    began = now() - began;
    snprintf(command, sizeof(command), "%s/pages.zst", scratch);
    if (stat(command, &st)) die(command);
    *bytes_r = st.st_size;
    return began;
}

static double least(double a, double b)
{
    return a && a < b ? a : b;
}

int main(int argc, char **argv)
{
    double piped = 0, filter = 0, packed = 0, peer = 0, verify = 0, feed = 0;
    struct intake_image_args how = { .level = 1, .uuid = { 1 } };
    struct intake_result result = { 0 };
    struct memory_chain *chain;
    struct memory_file file;
    struct intake *in;
    uint64_t bytes;
    off_t peer_bytes = 0;
    double began;
    pthread_t thread;
    int i, fd, fds[2];

    if (argc < 2) {
        fprintf(stderr, "memory-bench FILE [SCRATCH-DIR]\n");
        return 2;
    }
    snprintf(scratch, sizeof(scratch), "%s", argc > 2 ? argv[2] : "/dev/shm");
    load(argv[1]);
    if (work_pool_start(&pool)) die("threads");
    how.pool = pool;
    for (i = 0; i < ROUNDS; i++) {
        fd = scratch_file("image");
        piped = least(piped, through_a_pipe());
        filter = least(filter, take(fd, &in));
        began = now();
        if (intake_image(in, &how, &result, NULL)) die("image");
        packed = least(packed, now() - began);
        if (!i) write_pages(in, fd);
        intake_free(in);
        peer = least(peer, zstd(&peer_bytes));

        file = (struct memory_file){ fd, "image" };
        began = now();
        if (memory_chain_open(&file, 1, false, pool, &chain, NULL)) die("open");
        if (memory_chain_verify(chain, &bytes, NULL)) die("verify");
        verify = least(verify, now() - began);
        if (pipe(fds)) die("pipe");
        fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
        pthread_create(&thread, NULL, drain, &fds[0]);
        began = now();
        if (memory_feed(chain, fds[1], &bytes, NULL)) die("feed");
        close(fds[1]);
        pthread_join(thread, NULL);
        feed = least(feed, now() - began);
        close(fds[0]);
        memory_chain_close(chain);
        close(fd);
    }
    printf("stream %.0f MiB, %.0f%% of its pages zero; %u processors\n",
           (double)size / (1 << 20), 100.0 * (double)result.zero /
           (double)result.pages, work_pool_threads(pool));
    printf("filter    %.2f GiB/s; a pipe alone %.2f; ratio of times %.2f\n",
           (double)size / GIB / filter, (double)size / GIB / piped,
           filter / piped);
    printf("image     %.1f%% of the stream; zstd -1 of the pages that are not"
           " zero %.1f%%; ratio %.3f\n", 100.0 * (double)result.bytes /
           (double)size, 100.0 * (double)peer_bytes / (double)size,
           (double)result.bytes / (double)peer_bytes);
    printf("packing   %.2f s; zstd -1 -T0 of the same %.2f s; ratio %.2f\n",
           packed, peer, packed / peer);
    printf("verify    %.2f GiB/s of the image\n",
           (double)result.bytes / GIB / verify);
    printf("feed      %.2f GiB/s of the stream; ratio to a pipe alone %.2f\n",
           (double)size / GIB / feed, feed / piped);
    work_pool_stop(pool);
    free(data);
    return 0;
}
