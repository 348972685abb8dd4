/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: which are accepted, what is said about the others, and those that
 * are made. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/name.h"
#include "tests/chain/util.h"

typedef int check_fn(const char *name, struct chain_error *err);

static void refused(check_fn *check, const char *name, const char *why)
{
    struct chain_error err = { 0 };
    const char *c;

    assert_int_equal(ERROR_INVAL, check(name, &err));
    assert_int_equal(ERROR_INVAL, check(name, NULL));
    if (!strstr(err.text, why))
        fail_msg("'%s' is not in '%s'", why, err.text);
    /* whatever is in the name, nothing of it reaches a terminal */
    for (c = err.text; *c; c++) {
        assert_true((unsigned char)*c >= 0x20);
        assert_true(*c != 0x7f);
    }
}

static char *repeat(const char *s, size_t times)
{
    char *text = calloc(times, strlen(s) + 1);

    assert_non_null(text);
    while (times--) strcat(text, s);
    return text;
}

static void snapshot_names(void **state)
{
    static const char *const good[] = {
        "a", "Z", "snapshot-20261120-204530", "a.b_c-d", "A1", "x--", "a..",
    };
    char *hundred = repeat("n", 100), *more = repeat("n", 101),
         *many = repeat("n", 300);
    size_t i;

    for (i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_int_equal(0, chain_name_check(good[i], NULL));
    assert_int_equal(0, chain_name_check(hundred, NULL));
    refused(chain_name_check, more, "101 characters");
    refused(chain_name_check, many, "300 characters");
    refused(chain_name_check, NULL, "empty");
    refused(chain_name_check, "", "empty");
    refused(chain_name_check, "1", "does not begin with a letter");
    refused(chain_name_check, "-a", "does not begin with a letter");
    refused(chain_name_check, "../x", "does not begin with a letter");
    refused(chain_name_check, "_", "does not begin with a letter");
    refused(chain_name_check, "a/b", "not allowed, the 2th");
    refused(chain_name_check, "a b", "not allowed, the 2th");
    refused(chain_name_check, "ab\n", "not allowed, the 3th");
    refused(chain_name_check, "a\033[31m", "'a?[31m'");
    refused(chain_name_check, "na\xc3\xafve", "not allowed, the 3th");
    refused(chain_name_check, "a\xff", "'a?'");
    refused(chain_name_check, "\xc3\xa9t\xc3\xa9", "does not begin");
    free(hundred);
    free(more);
    free(many);
}

static void domain_names(void **state)
{
    char *most = repeat("d", 200), *more = repeat("d", 201);

    assert_int_equal(0, chain_domain_name_check("guest", NULL));
    assert_int_equal(0, chain_domain_name_check("my guest, 2nd", NULL));
    assert_int_equal(0, chain_domain_name_check("1-2_3.4", NULL));
    assert_int_equal(0, chain_domain_name_check("g\xc3\xa4st", NULL));
    assert_int_equal(0, chain_domain_name_check("\xf0\x9f\x90\xbc", NULL));
    assert_int_equal(0, chain_domain_name_check(most, NULL));
    refused(chain_domain_name_check, more, "longer than the 200 bytes");
    refused(chain_domain_name_check, NULL, "empty");
    refused(chain_domain_name_check, "", "empty");
    refused(chain_domain_name_check, ".", "begins with '.'");
    refused(chain_domain_name_check, "..", "begins with '.'");
    refused(chain_domain_name_check, ".x", "begins with '.'");
    refused(chain_domain_name_check, "a/b", "has a '/'");
    refused(chain_domain_name_check, "/", "has a '/'");
    refused(chain_domain_name_check, "a\n", "not plain UTF-8");
    refused(chain_domain_name_check, "a\x7f", "not plain UTF-8");
    refused(chain_domain_name_check, "\xc2\x9b" "1m", "not plain UTF-8");
    refused(chain_domain_name_check, "\xc0\xaf", "not plain UTF-8");
    refused(chain_domain_name_check, "\xed\xa0\x80", "not plain UTF-8");
    refused(chain_domain_name_check, "\xf4\x90\x80\x80", "not plain UTF-8");
    refused(chain_domain_name_check, "a\xe2\x82", "not plain UTF-8");
    refused(chain_domain_name_check, "\x80", "not plain UTF-8");
    refused(chain_domain_name_check, "\xff", "not plain UTF-8");
    free(most);
    free(more);
}

static void default_name(const struct chain_model *m, const char *expected)
{
    char *name;

    /* 20 Nov 2026, 20:45:30 UTC */
    assert_int_equal(0, chain_name_default(m, 1795207530, &name, NULL));
    assert_string_equal(expected, name);
    assert_int_equal(0, chain_name_check(name, NULL));
    free(name);
}

static void default_names(void **state)
{
    struct chain_model m;

    chain_model_init(&m);
    assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
    default_name(&m, "snapshot-20261120-204530");
    util_add(&m, 0, "snapshot-20261120-204530");
    default_name(&m, "snapshot-20261120-204530-2");
    util_add(&m, 0, "snapshot-20261120-204530-3");
    default_name(&m, "snapshot-20261120-204530-2");
    util_add(&m, 0, "snapshot-20261120-204530-2");
    default_name(&m, "snapshot-20261120-204530-4");
    chain_model_dispose(&m);
}

/* Whatever the time zone. */
static void default_names_are_utc(void **state)
{
    struct chain_model m;

    chain_model_init(&m);
    assert_int_equal(0, setenv("TZ", "Pacific/Auckland", 1));
    tzset();
    default_name(&m, "snapshot-20261120-204530");
    unsetenv("TZ");
    tzset();
    chain_model_dispose(&m);
}

static void handle(const struct chain_model *m, const char *name,
                   const char *const *further, size_t num,
                   const char *expected)
{
    char *found;

    assert_int_equal(0, chain_name_handle(m, name, further, num, &found, NULL));
    assert_string_equal(expected, found);
    free(found);
}

static void handles(void **state)
{
    static const char *const further[] = { "z", "A-2", "free-2", "free" };
    struct chain_model m;
    struct chain_error err;
    char *found = NULL;

    chain_model_init(&m);
    assert_int_equal(0, chain_model_set_empty(&m, "guest", NULL));
    handle(&m, "A", NULL, 0, "A");
    util_add(&m, 0, "A");
    handle(&m, "A", NULL, 0, "A-2");
    /* a rename leaves the handles as they were */
    assert_int_equal(0, chain_model_rename(&m, 1, "B", NULL));
    handle(&m, "A", NULL, 0, "A-2");
    handle(&m, "B", NULL, 0, "B");
    handle(&m, "A", further, 4, "A-3");
    handle(&m, "free", further, 4, "free-3");
    handle(&m, "free", further, 3, "free");
    assert_int_equal(ERROR_INVAL,
                     chain_name_handle(&m, "a/b", NULL, 0, &found, &err));
    assert_null(found);
    chain_model_dispose(&m);
}

static void long_handles(void **state)
{
    char *longest = repeat("n", 100), *shorter = repeat("n", 98), *found;
    const char *further[12];
    struct chain_model m;
    size_t i;

    chain_model_init(&m);
    further[0] = longest;
    for (i = 1; i < 12; i++) {
        assert_int_equal(0, chain_name_handle(&m, longest, further, i, &found,
                                              NULL));
        assert_int_equal(100, strlen(found));
        assert_int_equal(0, chain_name_check(found, NULL));
        further[i] = found;
    }
    assert_memory_equal(further[1], shorter, 98);
    assert_string_equal("-2", further[1] + 98);
    assert_string_equal("n-10", further[9] + 96);
    for (i = 1; i < 12; i++) free((char *)further[i]);
    free(longest);
    free(shorter);
    chain_model_dispose(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_names),
        cmocka_unit_test(domain_names),
        cmocka_unit_test(default_names),
        cmocka_unit_test(default_names_are_utc),
        cmocka_unit_test(handles),
        cmocka_unit_test(long_handles),
    };

    return cmocka_run_group_tests_name("chain-name", tests, NULL, NULL);
}
