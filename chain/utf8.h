/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As much of UTF-8 as it takes to keep out what is not. */
#ifndef CHAIN_UTF8_H
#define CHAIN_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The code point at s, which is not at its end, and how many bytes it has;
 * 0 when no well-formed sequence begins there. */
size_t chain_utf8_next(const char *s, uint32_t *point_r);

#endif
