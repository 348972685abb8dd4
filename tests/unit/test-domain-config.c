/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The edit of libxl's stored configuration: text in, text out. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/domain_config.h"
#include "libxl/json.h"
#include "tests/qmp/cmocka_all.h"

static int edit(const char *text, const char *vdev, const char *path,
                libxl_disk_format format, char **text_r)
{
    const struct domain_config_disk disk = {
        .vdev = vdev, .path = path, .format = format,
    };
    struct diag diag = { "" };
    size_t len = 12345;
    int rc;

    rc = domain_config_set_disk(text, strlen(text), &disk, text_r, &len,
                                &diag);
    if (rc)
        assert_true(diag.text[0]);
    else
        assert_int_equal(len, *text_r ? strlen(*text_r) : 0);
    return rc;
}

/* ---- a configuration as libxl itself writes it ---- */

static void add_disk(libxl_domain_config *config, const char *vdev,
                     const char *path, libxl_disk_format format)
{
    libxl_device_disk *disk;

    config->disks = realloc(config->disks, (config->num_disks + 1) *
                            sizeof(*config->disks));
    assert_non_null(config->disks);
    disk = &config->disks[config->num_disks++];
    libxl_device_disk_init(disk);
    disk->vdev = strdup(vdev);
    disk->pdev_path = path ? strdup(path) : NULL;
    disk->format = format;
    disk->backend = LIBXL_DISK_BACKEND_QDISK;
    disk->readwrite = 1;
    libxl_defbool_set(&disk->discard_enable, true);
}

static char *libxl_text(void)
{
    libxl_domain_config config;
    char *text;

    libxl_domain_config_init(&config);
    config.c_info.type = LIBXL_DOMAIN_TYPE_PV;
    config.c_info.name = strdup("w\xc3\xa9" "b \"1\"");
    libxl_domain_build_info_init_type(&config.b_info, LIBXL_DOMAIN_TYPE_PV);
    config.b_info.max_memkb = UINT64_C(18446744073709551614);
    add_disk(&config, "xvda", "/img/a.raw", LIBXL_DISK_FORMAT_RAW);
    add_disk(&config, "xvdb", "/img/b, c:d.qcow2", LIBXL_DISK_FORMAT_QCOW2);
    add_disk(&config, "hdc", NULL, LIBXL_DISK_FORMAT_EMPTY);
    add_disk(&config, "d40p7", "/img/\"q\"\\.qed", LIBXL_DISK_FORMAT_QED);
    text = libxl_domain_config_to_json(NULL, &config);
    libxl_domain_config_dispose(&config);
    assert_non_null(text);
    return text;
}

static char *normal(const char *text)
{
    xjson *value;
    xjson_writer *w;
    char *out;

    assert_int_equal(xjson_parse(text, strlen(text), &value, NULL), 0);
    assert_int_equal(xjson_writer_alloc(true, &w), 0);
    assert_int_equal(xjson_write_value(w, value), 0);
    assert_int_equal(xjson_writer_finish(w, &out, NULL), 0);
    xjson_writer_free(w);
    xjson_free(value);
    return out;
}

/* What is expected: the same text with one string in the place of another. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out;

    assert_non_null(at);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to,
                         at + strlen(from)) > 0);
    return out;
}

static void test_what_libxl_writes(void **state)
{
    char *text = libxl_text(), *before = normal(text), *after, *expected, *half;

    assert_int_equal(edit(text, "xvdb", "/new/b.qcow2",
                          LIBXL_DISK_FORMAT_QCOW2, &after), 0);
    expected = replaced(before, "/img/b, c:d.qcow2", "/new/b.qcow2");
    assert_string_equal(after, expected);
    free(expected);
    free(after);

    /* a raw base's overlay */
    assert_int_equal(edit(text, "xvda", "/img/a,o:1 \"\xc3\xbc\".qcow2",
                          LIBXL_DISK_FORMAT_QCOW2, &after), 0);
    half = replaced(before, "/img/a.raw",
                    "/img/a,o:1 \\\"\xc3\xbc\\\".qcow2");
    expected = replaced(half, "\"format\": \"raw\"", "\"format\": \"qcow2\"");
    assert_string_equal(after, expected);
    free(expected);
    free(half);
    free(after);

    /* an odd name of an odd disk, and back: bit-exact */
    assert_int_equal(edit(text, "d40p7", "/x", LIBXL_DISK_FORMAT_RAW, &after),
                     0);
    free(text);
    assert_int_equal(edit(after, "d40p7", "/img/\"q\"\\.qed",
                          LIBXL_DISK_FORMAT_QED, &text), 0);
    assert_string_equal(text, before);
    free(after);
    free(before);
    free(text);
}

static void test_one_disk_has_several_names(void **state)
{
    static const char *const names[] = { "xvda", "d0", "51712" };
    char *text = libxl_text(), *after;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(edit(text, names[i], "/n", LIBXL_DISK_FORMAT_RAW,
                              &after), 0);
        assert_non_null(strstr(after, "\"/n\""));
        assert_null(strstr(after, "/img/a.raw"));
        assert_non_null(strstr(after, "\"vdev\": \"xvda\""));
        free(after);
    }
    free(text);
}

static void test_nothing_to_do(void **state)
{
    char *text = libxl_text(), *after = text;

    assert_int_equal(edit(text, "xvda", "/img/a.raw", LIBXL_DISK_FORMAT_RAW,
                          &after), 0);
    assert_null(after);
    free(text);
}

static void test_missing_members_are_added(void **state)
{
    char *after;

    assert_int_equal(edit("{\"disks\": [{\"vdev\": \"xvda\"}]}", "xvda", "/p",
                          LIBXL_DISK_FORMAT_QCOW2, &after), 0);
    assert_non_null(strstr(after, "\"pdev_path\": \"/p\""));
    assert_non_null(strstr(after, "\"format\": \"qcow2\""));
    free(after);
    /* of another type than libxl's: overwritten like any other */
    assert_int_equal(edit("{\"disks\": [{\"vdev\": \"xvda\", \"format\": 3,"
                          "\"pdev_path\": null, \"x\": [1.50, -0]}]}", "xvda",
                          "/p", LIBXL_DISK_FORMAT_QCOW2, &after), 0);
    assert_non_null(strstr(after, "\"pdev_path\": \"/p\""));
    assert_null(strstr(after, "null"));
    assert_non_null(strstr(after, "1.50"));
    assert_non_null(strstr(after, "-0"));
    free(after);
}

static void test_unknown_things_stay(void **state)
{
    static const char before[] =
        "{\"new\": {\"a\": [true, null, 1e400, 18446744073709551615]}, "
        "\"disks\": [7, \"xvda\", {\"vdev\": 51712}, {\"z\": {\"pdev_path\": "
        "\"/deep\"}, \"pdev_path\": \"/a\", \"format\": \"raw\", "
        "\"vdev\": \"xvda\", \"y\": []}], \"pdev_path\": \"/top\"}";
    char *after, *back, *expected;

    assert_int_equal(edit(before, "xvda", "/b", LIBXL_DISK_FORMAT_RAW, &after),
                     0);
    assert_non_null(strstr(after, "/deep"));
    assert_non_null(strstr(after, "/top"));
    assert_non_null(strstr(after, "1e400"));
    assert_int_equal(edit(after, "xvda", "/a", LIBXL_DISK_FORMAT_RAW, &back),
                     0);
    expected = normal(before);
    assert_string_equal(back, expected);
    free(expected);
    free(back);
    free(after);
}

/* ---- hostile ---- */

static void test_no_such_disk(void **state)
{
    static const char *const texts[] = {
        "{}", "[]", "3", "null", "{\"disks\": {}}", "{\"disks\": null}",
        "{\"disks\": []}", "{\"disks\": [[{\"vdev\": \"xvda\"}]]}",
        "{\"disks\": [{\"vdev\": \"xvda\\n\"}]}",
        "{\"disks\": [{\"vdev\": \"xvdb\"}, {\"vdev\": null}]}",
    };
    char *after = NULL;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(edit(texts[i], "xvda", "/b", LIBXL_DISK_FORMAT_RAW,
                              &after), ERROR_NOTFOUND);
        assert_null(after);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "", "{", "{} {}", "\xff", "{\"disks\": [{\"vdev\": \"xvda\"}]",
        "{\"disks\": [{\"vdev\": \"xvda\"}, {\"vdev\": \"d0p0\"}]}",
        "{\"disks\": [], \"disks\": [{\"vdev\": \"xvda\"}]}",
        "{\"disks\": [{\"vdev\": \"xvda\", \"vdev\": \"xvdb\"}]}",
        "{\"disks\": [{\"vdev\": \"xvda\", \"x\": \"\\u0000\"}]}",
    };
    char *after = NULL;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(edit(texts[i], "xvda", "/b", LIBXL_DISK_FORMAT_RAW,
                              &after), ERROR_INVAL);
        assert_null(after);
    }
    assert_int_equal(edit("{\"disks\": [{\"vdev\": \"xvda\"}]}", "xvda",
                          "/\xff", LIBXL_DISK_FORMAT_RAW, &after),
                     ERROR_INVAL);
    assert_int_equal(edit("{\"disks\": [{\"vdev\": \"xvda\"}]}", "nodisk",
                          "/b", LIBXL_DISK_FORMAT_RAW, &after), ERROR_INVAL);
    assert_null(after);
}

/* Every beginning of a good text is a bad one, and none is read past. */
static void test_cut_short(void **state)
{
    char *text = libxl_text(), *copy, *after = NULL;
    size_t len = strlen(text), i;

    while (text[len - 1] != '}') len--;
    for (i = 0; i < len; i++) {
        copy = malloc(i + 1);
        assert_non_null(copy);
        memcpy(copy, text, i);
        copy[i] = 0;
        assert_int_equal(edit(copy, "xvda", "/b", LIBXL_DISK_FORMAT_RAW,
                              &after), ERROR_INVAL);
        assert_null(after);
        free(copy);
    }
    free(text);
}

static void test_huge(void **state)
{
    const size_t disks = 20000;
    size_t i, at = 0, size = disks * 64 + 64;
    char *text = malloc(size), *after, *path;

    assert_non_null(text);
    at += snprintf(text + at, size - at, "{\"disks\": [");
    for (i = 0; i < disks; i++)
        at += snprintf(text + at, size - at, "%s{\"vdev\": \"d%zu\"}",
                       i ? "," : "", i);
    snprintf(text + at, size - at, "]}");
    path = malloc(100001);
    assert_non_null(path);
    memset(path, '/', 100000);
    path[100000] = 0;
    assert_int_equal(edit(text, "d19999", path, LIBXL_DISK_FORMAT_QED, &after),
                     0);
    assert_non_null(strstr(after, path));
    free(after);
    /* nested without end */
    memset(text, '[', size);
    text[size - 1] = 0;
    assert_int_equal(edit(text, "xvda", "/b", LIBXL_DISK_FORMAT_RAW, &after),
                     ERROR_INVAL);
    free(path);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_libxl_writes),
        cmocka_unit_test(test_one_disk_has_several_names),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_missing_members_are_added),
        cmocka_unit_test(test_unknown_things_stay),
        cmocka_unit_test(test_no_such_disk),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_huge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
