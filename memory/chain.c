/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl.h>

#include "memory/chain.h"

struct memory_chain {
    struct memory_reader **readers;
    unsigned num;
    bool part;                  /* the last one builds on something */
    uint8_t *owners;            /* of each page frame, see find_owners */
    uint64_t num_owners;
};

/* Owners that are none of the images. */
#define NOBODY          0xff    /* it is missing */
#define BELOW           0xfe    /* what the last one builds on, which is not here */

static int mismatch(struct diag *diag, const struct memory_file *file,
                    const char *what)
{
    diag_set(diag, "%s: %s", file->name, what);
    return ERROR_BADFAIL;
}

/* Does each build on the next, and the last on none? */
static int check_links(const struct memory_chain *chain,
                       const struct memory_file *files, struct diag *diag)
{
    const struct memory_header *h, *next;
    unsigned i, last = chain->num - 1;

    h = memory_reader_header(chain->readers[last]);
    if (h->depth && !chain->part)
        return mismatch(diag, &files[last], "it builds on an image that was not"
                        " given");
    for (i = 0; i < last; i++) {
        h = memory_reader_header(chain->readers[i]);
        if (!h->depth)
            return mismatch(diag, &files[i], "it builds on no other image");
        next = memory_reader_header(chain->readers[i + 1]);
        if (memcmp(h->parent, next->uuid, sizeof(h->parent)) ||
            h->depth <= next->depth)
            return mismatch(diag, &files[i + 1],
                            "it is not the memory image that the next one"
                            " builds on");
    }
    return 0;
}

int memory_chain_open(const struct memory_file *files, unsigned num_files,
                      bool part, struct work_pool *pool,
                      struct memory_chain **chain_r, struct diag *diag)
{
    struct memory_chain *chain = calloc(1, sizeof(*chain));
    int rc = ERROR_NOMEM;
    unsigned i;

    if (chain) chain->readers = calloc(num_files, sizeof(*chain->readers));
    if (!chain || !chain->readers) {
        diag_set(diag, "out of memory");
        goto out;
    }
    chain->part = part;
    for (i = 0; i < num_files; i++) {
        rc = memory_reader_open(files[i].fd, files[i].name, pool,
                                &chain->readers[i], diag);
        if (rc) goto out;
        chain->num++;
    }
    rc = check_links(chain, files, diag);
    if (rc) goto out;
    *chain_r = chain;
    chain = NULL;
 out:
    memory_chain_close(chain);
    return rc;
}

void memory_chain_close(struct memory_chain *chain)
{
    unsigned i;

    if (!chain) return;
    for (i = 0; i < chain->num; i++) memory_reader_close(chain->readers[i]);
    free(chain->owners);
    free(chain->readers);
    free(chain);
}

struct memory_reader *memory_chain_top(const struct memory_chain *chain)
{
    return chain->readers[0];
}

struct memory_reader *memory_chain_bottom(const struct memory_chain *chain)
{
    return chain->readers[chain->num - 1];
}

void memory_chain_rewind(struct memory_chain *chain)
{
    unsigned i;

    for (i = 0; i < chain->num; i++) memory_reader_rewind(chain->readers[i]);
}

static uint64_t frames_of(const struct memory_reader *reader)
{
    const struct memory_index *index = memory_reader_index(reader);
    uint64_t frames = 0;
    size_t i;

    for (i = 0; i < index->num_runs; i++) frames += index->runs[i].pages;
    return frames;
}

/* What an image has of the page frames is its own; what it has not, and does
 * not leave to the next one, nobody has. */
static void own(struct memory_chain *chain, unsigned level)
{
    const struct memory_index *index = memory_reader_index(chain->readers[level]);
    uint64_t pfn = 0, pages;
    size_t i;
    int owner;

    for (i = 0; i < index->num_runs && pfn < chain->num_owners; i++) {
        pages = index->runs[i].pages;
        if (pages > chain->num_owners - pfn) pages = chain->num_owners - pfn;
        switch (memory_state_kind(index->runs[i].state)) {
        case MEMORY_PARENT: owner = -1; break;
        case MEMORY_DATA:
        case MEMORY_ZERO: owner = (int)level; break;
        default: owner = NOBODY; break;
        }
        if (owner >= 0) memset(chain->owners + pfn, owner, (size_t)pages);
        pfn += pages;
    }
    memset(chain->owners + pfn, NOBODY, (size_t)(chain->num_owners - pfn));
}

/*
 * Asking each image for each page frame that those above leave to it would cost
 * more than all else. So it is asked once, a run at a time, from the oldest to the
 * newest: a byte for each page frame, 1/4096 of the guest's memory.
 */
static int find_owners(struct memory_chain *chain, struct diag *diag)
{
    unsigned i;

    chain->num_owners = frames_of(chain->readers[0]);
    chain->owners = malloc(chain->num_owners ? (size_t)chain->num_owners : 1);
    if (!chain->owners) {
        diag_set(diag, "out of memory");
        return ERROR_NOMEM;
    }
    memset(chain->owners, chain->part ? BELOW : NOBODY,
           (size_t)chain->num_owners);
    for (i = chain->num; i-- > 1; ) own(chain, i);
    return 0;
}

/* The content of a page that the image leaves to those that it builds on. */
static int look_up(struct memory_chain *chain, struct memory_page *page,
                   struct diag *diag)
{
    struct memory_page theirs;
    unsigned owner;
    bool more;
    int rc;

    if (!chain->owners) {
        rc = find_owners(chain, diag);
        if (rc) return rc;
    }
    owner = chain->owners[page->pfn];
    if (owner == BELOW) return 0;
    if (owner == NOBODY) {
        diag_set(diag, "the memory image is damaged: page frame %llx is in none"
                 " of the images that it builds on",
                 (unsigned long long)page->pfn);
        return ERROR_BADFAIL;
    }
    rc = memory_reader_seek(chain->readers[owner], page->pfn, diag);
    if (!rc) rc = memory_reader_next(chain->readers[owner], &theirs, &more, diag);
    if (rc) return rc;
    page->state = memory_state(memory_state_kind(theirs.state),
                               memory_state_type(page->state));
    page->data = theirs.data;
    return 0;
}

int memory_chain_next(struct memory_chain *chain, struct memory_page *page_r,
                      bool *more_r, struct diag *diag)
{
    struct memory_page page;
    bool more;
    int rc;

    rc = memory_reader_next(chain->readers[0], &page, &more, diag);
    if (!rc && more && memory_state_kind(page.state) == MEMORY_PARENT)
        rc = look_up(chain, &page, diag);
    if (rc) return rc;
    if (more) *page_r = page;
    *more_r = more;
    return 0;
}

int memory_chain_verify(struct memory_chain *chain, uint64_t *stored_r,
                        struct diag *diag)
{
    uint64_t stored = 0, part;
    unsigned i;
    int rc;

    for (i = 0; i < chain->num; i++) {
        rc = memory_reader_verify(chain->readers[i], &part, diag);
        if (rc) return rc;
        stored += part;
    }
    *stored_r = stored;
    return 0;
}
