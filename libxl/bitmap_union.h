/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a dirty bitmap when its image is merged into another one
 * (image_merge.h says the rules). Pure.
 */
#ifndef XLS_BITMAP_UNION_H
#define XLS_BITMAP_UNION_H

#include "libxl/image_info.h"

enum bitmap_union_action {
    BITMAP_LEAVE,           /* nothing is to be done */
    BITMAP_REMOVE,          /* to would be wrong from now on */
    BITMAP_UNITE,           /* add from's notes to to's */
};

struct bitmap_union {
    enum bitmap_union_action action;
    bool add;               /* UNITE: there is no to yet */
    bool recording;         /* UNITE: afterwards */
};

/* from: of the image that goes; to: the one of the same name, or NULL. */
struct bitmap_union bitmap_union_decide(bool commit,
                                        const struct image_bitmap *from,
                                        const struct image_bitmap *to);

/* NULL: none of that name. */
const struct image_bitmap *image_bitmap_find(const struct image_bitmap *bitmaps,
                                             size_t num, const char *name);

#endif
