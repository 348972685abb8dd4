/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Three readings side by side: what each image has of its own, and what they
 * have in common.
 */
#include "config.h"

#include <string.h>

#include <libxl.h>

#include "memory/diff.h"
#include "memory/file.h"

/* So many page frames between two questions whether to stop. */
#define STOP_PAGES 16384u

struct cursor {
    struct memory_chain *chain; /* NULL: it has nothing */
    struct memory_page page;    /* where it is, when there is more */
    bool more;
};

struct diff {
    struct cursor a, b, common;
    struct diag *diag;
    struct memory_difference result;
};

/* ---- which files ---- */

static int read_header(const struct memory_file *file,
                       struct memory_header *header_r, struct diag *diag)
{
    uint8_t bytes[MEMORY_HEADER_BYTES];
    int r, rc;

    r = file_get(file->fd, bytes, sizeof(bytes), 0);
    if (r) {
        diag_set(diag, "%s: cannot read the memory image: %s", file->name,
                 file_error(r));
        return r == FILE_ENDS ? ERROR_BADFAIL : ERROR_FAIL;
    }
    rc = memory_header_decode(bytes, header_r, diag);
    if (rc) diag_prefix(diag, "%s: ", file->name);
    return rc;
}

/* How many files each has before the first that both have; all, if none is. */
static int find_common(const struct memory_file *a, unsigned num_a,
                       const struct memory_file *b, unsigned num_b,
                       unsigned *own_a_r, unsigned *own_b_r, struct diag *diag)
{
    struct memory_header ha, hb;
    unsigned i, k;
    int rc;

    for (i = 0; i < num_a; i++) {
        rc = read_header(&a[i], &ha, diag);
        if (rc) return rc;
        for (k = 0; k < num_b; k++) {
            rc = read_header(&b[k], &hb, diag);
            if (rc) return rc;
            if (memcmp(ha.uuid, hb.uuid, sizeof(ha.uuid))) continue;
            *own_a_r = i;
            *own_b_r = k;
            return 0;
        }
    }
    *own_a_r = num_a;
    *own_b_r = num_b;
    return 0;
}

/* Those that are a side's own; part: others come below. */
static int open_own(struct cursor *cursor, const struct memory_file *files,
                    unsigned num, bool part, struct work_pool *pool,
                    struct diag *diag)
{
    if (!num) return 0;
    return memory_chain_open(files, num, part, pool, &cursor->chain, diag);
}

/* Does the last of its own build on the first of those in common? */
static int check_link(const struct diff *d, const struct cursor *own,
                      const struct memory_file *file)
{
    const struct memory_header *header, *below;

    if (!own->chain || !d->common.chain) return 0;
    header = memory_reader_header(memory_chain_bottom(own->chain));
    below = memory_reader_header(memory_chain_top(d->common.chain));
    if (header->depth &&
        !memcmp(header->parent, below->uuid, sizeof(header->parent)))
        return 0;
    diag_set(d->diag, "%s: it does not build on the memory image that comes"
             " next", file->name);
    return ERROR_BADFAIL;
}

/* ---- page frames ---- */

static int advance(struct diff *d, struct cursor *cursor)
{
    cursor->more = false;
    if (!cursor->chain) return 0;
    return memory_chain_next(cursor->chain, &cursor->page, &cursor->more,
                             d->diag);
}

static void lowest(const struct cursor *cursor, uint64_t *pfn, bool *more)
{
    if (!cursor->more) return;
    if (!*more || cursor->page.pfn < *pfn) *pfn = cursor->page.pfn;
    *more = true;
}

/* What a cursor has of this frame; NULL: nothing. */
static const struct memory_page *here(const struct cursor *cursor,
                                      uint64_t pfn)
{
    return cursor->more && cursor->page.pfn == pfn ? &cursor->page : NULL;
}

/* What a side has there: NULL, or content. */
static int find(const struct diff *d, const struct cursor *own, uint64_t pfn,
                const struct memory_page **page_r)
{
    const struct memory_page *page = here(own->chain ? own : &d->common, pfn);

    if (page && memory_state_kind(page->state) == MEMORY_PARENT) {
        page = here(&d->common, pfn);
        if (!page || memory_state_kind(page->state) == MEMORY_BARE) {
            diag_set(d->diag, "the memory image is damaged: page frame %llx is"
                     " in none of the images that it builds on",
                     (unsigned long long)pfn);
            return ERROR_BADFAIL;
        }
    }
    if (page && memory_state_kind(page->state) == MEMORY_BARE) page = NULL;
    *page_r = page;
    return 0;
}

static bool is_zero(const struct memory_page *page)
{
    static const uint8_t zeroes[MEMORY_PAGE_BYTES];

    return memory_state_kind(page->state) == MEMORY_ZERO ||
           !memcmp(page->data, zeroes, sizeof(zeroes));
}

static void count(struct memory_difference *r, const struct memory_page *a,
                  const struct memory_page *b)
{
    bool zero_a = a && is_zero(a), zero_b = b && (b == a ? zero_a : is_zero(b));

    r->pages_a += a != NULL;
    r->pages_b += b != NULL;
    r->zero_a += zero_a;
    r->zero_b += zero_b;
    r->only_a += a && !b;
    r->only_b += b && !a;
    if (!a || !b || a == b || (zero_a && zero_b)) return;
    r->changed += zero_a || zero_b ||
                  memcmp(a->data, b->data, MEMORY_PAGE_BYTES);
}

/* Past this frame, those that are there. */
static int pass(struct diff *d, uint64_t pfn)
{
    int rc = 0;

    if (here(&d->a, pfn)) rc = advance(d, &d->a);
    if (!rc && here(&d->b, pfn)) rc = advance(d, &d->b);
    if (!rc && here(&d->common, pfn)) rc = advance(d, &d->common);
    return rc;
}

static int compare(struct diff *d, bool (*stop)(void *user), void *user)
{
    const struct memory_page *a, *b;
    uint64_t pfn = 0, done;
    bool more;
    int rc;

    rc = advance(d, &d->a);
    if (!rc) rc = advance(d, &d->b);
    if (!rc) rc = advance(d, &d->common);
    for (done = 0; !rc; done++) {
        if (stop && done % STOP_PAGES == 0 && stop(user)) {
            diag_set(d->diag, "stopped, as asked");
            return ERROR_ABORTED;
        }
        more = false;
        lowest(&d->a, &pfn, &more);
        lowest(&d->b, &pfn, &more);
        lowest(&d->common, &pfn, &more);
        if (!more) break;
        rc = find(d, &d->a, pfn, &a);
        if (!rc) rc = find(d, &d->b, pfn, &b);
        if (rc) break;
        count(&d->result, a, b);
        rc = pass(d, pfn);
    }
    return rc;
}

int memory_diff(const struct memory_file *a, unsigned num_a,
                const struct memory_file *b, unsigned num_b,
                struct work_pool *pool, bool (*stop)(void *user), void *user,
                struct memory_difference *difference_r, struct diag *diag)
{
    struct diff d = { .diag = diag };
    unsigned own_a, own_b;
    int rc;

    rc = find_common(a, num_a, b, num_b, &own_a, &own_b, diag);
    if (!rc)
        rc = open_own(&d.a, a, own_a, own_a < num_a, pool, diag);
    if (!rc)
        rc = open_own(&d.b, b, own_b, own_b < num_b, pool, diag);
    if (!rc)
        rc = open_own(&d.common, a + own_a, num_a - own_a, false, pool, diag);
    if (!rc) rc = check_link(&d, &d.a, &a[own_a ? own_a - 1 : 0]);
    if (!rc) rc = check_link(&d, &d.b, &b[own_b ? own_b - 1 : 0]);
    if (!rc) rc = compare(&d, stop, user);
    if (!rc) *difference_r = d.result;
    memory_chain_close(d.a.chain);
    memory_chain_close(d.b.chain);
    memory_chain_close(d.common.chain);
    return rc;
}
