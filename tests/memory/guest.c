/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "tests/memory/guest.h"

void bytes_add(struct bytes *bytes, const void *data, size_t len)
{
    while (bytes->room - bytes->len < len) {
        bytes->room = bytes->room ? bytes->room * 2 : 65536;
        bytes->data = realloc(bytes->data, bytes->room);
        if (!bytes->data) abort();
    }
    if (data) memcpy(bytes->data + bytes->len, data, len);
    else memset(bytes->data + bytes->len, 0, len);
    bytes->len += len;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof(*bytes));
}

/* ---- guests ---- */

static void fill(uint8_t *page, unsigned kind, unsigned *seed)
{
    unsigned i;

    memset(page, 0, GUEST_PAGE);
    if (kind == 1)
        for (i = 0; i < GUEST_PAGE; i++)
            page[i] = "the quick brown fox "[(i + *seed) % 20];
    if (kind == 2)
        for (i = 0; i < GUEST_PAGE; i++) page[i] = (uint8_t)(rand_r(seed) >> 7);
    if (kind == 3) page[GUEST_PAGE - 1] = 1;
}

void guest_make(struct guest *guest, uint64_t num, unsigned *seed)
{
    uint64_t i;

    guest->num = num;
    guest->type = calloc(num + 1, 1);
    guest->memory = calloc(num + 1, GUEST_PAGE);
    if (!guest->type || !guest->memory) abort();
    for (i = 0; i < num; i++) {
        unsigned what = (unsigned)rand_r(seed) % 100;

        if (what < 3) {
            guest->type[i] = GUEST_HOLE;
        } else if (what < 5) {
            guest->type[i] = 0xf;
        } else {
            guest->type[i] = what < 10 ? what - 4 + (what == 9 ? 5 : 0) : 0;
            fill(guest->memory + i * GUEST_PAGE, (unsigned)rand_r(seed) % 4, seed);
        }
    }
}

void guest_copy(struct guest *guest, const struct guest *other)
{
    guest->num = other->num;
    guest->type = malloc(other->num + 1);
    guest->memory = malloc((other->num + 1) * GUEST_PAGE);
    if (!guest->type || !guest->memory) abort();
    memcpy(guest->type, other->type, other->num + 1);
    memcpy(guest->memory, other->memory, (other->num + 1) * GUEST_PAGE);
}

void guest_free(struct guest *guest)
{
    free(guest->type);
    free(guest->memory);
    memset(guest, 0, sizeof(*guest));
}

static bool has_content(uint8_t type)
{
    return type != GUEST_HOLE && (type & 0xf) < 0xd;
}

void guest_dirty(struct guest *guest, unsigned one_in, unsigned *seed)
{
    uint64_t i;

    for (i = 0; i < guest->num; i++)
        if (has_content(guest->type[i]) && !((unsigned)rand_r(seed) % one_in))
            fill(guest->memory + i * GUEST_PAGE, (unsigned)rand_r(seed) % 4, seed);
}

bool guest_equal(const struct guest *a, const struct guest *b)
{
    return a->num == b->num && !memcmp(a->type, b->type, a->num) &&
           !memcmp(a->memory, b->memory, a->num * GUEST_PAGE);
}

/* ---- streams ---- */

static void add32(struct bytes *b, uint32_t v)
{
    v = htole32(v);
    bytes_add(b, &v, 4);
}

static void add64(struct bytes *b, uint64_t v)
{
    v = htole64(v);
    bytes_add(b, &v, 8);
}

static void add_record(struct bytes *b, uint32_t type, size_t len, uint8_t what)
{
    size_t i;

    add32(b, type);
    add32(b, (uint32_t)len);
    for (i = 0; i < len; i++, what += 7) bytes_add(b, &what, 1);
    bytes_add(b, NULL, -len & 7);
}

static void add_batch(struct bytes *b, const struct guest *g, uint64_t from,
                      uint64_t to, bool wrong)
{
    uint32_t num = 0, content = 0;
    uint64_t i;

    for (i = from; i < to; i++) {
        num += g->type[i] != GUEST_HOLE;
        content += has_content(g->type[i]);
    }
    if (!num) return;
    add32(b, 1);
    add32(b, 8 + num * 8 + content * GUEST_PAGE);
    add32(b, num);
    add32(b, 0);
    for (i = from; i < to; i++)
        if (g->type[i] != GUEST_HOLE) add64(b, i | (uint64_t)g->type[i] << 60);
    for (i = from; i < to; i++) {
        if (!has_content(g->type[i])) continue;
        bytes_add(b, g->memory + i * GUEST_PAGE, GUEST_PAGE);
        if (wrong) b->data[b->len - 1] ^= 0x55;
    }
}

static void add_pages(struct bytes *b, const struct guest *g, bool wrong,
                      unsigned *seed)
{
    uint64_t at = 0, step;

    while (at < g->num) {
        step = (uint64_t)rand_r(seed) % 1024 + 1;
        if (step > g->num - at) step = g->num - at;
        add_batch(b, g, at, at + step, wrong);
        at += step;
    }
}

void guest_save(const struct guest *guest, const struct guest_stream *how,
                struct bytes *b, unsigned *seed)
{
    static const uint8_t libxl[16] = { 'L', 'i', 'b', 'x', 'l', 'F', 'm', 't',
                                       0, 0, 0, 2 };
    static const uint8_t libxc[24] = { 255, 255, 255, 255, 255, 255, 255, 255,
                                       'X', 'E', 'N', 'F', 0, 0, 0, 3 };
    unsigned i;

    bytes_add(b, libxl, sizeof(libxl));
    add_record(b, 1, 0, 0);
    bytes_add(b, libxc, sizeof(libxc));
    add32(b, 1);                /* PV */
    add32(b, 12);               /* page shift */
    add32(b, 4);
    add32(b, 17);
    add_record(b, 2, 8, 1);     /* X86_PV_INFO */
    add_record(b, 3, 13, 2);    /* P2M_FRAMES, with padding */
    for (i = 0; i < how->rounds; i++) add_pages(b, guest, true, seed);
    add_pages(b, guest, false, seed);
    if (how->extra) add_record(b, how->extra, 24, 9);
    if (how->pages_after) add_pages(b, guest, false, seed);
    add_record(b, 8, 24, 3);    /* X86_TSC_INFO */
    add_record(b, 7, 4096, 4);  /* SHARED_INFO */
    add_record(b, 0, 0, 0);
    add_record(b, 2, 40, 5);    /* EMULATOR_XENSTORE_DATA */
    add_record(b, 3, how->rest, 6);
    add_record(b, 0, 0, 0);
}

/* ---- and back ---- */

struct cursor {
    const uint8_t *p;
    size_t left;
};

static const uint8_t *step(struct cursor *c, uint64_t len)
{
    const uint8_t *p = c->p;

    if (len > c->left) return NULL;
    c->p += len;
    c->left -= len;
    return p;
}

static uint32_t read32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return le32toh(v);
}

static bool restore_pages(struct cursor *c, uint32_t length, struct guest *g)
{
    const uint8_t *head = step(c, 8), *entries, *page;
    uint32_t num, i, content = 0;
    uint64_t entry, pfn;

    if (!head) return false;
    num = read32(head);
    entries = step(c, (uint64_t)num * 8);
    if (!entries) return false;
    for (i = 0; i < num; i++) {
        memcpy(&entry, entries + i * 8, 8);
        entry = le64toh(entry);
        pfn = entry & 0xfffffffffffffull;
        if (pfn >= g->num) return false;
        g->type[pfn] = entry >> 60;
        if (!has_content(g->type[pfn])) continue;
        content++;
        page = step(c, GUEST_PAGE);
        if (!page) return false;
        memcpy(g->memory + pfn * GUEST_PAGE, page, GUEST_PAGE);
    }
    return length == 8 + num * 8 + content * GUEST_PAGE;
}

/* One record; what is no pages is added to the rest. */
static bool restore_record(struct cursor *c, bool pages, struct guest *g,
                           struct bytes *rest, size_t *pages_at,
                           uint32_t *type_r)
{
    const uint8_t *head = step(c, 8), *body;
    uint32_t length;

    if (!head) return false;
    *type_r = read32(head);
    length = read32(head + 4);
    if (pages && *type_r == 1) {
        *pages_at = rest->len;
        return restore_pages(c, length, g);
    }
    body = step(c, ((uint64_t)length + 7) & ~7ull);
    if (!body) return false;
    bytes_add(rest, head, 8);
    bytes_add(rest, body, (length + 7) & ~7u);
    return true;
}

bool guest_restore(const struct bytes *stream, uint64_t num, struct guest *guest,
                   struct bytes *rest, size_t *pages_at)
{
    struct cursor c = { stream->data, stream->len };
    const uint8_t *head = step(&c, 16);
    uint32_t type;

    guest->num = num;
    guest->type = malloc(num + 1);
    guest->memory = calloc(num + 1, GUEST_PAGE);
    if (!guest->type || !guest->memory) abort();
    memset(guest->type, GUEST_HOLE, num + 1);
    if (!head) return false;
    bytes_add(rest, head, 16);
    do {
        if (!restore_record(&c, false, guest, rest, pages_at, &type))
            return false;
        if (type != 1) continue;
        head = step(&c, 40);
        if (!head) return false;
        bytes_add(rest, head, 40);
        do
            if (!restore_record(&c, true, guest, rest, pages_at, &type))
                return false;
        while (type);
        type = 1;
    } while (type);
    return !c.left;
}
