/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl/json.c: what it accepts, what it refuses and how it says so. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libxl/json.h"
#include "tests/idl/fail_alloc.h"

static xjson *parse(const char *text)
{
    struct xjson_error err = { "" };
    xjson *v = NULL;

    if (xjson_parse(text, strlen(text), &v, &err))
        fail_msg("%s: %s", text, err.text);
    return v;
}

static void refused(const char *text, size_t len, const char *why)
{
    struct xjson_error err = { "" };
    xjson *v = (xjson *)&err;       /* must be left alone */

    assert_int_equal(xjson_parse(text, len, &v, &err), ERROR_INVAL);
    assert_ptr_equal(v, &err);
    if (!strstr(err.text, why)) fail_msg("'%s' lacks '%s'", err.text, why);
    assert_int_equal(xjson_parse(text, len, &v, NULL), ERROR_INVAL);
}

#define REFUSED(text, why) refused(text, sizeof(text) - 1, why)

/* ---- reading ---- */

static void test_values(void **state)
{
    xjson *v = parse("{\"n\": null, \"t\": true, \"f\": false, \"i\": -7, "
                     "\"r\": 1.5e3, \"s\": \"\\u00e9\\ud83d\\udc3c\\n\", "
                     "\"a\": [1, [], {}]}");
    static const xjson_type types[] = {
        XJSON_NULL, XJSON_BOOL, XJSON_BOOL, XJSON_INTEGER, XJSON_REAL,
        XJSON_STRING, XJSON_ARRAY,
    };
    const xjson *m = xjson_first(v);
    size_t i;

    assert_int_equal(xjson_type_of(v), XJSON_OBJECT);
    assert_int_equal(xjson_count(v), 7);
    for (i = 0; i < 7; i++, m = xjson_next(m))
        assert_int_equal(xjson_type_of(m), types[i]);
    assert_null(m);
    assert_true(xjson_member_true(v, "t"));
    assert_false(xjson_member_true(v, "f"));
    assert_false(xjson_member_true(v, "i"));
    assert_false(xjson_member_true(v, "none"));
    assert_string_equal(xjson_member_string(v, "s"),
                        "\xc3\xa9\xf0\x9f\x90\xbc\n");
    assert_null(xjson_member_string(v, "i"));
    assert_string_equal(xjson_name(xjson_first(v)), "n");
    assert_null(xjson_name(v));
    assert_int_equal(xjson_count(xjson_member(v, "a")), 3);
    assert_null(xjson_member(xjson_member(v, "a"), "0"));
    assert_int_equal(xjson_type_of(NULL), XJSON_NULL);
    xjson_free(v);
    xjson_free(NULL);
}

static void integer(const char *text, bool s, int64_t n, bool u, uint64_t m)
{
    xjson *v = parse(text);
    int64_t i = 42;
    uint64_t k = 42;

    assert_int_equal(xjson_int(v, INT64_MIN, INT64_MAX, &i),
                     s ? 0 : ERROR_INVAL);
    assert_true(i == (s ? n : 42));
    assert_int_equal(xjson_uint(v, UINT64_MAX, &k), u ? 0 : ERROR_INVAL);
    assert_true(k == (u ? m : 42));
    xjson_free(v);
}

static void test_integers(void **state)
{
    xjson *v = parse("200");
    int64_t i;
    uint64_t u;
    bool b;

    integer("0", true, 0, true, 0);
    integer("-0", true, 0, true, 0);
    integer("-1", true, -1, false, 0);
    integer("9223372036854775807", true, INT64_MAX, true, INT64_MAX);
    integer("9223372036854775808", false, 0, true, UINT64_C(1) << 63);
    integer("-9223372036854775808", true, INT64_MIN, false, 0);
    integer("18446744073709551615", false, 0, true, UINT64_MAX);
    integer("1.0", false, 0, false, 0);
    integer("1e2", false, 0, false, 0);
    integer("\"1\"", false, 0, false, 0);
    integer("true", false, 0, false, 0);
    assert_int_equal(xjson_int(v, -128, 127, &i), ERROR_INVAL);
    assert_int_equal(xjson_int(v, 201, 300, &i), ERROR_INVAL);
    assert_int_equal(xjson_uint(v, 199, &u), ERROR_INVAL);
    assert_int_equal(xjson_uint(v, 200, &u), 0);
    assert_int_equal(xjson_bool(v, &b), ERROR_INVAL);
    xjson_free(v);
    REFUSED("18446744073709551616", "out of range");
    REFUSED("-9223372036854775809", "out of range");
    REFUSED("[1, 99999999999999999999999999]", "out of range");
}

static void test_refused(void **state)
{
    REFUSED("", "byte");
    REFUSED("  ", "byte");
    REFUSED("{", "byte");
    REFUSED("[1,]", "byte");
    REFUSED("{\"a\" 1}", "byte");
    REFUSED("{'a': 1}", "byte");
    REFUSED("nul", "byte");
    REFUSED("1 2", "byte");
    REFUSED("{} x", "byte");
    REFUSED("NaN", "byte");
    REFUSED("01", "byte");
    REFUSED("\"a\nb\"", "byte");
    REFUSED("{}\0{}", "byte");
    REFUSED("\"a\0b\"", "byte");
    REFUSED("\"\\u0000\"", "NUL");
    REFUSED("{\"a\\u0000\": 1}", "NUL");
    REFUSED("{\"a\": 1, \"b\": 2, \"a\": 1}", "duplicate member 'a'");
    REFUSED("{\"\\u0061\": 1, \"a\": 1}", "duplicate member 'a'");
    REFUSED("[{\"x\": {\"a\": 1, \"a\": 1}}]", "duplicate member 'a'");
}

static void test_not_utf8(void **state)
{
    REFUSED("\"\xff\"", "");
    REFUSED("\"\xc3\"", "");
    REFUSED("\"\xc0\x80\"", "");            /* an overlong NUL */
    REFUSED("\"\xe0\x80\xaf\"", "UTF-8");
    REFUSED("\"\xed\xa0\x80\"", "UTF-8");   /* a surrogate */
    REFUSED("\"\xf4\x90\x80\x80\"", "UTF-8");
    REFUSED("\"\\ud800\"", "surrogate");
    REFUSED("\"\\ud800\\u0041\"", "surrogate");
    REFUSED("\"\\udc00\"", "surrogate");
    REFUSED("\"\\\\\\ud800\"", "surrogate");
    xjson_free(parse("\"\\\\ud800\""));     /* an escaped backslash */
    xjson_free(parse("\"\\uD83D\\uDC3C\""));
}

static char *nested(unsigned int depth)
{
    char *text = malloc(2 * depth + 1);

    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = 0;
    return text;
}

static void test_bounds(void **state)
{
    char *text = nested(XJSON_MAX_DEPTH);
    size_t len = (size_t)XJSON_MAX_VALUES * 2 + 3, i;

    xjson_free(parse(text));
    free(text);
    text = nested(XJSON_MAX_DEPTH + 1);
    refused(text, strlen(text), "too deep");
    free(text);
    text = nested(1000000);
    refused(text, strlen(text), "too deep");
    free(text);

    refused("", (size_t)XJSON_MAX_BYTES + 1, "longer than");

    /* A million values take valgrind half a minute. */
    if (getenv("UNDER_VALGRIND")) return;
    text = malloc(len + 1);
    assert_non_null(text);
    text[0] = '[';
    for (i = 1; i + 1 < len; i++) text[i] = i % 2 ? '1' : ',';
    text[len - 1] = ']';
    refused(text, len, "too many values");
    free(text);
}

/* ---- errors ---- */

static void test_error_places(void **state)
{
    struct xjson_error err = { "" };
    char name[300];

    xjson_error_set(&err, "expected %s", "a string");
    xjson_error_within_member(&err, "name");
    assert_string_equal(err.text, "name: expected a string");
    xjson_error_within_element(&err, 3);
    xjson_error_within_member(&err, "snapshots");
    assert_string_equal(err.text, "snapshots[3].name: expected a string");

    /* a colon in what is quoted is no place */
    xjson_error_set(&err, "duplicate member '%s'", "a:b");
    xjson_error_within_member(&err, "m");
    assert_string_equal(err.text, "m: duplicate member 'a:b'");

    /* one line of UTF-8, even when it is cut */
    xjson_error_set(&err, "unknown '%s'", "a\n\x1b[31m\xff\xc3\xa9");
    assert_string_equal(err.text, "unknown 'a??[31m?\xc3\xa9'");
    memset(name, 'x', sizeof(name));
    memcpy(name + 253, "\xe2\x82\xac", 3);
    name[299] = 0;
    xjson_error_set(&err, "%s", name);
    assert_int_equal(strlen(err.text), 255);
    assert_string_equal(err.text + 252, "x??");
    xjson_error_within_member(&err, "m");
    assert_memory_equal(err.text, "m: xxx", 6);

    xjson_error_set(NULL, "nowhere");
    xjson_error_within_member(NULL, "m");
    xjson_error_within_element(NULL, 0);
}

/* ---- writing ---- */

static char *finish(xjson_writer *w)
{
    char *text = NULL;
    size_t len = 0;

    assert_int_equal(xjson_writer_finish(w, &text, &len), 0);
    assert_int_equal(len, strlen(text));
    xjson_writer_free(w);
    return text;
}

static xjson_writer *writer(void)
{
    xjson_writer *w = NULL;

    assert_int_equal(xjson_writer_alloc(false, &w), 0);
    return w;
}

static void test_write(void **state)
{
    xjson_writer *w = writer();
    char *text, *again;
    xjson *v;

    xjson_write_object(w);
    xjson_write_member_string(w, "s", "\"\\\n\x01\xc3\xa9");
    xjson_write_member_string(w, "none", NULL);
    xjson_write_member_bool(w, "t", true);
    xjson_write_member_bool(w, "f", false);
    xjson_write_member_int(w, "i", INT64_MIN);
    xjson_write_member_uint(w, "u", UINT64_MAX);
    xjson_write_name(w, "a");
    xjson_write_array(w);
    xjson_write_null(w);
    xjson_write_object(w);
    xjson_write_object_end(w);
    xjson_write_array_end(w);
    assert_int_equal(xjson_write_object_end(w), 0);
    text = finish(w);
    assert_string_equal(text, "{\"s\":\"\\\"\\\\\\n\\u0001\xc3\xa9\","
                        "\"none\":null,\"t\":true,\"f\":false,"
                        "\"i\":-9223372036854775808,"
                        "\"u\":18446744073709551615,\"a\":[null,{}]}");

    v = parse(text);
    w = writer();
    assert_int_equal(xjson_write_value(w, v), 0);
    again = finish(w);
    assert_string_equal(text, again);
    xjson_free(v);
    free(text);
    free(again);
}

static void unfinished(xjson_writer *w)
{
    char *text = NULL;

    assert_int_equal(xjson_writer_finish(w, &text, NULL), ERROR_INVAL);
    assert_null(text);
    xjson_writer_free(w);
}

static void test_write_misuse(void **state)
{
    xjson_writer *w = writer();

    unfinished(w);                      /* nothing written */

    w = writer();
    xjson_write_object(w);
    unfinished(w);                      /* not closed */

    w = writer();
    assert_int_equal(xjson_write_string(w, "\xff"), ERROR_INVAL);
    assert_int_equal(xjson_write_null(w), ERROR_INVAL);     /* sticks */
    unfinished(w);

    w = writer();
    xjson_write_object(w);
    assert_int_equal(xjson_write_int(w, 1), ERROR_INVAL);   /* no name */
    unfinished(w);

    w = writer();
    xjson_write_int(w, 1);
    assert_int_equal(xjson_write_int(w, 2), ERROR_INVAL);   /* two values */
    unfinished(w);
    xjson_writer_free(NULL);
}

/* ---- no memory ---- */

static int read_and_write(const char *text, char **again_r)
{
    xjson_writer *w = NULL;
    xjson *v = NULL;
    int rc;

    rc = xjson_parse(text, strlen(text), &v, NULL);
    if (!rc) rc = xjson_writer_alloc(true, &w);
    if (!rc) rc = xjson_write_value(w, v);
    if (!rc) rc = xjson_writer_finish(w, again_r, NULL);
    xjson_writer_free(w);
    xjson_free(v);
    return rc;
}

/* Long enough for every buffer of the library to grow. */
static void test_no_memory(void **state)
{
    char text[6000] = "[";
    char *again = NULL;
    bool failed = true;
    long n;
    int rc;

    while (strlen(text) < sizeof(text) - 100)
        strcat(text, "{\"name\":[[[[[[\"text\\u00e9\"]]]]]],\"n\":1.5},");
    strcat(text, "null]");
    for (n = 0; failed; n++) {
        fail_alloc_at(n);
        rc = read_and_write(text, &again);
        failed = fail_alloc_end();
        assert_int_equal(rc, failed ? ERROR_NOMEM : 0);
        if (failed) assert_null(again);
    }
    assert_true(n > 500);
    assert_non_null(again);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_error_places),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_misuse),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
