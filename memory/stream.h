/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl's stream of a saved domain, and libxc's inside of it, taken apart: page
 * data here, everything else there, byte by byte as it came.
 *
 * Sources: Xen's docs/specs/libxl-migration-stream.pandoc (version 2) and
 * libxc-migration-stream.pandoc (version 3). Both are records of type, length and a
 * body padded to eight bytes, little-endian on x86, after a header in network
 * order.
 *
 * A page frame may come many times: while the guest runs, libxc sends again what
 * it has changed. The last one counts, so that all pages together can take the
 * place of the last of them. That holds as long as all records are known that
 * come between them; from the first one on that is not, and is not marked as
 * optional, the stream is no longer taken apart: the rest is everything, to its end.
 */
#ifndef MEMORY_STREAM_H
#define MEMORY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "libxl/diag.h"

/* Of a page frame, as the stream has it: Xen's page types in four bits. */
#define STREAM_TYPE_BROKEN      0xdu
#define STREAM_TYPE_XALLOC      0xeu
#define STREAM_TYPE_XTAB        0xfu

/* These come without content. */
static inline bool stream_type_is_bare(unsigned type)
{
    return type >= STREAM_TYPE_BROKEN;
}

/* As many as libxc puts into a record. */
#define STREAM_BATCH_PAGES      1024u

struct stream_frame {
    uint64_t pfn;
    unsigned type;
};

struct stream_taker {
    void *user;

    /* All of len bytes, or at the end of the stream fewer; negative: a failure. */
    ssize_t (*read)(void *user, const struct iovec *iov, int num,
                    struct diag *diag);

    /* Bytes that are no page data. */
    int (*rest)(void *user, const void *data, size_t len, struct diag *diag);

    /* Frames are about to come: a place for the content of each that has some, in
     * their order; num of them at most. */
    int (*place)(void *user, const struct stream_frame *frames, unsigned num,
                 struct iovec *iov, struct diag *diag);

    /* They have come. */
    int (*placed)(void *user, const struct stream_frame *frames, unsigned num,
                  struct diag *diag);
};

struct stream_result {
    uint64_t pages_at;          /* bytes of the rest that came before the pages */
    bool whole;                 /* taken apart to its end; else see above */
};

/*
 * To the end of the stream. ERROR_INVAL: it is none, or broken. What took says is
 * returned as it is.
 */
int stream_take(const struct stream_taker *taker, struct stream_result *result_r,
                struct diag *diag);

/* What a record of page data begins with; for the way back. */
#define STREAM_PAGES_HEAD(num)  (16u + (num) * 8u)
size_t stream_pages_head(const struct stream_frame *frames, unsigned num,
                         uint8_t head[STREAM_PAGES_HEAD(STREAM_BATCH_PAGES)]);

#endif
