/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What differs between two configurations. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/config_diff.h"
#include "tests/qmp/cmocka_all.h"

/* As "KEY A B\n" for each; "-" for what is not there. */
static char *differences(const char *a, const char *b)
{
    struct manage_config_difference *list = NULL;
    struct manage_error err = { MANAGE_OK, "" };
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    int i, num = 0;

    assert_non_null(f);
    if (config_diff(a, "a", b, "b", &list, &num, &err)) fail_msg("%s", err.text);
    for (i = 0; i < num; i++)
        fprintf(f, "%s %s %s\n", list[i].key, list[i].a ? list[i].a : "-",
                list[i].b ? list[i].b : "-");
    config_diff_free(list, num);
    fclose(f);
    return text;
}

static void expect(const char *a, const char *b, const char *wanted)
{
    char *found = differences(a, b);

    assert_string_equal(found, wanted);
    free(found);
}

static void test_same(void **state)
{
    const char *text = "{\"c_info\": {\"name\": \"g\"}, \"disks\": []}";

    expect(text, text, "");
    expect("{}", "{\"disks\": [], \"b_info\": {\"type.pv\": {}}}", "");
}

static void test_values(void **state)
{
    expect("{\"b_info\": {\"max_memkb\": 1024, \"avail_vcpus\": [0, 1],"
           " \"device_model_user\": \"x\", \"localtime\": true}}",
           "{\"b_info\": {\"max_memkb\": 2048, \"avail_vcpus\": [0, 2, 3],"
           " \"device_model_user\": null, \"nomigrate\": false}}",
           "b_info.avail_vcpus[1] 1 2\n"
           "b_info.avail_vcpus[2] - 3\n"
           "b_info.device_model_user x null\n"
           "b_info.localtime true -\n"
           "b_info.max_memkb 1024 2048\n"
           "b_info.nomigrate - false\n");
}

static void test_devices(void **state)
{
    expect("{\"disks\": [{\"vdev\": \"xvda\", \"pdev_path\": \"/a\"},"
           " {\"vdev\": \"xvdb\", \"pdev_path\": \"/b\"}],"
           " \"nics\": [{\"mac\": \"00:16:3e:00:00:01\", \"bridge\": \"b0\"},"
           " {\"bridge\": \"nameless\"}]}",
           "{\"disks\": [{\"vdev\": \"xvdb\", \"pdev_path\": \"/b\"},"
           " {\"vdev\": \"xvda\", \"pdev_path\": \"/c\"}],"
           " \"nics\": [{\"mac\": \"00:16:3e:00:00:02\", \"bridge\": \"b0\"},"
           " {\"bridge\": \"nameless\"}]}",
           "disks[xvda].pdev_path /a /c\n"
           "nics[00:16:3e:00:00:01].bridge b0 -\n"
           "nics[00:16:3e:00:00:01].mac 00:16:3e:00:00:01 -\n"
           "nics[00:16:3e:00:00:02].bridge - b0\n"
           "nics[00:16:3e:00:00:02].mac - 00:16:3e:00:00:02\n");
}

static void test_what_passes(void **state)
{
    expect("{\"c_info\": {\"domid\": 3, \"name\": \"g\"}}",
           "{\"c_info\": {\"domid\": 4, \"name\": \"h\"}}",
           "c_info.name g h\n");
}

static void refused(const char *text)
{
    struct manage_config_difference *list = NULL;
    struct manage_error err = { MANAGE_OK, "" };
    int num;

    assert_int_not_equal(config_diff("{}", "a", text, "the snapshot 'b'",
                                     &list, &num, &err), 0);
    assert_int_equal(err.outcome, MANAGE_DAMAGED);
    assert_non_null(strstr(err.text, "the snapshot 'b'"));
    assert_null(list);
}

static void test_no_configuration(void **state)
{
    refused("");
    refused("[]");
    refused("{\"a\": 1, \"a\": 2}");
}

static void test_disk_of_key(void **state)
{
    char vdev[8] = "";

    assert_string_equal(config_diff_disk("disks[xvda].pdev_path", vdev, 8),
                        "pdev_path");
    assert_string_equal(vdev, "xvda");
    assert_null(config_diff_disk("disks[xvda]", vdev, 8));
    assert_null(config_diff_disk("disks[xvdabcde].format", vdev, 8));
    assert_null(config_diff_disk("nics[xvda].format", vdev, 8));
    assert_null(config_diff_disk("b_info.disks[xvda].format", vdev, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_what_passes),
        cmocka_unit_test(test_no_configuration),
        cmocka_unit_test(test_disk_of_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
