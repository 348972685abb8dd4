/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>

#include "memory/feed.h"
#include "memory/stream.h"

/* Pages are gathered to records of the size that libxc makes. */
struct feed {
    int fd;
    uint64_t bytes;
    unsigned num, with_content;
    struct stream_frame frames[STREAM_BATCH_PAGES];
    uint8_t head[STREAM_PAGES_HEAD(STREAM_BATCH_PAGES)];
    uint8_t *content;
};

static int put(struct feed *f, const void *data, size_t len, struct diag *diag)
{
    const char *p = data;
    ssize_t r;

    f->bytes += len;
    while (len) {
        r = write(f->fd, p, len);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) {
            diag_set(diag, errno == EPIPE ?
                     "who was to restore the memory gave up" :
                     "cannot hand on the memory: %s", strerror(errno));
            return ERROR_FAIL;
        }
        p += r;
        len -= (size_t)r;
    }
    return 0;
}

static int put_rest(void *user, const void *data, size_t len, struct diag *diag)
{
    return put(user, data, len, diag);
}

static int flush(struct feed *f, struct diag *diag)
{
    int rc;

    if (!f->num) return 0;
    rc = put(f, f->head, stream_pages_head(f->frames, f->num, f->head), diag);
    if (!rc)
        rc = put(f, f->content, (size_t)f->with_content * MEMORY_PAGE_BYTES,
                 diag);
    f->num = f->with_content = 0;
    return rc;
}

static int add(struct feed *f, const struct memory_page *page, struct diag *diag)
{
    uint8_t *place = f->content + (size_t)f->with_content * MEMORY_PAGE_BYTES;

    f->frames[f->num++] = (struct stream_frame){
        page->pfn, memory_state_type(page->state)
    };
    switch (memory_state_kind(page->state)) {
    case MEMORY_DATA: memcpy(place, page->data, MEMORY_PAGE_BYTES); break;
    case MEMORY_ZERO: memset(place, 0, MEMORY_PAGE_BYTES); break;
    default: break;
    }
    f->with_content += !stream_type_is_bare(memory_state_type(page->state));
    return f->num == STREAM_BATCH_PAGES ? flush(f, diag) : 0;
}

static int put_pages(struct feed *f, struct memory_chain *chain,
                     struct diag *diag)
{
    struct memory_page page;
    bool more;
    int rc;

    memory_chain_rewind(chain);
    for (;;) {
        rc = memory_chain_next(chain, &page, &more, diag);
        if (rc) return rc;
        if (!more) return flush(f, diag);
        rc = add(f, &page, diag);
        if (rc) return rc;
    }
}

int memory_feed(struct memory_chain *chain, int fd, uint64_t *bytes_r,
                struct diag *diag)
{
    struct memory_reader *top = memory_chain_top(chain);
    uint64_t pages_at = memory_reader_pages_at(top);
    struct feed *f = calloc(1, sizeof(*f));
    int rc = ERROR_NOMEM;

    if (f) f->content = malloc((size_t)STREAM_BATCH_PAGES * MEMORY_PAGE_BYTES);
    if (!f || !f->content) {
        diag_set(diag, "out of memory");
        goto out;
    }
    f->fd = fd;
    rc = memory_reader_rest(top, 0, pages_at, put_rest, f, diag);
    if (!rc) rc = put_pages(f, chain, diag);
    if (!rc)
        rc = memory_reader_rest(top, pages_at, memory_reader_rest_bytes(top),
                                put_rest, f, diag);
    if (!rc) *bytes_r = f->bytes;
 out:
    if (f) free(f->content);
    free(f);
    return rc;
}
