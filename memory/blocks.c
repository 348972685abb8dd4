/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <libxl.h>

#include "memory/blocks.h"
#include "memory/codec.h"
#include "memory/file.h"

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

struct memory_blocks {
    int fd;
    const char *name;
    const struct memory_index *index;
    struct work_pool *pool;

    /* A ring; those from oldest on, so many, are on their way. */
    struct job *jobs;
    unsigned num_jobs, oldest, busy;
    bool failed;                /* not all of them could be had */

    struct memory_wanted wanted;
    size_t next;                /* of the index, the next one to be asked for */
    uint64_t rest_at;           /* where in the rest that one is */
};

static int no_memory(struct diag *diag)
{
    diag_set(diag, "out of memory");
    return ERROR_NOMEM;
}

int memory_blocks_alloc(int fd, const char *name,
                        const struct memory_index *index,
                        struct work_pool *pool, struct memory_blocks **blocks_r,
                        struct diag *diag)
{
    struct memory_blocks *b = calloc(1, sizeof(*b));

    if (!b) return no_memory(diag);
    b->fd = fd;
    b->name = name;
    b->index = index;
    b->pool = pool;
    *blocks_r = b;
    return 0;
}

void memory_blocks_free(struct memory_blocks *b)
{
    unsigned i;

    if (!b) return;
    for (i = 0; i < b->num_jobs; i++) {
        work_wait(b->pool, &b->jobs[i].work);
        memory_codec_free(b->jobs[i].codec);
        free(b->jobs[i].stored);
        free(b->jobs[i].raw);
    }
    free(b->jobs);
    free(b);
}

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

/* On failure some are there, and memory_blocks_free is due. */
static int alloc_jobs(struct memory_blocks *b)
{
    unsigned wanted = work_pool_threads(b->pool) * 2;
    struct job *job;

    if (!b->jobs) b->jobs = calloc(wanted, sizeof(*b->jobs));
    if (!b->jobs) return ERROR_NOMEM;
    while (b->num_jobs < wanted) {
        job = &b->jobs[b->num_jobs++];
        job->work.run = fetch;
        job->fd = b->fd;
        job->stored = malloc(MEMORY_BLOCK_BYTES);
        job->raw = malloc(MEMORY_BLOCK_BYTES);
        if (!job->stored || !job->raw || memory_codec_alloc(&job->codec)) {
            b->failed = true;
            return ERROR_NOMEM;
        }
    }
    return b->failed ? ERROR_NOMEM : 0;
}

/* Only to be checked, they are all wanted. */
static bool is_wanted(struct memory_blocks *b, const struct memory_block *block)
{
    const struct memory_wanted *w = &b->wanted;
    uint64_t at = b->rest_at;

    if (block->rest) b->rest_at += block->raw;
    switch (w->what) {
    case MEMORY_BLOCKS_PAGES: return !block->rest;
    case MEMORY_BLOCKS_REST:
        return block->rest && at < w->to && b->rest_at > w->from;
    default: return true;
    }
}

/* Have so many under way as there is room for. */
static void ask(struct memory_blocks *b)
{
    for (; b->busy < b->num_jobs && b->next < b->index->num_blocks; b->next++) {
        const struct memory_block *block = &b->index->blocks[b->next];
        struct job *job = &b->jobs[(b->oldest + b->busy) % b->num_jobs];

        if (!is_wanted(b, block)) continue;
        job->block = block;
        job->unpack = b->wanted.what != MEMORY_BLOCKS_CHECKED;
        work_submit(b->pool, &job->work);
        b->busy++;
    }
}

int memory_blocks_begin(struct memory_blocks *b,
                        const struct memory_wanted *wanted, struct diag *diag)
{
    for (; b->busy; b->busy--) {
        work_wait(b->pool, &b->jobs[b->oldest].work);
        b->oldest = (b->oldest + 1) % b->num_jobs;
    }
    if (alloc_jobs(b)) return no_memory(diag);
    b->wanted = *wanted;
    b->next = 0;
    b->rest_at = 0;
    ask(b);
    return 0;
}

bool memory_blocks_more(const struct memory_blocks *b)
{
    return b->busy;
}

int memory_blocks_take(struct memory_blocks *b, struct memory_content *content_r,
                       struct diag *diag)
{
    struct job *job = &b->jobs[b->oldest];
    int rc;

    if (!b->busy) {             /* the index says otherwise, and was checked */
        diag_set(diag, "%s: the memory image is damaged: a block is missing",
                 b->name);
        return ERROR_BADFAIL;
    }
    work_wait(b->pool, &job->work);
    if (job->failure) {
        rc = file_failed(job->failure, diag);
        diag_prefix(diag, "%s: ", b->name);
        return rc;
    }
    if (job->rc) {
        diag_set(diag, "%s: the memory image is damaged: the %u bytes from %llu"
                 " on have changed", b->name, job->block->stored,
                 (unsigned long long)job->block->offset);
        return job->rc;
    }
    content_r->block = job->block;
    content_r->data = job->content;
    return 0;
}

void memory_blocks_release(struct memory_blocks *b)
{
    b->oldest = (b->oldest + 1) % b->num_jobs;
    b->busy--;
    ask(b);
}
