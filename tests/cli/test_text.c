/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers, times and foreign text, as people get to see them. */
#include "config.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xl/text.h"

static void test_sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        { 0, "0 bytes" },
        { 1, "1 byte" },
        { 1023, "1023 bytes" },
        { 1024, "1 KiB" },
        { 1536, "1.5 KiB" },
        { 10 * 1024 + 511, "10 KiB" },
        { 10 * 1024 + 512, "11 KiB" },
        { 256ull << 20, "256 MiB" },
        { (1ull << 30) - 1, "1 GiB" },
        { (1ull << 30) + (1ull << 29), "1.5 GiB" },
        { (1ull << 20) * 1023, "1023 MiB" },
        { 1ull << 60, "1 EiB" },
        { UINT64_MAX, "16 EiB" },
    };
    char buf[TEXT_SIZE_LEN];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(text_size(cases[i].bytes, buf), cases[i].text);
}

static void test_pauses(void **state)
{
    char buf[TEXT_PAUSE_LEN];

    (void)state;
    assert_string_equal(text_pause(0, buf), "0.0 ms");
    assert_string_equal(text_pause(1540, buf), "1.5 ms");
    assert_string_equal(text_pause(143999, buf), "143 ms");
    assert_string_equal(text_pause(2310000, buf), "2.31 s");
    assert_string_equal(text_pause(UINT64_MAX, buf), "18446744073709.55 s");
}

static void test_durations(void **state)
{
    char buf[TEXT_DURATION_LEN];

    (void)state;
    assert_string_equal(text_duration(0, buf), "0 s");
    assert_string_equal(text_duration(59, buf), "59 s");
    assert_string_equal(text_duration(60, buf), "1 min");
    assert_string_equal(text_duration(3599, buf), "59 min");
    assert_string_equal(text_duration(11400, buf), "3 h 10 min");
    assert_string_equal(text_duration(86400, buf), "1 day 0 h");
    assert_string_equal(text_duration(187200, buf), "2 days 4 h");
    assert_string_equal(text_duration(UINT64_MAX, buf),
                        "213503982334601 days 7 h");
}

static void test_times(void **state)
{
    char buf[TEXT_TIME_LEN];

    (void)state;
    setenv("TZ", "UTC", 1);
    assert_string_equal(text_time(1795207530, buf), "2026-11-20 20:45:30");
    assert_string_equal(text_time(UINT64_MAX, buf), "-");
    assert_string_equal(text_time((uint64_t)INT64_MAX, buf), "-");
}

static void check_escape(const char *text, bool utf8, const char *expected)
{
    char *escaped = text_escape(text, utf8);

    assert_non_null(escaped);
    assert_string_equal(escaped, expected);
    free(escaped);
}

static void test_escapes(void **state)
{
    (void)state;
    check_escape(NULL, true, "");
    check_escape("plain ~ text \\ with a backslash", true,
                 "plain ~ text \\ with a backslash");
    check_escape("a\nb\tc\r\x1b[2J\x7f", true,
                 "a\\nb\\tc\\x0d\\x1b[2J\\x7f");
    check_escape("caf\u00e9 \u65e5 \U0001f600", true,
                 "caf\u00e9 \u65e5 \U0001f600");
    check_escape("caf\u00e9 \u65e5 \U0001f600", false,
                 "caf\\u00e9 \\u65e5 \\U0001f600");
    /* C1 controls, right-to-left overrides, line separators, tags. */
    check_escape("\xc2\x9b" "31m \u202e \u2028 \u2066 \ufeff \U000e0041", true,
                 "\\u009b31m \\u202e \\u2028 \\u2066 \\ufeff \\U000e0041");
    /* Not UTF-8: a lone byte, a cut sequence, a long form, a surrogate,
     * beyond Unicode. */
    check_escape("\xff", true, "\\xff");
    check_escape("\xe2\x82", true, "\\xe2\\x82");
    check_escape("\xc0\xaf", true, "\\xc0\\xaf");
    check_escape("\xe0\x80\xaf", true, "\\xe0\\x80\\xaf");
    check_escape("\xed\xa0\x80", true, "\\xed\\xa0\\x80");
    check_escape("\xf4\x90\x80\x80", true, "\\xf4\\x90\\x80\\x80");
}

/* Whatever comes in, what comes out fits and has nothing unsafe in it. */
static void test_escape_of_anything(void **state)
{
    char text[65], *escaped, *again;
    unsigned int seed = 1, i, n;

    (void)state;
    for (n = 0; n < 20000; n++) {
        for (i = 0; i < sizeof(text) - 1; i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = (seed >> 16) % 255 + 1;
        }
        text[i] = '\0';
        escaped = text_escape(text, true);
        again = text_escape(escaped, true);
        assert_string_equal(escaped, again);
        free(again);
        again = text_utf8(escaped);
        assert_string_equal(escaped, again);
        free(again);
        free(escaped);
    }
}

static void check_utf8(const char *text, const char *expected)
{
    char *fixed = text_utf8(text);

    assert_non_null(fixed);
    assert_string_equal(fixed, expected);
    free(fixed);
}

static void test_utf8(void **state)
{
    (void)state;
    check_utf8(NULL, "");
    check_utf8("a\nb \u65e5", "a\nb \u65e5");
    check_utf8("a\xff\xff z", "a\ufffd\ufffd z");
    check_utf8("\xe2\x82", "\ufffd\ufffd");
}

static void check_json(const char *json, const char *expected)
{
    char *spelled = text_json(json);

    assert_non_null(spelled);
    assert_string_equal(spelled, expected);
    free(spelled);
}

static void test_json(void **state)
{
    (void)state;
    check_json("", "");
    check_json("{\n\t\"a\": \"caf\u00e9 \U0001f600\"\n}\n",
               "{\n\t\"a\": \"caf\u00e9 \U0001f600\"\n}\n");
    check_json("\"\x7f\xc2\x9b\u202e\U000e0041\"",
               "\"\\u007f\\u009b\\u202e\\udb40\\udc41\"");
    check_json("\x7f\x7f\x7f", "\\u007f\\u007f\\u007f");
}

static void test_widths(void **state)
{
    (void)state;
    assert_int_equal(text_width("", true), 0);
    assert_int_equal(text_width("abc", true), 3);
    assert_int_equal(text_width("caf\u00e9", true), 4);
    assert_int_equal(text_width("caf\u00e9", false), 5);
    assert_int_equal(text_width("\u65e5\u672c", true), 4);
    assert_int_equal(text_width("\xff\xff", true), 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_escape_of_anything),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_widths),
    };

    if (!setlocale(LC_ALL, "C.UTF-8")) return 99;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
