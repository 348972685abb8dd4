/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>

#include "memory/feed.h"
#include "tests/bench/stream.h"

#define HEAD_BYTES  48          /* of xl's file; then its length of the rest of it */

void die(const char *what)
{
    perror(what);
    exit(1);
}

double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double least(double a, double b)
{
    return a && a < b ? a : b;
}

void stream_load(struct stream *stream, int argc, char **argv)
{
    uint32_t optional;
    struct stat st;
    size_t done, skip;
    ssize_t r;
    int fd;

    if (argc < 2) {
        fprintf(stderr, "%s FILE [SCRATCH-DIR]\n", argv[0]);
        exit(2);
    }
    stream->scratch = argc > 2 ? argv[2] : "/dev/shm";
    fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) die(argv[1]);
    if (pread(fd, &optional, 4, HEAD_BYTES - 4) != 4) die(argv[1]);
    skip = HEAD_BYTES + optional;
    if ((size_t)st.st_size <= skip) die(argv[1]);
    stream->size = (size_t)st.st_size - skip;
    stream->data = malloc(stream->size);
    if (!stream->data) die("malloc");
    for (done = 0; done < stream->size; done += (size_t)r) {
        r = pread(fd, stream->data + done, stream->size - done,
                  (off_t)(skip + done));
        if (r <= 0) die(argv[1]);
    }
    close(fd);
}

void stream_free(struct stream *stream)
{
    free(stream->data);
}

int scratch_file(const struct stream *stream, const char *name)
{
    char path[600];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", stream->scratch, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) die(path);
    return fd;
}

/* ---- through pipes ---- */

struct drained {
    pthread_t thread;
    int fds[2];
};

static void *drain(void *arg)
{
    struct drained *d = arg;
    char *buf = malloc(1 << 20);

    if (!buf) die("malloc");
    while (read(d->fds[0], buf, 1 << 20) > 0)
        ;
    free(buf);
    return NULL;
}

static int drain_begin(struct drained *d)
{
    if (pipe(d->fds)) die("pipe");
    fcntl(d->fds[1], F_SETPIPE_SZ, 1 << 20);
    if (pthread_create(&d->thread, NULL, drain, d)) die("pthread_create");
    return d->fds[1];
}

static void drain_end(struct drained *d)
{
    close(d->fds[1]);
    pthread_join(d->thread, NULL);
    close(d->fds[0]);
}

static void pour(const struct stream *stream, int fd)
{
    size_t done, part;
    ssize_t r;

    for (done = 0; done < stream->size; done += (size_t)r) {
        part = stream->size - done;
        if (part > 1u << 20) part = 1u << 20;
        r = write(fd, stream->data + done, part);
        if (r < 0) die("write");
    }
}

double through_a_pipe(const struct stream *stream)
{
    struct drained d;
    double began;
    int fd = drain_begin(&d);

    began = now();
    pour(stream, fd);
    drain_end(&d);
    return now() - began;
}

double take(const struct stream *stream, int fd, struct intake **intake_r)
{
    struct intake_args args = {
        .fd = fd, .memory_bytes = stream->size,
        .limit = stream->size + (64u << 20),
    };
    double began;
    int pipe_fd;

    args.ready = args.limit;
    if (intake_start(&args, intake_r, &pipe_fd)) die("intake");
    began = now();
    pour(stream, pipe_fd);
    if (intake_end(*intake_r, NULL)) die("intake");
    return now() - began;
}

double feed(struct memory_chain *chain, uint64_t *bytes_r)
{
    struct drained d;
    double began;
    int fd = drain_begin(&d);

    began = now();
    if (memory_feed(chain, fd, bytes_r, NULL)) die("feed");
    drain_end(&d);
    return now() - began;
}
