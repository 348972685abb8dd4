/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <libxl.h>

#include "memory/file.h"
#include "memory/pages.h"

#define CHUNK_BYTES     (2u << 20)
#define CONSUME_BYTES   (4u << 20)
#define LEAF_PAGES      512u
#define NUM_LEAVES      (MEMORY_MAX_PAGES / LEAF_PAGES)
#define DIRECTORY_BYTES (NUM_LEAVES * sizeof(struct leaf *))

/* A slot that is free says where the next one is. */
struct slot {
    struct slot *next;
};

/* A page whose state is MEMORY_DATA and that has no slot is in the file. */
struct leaf {
    uint8_t state[LEAF_PAGES];
    void *slot[LEAF_PAGES];
};

struct memory_pages {
    struct memory_pages_args args;
    struct leaf **directory;    /* memory is given to it when it is touched */
    uint64_t end_leaf;          /* none from here on */
    struct slot *free;
    void **chunks;
    size_t num_chunks, max_chunks;
    uint8_t *scratch;           /* a batch of pages without slots */
    void *places[STREAM_BATCH_PAGES];
    struct memory_pages_totals totals;
    bool consume;
    uint64_t consumed;          /* of the file: to here */
};

bool memory_page_is_zero(const void *page)
{
    const char *p = page;
    uint64_t first;

    memcpy(&first, p, sizeof(first));
    return !first && !memcmp(p, p + sizeof(first),
                             MEMORY_PAGE_BYTES - sizeof(first));
}

/*
 * The kernel gives memory when it is first touched, page by page; with populate
 * it does so now, as far as there is some. libxl forks its helper while we hold
 * all this, and to copy the tables of what may be most of dom0's memory for a
 * child that only calls exec() took seconds, hence DONTFORK.
 */
static bool add_chunk(struct memory_pages *pages, bool populate)
{
    uint8_t *chunk;
    size_t i;

    if (pages->num_chunks == pages->max_chunks) return false;
    chunk = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | (populate ? MAP_POPULATE : 0),
                 -1, 0);
    if (chunk == MAP_FAILED) {
        pages->max_chunks = pages->num_chunks;  /* that was all */
        return false;
    }
    (void)madvise(chunk, CHUNK_BYTES, MADV_DONTFORK);
    pages->chunks[pages->num_chunks++] = chunk;
    for (i = CHUNK_BYTES; i; i -= MEMORY_PAGE_BYTES) {
        struct slot *slot = (void *)(chunk + i - MEMORY_PAGE_BYTES);

        slot->next = pages->free;
        pages->free = slot;
    }
    return true;
}

int memory_pages_alloc(const struct memory_pages_args *args,
                       struct memory_pages **pages_r)
{
    struct memory_pages *pages = calloc(1, sizeof(*pages));

    if (!pages) return ERROR_NOMEM;
    pages->args = *args;
    pages->max_chunks = (size_t)(args->limit / CHUNK_BYTES);
    pages->chunks = calloc(pages->max_chunks + 1, sizeof(*pages->chunks));
    pages->scratch = malloc((size_t)STREAM_BATCH_PAGES * MEMORY_PAGE_BYTES);
    pages->directory = mmap(NULL, DIRECTORY_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages->directory == MAP_FAILED) pages->directory = NULL;
    if (!pages->chunks || !pages->scratch || !pages->directory) {
        memory_pages_free(pages);
        return ERROR_NOMEM;
    }
    while ((uint64_t)pages->num_chunks * CHUNK_BYTES < args->ready &&
           add_chunk(pages, true))
        ;
    *pages_r = pages;
    return 0;
}

void memory_pages_free(struct memory_pages *pages)
{
    uint64_t i;

    if (!pages) return;
    for (i = 0; i < pages->end_leaf; i++) free(pages->directory[i]);
    for (i = 0; i < pages->num_chunks; i++) munmap(pages->chunks[i], CHUNK_BYTES);
    if (pages->directory) munmap(pages->directory, DIRECTORY_BYTES);
    free(pages->chunks);
    free(pages->scratch);
    free(pages);
}

/* ---- slots ---- */

static void *take_slot(struct memory_pages *pages)
{
    struct slot *slot;

    if (!pages->free && !add_chunk(pages, false)) return NULL;
    slot = pages->free;
    pages->free = slot->next;
    return slot;
}

static void give_slot(struct memory_pages *pages, void *place)
{
    struct slot *slot = place;

    slot->next = pages->free;
    pages->free = slot;
}

static struct leaf *leaf_of(struct memory_pages *pages, uint64_t pfn)
{
    uint64_t i = pfn / LEAF_PAGES;

    if (!pages->directory[i]) {
        pages->directory[i] = calloc(1, sizeof(struct leaf));
        if (pages->directory[i] && i >= pages->end_leaf) pages->end_leaf = i + 1;
    }
    return pages->directory[i];
}

/* ---- as they come ---- */

int memory_pages_place(struct memory_pages *pages,
                       const struct stream_frame *frames, unsigned num,
                       struct iovec *iov, struct diag *diag)
{
    unsigned i, n = 0;
    struct leaf *leaf;
    void *place;

    for (i = 0; i < num; i++) {
        leaf = leaf_of(pages, frames[i].pfn);
        if (!leaf) {
            diag_set(diag, "out of memory");
            return ERROR_NOMEM;
        }
        if (stream_type_is_bare(frames[i].type)) continue;
        /* Taken out: the same frame may come twice in one record. */
        place = leaf->slot[frames[i].pfn % LEAF_PAGES];
        leaf->slot[frames[i].pfn % LEAF_PAGES] = NULL;
        if (!place) place = take_slot(pages);
        if (!place) place = pages->scratch + (size_t)i * MEMORY_PAGE_BYTES;
        pages->places[i] = place;
        iov[n++] = (struct iovec){ place, MEMORY_PAGE_BYTES };
    }
    return 0;
}

static bool in_scratch(const struct memory_pages *pages, const void *place)
{
    const uint8_t *p = place;

    return p >= pages->scratch &&
           p < pages->scratch + (size_t)STREAM_BATCH_PAGES * MEMORY_PAGE_BYTES;
}

static uint64_t spill_place(const struct memory_pages *pages, uint64_t pfn)
{
    return pages->args.spill_offset + pfn * MEMORY_PAGE_BYTES;
}

static int spill(struct memory_pages *pages, uint64_t pfn, const void *data,
                 struct diag *diag)
{
    int r = file_put(pages->args.spill_fd, data, MEMORY_PAGE_BYTES,
                     spill_place(pages, pfn));

    if (r) {
        diag_set(diag, "cannot put aside what does not fit into memory: %s",
                 file_error(r));
        return ERROR_FAIL;
    }
    pages->totals.spilled++;
    return 0;
}

/* What came for one of them. */
static int placed(struct memory_pages *pages, const struct stream_frame *frame,
                  void *place, struct diag *diag)
{
    struct leaf *leaf = pages->directory[frame->pfn / LEAF_PAGES];
    unsigned i = frame->pfn % LEAF_PAGES;
    enum memory_kind kind = MEMORY_BARE;
    void *old = leaf->slot[i];
    int rc = 0;

    if (place) kind = memory_page_is_zero(place) ? MEMORY_ZERO : MEMORY_DATA;
    if (old) give_slot(pages, old);
    leaf->slot[i] = NULL;
    if (place && in_scratch(pages, place)) {
        if (kind == MEMORY_DATA) rc = spill(pages, frame->pfn, place, diag);
    } else if (place && kind == MEMORY_DATA) {
        leaf->slot[i] = place;
    } else if (place) {
        give_slot(pages, place);
    }
    if (!leaf->state[i]) pages->totals.pages++;
    if (memory_state_kind(leaf->state[i]) == MEMORY_ZERO) pages->totals.zero--;
    if (kind == MEMORY_ZERO) pages->totals.zero++;
    leaf->state[i] = memory_state(kind, frame->type);
    return rc;
}

int memory_pages_placed(struct memory_pages *pages,
                        const struct stream_frame *frames, unsigned num,
                        struct diag *diag)
{
    unsigned i;
    int rc = 0;

    for (i = 0; i < num && !rc; i++)
        rc = placed(pages, &frames[i], stream_type_is_bare(frames[i].type) ?
                    NULL : pages->places[i], diag);
    pages->totals.came += num;
    return rc;
}

uint64_t memory_pages_end(const struct memory_pages *pages)
{
    return pages->end_leaf * LEAF_PAGES;
}

struct memory_pages_totals memory_pages_totals(const struct memory_pages *pages)
{
    return pages->totals;
}

/* ---- all of them ---- */

void memory_pages_consume(struct memory_pages *pages)
{
    pages->consume = true;
    pages->consumed = pages->args.spill_offset;
}

/* Where files have no holes the space is given back in the end. */
static void give_back(struct memory_pages *pages, uint64_t pfn)
{
    uint64_t at = spill_place(pages, pfn) & ~(uint64_t)(CONSUME_BYTES - 1);

    if (!pages->consume || at <= pages->consumed) return;
    (void)fallocate(pages->args.spill_fd,
                    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    (off_t)pages->consumed, (off_t)(at - pages->consumed));
    pages->consumed = at;
}

static int fetch(struct memory_pages *pages, uint64_t pfn, struct diag *diag)
{
    int r = file_get(pages->args.spill_fd, pages->scratch, MEMORY_PAGE_BYTES,
                     spill_place(pages, pfn));

    if (!r) return 0;
    diag_set(diag, "cannot read what was put aside: %s", file_error(r));
    return ERROR_FAIL;
}

int memory_pages_next(struct memory_pages *pages, uint64_t *pfn,
                      uint8_t *state_r, const void **data_r, struct diag *diag)
{
    uint64_t end = pages->end_leaf * LEAF_PAGES, i = *pfn;
    const struct leaf *leaf;
    uint8_t state = 0;
    int rc = 0;

    for (; i < end; i++) {
        leaf = pages->directory[i / LEAF_PAGES];
        if (!leaf) {
            i |= LEAF_PAGES - 1;
            continue;
        }
        state = leaf->state[i % LEAF_PAGES];
        if (!state) continue;
        *data_r = leaf->slot[i % LEAF_PAGES];
        if (memory_state_kind(state) == MEMORY_DATA && !*data_r) {
            give_back(pages, i);
            rc = fetch(pages, i, diag);
            *data_r = pages->scratch;
        }
        break;
    }
    *pfn = i;
    *state_r = state;
    return rc;
}
