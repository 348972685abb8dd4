/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libxl.h>

#include "memory/codec.h"
#include "memory/file.h"
#include "memory/reader.h"

/* A block on its way from the file. */
struct job {
    struct work work;           /* must be first */
    int fd;
    const struct memory_block *block;
    bool unpack;
    struct memory_codec *codec;
    uint8_t *stored, *raw;
    const uint8_t *content;     /* of the block, when it is done */
    int rc;
    int failure;                /* what file_get returned */
};

struct memory_reader {
    int fd;
    char *name;
    struct work_pool *pool;
    struct memory_header header;
    struct memory_trailer trailer;
    struct memory_index index;

    /* Where we are: in a run, and in a block of pages. */
    size_t run;
    uint32_t run_done;
    uint64_t pfn;
    const struct job *current;
    size_t used;                /* bytes of the current block */

    /* A ring; those from oldest on, so many, are on their way. */
    struct job *jobs;
    unsigned num_jobs, oldest, busy;
    size_t next_block;          /* the next one to be asked for */
    bool rest, unpack;          /* which ones, and what for */
    uint64_t from, to, rest_at; /* of the rest: which bytes; where next_block is */
};

static int no_memory(struct diag *diag)
{
    diag_set(diag, "out of memory");
    return ERROR_NOMEM;
}

static int named(const struct memory_reader *r, int rc, struct diag *diag)
{
    if (rc) diag_prefix(diag, "%s: ", r->name);
    return rc;
}

static int failed(int r, struct diag *diag)
{
    diag_set(diag, r == FILE_ENDS ? "the memory image is damaged: %s"
                                  : "cannot read the memory image: %s",
             file_error(r));
    return r == FILE_ENDS ? ERROR_BADFAIL : ERROR_FAIL;
}

/* ---- open ---- */

static int read_ends(struct memory_reader *r, struct diag *diag)
{
    uint8_t header[MEMORY_HEADER_BYTES], trailer[MEMORY_TRAILER_BYTES];
    struct stat st;
    uint64_t size;
    int rc, got;

    if (fstat(r->fd, &st)) return failed(errno, diag);
    size = (uint64_t)st.st_size;
    if (size < sizeof(header)) {
        diag_set(diag, "it is no memory image");
        return ERROR_INVAL;
    }
    got = file_get(r->fd, header, sizeof(header), 0);
    if (got) return failed(got, diag);
    rc = memory_header_decode(header, &r->header, diag);
    if (rc) return rc;
    if (size < sizeof(header) + sizeof(trailer)) return failed(FILE_ENDS, diag);
    got = file_get(r->fd, trailer, sizeof(trailer), size - sizeof(trailer));
    if (got) return failed(got, diag);
    return memory_trailer_decode(trailer, header, size, &r->trailer, diag);
}

static int read_index(struct memory_reader *r, struct diag *diag)
{
    const struct memory_trailer *t = &r->trailer;
    uint8_t *stored = malloc(t->index_stored ? t->index_stored : 1);
    uint8_t *raw = malloc(t->index_raw ? t->index_raw : 1);
    struct memory_codec *codec = NULL;
    int rc, got;

    if (!stored || !raw || memory_codec_alloc(&codec)) {
        rc = no_memory(diag);
        goto out;
    }
    got = file_get(r->fd, stored, t->index_stored, t->index_offset);
    if (got) {
        rc = failed(got, diag);
        goto out;
    }
    if (memory_checksum(stored, t->index_stored) != t->index_checksum ||
        !memory_unpack(codec, t->index_method, stored, t->index_stored, raw,
                       t->index_raw)) {
        diag_set(diag, "the memory image is damaged: its index has changed");
        rc = ERROR_BADFAIL;
        goto out;
    }
    rc = memory_index_decode(raw, t->index_raw, &r->header, t, &r->index, diag);
 out:
    memory_codec_free(codec);
    free(raw);
    free(stored);
    return rc;
}

int memory_reader_open(int fd, const char *name, struct work_pool *pool,
                       struct memory_reader **reader_r, struct diag *diag)
{
    struct memory_reader *r = calloc(1, sizeof(*r));
    int rc;

    if (!r) return no_memory(diag);
    memory_index_init(&r->index);
    r->fd = fd;
    r->pool = pool;
    r->name = strdup(name);
    if (!r->name) {
        rc = no_memory(diag);
        goto out;
    }
    rc = read_ends(r, diag);
    if (!rc) rc = read_index(r, diag);
    named(r, rc, diag);
    if (rc) goto out;
    *reader_r = r;
    r = NULL;
 out:
    memory_reader_close(r);
    return rc;
}

/* ---- blocks ---- */

static void fetch(struct work *work)
{
    struct job *job = (struct job *)work;
    const struct memory_block *b = job->block;

    job->rc = 0;
    job->failure = file_get(job->fd, job->stored, b->stored, b->offset);
    if (job->failure) {
        job->rc = ERROR_FAIL;
        return;
    }
    if (memory_checksum(job->stored, b->stored) != b->checksum) {
        job->rc = ERROR_BADFAIL;
        return;
    }
    if (!job->unpack) return;
    if (b->method == MEMORY_METHOD_NONE) {
        job->content = job->stored;
        return;
    }
    job->content = job->raw;
    if (!memory_unpack(job->codec, b->method, job->stored, b->stored, job->raw,
                       b->raw))
        job->rc = ERROR_BADFAIL;
}

static int alloc_jobs(struct memory_reader *r)
{
    unsigned i, wanted = work_pool_threads(r->pool) * 2;

    if (r->jobs) return 0;
    r->jobs = calloc(wanted, sizeof(*r->jobs));
    if (!r->jobs) return ERROR_NOMEM;
    r->num_jobs = wanted;
    for (i = 0; i < wanted; i++) {
        struct job *job = &r->jobs[i];

        job->work.run = fetch;
        job->fd = r->fd;
        job->stored = malloc(MEMORY_BLOCK_BYTES);
        job->raw = malloc(MEMORY_BLOCK_BYTES);
        if (!job->stored || !job->raw || memory_codec_alloc(&job->codec))
            return ERROR_NOMEM;
    }
    return 0;
}

/* Only to be checked, they are all wanted. */
static bool is_wanted(struct memory_reader *r, const struct memory_block *b)
{
    uint64_t at = r->rest_at;

    if (b->rest) r->rest_at += b->raw;
    if (!r->unpack) return true;
    if (b->rest != r->rest) return false;
    return !b->rest || (at < r->to && r->rest_at > r->from);
}

/* Have so many under way as there is room for. */
static void ask(struct memory_reader *r)
{
    for (; r->busy < r->num_jobs && r->next_block < r->index.num_blocks;
         r->next_block++) {
        const struct memory_block *b = &r->index.blocks[r->next_block];
        struct job *job = &r->jobs[(r->oldest + r->busy) % r->num_jobs];

        if (!is_wanted(r, b)) continue;
        job->block = b;
        job->unpack = r->unpack;
        work_submit(r->pool, &job->work);
        r->busy++;
    }
}

/* Nothing is under way any more; what comes next are these. */
static int begin(struct memory_reader *r, bool rest, bool unpack,
                 struct diag *diag)
{
    for (; r->busy; r->busy--) {
        work_wait(r->pool, &r->jobs[r->oldest].work);
        r->oldest = (r->oldest + 1) % r->num_jobs;
    }
    if (alloc_jobs(r)) return no_memory(diag);
    r->current = NULL;
    r->next_block = 0;
    r->rest_at = 0;
    r->rest = rest;
    r->unpack = unpack;
    ask(r);
    return 0;
}

/* The next block of those; its job stays the reader's until release. */
static int take(struct memory_reader *r, const struct job **job_r,
                struct diag *diag)
{
    struct job *job = &r->jobs[r->oldest];

    if (!r->busy) {             /* the index says otherwise, and was checked */
        diag_set(diag, "%s: the memory image is damaged: a block is missing",
                 r->name);
        return ERROR_BADFAIL;
    }
    work_wait(r->pool, &job->work);
    if (job->rc == ERROR_FAIL) return named(r, failed(job->failure, diag), diag);
    if (job->rc) {
        diag_set(diag, "%s: the memory image is damaged: the %u bytes from %llu"
                 " on have changed", r->name, job->block->stored,
                 (unsigned long long)job->block->offset);
        return job->rc;
    }
    *job_r = job;
    return 0;
}

static void release(struct memory_reader *r)
{
    r->oldest = (r->oldest + 1) % r->num_jobs;
    r->busy--;
    ask(r);
}

void memory_reader_close(struct memory_reader *r)
{
    unsigned i;

    if (!r) return;
    for (i = 0; i < r->num_jobs; i++) {
        work_wait(r->pool, &r->jobs[i].work);
        memory_codec_free(r->jobs[i].codec);
        free(r->jobs[i].stored);
        free(r->jobs[i].raw);
    }
    free(r->jobs);
    memory_index_dispose(&r->index);
    free(r->name);
    free(r);
}

const struct memory_header *memory_reader_header(const struct memory_reader *r)
{
    return &r->header;
}

const struct memory_index *memory_reader_index(const struct memory_reader *r)
{
    return &r->index;
}

uint64_t memory_reader_pages_at(const struct memory_reader *r)
{
    return r->trailer.pages_at;
}

uint64_t memory_reader_rest_bytes(const struct memory_reader *r)
{
    return r->trailer.rest_bytes;
}

/* ---- pages ---- */

void memory_reader_rewind(struct memory_reader *r)
{
    r->run = 0;
    r->run_done = 0;
    r->pfn = 0;
    r->current = NULL;
    r->unpack = false;          /* begin anew with the first page */
}

static int next_content(struct memory_reader *r, const void **data_r,
                        struct diag *diag)
{
    int rc;

    if (!r->unpack || r->rest) {
        rc = begin(r, false, true, diag);
        if (rc) return rc;
    }
    if (r->current && r->used == r->current->block->raw) {
        r->current = NULL;
        release(r);
    }
    if (!r->current) {
        rc = take(r, &r->current, diag);
        if (rc) return rc;
        r->used = 0;
    }
    *data_r = r->current->content + r->used;
    r->used += MEMORY_PAGE_BYTES;
    return 0;
}

/* Pass by so many pages of a run. Of blocks that are passed by as a whole the
 * next one is waited for all the same: they come in order. */
static int pass_content(struct memory_reader *r, uint64_t pages,
                        struct diag *diag)
{
    const void *data;
    size_t left;
    int rc;

    while (pages) {
        rc = next_content(r, &data, diag);
        if (rc) return rc;
        left = (r->current->block->raw - r->used) / MEMORY_PAGE_BYTES;
        if (left > pages - 1) left = (size_t)(pages - 1);
        r->used += left * MEMORY_PAGE_BYTES;
        pages -= left + 1;
    }
    return 0;
}

int memory_reader_seek(struct memory_reader *r, uint64_t pfn,
                       struct diag *diag)
{
    const struct memory_run *run;
    uint64_t pages;
    int rc;

    for (; r->pfn < pfn && r->run < r->index.num_runs; r->run_done += pages) {
        run = &r->index.runs[r->run];
        if (r->run_done == run->pages) {
            r->run++;
            r->run_done = 0;
            pages = 0;
            continue;
        }
        pages = run->pages - r->run_done;
        if (pages > pfn - r->pfn) pages = pfn - r->pfn;
        if (memory_state_kind(run->state) == MEMORY_DATA) {
            rc = pass_content(r, pages, diag);
            if (rc) return rc;
        }
        r->pfn += pages;
    }
    return 0;
}

int memory_reader_next(struct memory_reader *r, struct memory_page *page_r,
                       bool *more_r, struct diag *diag)
{
    const struct memory_run *run;
    const void *data = NULL;
    int rc;

    for (;; r->run++, r->run_done = 0) {
        if (r->run == r->index.num_runs) {
            *more_r = false;
            return 0;
        }
        run = &r->index.runs[r->run];
        if (memory_state_kind(run->state) == MEMORY_ABSENT)
            r->pfn += run->pages - r->run_done;
        else if (r->run_done < run->pages)
            break;
    }
    if (memory_state_kind(run->state) == MEMORY_DATA) {
        rc = next_content(r, &data, diag);
        if (rc) return rc;
    }
    *page_r = (struct memory_page){ r->pfn++, run->state, data };
    r->run_done++;
    *more_r = true;
    return 0;
}

/* ---- the rest, and all of it ---- */

/* Where in the rest the first block begins that has something of it. */
static uint64_t first_wanted(const struct memory_reader *r)
{
    uint64_t at = 0;
    size_t i;

    for (i = 0; i < r->index.num_blocks; i++) {
        if (!r->index.blocks[i].rest) continue;
        if (at + r->index.blocks[i].raw > r->from) break;
        at += r->index.blocks[i].raw;
    }
    return at;
}

int memory_reader_rest(struct memory_reader *r, uint64_t from, uint64_t to,
                       int (*piece)(void *user, const void *data, size_t len,
                                    struct diag *diag),
                       void *user, struct diag *diag)
{
    uint64_t at, begin_at, end_at;
    const struct job *job;
    int rc;

    r->from = from;
    r->to = to;
    at = first_wanted(r);
    rc = begin(r, true, true, diag);
    while (!rc && r->busy) {
        rc = take(r, &job, diag);
        if (rc) return rc;
        begin_at = at > from ? at : from;
        end_at = at + job->block->raw < to ? at + job->block->raw : to;
        rc = piece(user, job->content + (begin_at - at),
                   (size_t)(end_at - begin_at), diag);
        at += job->block->raw;
        release(r);
    }
    return rc;
}

int memory_reader_verify(struct memory_reader *r, uint64_t *stored_r,
                         struct diag *diag)
{
    uint64_t stored = 0;
    const struct job *job;
    int rc;

    rc = begin(r, false, false, diag);
    while (!rc && r->busy) {
        rc = take(r, &job, diag);
        if (rc) return rc;
        stored += job->block->stored;
        release(r);
    }
    if (!rc) *stored_r = stored;
    memory_reader_rewind(r);
    return rc;
}
