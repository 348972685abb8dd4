/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libxl.h>

#include "memory/blocks.h"
#include "memory/codec.h"
#include "memory/file.h"
#include "memory/reader.h"

struct memory_reader {
    int fd;
    char *name;
    struct memory_header header;
    struct memory_trailer trailer;
    struct memory_index index;

    /* Where we are: in a run, and in a block of pages. */
    size_t run;
    uint32_t run_done;
    uint64_t pfn;
    struct memory_blocks *blocks;
    bool in_pages;              /* the blocks that come are those of pages */
    struct memory_content current;      /* .block: NULL: none is taken */
    size_t used;                /* bytes of the current block */
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

/* ---- open ---- */

static int read_ends(struct memory_reader *r, struct diag *diag)
{
    uint8_t header[MEMORY_HEADER_BYTES], trailer[MEMORY_TRAILER_BYTES];
    struct stat st;
    uint64_t size;
    int rc, got;

    if (fstat(r->fd, &st)) return file_failed(errno, diag);
    size = (uint64_t)st.st_size;
    if (size < sizeof(header)) {
        diag_set(diag, "it is no memory image");
        return ERROR_INVAL;
    }
    got = file_get(r->fd, header, sizeof(header), 0);
    if (got) return file_failed(got, diag);
    rc = memory_header_decode(header, &r->header, diag);
    if (rc) return rc;
    if (size < sizeof(header) + sizeof(trailer)) return file_failed(FILE_ENDS, diag);
    got = file_get(r->fd, trailer, sizeof(trailer), size - sizeof(trailer));
    if (got) return file_failed(got, diag);
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
        rc = file_failed(got, diag);
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
    r->name = strdup(name);
    if (!r->name) {
        rc = no_memory(diag);
        goto out;
    }
    rc = memory_blocks_alloc(fd, r->name, &r->index, pool, &r->blocks, diag);
    if (rc) goto out;
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

void memory_reader_close(struct memory_reader *r)
{
    if (!r) return;
    memory_blocks_free(r->blocks);
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
    r->in_pages = false;        /* begin anew with the first page */
}

/* Blocks of another kind come now. */
static int begin(struct memory_reader *r, const struct memory_wanted *wanted,
                 struct diag *diag)
{
    r->current.block = NULL;
    r->in_pages = wanted->what == MEMORY_BLOCKS_PAGES;
    return memory_blocks_begin(r->blocks, wanted, diag);
}

static int next_content(struct memory_reader *r, const void **data_r,
                        struct diag *diag)
{
    static const struct memory_wanted pages = { .what = MEMORY_BLOCKS_PAGES };
    int rc;

    if (!r->in_pages) {
        rc = begin(r, &pages, diag);
        if (rc) return rc;
    }
    if (r->current.block && r->used == r->current.block->raw) {
        r->current.block = NULL;
        memory_blocks_release(r->blocks);
    }
    if (!r->current.block) {
        rc = memory_blocks_take(r->blocks, &r->current, diag);
        if (rc) return rc;
        r->used = 0;
    }
    *data_r = r->current.data + r->used;
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
        left = (r->current.block->raw - r->used) / MEMORY_PAGE_BYTES;
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
static uint64_t first_wanted(const struct memory_reader *r, uint64_t from)
{
    uint64_t at = 0;
    size_t i;

    for (i = 0; i < r->index.num_blocks; i++) {
        if (!r->index.blocks[i].rest) continue;
        if (at + r->index.blocks[i].raw > from) break;
        at += r->index.blocks[i].raw;
    }
    return at;
}

int memory_reader_rest(struct memory_reader *r, uint64_t from, uint64_t to,
                       int (*piece)(void *user, const void *data, size_t len,
                                    struct diag *diag),
                       void *user, struct diag *diag)
{
    const struct memory_wanted wanted = {
        .what = MEMORY_BLOCKS_REST, .from = from, .to = to,
    };
    uint64_t at = first_wanted(r, from), begin_at, end_at;
    struct memory_content content;
    int rc;

    rc = begin(r, &wanted, diag);
    while (!rc && memory_blocks_more(r->blocks)) {
        rc = memory_blocks_take(r->blocks, &content, diag);
        if (rc) return rc;
        begin_at = at > from ? at : from;
        end_at = at + content.block->raw < to ? at + content.block->raw : to;
        rc = piece(user, content.data + (begin_at - at),
                   (size_t)(end_at - begin_at), diag);
        at += content.block->raw;
        memory_blocks_release(r->blocks);
    }
    return rc;
}

int memory_reader_verify(struct memory_reader *r, uint64_t *stored_r,
                         struct diag *diag)
{
    static const struct memory_wanted all = { .what = MEMORY_BLOCKS_CHECKED };
    struct memory_content content;
    uint64_t stored = 0;
    int rc;

    rc = begin(r, &all, diag);
    while (!rc && memory_blocks_more(r->blocks)) {
        rc = memory_blocks_take(r->blocks, &content, diag);
        if (rc) return rc;
        stored += content.block->stored;
        memory_blocks_release(r->blocks);
    }
    if (!rc) *stored_r = stored;
    memory_reader_rewind(r);
    return rc;
}
