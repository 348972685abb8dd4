/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl.h>

#include "memory/codec.h"
#include "memory/file.h"
#include "memory/writer.h"

/* A block on its way: being filled, being packed, or packed. */
struct job {
    struct work work;           /* must be first */
    struct memory_codec *codec;
    int level;
    bool rest;
    size_t used, stored;
    uint8_t method;
    uint64_t checksum;
    uint8_t *raw, *packed;
};

struct memory_writer {
    int fd;
    struct work_pool *pool;
    uint8_t header[MEMORY_HEADER_BYTES];
    struct memory_index index;
    int level;
    uint64_t next_pfn;
    uint64_t offset, limit;     /* in the file */
    uint64_t rest_bytes;

    /* A ring: those from oldest on, so many, are being packed; the one after
     * them is being filled. */
    struct job *jobs;
    unsigned num_jobs, oldest, busy;
};

static int no_memory(struct diag *diag)
{
    diag_set(diag, "out of memory");
    return ERROR_NOMEM;
}

static int put(struct memory_writer *w, const void *data, size_t len,
               struct diag *diag)
{
    int r;

    if (len > w->limit - w->offset) {
        diag_set(diag, "cannot write the memory image: it would be several"
                 " times as large as the guest's memory");
        return ERROR_FAIL;
    }
    r = file_put(w->fd, data, len, w->offset);
    if (r) {
        diag_set(diag, "cannot write the memory image: %s", file_error(r));
        return ERROR_FAIL;
    }
    w->offset += len;
    return 0;
}

static void pack(struct work *work)
{
    struct job *job = (struct job *)work;

    job->stored = memory_pack(job->codec, job->level, job->raw, job->used,
                              job->packed, &job->method);
    job->checksum = memory_checksum(job->packed, job->stored);
}

static struct job *filling(struct memory_writer *w)
{
    return &w->jobs[(w->oldest + w->busy) % w->num_jobs];
}

/* The oldest block goes into the file. */
static int store_oldest(struct memory_writer *w, struct diag *diag)
{
    struct job *job = &w->jobs[w->oldest];
    struct memory_block block;
    int rc;

    work_wait(w->pool, &job->work);
    block = (struct memory_block){
        .offset = w->offset, .stored = (uint32_t)job->stored,
        .raw = (uint32_t)job->used, .method = job->method, .rest = job->rest,
        .checksum = job->checksum,
    };
    w->oldest = (w->oldest + 1) % w->num_jobs;
    w->busy--;
    job->used = 0;
    rc = put(w, job->packed, job->stored, diag);
    if (rc) return rc;
    return memory_index_add_block(&w->index, &block) ? no_memory(diag) : 0;
}

/* What has been filled is packed; there is one to fill afterwards. */
static int submit(struct memory_writer *w, bool rest, struct diag *diag)
{
    struct job *job = filling(w);

    if (!job->used) return 0;
    job->rest = rest;
    work_submit(w->pool, &job->work);
    w->busy++;
    return w->busy == w->num_jobs ? store_oldest(w, diag) : 0;
}

static int alloc_jobs(struct memory_writer *w)
{
    unsigned i, wanted = work_pool_threads(w->pool) * 2 + 1;

    w->jobs = calloc(wanted, sizeof(*w->jobs));
    if (!w->jobs) return ERROR_NOMEM;
    w->num_jobs = wanted;
    for (i = 0; i < wanted; i++) {
        struct job *job = &w->jobs[i];

        job->work.run = pack;
        job->level = w->level;
        job->raw = malloc(MEMORY_BLOCK_BYTES);
        job->packed = malloc(MEMORY_BLOCK_BYTES);
        if (!job->raw || !job->packed || memory_codec_alloc(&job->codec))
            return ERROR_NOMEM;
    }
    return 0;
}

int memory_writer_start(int fd, uint64_t limit,
                        const struct memory_header *header, int level,
                        struct work_pool *pool, struct memory_writer **writer_r,
                        struct diag *diag)
{
    struct memory_writer *w = calloc(1, sizeof(*w));
    int rc;

    if (!w) return no_memory(diag);
    w->fd = fd;
    w->limit = limit;
    w->pool = pool;
    w->level = level;
    memory_index_init(&w->index);
    memory_header_encode(header, w->header);
    rc = alloc_jobs(w);
    if (rc) {
        no_memory(diag);
        goto out;
    }
    rc = put(w, w->header, sizeof(w->header), diag);
    if (rc) goto out;
    *writer_r = w;
    w = NULL;
 out:
    memory_writer_free(w);
    return rc;
}

static int add_state(struct memory_writer *w, uint64_t pfn, uint8_t state)
{
    int rc = memory_index_add_pages(&w->index, pfn - w->next_pfn,
                                    MEMORY_ABSENT);

    return rc ? rc : memory_index_add_pages(&w->index, 1, state);
}

int memory_writer_page(struct memory_writer *w, uint64_t pfn, uint8_t state,
                       const void *data, struct diag *diag)
{
    struct job *job = filling(w);

    if (pfn < w->next_pfn || pfn >= MEMORY_MAX_PAGES) {
        diag_set(diag, "page frame %llx is out of order, or too high",
                 (unsigned long long)pfn);
        return ERROR_INVAL;
    }
    if (add_state(w, pfn, state)) return no_memory(diag);
    w->next_pfn = pfn + 1;
    if (memory_state_kind(state) != MEMORY_DATA) return 0;
    memcpy(job->raw + job->used, data, MEMORY_PAGE_BYTES);
    job->used += MEMORY_PAGE_BYTES;
    return job->used == MEMORY_BLOCK_BYTES ? submit(w, false, diag) : 0;
}

int memory_writer_rest(struct memory_writer *w, const void *data, size_t len,
                       struct diag *diag)
{
    const uint8_t *p = data;
    struct job *job;
    size_t part;
    int rc;

    if (!w->rest_bytes) {
        rc = submit(w, false, diag);
        if (rc) return rc;
    }
    w->rest_bytes += len;
    while (len) {
        job = filling(w);
        part = MEMORY_BLOCK_BYTES - job->used;
        if (part > len) part = len;
        memcpy(job->raw + job->used, p, part);
        job->used += part;
        p += part;
        len -= part;
        if (job->used == MEMORY_BLOCK_BYTES) {
            rc = submit(w, true, diag);
            if (rc) return rc;
        }
    }
    return 0;
}

/* Packed as a whole, in whatever memory that takes: it is small. */
static int put_index(struct memory_writer *w, struct memory_trailer *t,
                     struct diag *diag)
{
    uint8_t *raw = NULL, *packed = NULL, method;
    size_t len, stored;
    int rc;

    rc = memory_index_encode(&w->index, &raw, &len);
    if (rc) {
        no_memory(diag);
        goto out;
    }
    packed = malloc(len);
    if (!packed) {
        rc = no_memory(diag);
        goto out;
    }
    stored = memory_pack(w->jobs[0].codec, w->level, raw, len, packed, &method);
    t->index_offset = w->offset;
    t->index_stored = stored;
    t->index_raw = len;
    t->index_method = method;
    t->index_checksum = memory_checksum(packed, stored);
    rc = put(w, packed, stored, diag);
 out:
    free(packed);
    free(raw);
    return rc;
}

int memory_writer_finish(struct memory_writer *w, uint64_t pages_at,
                         uint64_t *bytes_r, struct diag *diag)
{
    struct memory_trailer trailer = { .pages_at = pages_at };
    uint8_t bytes[MEMORY_TRAILER_BYTES];
    int rc;

    rc = submit(w, w->rest_bytes, diag);
    while (!rc && w->busy) rc = store_oldest(w, diag);
    if (rc) return rc;
    trailer.rest_bytes = w->rest_bytes;
    rc = put_index(w, &trailer, diag);
    if (rc) return rc;
    memory_trailer_encode(&trailer, w->header, bytes);
    rc = put(w, bytes, sizeof(bytes), diag);
    if (!rc) *bytes_r = w->offset;
    return rc;
}

void memory_writer_free(struct memory_writer *w)
{
    unsigned i;

    if (!w) return;
    for (i = 0; i < w->num_jobs; i++) {
        struct job *job = &w->jobs[i];

        if (job->work.submitted) work_wait(w->pool, &job->work);
        memory_codec_free(job->codec);
        free(job->raw);
        free(job->packed);
    }
    free(w->jobs);
    memory_index_dispose(&w->index);
    free(w);
}
