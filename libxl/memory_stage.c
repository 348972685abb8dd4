/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libxl.h>

#include "libxl/memory_stage.h"

#define CHUNK_BYTES (1u << 20)

struct chunk {
    struct chunk *next;
    size_t used;
    char data[];
};

#define CHUNK_MAP (sizeof(struct chunk) + CHUNK_BYTES)

/*
 * Both threads run until the pipe ends or one of them fails. A reader whose
 * writer failed goes on emptying the pipe, throwing everything away: nobody
 * who writes to it may be left hanging, or be killed by SIGPIPE.
 */
struct memory_stage {
    struct memory_stage_args args;
    int pipe_rd, pipe_wr;
    pthread_t reader, writer;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct chunk *first, **last;    /* full, on their way to the writer */
    struct chunk *spare;            /* written, to be used again */
    uint64_t queued;                /* bytes in chunks that exist */
    bool hold;                      /* the writer does nothing yet */
    bool ended;                     /* the reader has seen the end */
    bool abandoned;                 /* nobody wants it any more */
    int failure;                    /* the first errno */

    uint64_t taken;                 /* the reader's own */
};

static void fail(struct memory_stage *s, int errnoval)
{
    pthread_mutex_lock(&s->lock);
    if (!s->failure) s->failure = errnoval;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* No room: what was held back has to go now. */
static void let_go(struct memory_stage *s)
{
    s->hold = false;
    pthread_cond_broadcast(&s->changed);
}

/*
 * The kernel gives memory when it is first touched, page by page; with
 * populate it does so now, as far as there is some. libxl forks its helper
 * while we hold all this, and to copy the tables of what may be most of dom0's
 * memory for a child that only calls exec() took seconds, hence DONTFORK.
 */
static struct chunk *new_chunk(struct memory_stage *s, bool populate)
{
    struct chunk *c = mmap(NULL, CHUNK_MAP, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS |
                           (populate ? MAP_POPULATE : 0), -1, 0);

    if (c == MAP_FAILED) return NULL;
    (void)madvise(c, CHUNK_MAP, MADV_DONTFORK);
    s->queued += CHUNK_BYTES;
    return c;
}

/* A chunk to fill; waits while the buffer is full. NULL: give up. */
static struct chunk *get_chunk(struct memory_stage *s)
{
    struct chunk *c = NULL;

    pthread_mutex_lock(&s->lock);
    while (!s->spare && s->queued + CHUNK_BYTES > s->args.buffer &&
           s->queued && !s->failure && !s->abandoned) {
        let_go(s);
        pthread_cond_wait(&s->changed, &s->lock);
    }
    if (s->failure || s->abandoned) goto out;
    if (s->spare) {
        c = s->spare;
        s->spare = c->next;
    } else {
        c = new_chunk(s, false);
        if (!c) {
            /* Less buffer than was hoped for. None at all is a failure. */
            let_go(s);
            while (!s->spare && s->queued && !s->failure && !s->abandoned)
                pthread_cond_wait(&s->changed, &s->lock);
            if (s->failure || s->abandoned) goto out;
            c = s->spare;
            if (c) s->spare = c->next;
            else s->failure = ENOMEM;
        }
    }
    if (c) {
        c->next = NULL;
        c->used = 0;
    }
out:
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void put_chunk(struct memory_stage *s, struct chunk *c)
{
    pthread_mutex_lock(&s->lock);
    *s->last = c;
    s->last = &c->next;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* As much as fits, or up to the end. Returns false at the end. */
static bool fill_chunk(struct memory_stage *s, struct chunk *c)
{
    ssize_t r;

    while (c->used < CHUNK_BYTES) {
        r = read(s->pipe_rd, c->data + c->used, CHUNK_BYTES - c->used);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) fail(s, errno);
        if (r <= 0) return false;
        c->used += r;
    }
    return true;
}

static void throw_away_rest(struct memory_stage *s)
{
    char buf[8192];
    ssize_t r;

    do
        r = read(s->pipe_rd, buf, sizeof(buf));
    while (r > 0 || (r < 0 && errno == EINTR));
}

static void *reader_thread(void *arg)
{
    struct memory_stage *s = arg;
    struct chunk *c;
    bool more = true;

    while (more && (c = get_chunk(s))) {
        more = fill_chunk(s, c);
        s->taken += c->used;
        put_chunk(s, c);
        if (s->args.progress)
            s->args.progress(s->args.user, s->taken, s->args.estimate);
    }
    if (more) throw_away_rest(s);

    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int write_all(int fd, const char *p, size_t len)
{
    ssize_t r;

    while (len) {
        r = write(fd, p, len);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return errno;
        p += r;
        len -= r;
    }
    return 0;
}

static void *writer_thread(void *arg)
{
    struct memory_stage *s = arg;
    struct chunk *c;
    int errnoval;

    for (;;) {
        pthread_mutex_lock(&s->lock);
        while ((!s->first || s->hold) && !s->ended && !s->failure &&
               !s->abandoned)
            pthread_cond_wait(&s->changed, &s->lock);
        c = s->failure || s->abandoned ? NULL : s->first;
        if (c) {
            s->first = c->next;
            if (!s->first) s->last = &s->first;
        }
        pthread_mutex_unlock(&s->lock);
        if (!c) return NULL;

        errnoval = write_all(s->args.out_fd, c->data, c->used);
        if (errnoval) fail(s, errnoval);

        pthread_mutex_lock(&s->lock);
        c->next = s->spare;
        s->spare = c;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
}

static void free_chunks(struct chunk *c)
{
    struct chunk *next;

    for (; c; c = next) {
        next = c->next;
        munmap(c, CHUNK_MAP);
    }
}

static void stage_free(struct memory_stage *s)
{
    if (s->pipe_rd >= 0) close(s->pipe_rd);
    if (s->pipe_wr >= 0) close(s->pipe_wr);
    free_chunks(s->first);
    free_chunks(s->spare);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Too little is no failure here: get_chunk has a say in that. */
static void make_ready(struct memory_stage *s)
{
    struct chunk *c;

    while (s->queued + CHUNK_BYTES <= s->args.ready &&
           (c = new_chunk(s, true))) {
        c->next = s->spare;
        s->spare = c;
    }
}

/* Signals are the application's affair, not our threads'. */
static int start_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

int memory_stage_start(const struct memory_stage_args *args,
                       struct memory_stage **stage_r, int *fd_r)
{
    struct memory_stage *s = calloc(1, sizeof(*s));
    int fds[2], r;

    if (!s) return ERROR_NOMEM;
    s->args = *args;
    s->hold = args->hold;
    s->last = &s->first;
    s->pipe_rd = s->pipe_wr = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);

    r = pipe2(fds, O_CLOEXEC);
    if (r) goto out;
    s->pipe_rd = fds[0];
    s->pipe_wr = fds[1];
    /* Fewer wake-ups; the default is right, too, only slower. */
    (void)fcntl(s->pipe_wr, F_SETPIPE_SZ, CHUNK_BYTES);
    make_ready(s);

    r = start_thread(&s->writer, writer_thread, s);
    if (r) goto out;
    r = start_thread(&s->reader, reader_thread, s);
    if (r) {
        fail(s, r);
        pthread_join(s->writer, NULL);
        goto out;
    }
    *stage_r = s;
    *fd_r = s->pipe_wr;
    return 0;

out:
    stage_free(s);
    return ERROR_FAIL;
}

static void join(struct memory_stage *s)
{
    close(s->pipe_wr);
    s->pipe_wr = -1;
    pthread_join(s->reader, NULL);
    pthread_join(s->writer, NULL);
}

int memory_stage_finish(struct memory_stage *s, uint64_t *bytes_r,
                        int *errnoval_r)
{
    int failure;

    join(s);
    failure = s->failure;
    if (failure) *errnoval_r = failure;
    else *bytes_r = s->taken;
    stage_free(s);
    return failure ? ERROR_FAIL : 0;
}

void memory_stage_abort(struct memory_stage *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->abandoned = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    join(s);
    stage_free(s);
}
