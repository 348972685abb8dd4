/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "memory/intake.h"
#include "memory/rest.h"
#include "memory/writer.h"

#define PIPE_BYTES (1 << 20)

struct intake {
    struct intake_args args;
    int pipe_rd, pipe_wr;
    pthread_t thread;
    bool running;               /* there is a thread to be joined */

    struct memory_pages *pages;
    struct memory_rest rest;
    uint64_t spill_offset;
    struct iovec iov[STREAM_BATCH_PAGES];
    struct stream_result stream;
    uint64_t taken;             /* bytes */
    int rc;                     /* what became of it */
    struct diag diag;
};

/* ---- in the thread ---- */

/* Move on by so many bytes; how many iovecs that finishes. */
static int advance(struct iovec *iov, int num, size_t done)
{
    int i = 0;

    while (i < num && done >= iov[i].iov_len) done -= iov[i++].iov_len;
    if (i < num) {
        iov[i].iov_base = (char *)iov[i].iov_base + done;
        iov[i].iov_len -= done;
    }
    return i;
}

static ssize_t take(void *user, const struct iovec *asked, int num,
                    struct diag *diag)
{
    struct intake *in = user;
    struct iovec *iov = in->iov;
    ssize_t r, total = 0;
    int at = 0;

    memcpy(iov, asked, (size_t)num * sizeof(*iov));
    while (at < num) {
        r = readv(in->pipe_rd, iov + at, num - at);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) {
            diag_set(diag, "cannot read what libxl saves: %s", strerror(errno));
            return ERROR_FAIL;
        }
        if (!r) break;
        total += r;
        at += advance(iov + at, num - at, (size_t)r);
    }
    in->taken += (uint64_t)total;
    return total;
}

/* Its part in the file, if it needs one, is behind that of the pages. */
static int take_rest(void *user, const void *data, size_t len, struct diag *diag)
{
    struct intake *in = user;

    if (!in->rest.in_file)
        in->rest.file_offset = in->spill_offset +
                               memory_pages_end(in->pages) * MEMORY_PAGE_BYTES;
    return memory_rest_add(&in->rest, data, len, diag);
}

static int place(void *user, const struct stream_frame *frames, unsigned num,
                 struct iovec *iov, struct diag *diag)
{
    struct intake *in = user;

    if (in->rest.in_file) {
        diag_set(diag, "what libxl saved has more before its pages than can be"
                 " kept");
        return ERROR_FAIL;
    }
    return memory_pages_place(in->pages, frames, num, iov, diag);
}

static int placed(void *user, const struct stream_frame *frames, unsigned num,
                  struct diag *diag)
{
    struct intake *in = user;
    int rc = memory_pages_placed(in->pages, frames, num, diag);

    if (in->args.progress)
        in->args.progress(in->args.user, in->taken, in->args.memory_bytes);
    return rc;
}

/* Nobody who writes to the pipe may be left hanging, or be killed by SIGPIPE. */
static void throw_away(struct intake *in)
{
    char buf[8192];
    ssize_t r;

    do
        r = read(in->pipe_rd, buf, sizeof(buf));
    while (r > 0 || (r < 0 && errno == EINTR));
}

static void *run(void *arg)
{
    struct intake *in = arg;
    const struct stream_taker taker = {
        .user = in, .read = take, .rest = take_rest, .place = place,
        .placed = placed,
    };

    in->rc = stream_take(&taker, &in->stream, &in->diag);
    if (in->rc) throw_away(in);
    return NULL;
}

/* ---- start and end ---- */

/* Signals are the application's affair, not our thread's. */
static int start_thread(struct intake *in)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&in->thread, NULL, run, in);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    in->running = !r;
    return r;
}

/*
 * What does not fit into memory goes to the image's own file, far behind where
 * an image ends: it is larger than the guest's memory only if its stream was
 * not understood.
 */
static uint64_t beyond_the_image(const struct intake_args *args)
{
    uint64_t far = args->memory_bytes * 4 + (1u << 30);

    return far & ~(uint64_t)((1u << 20) - 1);
}

int intake_start(const struct intake_args *args, struct intake **intake_r,
                 int *pipe_r)
{
    struct intake *in = calloc(1, sizeof(*in));
    struct memory_pages_args pages = {
        .limit = args->limit, .ready = args->ready, .spill_fd = args->fd,
        .spill_offset = beyond_the_image(args),
    };
    int fds[2], rc;

    if (!in) return ERROR_NOMEM;
    in->args = *args;
    in->pipe_rd = in->pipe_wr = -1;
    memory_rest_init(&in->rest);
    in->rest.fd = args->fd;
    in->spill_offset = pages.spill_offset;
    rc = memory_pages_alloc(&pages, &in->pages);
    if (rc) goto out;
    rc = ERROR_FAIL;
    if (pipe2(fds, O_CLOEXEC)) goto out;
    in->pipe_rd = fds[0];
    in->pipe_wr = fds[1];
    /* Fewer wake-ups; the default is right, too, only slower. */
    (void)fcntl(in->pipe_wr, F_SETPIPE_SZ, PIPE_BYTES);
    if (start_thread(in)) goto out;
    *pipe_r = in->pipe_wr;
    *intake_r = in;
    return 0;
 out:
    intake_free(in);
    return rc;
}

static void join(struct intake *in)
{
    if (in->pipe_wr >= 0) close(in->pipe_wr);
    in->pipe_wr = -1;
    if (in->running) pthread_join(in->thread, NULL);
    in->running = false;
}

int intake_end(struct intake *in, struct diag *diag)
{
    join(in);
    if (in->rc) diag_set(diag, "%s", in->diag.text);
    return in->rc;
}

void intake_free(struct intake *in)
{
    if (!in) return;
    join(in);
    if (in->pipe_rd >= 0) close(in->pipe_rd);
    memory_pages_free(in->pages);
    memory_rest_dispose(&in->rest);
    free(in);
}

/* ---- the image ---- */

/* The parent's page of that number, if it has content. */
struct beside {
    struct memory_chain *chain;
    struct memory_page page;
    bool begun, more;
};

static int look_beside(struct beside *b, uint64_t pfn, const void **data_r,
                       struct diag *diag)
{
    int rc;

    *data_r = NULL;
    if (!b->chain) return 0;
    while (!b->begun || (b->more && b->page.pfn < pfn)) {
        b->begun = true;
        rc = memory_chain_next(b->chain, &b->page, &b->more, diag);
        if (rc) return rc;
    }
    if (b->more && b->page.pfn == pfn &&
        memory_state_kind(b->page.state) == MEMORY_DATA)
        *data_r = b->page.data;
    return 0;
}

static int write_pages(struct intake *in, const struct intake_image_args *args,
                       struct memory_writer *w, struct intake_result *result,
                       struct diag *diag)
{
    struct memory_pages_totals totals = memory_pages_totals(in->pages);
    struct beside beside = { .chain = args->parent };
    const void *data, *other;
    uint64_t pfn, done = 0;
    uint8_t state;
    int rc;

    for (pfn = 0; ; pfn++) {
        rc = memory_pages_next(in->pages, &pfn, &state, &data, diag);
        if (rc || !state) break;
        result->pages += memory_state_kind(state) != MEMORY_BARE;
        if (memory_state_kind(state) == MEMORY_DATA) {
            rc = look_beside(&beside, pfn, &other, diag);
            if (rc) break;
            if (other && !memcmp(data, other, MEMORY_PAGE_BYTES)) {
                state = memory_state(MEMORY_PARENT, memory_state_type(state));
                result->same++;
            }
        }
        rc = memory_writer_page(w, pfn, state, data, diag);
        if (rc) break;
        if (args->progress && !(++done % STREAM_BATCH_PAGES))
            args->progress(args->user, done, totals.pages);
    }
    result->zero = totals.zero;
    result->repeated = totals.came - totals.pages;
    return rc;
}

static int write_rest(void *user, const void *data, size_t len,
                      struct diag *diag)
{
    return memory_writer_rest(user, data, len, diag);
}

static void make_header(const struct intake_image_args *args,
                        struct memory_header *header)
{
    const struct memory_header *parent;

    memset(header, 0, sizeof(*header));
    memcpy(header->uuid, args->uuid, sizeof(header->uuid));
    if (!args->parent) return;
    parent = memory_reader_header(memory_chain_top(args->parent));
    header->depth = parent->depth + 1;
    memcpy(header->parent, parent->uuid, sizeof(header->parent));
}

int intake_image(struct intake *in, const struct intake_image_args *args,
                 struct intake_result *result_r, struct diag *diag)
{
    struct intake_result result = { .whole = in->stream.whole };
    struct intake_image_args mine = *args;
    struct memory_writer *w = NULL;
    struct memory_header header;
    int rc;

    /* What comes after what was not understood would not profit. */
    if (!in->stream.whole) mine.parent = NULL;
    args = &mine;
    result.has_parent = args->parent;
    make_header(args, &header);
    rc = memory_writer_start(in->args.fd, in->spill_offset, &header,
                             args->level, args->pool, &w, diag);
    if (rc) goto out;
    /* With a parent that turns out to be damaged it is done once more, without. */
    if (args->parent) memory_chain_rewind(args->parent);
    else memory_pages_consume(in->pages);
    rc = write_pages(in, args, w, &result, diag);
    if (rc) goto out;
    rc = memory_rest_each(&in->rest, write_rest, w, diag);
    if (rc) goto out;
    rc = memory_writer_finish(w, in->stream.pages_at, &result.bytes, diag);
    if (rc) goto out;
    if (ftruncate(in->args.fd, (off_t)result.bytes)) {
        diag_set(diag, "cannot cut the memory image to its length: %s",
                 strerror(errno));
        rc = ERROR_FAIL;
        goto out;
    }
    *result_r = result;
 out:
    memory_writer_free(w);
    return rc;
}
