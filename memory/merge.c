/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "memory/merge.h"
#include "memory/writer.h"

static int write_pages(struct memory_chain *chain, struct memory_writer *w,
                       struct diag *diag)
{
    struct memory_page page;
    bool more;
    int rc;

    memory_chain_rewind(chain);
    for (;;) {
        rc = memory_chain_next(chain, &page, &more, diag);
        if (rc || !more) return rc;
        rc = memory_writer_page(w, page.pfn, page.state, page.data, diag);
        if (rc) return rc;
    }
}

static int write_rest(void *user, const void *data, size_t len,
                      struct diag *diag)
{
    return memory_writer_rest(user, data, len, diag);
}

int memory_merge(struct memory_chain *chain, int fd, int level,
                 struct work_pool *pool, uint64_t *bytes_r, struct diag *diag)
{
    struct memory_reader *top = memory_chain_top(chain);
    const struct memory_header *bottom =
        memory_reader_header(memory_chain_bottom(chain));
    struct memory_header header = { .depth = bottom->depth };
    struct memory_writer *w = NULL;
    int rc;

    memcpy(header.uuid, memory_reader_header(top)->uuid, sizeof(header.uuid));
    memcpy(header.parent, bottom->parent, sizeof(header.parent));
    rc = memory_writer_start(fd, UINT64_MAX, &header, level, pool, &w, diag);
    if (!rc) rc = write_pages(chain, w, diag);
    if (!rc)
        rc = memory_reader_rest(top, 0, memory_reader_rest_bytes(top),
                                write_rest, w, diag);
    if (!rc)
        rc = memory_writer_finish(w, memory_reader_pages_at(top), bytes_r, diag);
    memory_writer_free(w);
    return rc;
}
