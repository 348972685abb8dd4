/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What --active hands to the system's xl, read again by Xen's own parser. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxlutil.h>

#include "tests/qmp/cmocka_all.h"
#include "xl/disk_argument.h"

static XLU_Config *cfg;

static int setup(void **state)
{
    cfg = xlu_cfg_init(stderr, "test");
    return cfg ? 0 : -1;
}

static int teardown(void **state)
{
    xlu_cfg_destroy(cfg);
    return 0;
}

/* {"disks": [...]} of these specifications, as xl create -N prints it. */
static xjson *parse_disks(const char *const *specs, int num)
{
    libxl_domain_config config;
    xjson *value;
    char *text;
    int i;

    libxl_domain_config_init(&config);
    config.disks = calloc(num, sizeof(*config.disks));
    assert_non_null(config.disks);
    config.num_disks = num;
    for (i = 0; i < num; i++) {
        libxl_device_disk_init(&config.disks[i]);
        assert_int_equal(xlu_disk_parse(cfg, 1, &specs[i], &config.disks[i]),
                         0);
    }
    text = libxl_domain_config_to_json(NULL, &config);
    assert_non_null(text);
    libxl_domain_config_dispose(&config);
    assert_int_equal(xjson_parse(text, strlen(text), &value, NULL), 0);
    free(text);
    return value;
}

/* xvda, and hdc when both is set, have these active images. */
static void make_model(struct chain_model *model, const char *path,
                       bool both)
{
    chain_tree *tree = &model->tree;
    int i;

    chain_model_init(model);
    assert_int_equal(chain_model_set_empty(model, "g", NULL), 0);
    tree->active = calloc(2, sizeof(*tree->active));
    assert_non_null(tree->active);
    tree->num_active = both ? 2 : 1;
    for (i = 0; i < tree->num_active; i++) {
        chain_active_disk_init(&tree->active[i]);
        tree->active[i].vdev = strdup(i ? "hda" : "xvda");
        tree->active[i].path = strdup(i ? "/hda.qed" : path);
        tree->active[i].format = i ? LIBXL_DISK_FORMAT_QED
                                   : LIBXL_DISK_FORMAT_QCOW2;
    }
}

/* What Xen's parser makes of the argument, as JSON of a disk. */
static char *reparse(const char *argument, int i, int num)
{
    XLU_Config *read = xlu_cfg_init(stderr, "argument");
    const char *spec;
    libxl_device_disk disk;
    XLU_ConfigList *list;
    char *text;
    int n;

    assert_int_equal(xlu_cfg_readdata(read, argument, (int)strlen(argument)),
                     0);
    assert_int_equal(xlu_cfg_get_list(read, "disk", &list, &n, 0), 0);
    assert_int_equal(n, num);
    spec = xlu_cfg_get_listitem(list, i);
    assert_non_null(spec);
    libxl_device_disk_init(&disk);
    assert_int_equal(xlu_disk_parse(read, 1, &spec, &disk), 0);
    text = libxl_device_disk_to_json(NULL, &disk);
    libxl_device_disk_dispose(&disk);
    xlu_cfg_destroy(read);
    return text;
}

static char *spec_json(const char *spec, const char *path,
                       libxl_disk_format format)
{
    libxl_device_disk disk;
    char *text;

    libxl_device_disk_init(&disk);
    assert_int_equal(xlu_disk_parse(cfg, 1, &spec, &disk), 0);
    if (path) {
        free(disk.pdev_path);
        disk.pdev_path = strdup(path);
        disk.format = format;
    }
    text = libxl_device_disk_to_json(NULL, &disk);
    libxl_device_disk_dispose(&disk);
    return text;
}

static const char *const specs[] = {
    "/img/a.raw,raw,xvda,rw",
    "format=qcow2,vdev=xvdb,access=ro,target=/img/b,c:d \"e\".qcow2",
    "vdev=hda,format=qcow2,access=rw,backendtype=qdisk,no-discard,"
        "direct-io-safe,target=/hda.qcow2",
    "vdev=hdc,access=ro,devtype=cdrom,target=/iso/x.iso",
    "phy:/dev/vg/lv,xvde,w",
    "vdev=xvdf,backend=storage,script=block-iscsi,discard,target=iqn.x:1",
    "vdev=xvdg,format=raw,backendtype=phy,access=rw,target=/dev/\xc3\xa4",
};

static void check(const char *path, bool both)
{
    const int num = sizeof(specs) / sizeof(specs[0]);
    struct chain_model model;
    char *argument, *got, *wanted;
    xjson *config = parse_disks(specs, num);
    char why[256];
    int i;

    make_model(&model, path, both);
    assert_int_equal(disk_argument_make(xjson_member(config, "disks"), &model,
                                        &argument, why, sizeof(why)), 0);
    assert_non_null(argument);
    assert_null(strchr(argument, '\n'));
    for (i = 0; i < num; i++) {
        got = reparse(argument, i, num);
        wanted = i == 0
            ? spec_json(specs[i], path, LIBXL_DISK_FORMAT_QCOW2)
            : i == 2 && both
            ? spec_json(specs[i], "/hda.qed", LIBXL_DISK_FORMAT_QED)
            : spec_json(specs[i], NULL, LIBXL_DISK_FORMAT_UNKNOWN);
        assert_string_equal(got, wanted);
        free(got);
        free(wanted);
    }
    free(argument);
    chain_model_dispose(&model);
    xjson_free(config);
}

static void test_all_options_survive(void **state)
{
    check("/img/over.qcow2", false);
    check("/img/over.qcow2", true);
}

static void test_odd_paths(void **state)
{
    check("/o,ver \"1\" '2' \\n:x=y\xc3\xa4\t\x01$(x)%d]", true);
    check("/ends with a backslash\\", false);
    check("/o  p", false);
}

/* These are cut or mistaken by Xen's parser. */
static void test_paths_that_xl_cannot_read(void **state)
{
    static const char *const paths[] = { "/a\nb", "/a\n", "/a ", "/a\t" };
    static const char *const disk[] = { "vdev=xvda,format=raw,target=/a" };
    xjson *config = parse_disks(disk, 1);
    struct chain_model model;
    char *argument = NULL, why[256];
    size_t i;

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        make_model(&model, paths[i], false);
        assert_int_equal(disk_argument_make(xjson_member(config, "disks"),
                                            &model, &argument, why,
                                            sizeof(why)), ERROR_INVAL);
        assert_null(argument);
        chain_model_dispose(&model);
    }
    xjson_free(config);
}

static void test_an_empty_drive(void **state)
{
    static const char *const drive[] = { "vdev=xvda,format=raw,target=/a",
                                         ",,hdc:cdrom,r" };
    struct chain_model model;
    char *argument, *got, *wanted, why[256];
    xjson *config = parse_disks(drive, 2);

    make_model(&model, "/o", false);
    assert_int_equal(disk_argument_make(xjson_member(config, "disks"), &model,
                                        &argument, why, sizeof(why)), 0);
    got = reparse(argument, 1, 2);
    wanted = spec_json(drive[1], NULL, LIBXL_DISK_FORMAT_UNKNOWN);
    assert_string_equal(got, wanted);
    free(got);
    free(wanted);
    free(argument);
    chain_model_dispose(&model);
    xjson_free(config);
}

static void test_nothing_to_change(void **state)
{
    static const char *const active[] = { "vdev=xvda,format=qcow2,target=/o" };
    struct chain_model model;
    xjson *config = parse_disks(active, 1);
    char untouched[] = "", *argument = untouched, why[256];

    make_model(&model, "/o", true);
    assert_int_equal(disk_argument_make(xjson_member(config, "disks"), &model,
                                        &argument, why, sizeof(why)), 0);
    assert_null(argument);
    assert_int_equal(disk_argument_make(NULL, &model, &argument, why,
                                        sizeof(why)), 0);
    assert_null(argument);
    chain_model_dispose(&model);
    xjson_free(config);
}

/* An option of a Xen to come: better no start than one without it. */
static void test_unknown_options_are_refused(void **state)
{
    static const struct {
        const char *member;
        int rc;
    } tests[] = {
        { "\"hologram\": true", ERROR_INVAL },
        { "\"hologram\": \"x\"", ERROR_INVAL },
        { "\"hologram\": {\"a\": 1}", ERROR_INVAL },
        { "\"script\": \"a,vdev=xvdb\"", ERROR_INVAL },
        { "\"colo_enable\": \"True\"", ERROR_INVAL },
        { "\"hologram\": false", 0 },
        { "\"hologram\": 0", 0 },
        { "\"hologram\": \"<default>\"", 0 },
        { "\"hologram\": \"unknown\"", 0 },
        { "\"hologram\": null", 0 },
    };
    struct chain_model model;
    char text[256], why[256], *argument;
    xjson *disks;
    size_t i;

    make_model(&model, "/o", false);
    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        snprintf(text, sizeof(text), "[{\"vdev\": \"xvda\", "
                 "\"pdev_path\": \"/a\", %s}]", tests[i].member);
        assert_int_equal(xjson_parse(text, strlen(text), &disks, NULL), 0);
        argument = NULL;
        assert_int_equal(disk_argument_make(disks, &model, &argument, why,
                                            sizeof(why)), tests[i].rc);
        assert_int_equal(argument != NULL, tests[i].rc == 0);
        free(argument);
        xjson_free(disks);
    }
    chain_model_dispose(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_options_survive),
        cmocka_unit_test(test_odd_paths),
        cmocka_unit_test(test_paths_that_xl_cannot_read),
        cmocka_unit_test(test_an_empty_drive),
        cmocka_unit_test(test_nothing_to_change),
        cmocka_unit_test(test_unknown_options_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
