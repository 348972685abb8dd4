/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "xl/text.h"

/*
 * One code point of UTF-8: its length in bytes, or 0 when the bytes are not
 * its shortest form, a surrogate, beyond Unicode, or cut short by the NUL.
 */
static size_t utf8_decode(const char *text, uint32_t *code_r)
{
    const unsigned char *s = (const unsigned char *)text;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t code;
    size_t len, i;

    if (s[0] < 0x80) {
        *code_r = s[0];
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;

    code = s[0] & (0x7fu >> len);
    for (i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *code_r = code;
    return len;
}

/* Does a terminal, or a reader, take this for something else than a sign? */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
           code == 0x061c ||                        /* Arabic letter mark */
           (code >= 0x200e && code <= 0x200f) ||    /* direction marks */
           (code >= 0x2028 && code <= 0x202e) ||    /* separators, embeddings */
           (code >= 0x2066 && code <= 0x2069) ||    /* isolates */
           code == 0xfeff ||
           (code >= 0xe0000 && code <= 0xe007f);    /* invisible tags */
}

/* The longest escape is \U0010ffff. */
#define ESCAPE_MAX 10

static size_t escape_code(char *to, uint32_t code)
{
    if (code == '\n' || code == '\t') {
        to[0] = '\\';
        to[1] = code == '\n' ? 'n' : 't';
        return 2;
    }
    if (code < 0x80)
        return sprintf(to, "\\x%02" PRIx32, code);
    if (code < 0x10000)
        return sprintf(to, "\\u%04" PRIx32, code);
    return sprintf(to, "\\U%08" PRIx32, code);
}

char *text_escape(const char *text, bool utf8)
{
    char *escaped, *to;
    uint32_t code;
    size_t len;

    if (!text) text = "";
    /* One byte becomes four at most (\xff), and a longer sequence less. */
    escaped = malloc(strlen(text) * 4 + ESCAPE_MAX + 1);
    if (!escaped) return NULL;

    for (to = escaped; *text; text += len) {
        len = utf8_decode(text, &code);
        if (!len) {
            to += sprintf(to, "\\x%02x", (unsigned char)*text);
            len = 1;
        } else if (is_unsafe(code) || (code >= 0x80 && !utf8)) {
            to += escape_code(to, code);
        } else {
            memcpy(to, text, len);
            to += len;
        }
    }
    *to = '\0';
    return escaped;
}

char *text_utf8(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";   /* U+FFFD */
    char *fixed, *to;
    uint32_t code;
    size_t len;

    if (!text) text = "";
    fixed = malloc(strlen(text) * (sizeof(replacement) - 1) + 1);
    if (!fixed) return NULL;

    for (to = fixed; *text; text += len) {
        len = utf8_decode(text, &code);
        if (len) {
            memcpy(to, text, len);
            to += len;
        } else {
            memcpy(to, replacement, sizeof(replacement) - 1);
            to += sizeof(replacement) - 1;
            len = 1;
        }
    }
    *to = '\0';
    return fixed;
}

/* Beyond 0xffff JSON has UTF-16's pairs. */
static size_t escape_json(char *to, uint32_t code)
{
    if (code < 0x10000)
        return sprintf(to, "\\u%04" PRIx32, code);
    code -= 0x10000;
    return sprintf(to, "\\u%04" PRIx32 "\\u%04" PRIx32,
                   0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

char *text_json(const char *json)
{
    char *spelled, *to;
    uint32_t code;
    size_t len;

    /* DEL is the one that grows most, from one byte to six. */
    spelled = malloc(strlen(json) * 6 + 1);
    if (!spelled) return NULL;

    for (to = spelled; *json; json += len) {
        len = utf8_decode(json, &code);
        if (len && code >= 0x7f && is_unsafe(code)) {
            to += escape_json(to, code);
        } else {
            if (!len) len = 1;
            memcpy(to, json, len);
            to += len;
        }
    }
    *to = '\0';
    return spelled;
}

size_t text_width(const char *text, bool utf8)
{
    size_t width = 0, len;
    uint32_t code;
    int columns;

    for (; *text; text += len) {
        len = utf8 ? utf8_decode(text, &code) : 0;
        if (!len) {
            width++;
            len = 1;
            continue;
        }
        columns = wcwidth((wchar_t)code);
        width += columns < 0 ? 1 : columns;
    }
    return width;
}

const char *text_size(uint64_t bytes, char buf[TEXT_SIZE_LEN])
{
    static const char *const units[] = {
        "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
    };
    unsigned int unit = 0;
    uint64_t tenths, whole, one = 1024;

    if (bytes < 1024) {
        snprintf(buf, TEXT_SIZE_LEN, "%" PRIu64 " %s", bytes,
                 bytes == 1 ? "byte" : "bytes");
        return buf;
    }
    /* Integers only: what is printed must not depend on the locale. */
    while (unit < 5 && bytes / one >= 1024) {
        one *= 1024;
        unit++;
    }
    tenths = bytes / one * 10 + (bytes % one * 10 + one / 2) / one;
    if (tenths < 100 && tenths % 10) {
        snprintf(buf, TEXT_SIZE_LEN, "%" PRIu64 ".%" PRIu64 " %s",
                 tenths / 10, tenths % 10, units[unit]);
        return buf;
    }
    whole = tenths < 100 ? tenths / 10
                         : bytes / one + (bytes % one >= one / 2);
    if (whole >= 1024 && unit < 5) {        /* rounded up to the next unit */
        whole = 1;
        unit++;
    }
    snprintf(buf, TEXT_SIZE_LEN, "%" PRIu64 " %s", whole, units[unit]);
    return buf;
}

const char *text_pause(uint64_t us, char buf[TEXT_PAUSE_LEN])
{
    if (us < 10000)
        snprintf(buf, TEXT_PAUSE_LEN, "%" PRIu64 ".%" PRIu64 " ms",
                 us / 1000, us % 1000 / 100);
    else if (us < 1000000)
        snprintf(buf, TEXT_PAUSE_LEN, "%" PRIu64 " ms", us / 1000);
    else
        snprintf(buf, TEXT_PAUSE_LEN, "%" PRIu64 ".%02" PRIu64 " s",
                 us / 1000000, us % 1000000 / 10000);
    return buf;
}

const char *text_duration(uint64_t sec, char buf[TEXT_DURATION_LEN])
{
    uint64_t min = sec / 60, hours = min / 60, days = hours / 24;

    if (sec < 60)
        snprintf(buf, TEXT_DURATION_LEN, "%" PRIu64 " s", sec);
    else if (min < 60)
        snprintf(buf, TEXT_DURATION_LEN, "%" PRIu64 " min", min);
    else if (hours < 24)
        snprintf(buf, TEXT_DURATION_LEN, "%" PRIu64 " h %" PRIu64 " min",
                 hours, min % 60);
    else
        snprintf(buf, TEXT_DURATION_LEN, "%" PRIu64 " day%s %" PRIu64 " h",
                 days, days == 1 ? "" : "s", hours % 24);
    return buf;
}

const char *text_time(uint64_t sec, char buf[TEXT_TIME_LEN])
{
    time_t t = (time_t)sec;
    struct tm tm;

    if (t < 0 || (uint64_t)t != sec || !localtime_r(&t, &tm) ||
        !strftime(buf, TEXT_TIME_LEN, "%Y-%m-%d %H:%M:%S", &tm))
        strcpy(buf, "-");
    return buf;
}

bool text_locale_is_utf8(void)
{
    return !strcmp(nl_langinfo(CODESET), "UTF-8");
}
