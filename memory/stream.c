/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>

#include "memory/bytes.h"
#include "memory/format.h"
#include "memory/stream.h"

/* ---- what is in the two streams ---- */

#define LIBXL_HEADER_BYTES      16u
#define LIBXL_IDENT             UINT64_C(0x4c6962786c466d74)    /* "LibxlFmt" */
#define LIBXL_STREAM_VERSION           2u
#define LIBXL_END               0u
#define LIBXL_LIBXC_CONTEXT     1u
#define LIBXL_LAST_KNOWN        3u  /* EMULATOR_CONTEXT; later ones are of COLO */

#define LIBXC_HEADER_BYTES      24u
#define LIBXC_DOMAIN_BYTES      16u
#define LIBXC_MARKER            UINT64_MAX
#define LIBXC_IDENT             0x58454E46u                     /* "XENF" */
#define LIBXC_STREAM_VERSION           3u
#define LIBXC_END               0x0u
#define LIBXC_PAGE_DATA         0x1u
#define LIBXC_VERIFY            0xdu    /* all pages once more, to be compared */
#define LIBXC_CHECKPOINT        0xeu    /* and on, for Remus and COLO */
#define LIBXC_DIRTY_PFN_LIST    0xfu
#define LIBXC_LAST_KNOWN        0x12u   /* X86_MSR_POLICY */

#define RECORD_BYTES            8u
#define RECORD_OPTIONAL         (1u << 31)
#define OPTION_BIG_ENDIAN       1u

#define FRAME_PFN_MASK          ((UINT64_C(1) << 52) - 1)
#define FRAME_RESERVED          (UINT64_C(0xff) << 52)
#define FRAME_TYPE_SHIFT        60

#define COPY_BYTES              (256u * 1024)

struct record {
    uint32_t type, length;
};

struct take {
    const struct stream_taker *taker;
    struct diag *diag;
    uint64_t rest_bytes, pages_at;
    bool opaque;                /* no longer taken apart */
    uint8_t *copy;
    uint64_t entries[STREAM_BATCH_PAGES];
    struct stream_frame frames[STREAM_BATCH_PAGES];
    struct iovec iov[STREAM_BATCH_PAGES];
};

static int broken(struct take *t, const char *what)
{
    diag_set(t->diag, "what libxl saved is broken: %s", what);
    return ERROR_INVAL;
}

/* ---- bytes ---- */

static int rest(struct take *t, const void *data, size_t len)
{
    t->rest_bytes += len;
    return t->taker->rest(t->taker->user, data, len, t->diag);
}

/* So many bytes, or the stream is broken. */
static int get(struct take *t, void *data, size_t len)
{
    struct iovec iov = { data, len };
    ssize_t r = t->taker->read(t->taker->user, &iov, 1, t->diag);

    if (r < 0) return (int)r;
    return (size_t)r == len ? 0 : broken(t, "it ends too early");
}

/* The same of the rest, to be looked at. */
static int get_rest(struct take *t, void *data, size_t len)
{
    int rc = get(t, data, len);

    return rc ? rc : rest(t, data, len);
}

static int copy(struct take *t, uint64_t len)
{
    size_t part;
    int rc = 0;

    for (; len && !rc; len -= part) {
        part = len < COPY_BYTES ? len : COPY_BYTES;
        rc = get_rest(t, t->copy, part);
    }
    return rc;
}

/* All that there is. */
static int copy_all(struct take *t)
{
    struct iovec iov = { t->copy, COPY_BYTES };
    ssize_t r;
    int rc = 0;

    do {
        r = t->taker->read(t->taker->user, &iov, 1, t->diag);
        if (r > 0) rc = rest(t, t->copy, (size_t)r);
    } while (r > 0 && !rc);
    return r < 0 ? (int)r : rc;
}

static int not_understood(struct take *t)
{
    t->opaque = true;
    return copy_all(t);
}

static uint64_t padded(uint32_t length)
{
    return ((uint64_t)length + 7) & ~UINT64_C(7);
}

static int get_record(struct take *t, struct record *record_r)
{
    uint8_t bytes[RECORD_BYTES];
    int rc = get_rest(t, bytes, sizeof(bytes));

    if (rc) return rc;
    *record_r = (struct record){ get32(bytes), get32(bytes + 4) };
    return 0;
}

/* ---- pages ---- */

/* The frames' numbers and types; how many have content. */
static int read_frames(struct take *t, unsigned num, unsigned *with_content_r)
{
    unsigned i, with_content = 0;
    int rc = get(t, t->entries, num * sizeof(t->entries[0]));

    if (rc) return rc;
    for (i = 0; i < num; i++) {
        uint64_t entry = le64toh(t->entries[i]);
        struct stream_frame *f = &t->frames[i];

        f->pfn = entry & FRAME_PFN_MASK;
        f->type = (unsigned)(entry >> FRAME_TYPE_SHIFT);
        if (entry & FRAME_RESERVED || f->pfn >= MEMORY_MAX_PAGES)
            return broken(t, "a page frame of an impossible number");
        with_content += !stream_type_is_bare(f->type);
    }
    *with_content_r = with_content;
    return 0;
}

static int read_content(struct take *t, unsigned num, unsigned with_content)
{
    const struct stream_taker *taker = t->taker;
    ssize_t r;
    int rc;

    rc = taker->place(taker->user, t->frames, num, t->iov, t->diag);
    if (rc) return rc;
    if (with_content) {
        r = taker->read(taker->user, t->iov, (int)with_content, t->diag);
        if (r < 0) return (int)r;
        if ((size_t)r != (size_t)with_content * MEMORY_PAGE_BYTES)
            return broken(t, "it ends too early");
    }
    return taker->placed(taker->user, t->frames, num, t->diag);
}

/* The record's head has been read, and is not part of the rest. */
static int take_pages(struct take *t, uint32_t length)
{
    unsigned num, with_content;
    uint8_t counts[8];
    int rc;

    if (length < sizeof(counts)) return broken(t, "a record is too short");
    rc = get(t, counts, sizeof(counts));
    if (rc) return rc;
    num = get32(counts);
    if (num > STREAM_BATCH_PAGES)
        return broken(t, "more pages in a record than libxc puts there");
    if (length < sizeof(counts) + num * sizeof(t->entries[0]))
        return broken(t, "a record is too short");
    rc = read_frames(t, num, &with_content);
    if (rc) return rc;
    if (length != sizeof(counts) + num * sizeof(t->entries[0]) +
                  with_content * MEMORY_PAGE_BYTES)
        return broken(t, "a record of pages has another length");
    t->pages_at = t->rest_bytes;
    return read_content(t, num, with_content);
}

size_t stream_pages_head(const struct stream_frame *frames, unsigned num,
                         uint8_t head[STREAM_PAGES_HEAD(STREAM_BATCH_PAGES)])
{
    unsigned i, with_content = 0;

    for (i = 0; i < num; i++) {
        put64(head + STREAM_PAGES_HEAD(i),
              frames[i].pfn | (uint64_t)frames[i].type << FRAME_TYPE_SHIFT);
        with_content += !stream_type_is_bare(frames[i].type);
    }
    put32(head, LIBXC_PAGE_DATA);
    put32(head + 4, 8 + num * 8 + with_content * MEMORY_PAGE_BYTES);
    put32(head + 8, num);
    put32(head + 12, 0);
    return STREAM_PAGES_HEAD(num);
}

/* ---- records ---- */

static bool libxc_is_known(uint32_t type)
{
    if (type & RECORD_OPTIONAL) return true;
    return type <= LIBXC_LAST_KNOWN && type != LIBXC_VERIFY &&
           type != LIBXC_CHECKPOINT && type != LIBXC_DIRTY_PFN_LIST;
}

/* Up to the end of libxc's part, or of all if it is not understood. */
static int take_libxc(struct take *t)
{
    uint8_t header[LIBXC_HEADER_BYTES], domain[LIBXC_DOMAIN_BYTES];
    uint8_t bytes[RECORD_BYTES];
    struct record record;
    int rc;

    rc = get_rest(t, header, sizeof(header));
    if (rc) return rc;
    if (get64be(header) != LIBXC_MARKER ||
        get32be(header + 8) != LIBXC_IDENT ||
        get32be(header + 12) != LIBXC_STREAM_VERSION ||
        header[17] & OPTION_BIG_ENDIAN)
        return not_understood(t);
    rc = get_rest(t, domain, sizeof(domain));
    if (rc) return rc;
    if (1u << (domain[4] & 31) != MEMORY_PAGE_BYTES) return not_understood(t);

    do {
        rc = get(t, bytes, sizeof(bytes));
        if (rc) return rc;
        record = (struct record){ get32(bytes), get32(bytes + 4) };
        if (record.type == LIBXC_PAGE_DATA) {
            rc = take_pages(t, record.length);
        } else {
            rc = rest(t, bytes, sizeof(bytes));
            if (!rc && !libxc_is_known(record.type)) return not_understood(t);
            if (!rc) rc = copy(t, padded(record.length));
        }
        if (rc) return rc;
    } while (record.type != LIBXC_END);
    return 0;
}

static int take_libxl(struct take *t)
{
    uint8_t header[LIBXL_HEADER_BYTES];
    struct record record;
    int rc;

    rc = get_rest(t, header, sizeof(header));
    if (rc) return rc;
    if (get64be(header) != LIBXL_IDENT ||
        get32be(header + 8) != LIBXL_STREAM_VERSION ||
        get32be(header + 12) & OPTION_BIG_ENDIAN)
        return not_understood(t);

    do {
        rc = get_record(t, &record);
        if (rc) return rc;
        if (record.type > LIBXL_LAST_KNOWN && !(record.type & RECORD_OPTIONAL))
            return not_understood(t);
        rc = copy(t, padded(record.length));
        if (!rc && record.type == LIBXL_LIBXC_CONTEXT) rc = take_libxc(t);
        if (rc || t->opaque) return rc;
    } while (record.type != LIBXL_END);
    return copy_all(t);     /* nothing, as far as is known */
}

int stream_take(const struct stream_taker *taker, struct stream_result *result_r,
                struct diag *diag)
{
    struct take *t = calloc(1, sizeof(*t));
    int rc = ERROR_NOMEM;

    if (t) t->copy = malloc(COPY_BYTES);
    if (!t || !t->copy) {
        diag_set(diag, "out of memory");
        goto out;
    }
    t->taker = taker;
    t->diag = diag;
    rc = take_libxl(t);
    if (rc) goto out;
    *result_r = (struct stream_result){ t->pages_at, !t->opaque };
 out:
    if (t) free(t->copy);
    free(t);
    return rc;
}
