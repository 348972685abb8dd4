/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's memory as a value, and the streams that libxl would make of it and
 * that a restore would understand: written anew from Xen's specifications, with
 * nothing of memory/stream.c.
 */
#ifndef TESTS_MEMORY_GUEST_H
#define TESTS_MEMORY_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE 4096u

struct guest {
    uint64_t num;               /* page frames, from 0 on */
    uint8_t *type;              /* of each; GUEST_HOLE: there is none */
    uint8_t *memory;            /* their contents */
};

#define GUEST_HOLE 0xff

struct bytes {
    uint8_t *data;
    size_t len, room;
};

void bytes_add(struct bytes *bytes, const void *data, size_t len);
void bytes_free(struct bytes *bytes);

/* A third zero, a third text, a third noise; some page tables, holes and frames
 * without content. */
void guest_make(struct guest *guest, uint64_t num, unsigned *seed);
void guest_copy(struct guest *guest, const struct guest *other);
void guest_free(struct guest *guest);
/* Some pages get another content, or become zero. */
void guest_dirty(struct guest *guest, unsigned one_in, unsigned *seed);
bool guest_equal(const struct guest *a, const struct guest *b);

struct guest_stream {
    unsigned rounds;            /* before the last one with pages that are wrong */
    uint32_t extra;             /* a record of this type after the pages, or 0 */
    size_t rest;                /* bytes of QEMU's state */
    bool pages_after;           /* once more, after that record */
};

void guest_save(const struct guest *guest, const struct guest_stream *how,
                struct bytes *stream, unsigned *seed);

/* A guest from a stream; what is no pages, in order, and how many of these bytes
 * come before the last record of pages. False: it is broken. */
bool guest_restore(const struct bytes *stream, uint64_t num, struct guest *guest,
                   struct bytes *rest, size_t *pages_at);

#endif
