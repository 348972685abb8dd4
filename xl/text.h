/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers, times and foreign text made fit for people and terminals. Pure
 * functions of their arguments and the locale; what they return is malloc'd,
 * or NULL when out of memory.
 */
#ifndef XL_TEXT_H
#define XL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text that somebody else chose (a description, a path, an error from far
 * below), so that it stays on its line and tells the terminal nothing:
 * control characters, line and paragraph separators, the marks that reorder
 * text, bytes that are not UTF-8, and, unless utf8, everything beyond ASCII
 * are written as \n, \t, \x1b or \u202e. A backslash stays one backslash.
 * NULL is "".
 */
char *text_escape(const char *text, bool utf8);

/* The same text as UTF-8, for JSON: each byte that is not UTF-8 becomes
 * U+FFFD. NULL is "". */
char *text_utf8(const char *text);

/* The same JSON, but what text_escape would not let through, and JSON does
 * (it forbids no more than the first 32 characters), is spelled \u202e. */
char *text_json(const char *json);

/* How many columns text takes on a terminal; bytes that are none count 1. */
size_t text_width(const char *text, bool utf8);

/* "256 MiB", "1.5 GiB", "312 bytes": rounded to nearest, with one decimal
 * below 10 of a unit. */
#define TEXT_SIZE_LEN 32
const char *text_size(uint64_t bytes, char buf[TEXT_SIZE_LEN]);

/* A pause: "143 ms", "1.5 ms" below 10 ms, "2.31 s" from 1 s on. */
#define TEXT_PAUSE_LEN 40
const char *text_pause(uint64_t us, char buf[TEXT_PAUSE_LEN]);

/* A time that has gone by: "12 s", "25 min", "3 h 10 min", "2 days 4 h"; what
 * is smaller is cut off. */
#define TEXT_DURATION_LEN 48
const char *text_duration(uint64_t sec, char buf[TEXT_DURATION_LEN]);

/* "2026-11-20 20:45:30" in local time; "-" for what is no time. */
#define TEXT_TIME_LEN 32
const char *text_time(uint64_t sec, char buf[TEXT_TIME_LEN]);

/* Whether the locale's characters are UTF-8. setlocale() was called. */
bool text_locale_is_utf8(void);

#endif
