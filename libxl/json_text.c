/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that is hostile, and errors that quote it. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libxl/json_internal.h"

/*
 * The bytes of the UTF-8 character at s, or 0 when there is none within len
 * bytes.
 */
static size_t utf8_length(const unsigned char *s, size_t len)
{
    size_t n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2
             : (*s & 0xf0) == 0xe0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    size_t i;

    if (!n || n > len) return 0;
    for (i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] >= 0xa0) ||
        (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] >= 0x90))
        return 0;
    return n;
}

bool json_is_utf8(const unsigned char *s, size_t len)
{
    size_t n;

    for (; len; s += n, len -= n) {
        n = utf8_length(s, len);
        if (!n) return false;
    }
    return true;
}

/* A message quotes hostile text, and was perhaps cut within a character: keep
 * it one line of UTF-8. */
static void tidy_message(char *text)
{
    unsigned char *s = (unsigned char *)text;
    size_t len = strlen(text), n;

    for (; len; s += n, len -= n) {
        n = utf8_length(s, len);
        if (!n || *s < 0x20 || *s == 0x7f) {
            *s = '?';
            n = 1;
        }
    }
}

void xjson_error_set(struct xjson_error *err, const char *fmt, ...)
{
    va_list ap;

    if (!err) return;
    va_start(ap, fmt);
    if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0) err->text[0] = 0;
    va_end(ap);
    tidy_message(err->text);
}

/* A place is one word with a colon after it. */
static bool has_place(const char *text)
{
    size_t len = strcspn(text, " '");

    return len && text[len - 1] == ':';
}

/* "a" + "[3]: x" is "a[3]: x", "a" + "b: x" is "a.b: x" */
static void error_prefix(struct xjson_error *err, const char *prefix)
{
    char old[sizeof(err->text)];
    const char *joint;

    memcpy(old, err->text, sizeof(old));
    joint = !has_place(old) ? ": " : old[0] == '[' ? "" : ".";
    if (snprintf(err->text, sizeof(err->text), "%s%s%s", prefix, joint,
                 old) < 0)
        err->text[0] = 0;
    tidy_message(err->text);
}

void xjson_error_within_member(struct xjson_error *err, const char *member)
{
    if (err) error_prefix(err, member);
}

void xjson_error_within_element(struct xjson_error *err, size_t idx)
{
    char place[32];

    if (!err) return;
    snprintf(place, sizeof(place), "[%zu]", idx);
    error_prefix(err, place);
}
