/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "chain/utf8.h"

size_t chain_utf8_next(const char *s, uint32_t *point_r)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *u = (const unsigned char *)s;
    uint32_t point;
    size_t len, i;

    if (u[0] < 0x80) {
        *point_r = u[0];
        return 1;
    }
    if ((u[0] & 0xe0) == 0xc0) {
        len = 2;
        point = u[0] & 0x1f;
    } else if ((u[0] & 0xf0) == 0xe0) {
        len = 3;
        point = u[0] & 0x0f;
    } else if ((u[0] & 0xf8) == 0xf0) {
        len = 4;
        point = u[0] & 0x07;
    } else {
        return 0;
    }
    for (i = 1; i < len; i++) {
        if ((u[i] & 0xc0) != 0x80) return 0;    /* the end is none either */
        point = point << 6 | (u[i] & 0x3f);
    }
    /* longer than need be, half of a surrogate pair, beyond Unicode */
    if (point < least[len] || point > 0x10ffff ||
        (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *point_r = point;
    return len;
}
