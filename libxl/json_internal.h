/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the json*.c share. */
#ifndef XLS_JSON_INTERNAL_H
#define XLS_JSON_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libxl/json.h"

struct xjson {
    xjson_type type;
    bool boolean;
    bool negative;          /* an integer is a sign and a magnitude, so */
    uint64_t magnitude;     /* that all of int64 and uint64 fits */
    char *name;             /* when this is an object's member */
    char *text;             /* a string, or a real as it was written */
    size_t count;
    struct xjson *parent, *first, *last, *next;
};

/* The JSON library lets overlong forms and surrogates pass. */
bool json_is_utf8(const unsigned char *s, size_t len);

#endif
