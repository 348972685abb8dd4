/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "libxl/bitmap_union.h"

struct bitmap_union bitmap_union_decide(bool commit,
                                        const struct image_bitmap *from,
                                        const struct image_bitmap *to)
{
    struct bitmap_union nothing = { BITMAP_LEAVE, false, false };
    struct bitmap_union remove = { BITMAP_REMOVE, false, false };
    struct bitmap_union unite = { BITMAP_UNITE, !to, from->recording };

    if (!from->persistent || (to && to->inconsistent)) return nothing;
    /* What a commit writes is noted by those of base that record. */
    if (from->inconsistent)
        return !to || (commit && to->recording) ? nothing : remove;
    if (!commit && !to && from->recording) return nothing;
    if (!commit && to) unite.recording = to->recording;
    return unite;
}

const struct image_bitmap *image_bitmap_find(const struct image_bitmap *bitmaps,
                                             size_t num, const char *name)
{
    size_t i;

    for (i = 0; i < num; i++) {
        if (bitmaps[i].name && !strcmp(bitmaps[i].name, name))
            return &bitmaps[i];
    }
    return NULL;
}
