/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's page frames on their way to the image: of each the last content that
 * came. Pages of zeroes take nothing.
 *
 * They are kept in dom0's memory, up to a limit. Those that come when it is
 * reached go to a file, each at a place of its own, which takes as long as the
 * file does. All takes 0.3 percent of the guest's memory besides.
 */
#ifndef MEMORY_PAGES_H
#define MEMORY_PAGES_H

#include "memory/format.h"
#include "memory/stream.h"

struct memory_pages;

struct memory_pages_args {
    uint64_t limit;             /* bytes of memory for pages */
    uint64_t ready;             /* so many of them at hand from the beginning */
    int spill_fd;               /* stays the caller's; it writes from this place on, */
    uint64_t spill_offset;      /* and what is there afterwards means nothing */
};

int memory_pages_alloc(const struct memory_pages_args *args,
                       struct memory_pages **pages_r);
void memory_pages_free(struct memory_pages *pages);

/* As in struct stream_taker: places for their content; then it has come. */
int memory_pages_place(struct memory_pages *pages,
                       const struct stream_frame *frames, unsigned num,
                       struct iovec *iov, struct diag *diag);
int memory_pages_placed(struct memory_pages *pages,
                        const struct stream_frame *frames, unsigned num,
                        struct diag *diag);

struct memory_pages_totals {
    uint64_t pages, zero, spilled;      /* of those that there are now; spilled: ever */
    uint64_t came;                      /* with repetitions */
};

/* No page has come whose frame has this number, or a higher one. */
uint64_t memory_pages_end(const struct memory_pages *pages);

struct memory_pages_totals memory_pages_totals(const struct memory_pages *pages);

/*
 * The first page frame from *pfn on, in order: *state_r is 0 when there is none.
 * *data_r is for MEMORY_DATA, and valid until the next call.
 */
int memory_pages_next(struct memory_pages *pages, uint64_t *pfn,
                      uint8_t *state_r, const void **data_r, struct diag *diag);

/*
 * From now on what memory_pages_next has passed may go, and does from the file: so
 * that this and the image that is written from it are never larger together than
 * either. They can then be passed only once.
 */
void memory_pages_consume(struct memory_pages *pages);

bool memory_page_is_zero(const void *page);

#endif
