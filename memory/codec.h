/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks, packed and unpacked. */
#ifndef MEMORY_CODEC_H
#define MEMORY_CODEC_H

#include "memory/format.h"

#define MEMORY_DEFAULT_LEVEL    1

/* What it takes, for one thread at a time. */
struct memory_codec;

int memory_codec_alloc(struct memory_codec **codec_r);
void memory_codec_free(struct memory_codec *codec);

/*
 * Pack raw, of len bytes, into stored, which has room for as many. level 0: do
 * not. Returns how many bytes there are, and by which method; what would not
 * get smaller stays as it is.
 */
size_t memory_pack(struct memory_codec *codec, int level, const void *raw,
                   size_t len, void *stored, uint8_t *method_r);

/* Exactly raw_len bytes, or false. stored may be anything. */
bool memory_unpack(struct memory_codec *codec, unsigned method,
                   const void *stored, size_t stored_len, void *raw,
                   size_t raw_len);

#endif
