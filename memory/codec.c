/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxl.h>
#include <zstd.h>

#include "memory/codec.h"

struct memory_codec {
    ZSTD_CCtx *pack;            /* both made when they are first needed */
    ZSTD_DCtx *unpack;
};

int memory_codec_alloc(struct memory_codec **codec_r)
{
    struct memory_codec *codec = calloc(1, sizeof(*codec));

    if (!codec) return ERROR_NOMEM;
    *codec_r = codec;
    return 0;
}

void memory_codec_free(struct memory_codec *codec)
{
    if (!codec) return;
    ZSTD_freeCCtx(codec->pack);
    ZSTD_freeDCtx(codec->unpack);
    free(codec);
}

/* 0: not smaller, or not possible at all. */
static size_t squeeze(struct memory_codec *codec, int level, const void *raw,
                      size_t len, void *stored)
{
    size_t r;

    if (!codec->pack) codec->pack = ZSTD_createCCtx();
    if (!codec->pack) return 0;
    r = ZSTD_compressCCtx(codec->pack, stored, len - 1, raw, len, level);
    return ZSTD_isError(r) ? 0 : r;
}

size_t memory_pack(struct memory_codec *codec, int level, const void *raw,
                   size_t len, void *stored, uint8_t *method_r)
{
    size_t r = level && len > 1 ? squeeze(codec, level, raw, len, stored) : 0;

    *method_r = r ? MEMORY_METHOD_ZSTD : MEMORY_METHOD_NONE;
    if (r) return r;
    memcpy(stored, raw, len);
    return len;
}

bool memory_unpack(struct memory_codec *codec, unsigned method,
                   const void *stored, size_t stored_len, void *raw,
                   size_t raw_len)
{
    if (method == MEMORY_METHOD_NONE) {
        if (stored_len != raw_len) return false;
        memcpy(raw, stored, raw_len);
        return true;
    }
    if (method != MEMORY_METHOD_ZSTD) return false;
    if (!codec->unpack) codec->unpack = ZSTD_createDCtx();
    if (!codec->unpack) return false;
    return ZSTD_decompressDCtx(codec->unpack, raw, raw_len, stored,
                               stored_len) == raw_len;
}
