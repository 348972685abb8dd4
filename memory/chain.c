/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl.h>

#include "memory/chain.h"

struct level {
    struct memory_reader *reader;
    struct memory_page page;    /* where it is, when there is more */
    bool begun, more;
};

struct memory_chain {
    struct level *levels;
    unsigned num;
    bool part;                  /* the last one builds on something */
};

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

    h = memory_reader_header(chain->levels[last].reader);
    if (h->depth && !chain->part)
        return mismatch(diag, &files[last], "it builds on an image that was not"
                        " given");
    for (i = 0; i < last; i++) {
        h = memory_reader_header(chain->levels[i].reader);
        if (!h->depth)
            return mismatch(diag, &files[i], "it builds on no other image");
        next = memory_reader_header(chain->levels[i + 1].reader);
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

    if (chain) chain->levels = calloc(num_files, sizeof(*chain->levels));
    if (!chain || !chain->levels) {
        diag_set(diag, "out of memory");
        goto out;
    }
    chain->part = part;
    for (i = 0; i < num_files; i++) {
        rc = memory_reader_open(files[i].fd, files[i].name, pool,
                                &chain->levels[i].reader, diag);
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
    for (i = 0; i < chain->num; i++) memory_reader_close(chain->levels[i].reader);
    free(chain->levels);
    free(chain);
}

struct memory_reader *memory_chain_top(const struct memory_chain *chain)
{
    return chain->levels[0].reader;
}

struct memory_reader *memory_chain_bottom(const struct memory_chain *chain)
{
    return chain->levels[chain->num - 1].reader;
}

void memory_chain_rewind(struct memory_chain *chain)
{
    unsigned i;

    for (i = 0; i < chain->num; i++) {
        memory_reader_rewind(chain->levels[i].reader);
        chain->levels[i].begun = false;
    }
}

static int advance(struct level *level, struct diag *diag)
{
    level->begun = true;
    return memory_reader_next(level->reader, &level->page, &level->more, diag);
}

/* The content of a page that the image above leaves to this one. */
static int look_up(struct memory_chain *chain, unsigned i, uint64_t pfn,
                   struct memory_page *page_r, struct diag *diag)
{
    struct level *level;
    int rc;

    for (; i < chain->num; i++) {
        level = &chain->levels[i];
        while (!level->begun || (level->more && level->page.pfn < pfn)) {
            rc = advance(level, diag);
            if (rc) return rc;
        }
        if (!level->more || level->page.pfn != pfn) break;
        if (memory_state_kind(level->page.state) == MEMORY_BARE) break;
        *page_r = level->page;
        if (memory_state_kind(level->page.state) != MEMORY_PARENT) return 0;
    }
    if (i == chain->num && chain->part) return 0;
    diag_set(diag, "the memory image is damaged: page frame %llx is in none of"
             " the images that it builds on", (unsigned long long)pfn);
    return ERROR_BADFAIL;
}

int memory_chain_next(struct memory_chain *chain, struct memory_page *page_r,
                      bool *more_r, struct diag *diag)
{
    struct level *top = &chain->levels[0];
    struct memory_page page;
    int rc;

    rc = advance(top, diag);
    if (rc) return rc;
    *more_r = top->more;
    if (!top->more) return 0;
    page = top->page;
    if (memory_state_kind(page.state) == MEMORY_PARENT) {
        rc = look_up(chain, 1, page.pfn, &page, diag);
        if (rc) return rc;
        page.state = memory_state(memory_state_kind(page.state),
                                  memory_state_type(top->page.state));
    }
    *page_r = page;
    return 0;
}

int memory_chain_verify(struct memory_chain *chain, uint64_t *stored_r,
                        struct diag *diag)
{
    uint64_t stored = 0, part;
    unsigned i;
    int rc;

    for (i = 0; i < chain->num; i++) {
        rc = memory_reader_verify(chain->levels[i].reader, &part, diag);
        if (rc) return rc;
        stored += part;
    }
    *stored_r = stored;
    return 0;
}
