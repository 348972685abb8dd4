/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "libxl/diag.h"

/* Bytes of the well-formed UTF-8 character at s; 0 when there is none. */
static size_t utf8_length(const unsigned char *s)
{
    size_t len, i;

    if (s[0] < 0x80)
        return 1;
    else if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;
    for (i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    /* over-long forms, surrogates, beyond U+10FFFF */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

/* C0, DEL and C1: a terminal may obey these. */
static bool is_control(const unsigned char *s, size_t len)
{
    return (len == 1 && (s[0] < 0x20 || s[0] == 0x7f)) ||
           (len == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

void diag_sanitize(char *text)
{
    unsigned char *from = (unsigned char *)text, *to = from;
    size_t len;

    while (*from) {
        len = utf8_length(from);
        if (!len) {
            *to++ = '?';
            from++;
        } else if (is_control(from, len)) {
            *to++ = ' ';
            from += len;
        } else {
            memmove(to, from, len);
            to += len;
            from += len;
        }
    }
    while (to > (unsigned char *)text && to[-1] == ' ')
        to--;
    *to = 0;
}

void diag_set(struct diag *diag, const char *fmt, ...)
{
    va_list ap;

    if (!diag) return;
    va_start(ap, fmt);
    vsnprintf(diag->text, sizeof(diag->text), fmt, ap);
    va_end(ap);
    diag_sanitize(diag->text);
}

void diag_prefix(struct diag *diag, const char *fmt, ...)
{
    char old[sizeof(struct diag)];
    va_list ap;
    size_t used;

    if (!diag) return;
    memcpy(old, diag->text, sizeof(diag->text));
    va_start(ap, fmt);
    vsnprintf(diag->text, sizeof(diag->text), fmt, ap);
    va_end(ap);
    used = strlen(diag->text);
    snprintf(diag->text + used, sizeof(diag->text) - used, "%s", old);
    diag_sanitize(diag->text);
}
