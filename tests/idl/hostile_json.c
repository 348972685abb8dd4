/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What generated code makes of JSON that is wrong, and of JSON that is right:
 * the shape of it, where a message says that the fault is, what is left of
 * the value. The types are those of tests/idl/ok/constructs.idl.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "idl/runtime.h"
#include "tests/idl/_constructs_json.h"

/* TYPE is read from text; it fails, the message is as given, and what is left
 * owns nothing and equals a fresh one. */
#define BAD(type, input, message)                                       \
    do {                                                                \
        struct xjson_error err_ = { "" };                               \
        xjson *v_ = NULL;                                               \
        type p_, fresh_;                                                \
                                                                        \
        type##_init(&p_);                                               \
        type##_init(&fresh_);                                           \
        if (xjson_parse(input, strlen(input), &v_, &err_))              \
            fail_msg("no JSON: %s: %s", input, err_.text);              \
        assert_int_equal(type##_parse_json(v_, &p_, &err_), ERROR_INVAL); \
        assert_string_equal(err_.text, message);                        \
        type##_dispose(&p_);                                            \
        type##_init(&p_);                                               \
        assert_int_equal(type##_parse_json(v_, &p_, NULL), ERROR_INVAL); \
        type##_dispose(&p_);                                            \
        xjson_free(v_);                                                 \
        assert_int_equal(type##_from_json(NULL, &p_, input), ERROR_INVAL); \
        assert_memory_equal(&p_, &fresh_, sizeof(p_));                  \
        type##_dispose(&p_);                                            \
    } while (0)

/* TYPE is read from text and written again as wanted, on one line. */
#define GOOD(type, input, wanted)                                       \
    do {                                                                \
        xjson_writer *w_ = NULL;                                        \
        char *json_ = NULL;                                             \
        type p_;                                                        \
                                                                        \
        assert_int_equal(type##_from_json(NULL, &p_, input), 0);        \
        assert_int_equal(xjson_writer_alloc(false, &w_), 0);            \
        assert_int_equal(type##_gen_json(w_, &p_), 0);                  \
        assert_int_equal(xjson_writer_finish(w_, &json_, NULL), 0);     \
        assert_string_equal(json_, wanted);                             \
        xjson_writer_free(w_);                                          \
        free(json_);                                                    \
        type##_dispose(&p_);                                            \
    } while (0)

#define SAME(type, text) GOOD(type, text, text)

static void test_not_json(void **state)
{
    static const char *const texts[] = {
        "", "{", "nonsense", "{} {}", "{\"name\": \"a\", \"name\": \"a\"}",
        "{\"name\": \"\\u0000\"}", "{\"name\": \"\xff\"}",
        "{\"colour\": \"red\", \"colour\": \"red\"}",
    };
    char deep[3000];
    idlt_leaf p;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(idlt_leaf_from_json(NULL, &p, texts[i]), ERROR_INVAL);
    assert_int_equal(idlt_leaf_from_json(NULL, &p, NULL), ERROR_INVAL);
    memset(deep, '[', sizeof(deep));
    deep[sizeof(deep) - 1] = 0;
    assert_int_equal(idlt_leaf_from_json(NULL, &p, deep), ERROR_INVAL);
}

static void test_wrong_types(void **state)
{
    BAD(idlt_leaf, "[]", "expected an object, found an array");
    BAD(idlt_leaf, "null", "expected an object, found null");
    BAD(idlt_leaf, "\"x\"", "expected an object, found a string");
    BAD(idlt_leaf, "{\"name\": 1}", "name: expected a string, found an integer");
    BAD(idlt_leaf, "{\"name\": {}}", "name: expected a string, found an object");
    BAD(idlt_leaf, "{\"colour\": 1}",
        "colour: expected a string, found an integer");
    BAD(idlt_scalars, "{\"on\": \"true\"}",
        "on: expected a boolean, found a string");
    BAD(idlt_scalars, "{\"on\": 1}", "on: expected a boolean, found an integer");
    BAD(idlt_scalars, "{\"on\": null}", "on: expected a boolean, found null");
    BAD(idlt_scalars, "{\"u8\": 1.0}", "u8: expected an integer, found a number");
    BAD(idlt_scalars, "{\"u8\": \"1\"}",
        "u8: expected an integer, found a string");
    BAD(idlt_scalars, "{\"u8\": true}",
        "u8: expected an integer, found a boolean");
    BAD(idlt_arrays, "{\"numbers\": {}}",
        "numbers: expected an array, found an object");
    BAD(idlt_arrays, "{\"numbers\": 5}",
        "numbers: expected an array, found an integer");
    BAD(idlt_builtins, "{\"flag\": 1}",
        "flag: expected a string, found an integer");
    BAD(idlt_builtins, "{\"mac\": {}}",
        "mac: expected null or a string, found an object");
    BAD(idlt_builtins, "{\"mac\": \"00:16\"}", "mac: expected a MAC address");
}

static void test_ranges(void **state)
{
    BAD(idlt_scalars, "{\"u8\": 256}", "u8: the number is out of range");
    BAD(idlt_scalars, "{\"u8\": -1}", "u8: the number is out of range");
    BAD(idlt_scalars, "{\"u16\": 65536}", "u16: the number is out of range");
    BAD(idlt_scalars, "{\"u32\": 4294967296}",
        "u32: the number is out of range");
    BAD(idlt_scalars, "{\"u64\": -1}", "u64: the number is out of range");
    BAD(idlt_scalars, "{\"i\": 2147483648}", "i: the number is out of range");
    BAD(idlt_scalars, "{\"i\": -2147483649}", "i: the number is out of range");
    BAD(idlt_scalars, "{\"offset\": 9223372036854775808}",
        "offset: the number is out of range");
    BAD(idlt_builtins, "{\"devid\": 2147483648}",
        "devid: the number is out of range");
    SAME(idlt_scalars, "{\"i\":-2147483648,\"u8\":255,\"u16\":65535,\"u32\":0,"
         "\"u64\":18446744073709551615,\"offset\":-9223372036854775808,"
         "\"big\":9223372036854775807,\"port\":0}");
    SAME(idlt_scalars, "{\"i\":2147483647}");
}

static void test_enumerations(void **state)
{
    idlt_colour e = IDLT_COLOUR_RED;

    BAD(idlt_leaf, "{\"colour\": \"blue\"}", "colour: unknown value 'blue'");
    BAD(idlt_leaf, "{\"colour\": \"\"}", "colour: unknown value ''");
    BAD(idlt_leaf, "{\"colour\": \"a\\nb\"}", "colour: unknown value 'a?b'");
    BAD(idlt_scalars, "{\"backend\": \"none\"}",
        "backend: unknown value 'none'");
    BAD(idlt_arrays, "{\"colours\": [\"red\", \"re\"]}",
        "colours[1]: unknown value 're'");
    GOOD(idlt_leaf, "{\"colour\": \"GREEN\"}", "{\"colour\":\"green\"}");
    SAME(idlt_leaf, "{\"colour\":\"min\"}");
    SAME(idlt_scalars, "{\"code\":\"7up\",\"backend\":\"qdisk\"}");

    assert_int_equal(idlt_colour_from_string(NULL, &e), ERROR_INVAL);
    assert_int_equal(idlt_colour_from_string("", &e), ERROR_INVAL);
    assert_int_equal(idlt_colour_from_string("gree", &e), ERROR_INVAL);
    assert_int_equal(idlt_colour_from_string("greens", &e), ERROR_INVAL);
    assert_int_equal(idlt_colour_from_json(NULL, &e, "5"), ERROR_INVAL);
    assert_int_equal(idlt_colour_from_json(NULL, &e, "\"blue\""), ERROR_INVAL);
    assert_int_equal(e, IDLT_COLOUR_RED);
    assert_null(idlt_colour_to_string((idlt_colour)77));
    assert_null(idlt_colour_to_json(NULL, (idlt_colour)77));
}

static void test_unknown_members(void **state)
{
    BAD(idlt_leaf, "{\"nome\": \"x\"}", "unknown member 'nome'");
    BAD(idlt_leaf, "{\"\": \"x\"}", "unknown member ''");
    BAD(idlt_leaf, "{\"NAME\": \"x\"}", "unknown member 'NAME'");
    BAD(idlt_arrays, "{\"leaves\": [{}, {\"x\": 1}]}",
        "leaves[1]: unknown member 'x'");
    BAD(idlt_arrays, "{\"inner\": {\"leaves\": [{\"x\": 1}]}}",
        "inner.leaves[0]: unknown member 'x'");
    /* a count is no member, const and private fields are none either */
    BAD(idlt_arrays, "{\"num_numbers\": 5}", "unknown member 'num_numbers'");
    BAD(idlt_scalars, "{\"fixed\": 5}", "unknown member 'fixed'");
    BAD(idlt_builtins, "{\"link\": {}}", "unknown member 'link'");
    BAD(idlt_choice, "{\"kind\": \"text\"}", "unknown member 'kind'");
    /* told to ignore them, here and in its unnamed structs, but no deeper */
    GOOD(idlt_nested, "{\"new\": [1], \"arch\": {\"ppc\": 1, "
         "\"arm\": {\"gic\": 3, \"x\": {}}}}",
         "{\"choice\":{\"kind.invalid\":{}},\"mood\":{\"deep\":{}},"
         "\"scalars\":{},\"plain\":{},"
         "\"arch\":{\"arm\":{\"gic\":3},\"x86\":{\"builtins\":"
         "{\"mac\":\"00:00:00:00:00:00\"}}}}");
    BAD(idlt_nested, "{\"choice\": {\"new\": 1}}",
        "choice: unknown member 'new'");
}

static void test_unions(void **state)
{
    BAD(idlt_choice, "{\"kind.text\": \"a\", \"kind.number\": 1}",
        "both 'kind.text' and 'kind.number' are given");
    BAD(idlt_choice, "{\"kind.text\": \"a\", \"kind.none\": 1}",
        "both 'kind.text' and 'kind.none' are given");
    BAD(idlt_choice, "{\"kind.none\": {}}", "unknown variant 'kind.none'");
    BAD(idlt_choice, "{\"kind.\": {}}", "unknown variant 'kind.'");
    BAD(idlt_choice, "{\"kind.TEXT\": \"a\"}", "unknown variant 'kind.TEXT'");
    BAD(idlt_choice, "{\"kind.unlisted\": {}}",
        "unknown variant 'kind.unlisted'");
    BAD(idlt_choice, "{\"kind.nothing\": {\"x\": 1}}",
        "kind.nothing: unknown member 'x'");
    BAD(idlt_choice, "{\"kind.nothing\": null}",
        "kind.nothing: expected an object, found null");
    BAD(idlt_choice, "{\"kind.number\": -1}",
        "kind.number: the number is out of range");
    BAD(idlt_choice, "{\"kind.record\": {\"leaves\": [{}, {\"name\": []}]}}",
        "kind.record.leaves[1].name: expected a string, found an array");
    BAD(idlt_choice, "{\"kind.record\": {\"leaf\": {\"name\": \"x\"}, "
        "\"backend\": {\"which.qdisk\": {}, \"which.phy\": {}}}}",
        "kind.record.backend: both 'which.qdisk' and 'which.phy' are given");
    SAME(idlt_choice, "{\"before\":1,\"kind.nothing\":{},\"after\":2}");
    SAME(idlt_choice, "{\"kind.number\":18446744073709551615}");
    SAME(idlt_choice, "{\"kind.word\":\"a word\"}");
    SAME(idlt_choice, "{\"kind.record\":{\"leaf\":{\"name\":\"x\"},"
         "\"leaves\":[{},{\"name\":\"\"}],"
         "\"backend\":{\"which.phy\":{\"path\":\"/dev/x\"}}}}");
    SAME(idlt_mood, "{\"colour.red\":{},\"deep\":{\"kind.text\":\"t\"}}");
    GOOD(idlt_mood, "{}", "{\"deep\":{}}");
}

static void test_shape(void **state)
{
    SAME(idlt_leaf, "{}");
    GOOD(idlt_leaf, "{\"name\": null, \"colour\": \"unknown\"}", "{}");
    SAME(idlt_leaf, "{\"name\":\"\"}");
    GOOD(idlt_scalars, "{\"i\": -5, \"on\": true, \"port\": 80, "
         "\"mem\": 18446744073709551615, \"kind\": \"invalid\"}", "{}");
    SAME(idlt_scalars, "{\"i\":0,\"mem\":0,\"on\":false,"
         "\"colour\":\"unknown\",\"odd\":true}");
    GOOD(idlt_arrays, "{\"bools\": [], \"leaves\": []}", "{\"inner\":{}}");
    SAME(idlt_arrays, "{\"bools\":[true,false],\"numbers\":[0,1],"
         "\"strings\":[\"a\",null,\"\"],\"colours\":[\"red\",\"unknown\"],"
         "\"backends\":[\"tap\"],\"leaves\":[{},{\"name\":\"l\"}],"
         "\"plains\":[{},{\"b\":8}],\"bits\":[[],[3]],\"labels\":[\"l\"],"
         "\"counters\":[100,1],\"devids\":[-1,0],\"inner\":{}}");
    SAME(idlt_builtins, "{\"flag\":\"yes\",\"bits\":[1,63],"
         "\"mac\":\"00:16:3e:00:00:01\",\"label\":\"l\",\"devid\":0,"
         "\"counter\":1}");
    SAME(idlt_holder, "{\"word\":17}");
    SAME(idlt_users, "{\"custom\":{\"text\":\"a\"},\"by_hand\":\"b\","
         "\"customs\":[{}],\"by_hands\":[\"c\",null]}");
}

static void test_huge_array(void **state)
{
    size_t n = 300000, i;
    char *text = malloc(n * 6 + 100), *at = text;
    idlt_arrays p;

    assert_non_null(text);
    at += sprintf(at, "{\"leaves\": [{}");
    for (i = 1; i < n; i++) at += sprintf(at, ",{}");
    sprintf(at, "]}");
    assert_int_equal(idlt_arrays_from_json(NULL, &p, text), 0);
    assert_int_equal(p.leaf_count, n);
    idlt_arrays_dispose(&p);
    sprintf(at, ",{\"x\":1}]}");
    assert_int_equal(idlt_arrays_from_json(NULL, &p, text), ERROR_INVAL);
    assert_int_equal(p.leaf_count, 0);
    assert_null(p.leaves);
    free(text);
}

/* ---- what JSON does not show ---- */

static void test_init_key(void **state)
{
    idlt_choice p;

    idlt_choice_init(&p);
    assert_int_equal(p.kind, IDLT_KIND_INVALID);
    idlt_choice_init_kind(&p, IDLT_KIND_TEXT);
    p.u.text = strdup("freed by the next");
    idlt_choice_init_kind(&p, IDLT_KIND_RECORD);
    assert_null(p.u.record.leaf.name);
    assert_int_equal(p.u.record.backend.which, 0);
    p.u.record.leaf.name = strdup("and this");
    idlt_choice_init_u_record_backend_which(&p, LIBXL_DISK_BACKEND_PHY);
    p.u.record.backend.v.phy.path = strdup("/dev/x");
    idlt_choice_init_u_record_backend_which(&p, LIBXL_DISK_BACKEND_QDISK);
    assert_null(p.u.record.backend.v.qdisk.name);
    p.u.record.backend.v.qdisk.name = strdup("and that");
    idlt_choice_init_kind(&p, IDLT_KIND_UNLISTED);
    assert_int_equal(p.kind, IDLT_KIND_UNLISTED);
    /* a key without a variant would be lost in JSON */
    assert_null(idlt_choice_to_json(NULL, &p));
    idlt_choice_dispose(&p);
    idlt_choice_dispose(&p);
    idlt_choice_dispose(NULL);
}

static void test_copy(void **state)
{
    idlt_builtins b, c;
    idlt_runtime r;

    idlt_builtins_init(&b);
    assert_int_equal(b.devid, -1);
    assert_int_equal(b.counter.n, 100);
    b.link.next = &b.link;
    b.label = strdup("label");
    assert_int_equal(idlt_builtins_copy(NULL, &c, &b), 0);
    assert_null(c.link.next);           /* private: not copied */
    assert_string_equal(c.label, "label");
    assert_ptr_not_equal(c.label, b.label);
    idlt_builtins_dispose(&b);
    idlt_builtins_dispose(&c);

    idlt_runtime_init(&r);
    assert_int_equal(r.fd, -1);
    idlt_runtime_dispose(&r);
}

static void test_unwritable(void **state)
{
    idlt_leaf p;

    idlt_leaf_init(&p);
    p.colour = (idlt_colour)77;
    assert_null(idlt_leaf_to_json(NULL, &p));
    p.colour = IDLT_COLOUR_RED;
    p.name = strdup("\xff");
    assert_null(idlt_leaf_to_json(NULL, &p));
    idlt_leaf_dispose(&p);
}

static void test_deprecated(void **state)
{
    idlt_renamed p;

    idlt_renamed_init(&p);
    assert_int_equal(idlt_renamed_copy_deprecated(NULL, &p), 0);
    assert_int_equal(p.count, 1);

    p.title = strdup("old name");
    p.old.flag.state = 2;
    idlt_renamed_init_kind(&p, IDLT_KIND_RECORD);
    p.u.record.count = 9;
    p.u.record.bits.map = calloc(1, 1);
    p.u.record.bits.size = 1;
    assert_int_equal(idlt_renamed_copy_deprecated(NULL, &p), 0);
    assert_string_equal(p.name, "old name");
    assert_null(p.title);
    assert_int_equal(p.flag.state, 2);
    assert_int_equal(p.old.flag.state, 0);
    assert_int_equal(p.count, 9);
    assert_int_equal(p.u.record.count, 1);
    assert_int_equal(p.bits.size, 1);
    assert_null(p.u.record.bits.map);

    /* both the old and the new */
    p.title = strdup("another");
    assert_int_equal(idlt_renamed_copy_deprecated(NULL, &p), ERROR_INVAL);
    assert_string_equal(p.name, "old name");
    idlt_renamed_dispose(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_enumerations),
        cmocka_unit_test(test_unknown_members),
        cmocka_unit_test(test_unions),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_huge_array),
        cmocka_unit_test(test_init_key),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_deprecated),
    };

    return cmocka_run_group_tests_name("hostile_json", tests, NULL, NULL);
}
