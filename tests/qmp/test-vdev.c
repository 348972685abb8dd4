/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <libxl.h>

#include "libxl/diag.h"
#include "libxl/vdev.h"
#include "tests/qmp/cmocka_all.h"

static void test_good(void **state)
{
    static const struct {
        const char *vdev;
        uint32_t number;
    } cases[] = {
        { "xvda", 51712 }, { "xvda0", 51712 }, { "xvda1", 51713 },
        { "xvda15", 51727 }, { "xvdb", 51728 }, { "xvdp", 51952 },
        { "xvdp15", 51967 },
        { "xvda16", 1u << 28 | 16 }, { "xvda255", 1u << 28 | 255 },
        { "xvdq", 1u << 28 | 16 << 8 }, { "xvdz", 1u << 28 | 25 << 8 },
        { "xvdaa", 1u << 28 | 26 << 8 }, { "xvdab3", 1u << 28 | 27 << 8 | 3 },
        { "xvdzz", 1u << 28 | 701 << 8 }, { "xvdaaa", 1u << 28 | 702 << 8 },
        { "d0", 51712 }, { "d0p1", 51713 }, { "d1p0", 51728 },
        { "d16", 1u << 28 | 16 << 8 }, { "d536p37", 1u << 28 | 536 << 8 | 37 },
        { "xvdtq37", 1u << 28 | 536 << 8 | 37 },    /* the manual's example */
        { "d1048575p255", 1u << 28 | 1048575u << 8 | 255 },
        { "hda", 768 }, { "hda1", 769 }, { "hda63", 831 }, { "hdb", 832 },
        { "hdc", 5632 }, { "hdd2", 5698 },
        { "sda", 2048 }, { "sda15", 2063 }, { "sdb", 2064 }, { "sdp", 2288 },
        { "51712", 51712 }, { "0", 0 }, { "4294967295", 4294967295u },
    };
    uint32_t number;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        number = 12345;
        assert_int_equal(vdev_number(cases[i].vdev, &number), 0);
        if (number != cases[i].number)
            fail_msg("%s is %u", cases[i].vdev, number);
    }
}

static void test_bad(void **state)
{
    static const char *const cases[] = {
        "", "x", "xvd", "xvd1", "XVDA", "xvdA", "xvda-1", "xvda 1", "xvda01",
        "xvda256", "xvda99999999999999999999", "xvdaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "xvdbguya" /* disk 2^20 + more */, "xvda1x", "/dev/xvda", "vda", "d",
        "da", "dp1", "d0p", "d0p256", "d1048576", "d00", "d0p01", "hde", "hda64",
        "sdq", "sda16", "sdaa", "-1", "+1", "051712", "0x1", "4294967296",
        "99999999999999999999999", "51712 ",
    };
    uint32_t number = 42;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (vdev_number(cases[i], &number) != ERROR_INVAL)
            fail_msg("%s is taken for %u", cases[i], number);
    }
    assert_int_equal(vdev_number(NULL, &number), ERROR_INVAL);
    assert_int_equal(number, 42);
}

static void test_diag_is_one_line(void **state)
{
    static const struct {
        const char *text, *clean;
    } cases[] = {
        { "plain", "plain" }, { "two\nlines\r\n", "two lines" },
        { "\033[31mred", " [31mred" }, { "a\tb\177c", "a b c" },
        { "Größe 日本 \360\237\230\200", "Größe 日本 \360\237\230\200" },
        { "\302\233m", " m" }, { "\377\376", "??" }, { "cut \303", "cut ?" },
        { "\300\200\355\240\200", "?????" }, { "\364\220\200\200", "????" },
        { "\340\200\200", "???" }, { "   ", "" },
    };
    struct diag diag;
    char longer[2000];
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        diag_set(&diag, "%s", cases[i].text);
        assert_string_equal(diag.text, cases[i].clean);
    }
    diag_set(&diag, "%d things", 3);
    diag_prefix(&diag, "%s: ", "disk");
    assert_string_equal(diag.text, "disk: 3 things");

    /* cut in the middle of a character */
    for (i = 0; i + 2 < sizeof(longer); i += 2)
        memcpy(longer + i, "\303\266", 3);
    diag_set(&diag, "x%s", longer);
    assert_int_equal(strlen(diag.text), sizeof(diag.text) - 1);
    diag_set(&diag, "%s", longer);
    assert_int_equal(diag.text[sizeof(diag.text) - 2], '?');
    diag_prefix(&diag, "%s", longer);
    assert_int_equal(strlen(diag.text), sizeof(diag.text) - 1);
    diag_set(NULL, "nobody wants to know");
    diag_prefix(NULL, "at all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_diag_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
