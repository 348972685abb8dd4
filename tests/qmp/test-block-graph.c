/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The search for a disk's node in what real QEMUs answered (tests/data/qmp),
 * and in what no sane one would. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/block_graph.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/data.h"

/* No file of the recording exists here: each name is an inode of its own. */
static int identify_by_name(void *user, const char *filename,
                            dev_t *dev_r, ino_t *ino_r)
{
    ino_t ino = 5381;

    if (user && !strcmp(user, filename)) return ERROR_NOTFOUND;
    while (*filename)
        ino = ino * 33 + (unsigned char)*filename++;
    *dev_r = 7;
    *ino_r = ino;
    return 0;
}

static void load(struct block_graph *graph, const char *version,
                 const char *name, const char *unidentified)
{
    struct block_replies replies;
    struct diag diag;
    int rc;

    data_load_replies(version, name, &replies);
    block_graph_init(graph);
    rc = block_graph_parse(&replies, graph, &diag);
    if (rc) fail_msg("%s/%s: %s", version, name, diag.text);
    block_graph_identify(graph, identify_by_name, (void *)unidentified);
    block_replies_dispose(&replies);
}

static struct block_disk_request request(const char *vdev, const char *path)
{
    struct block_disk_request rq = { .vdev = vdev, .driver = "qcow2" };

    identify_by_name(NULL, path, &rq.dev, &rq.ino);
    return rq;
}

static const struct block_node *found(const struct block_graph *graph,
                                      const char *vdev, const char *path,
                                      const char *expected)
{
    struct block_disk_request rq = request(vdev, path);
    const struct block_node *node = NULL;
    struct diag diag;
    int rc;

    rc = block_graph_find_disk(graph, &rq, &node, NULL, &diag);
    if (rc) fail_msg("%s: %s", vdev, diag.text);
    assert_string_equal(node->name, expected);
    return node;
}

static void refused_request(const struct block_graph *graph,
                            const struct block_disk_request *rq, int rc,
                            enum block_refusal expected, const char *words)
{
    const struct block_node *untouched = (const void *)graph, *node = untouched;
    enum block_refusal why = BLOCK_REFUSAL_NONE;
    struct diag diag;

    assert_int_equal(block_graph_find_disk(graph, rq, &node, &why, &diag), rc);
    assert_int_equal(why, expected);
    assert_ptr_equal(node, untouched);
    if (!strstr(diag.text, words)) fail_msg("no \"%s\": %s", words, diag.text);
}

static void refused(const struct block_graph *graph, const char *vdev,
                    const char *path, int rc, enum block_refusal expected,
                    const char *words)
{
    struct block_disk_request rq = request(vdev, path);

    refused_request(graph, &rq, rc, expected, words);
}

/* ---- recorded ---- */

static void check_one_disk(const char *version)
{
    struct block_graph graph;
    const struct block_node *node;
    struct block_disk_request rq;

    load(&graph, version, "one-disk.json", NULL);
    assert_int_equal(graph.num_disks, 1);
    assert_string_equal(graph.disks[0].type, "xen-disk");
    assert_int_equal(graph.disks[0].number, 51712);
    node = found(&graph, "xvda", "/images/disk0.qcow2", "xvda-qcow2");
    assert_int_equal(node->image.virtual_size, 16u << 20);
    assert_int_equal(node->image.refcount_bits, 16);
    assert_false(node->image.data_file);
    assert_true(node->active);
    found(&graph, "xvda0", "/images/disk0.qcow2", "xvda-qcow2");
    found(&graph, "51712", "/images/disk0.qcow2", "xvda-qcow2");
    found(&graph, "d0", "/images/disk0.qcow2", "xvda-qcow2");

    refused(&graph, "xvdb", "/images/disk0.qcow2", ERROR_NOTFOUND,
            BLOCK_REFUSAL_NOT_FOUND, "does not serve");
    refused(&graph, "nonsense", "/images/disk0.qcow2", ERROR_NOTFOUND,
            BLOCK_REFUSAL_NOT_FOUND, "nonsense");
    refused(&graph, "xvda", "/images/other", ERROR_INVAL, BLOCK_REFUSAL_IMAGE,
            "/images/disk0.qcow2");
    rq = request("xvda", "/images/disk0.qcow2");
    rq.driver = "raw";
    refused_request(&graph, &rq, ERROR_INVAL, BLOCK_REFUSAL_DRIVER, "qcow2");
    block_graph_dispose(&graph);

    /* a file that we cannot look at might be any */
    load(&graph, version, "one-disk.json", "/images/disk0.qcow2");
    refused(&graph, "xvda", "/images/disk0.qcow2", ERROR_INVAL,
            BLOCK_REFUSAL_IMAGE, "not the image");
    block_graph_dispose(&graph);
}

static void check_eight_disks(const char *version)
{
    struct block_graph graph;
    char vdev[8], path[32], node[16];
    int i;

    load(&graph, version, "eight-disks.json", NULL);
    assert_int_equal(graph.num_disks, 8);
    for (i = 0; i < 8; i++) {
        snprintf(vdev, sizeof(vdev), "xvd%c", 'a' + i);
        snprintf(path, sizeof(path), "/images/disk%d.qcow2", i);
        snprintf(node, sizeof(node), "xvd%c-qcow2", 'a' + i);
        found(&graph, vdev, path, node);
    }
    block_graph_dispose(&graph);
}

static void check_snapshots(const char *version)
{
    const struct image_snapshot *snapshot;
    const struct block_node *node;
    struct block_graph graph;

    load(&graph, version, "snapshots.json", NULL);
    node = found(&graph, "xvda", "/images/disk0.qcow2", "xvda-qcow2");
    assert_int_equal(node->image.num_snapshots, 2);
    assert_string_equal(node->image.snapshots[0].name, "first");
    assert_string_equal(node->image.snapshots[1].id, "3");
    assert_int_equal(node->image.snapshots[1].vm_state_size, 0);
    assert_true(node->image.snapshots[0].date_sec > 1700000000);
    assert_int_equal(image_info_find_snapshot(&node->image, "third", &snapshot),
                     0);
    assert_ptr_equal(snapshot, &node->image.snapshots[1]);
    assert_int_equal(image_info_find_snapshot(&node->image, "3", &snapshot),
                     ERROR_NOTFOUND);

    node = found(&graph, "xvdc", "/images/disk2.qcow2", "xvdc-qcow2");
    assert_int_equal(node->image.num_snapshots, 3);
    refused(&graph, "xvdb", "/images/disk1.raw", ERROR_INVAL,
            BLOCK_REFUSAL_DRIVER, "raw");
    block_graph_dispose(&graph);
}

static void check_bitmaps(const char *version)
{
    const struct block_node *node;
    struct block_graph graph;
    size_t i, persistent = 0;

    load(&graph, version, "bitmaps.json", NULL);
    node = found(&graph, "xvda", "/images/disk0.qcow2", "xvda-qcow2");
    assert_int_equal(node->num_bitmaps, 2);
    for (i = 0; i < 2; i++) {
        assert_true(node->bitmaps[i].recording);
        assert_false(node->bitmaps[i].busy);
        assert_false(node->bitmaps[i].inconsistent);
        if (node->bitmaps[i].persistent) {
            assert_string_equal(node->bitmaps[i].name, "cp1");
            persistent++;
        }
    }
    assert_int_equal(persistent, 1);
    block_graph_dispose(&graph);
}

static void check_chain(const struct block_graph *graph)
{
    const struct block_disk *disk = block_graph_disk(graph, "d0");

    assert_non_null(disk);
    assert_int_equal(disk->num_images, 2);
    assert_string_equal(disk->images[0].filename, "/images/overlay.qcow2");
    assert_string_equal(disk->images[1].filename, "/images/disk0.qcow2");
    assert_string_equal(disk->images[1].driver, "qcow2");
    assert_string_equal(block_graph_image_node(graph, disk, 0)->name,
                        "overlay0");
    assert_string_equal(block_graph_image_node(graph, disk, 1)->name,
                        "xvda-qcow2");
    assert_int_equal(block_graph_disk(graph, "xvdb")->num_images, 1);
    assert_null(block_graph_disk(graph, "xvdc"));
    assert_null(block_graph_disk(graph, "nonsense"));
}

static void check_overlay(const char *version)
{
    const struct block_node *base;
    struct block_graph graph;

    load(&graph, version, "overlay.json", NULL);
    found(&graph, "xvda", "/images/overlay.qcow2", "overlay0");
    found(&graph, "xvdb", "/images/disk1.qcow2", "xvdb-qcow2");
    refused(&graph, "xvda", "/images/disk0.qcow2", ERROR_INVAL,
            BLOCK_REFUSAL_IMAGE, "/images/overlay.qcow2");
    check_chain(&graph);
    base = block_graph_node(&graph, "xvda-qcow2");
    assert_non_null(base);
    assert_false(base->direct || base->no_flush);
    assert_string_equal(base->detect_zeroes, "off");
    assert_true(base->read_only);
    assert_string_equal(block_graph_node(&graph, "overlay0")->image.backing_filename,
                        "/images/disk0.qcow2");
    block_graph_dispose(&graph);
}

static void check_busy(const char *version)
{
    struct block_disk_request rq;
    const struct block_node *node;
    struct block_graph graph;

    load(&graph, version, "two-nodes.json", NULL);
    refused(&graph, "xvda", "/images/disk0.qcow2", ERROR_NOT_READY,
            BLOCK_REFUSAL_SHARED, "has its image open");
    found(&graph, "xvdb", "/images/disk1.qcow2", "xvdb-qcow2");
    block_graph_dispose(&graph);

    load(&graph, version, "backup.json", NULL);
    refused(&graph, "xvda", "/images/disk0.qcow2", ERROR_NOT_READY,
            BLOCK_REFUSAL_JOB, "copy-before-write");
    refused(&graph, "xvdb", "/images/disk1.qcow2", ERROR_NOT_READY,
            BLOCK_REFUSAL_JOB, "backup0");
    rq = request("xvdb", "/images/disk1.qcow2");
    rq.ignore_jobs = true;
    assert_int_equal(block_graph_find_disk(&graph, &rq, &node, NULL, NULL), 0);
    rq = request("xvda", "/images/disk0.qcow2");
    rq.ignore_jobs = true;
    refused_request(&graph, &rq, ERROR_NOT_READY, BLOCK_REFUSAL_JOB,
                    "copy-before-write");
    block_graph_dispose(&graph);

    load(&graph, version, "concluded-job.json", NULL);
    refused(&graph, "xvda", "/images/disk0.qcow2", ERROR_NOT_READY,
            BLOCK_REFUSAL_JOB, "concluded");
    block_graph_dispose(&graph);

    load(&graph, version, "inactive.json", NULL);
    if (!strcmp(version, "10.0"))
        refused(&graph, "xvda", "/images/disk0.qcow2", ERROR_NOT_READY,
                BLOCK_REFUSAL_INACTIVE, "given up");
    else    /* does not tell */
        found(&graph, "xvda", "/images/disk0.qcow2", "xvda-qcow2");
    block_graph_dispose(&graph);
}

static void test_recorded(void **state)
{
    const char *const *version;

    for (version = data_versions; *version; version++) {
        print_message("  QEMU %s\n", *version);
        check_one_disk(*version);
        check_eight_disks(*version);
        check_snapshots(*version);
        check_bitmaps(*version);
        check_overlay(*version);
        check_busy(*version);
    }
}

/* ---- made up from a recording ---- */

/* Everywhere in text; the caller's. */
static char *replace(const char *text, const char *from, const char *to)
{
    char *result = calloc(1, strlen(text) * 2 + 4096), *end = result;
    bool any = false;

    assert_non_null(result);
    while (*text) {
        if (strncmp(text, from, strlen(from))) {
            *end++ = *text++;
        } else {
            end = stpcpy(end, to);
            text += strlen(from);
            any = true;
        }
    }
    assert_true(any);
    return result;
}

static int parse_with(struct block_graph *graph, const char *name,
                      const char *from, const char *to, struct diag *diag)
{
    char *text = data_read("10.0", name), *changed = replace(text, from, to);
    struct block_replies replies;
    int rc;

    block_replies_init(&replies);
    block_graph_init(graph);
    assert_true(data_parse_replies(changed, strlen(changed), &replies));
    rc = block_graph_parse(&replies, graph, diag);
    block_graph_identify(graph, identify_by_name, NULL);
    block_replies_dispose(&replies);
    free(changed);
    free(text);
    return rc;
}

static void test_altered(void **state)
{
    static const struct {
        const char *name, *from, *to, *vdev, *path;
        int rc;
        enum block_refusal why;
        const char *words;
    } cases[] = {
        { "one-disk.json", "\"ro\": false", "\"ro\": true", "xvda",
          "/images/disk0.qcow2", ERROR_INVAL, BLOCK_REFUSAL_READ_ONLY,
          "read-only" },
        { "one-disk.json", "\"refcount-bits\": 16", "\"refcount-bits\": 8",
          "xvda", "/images/disk0.qcow2", ERROR_INVAL,
          BLOCK_REFUSAL_UNSUPPORTED, "refcount_bits" },
        { "one-disk.json", "\"corrupt\": false", "\"corrupt\": true", "xvda",
          "/images/disk0.qcow2", ERROR_INVAL, BLOCK_REFUSAL_UNSUPPORTED,
          "corrupt" },
        { "one-disk.json", "\"corrupt\": false",
          "\"corrupt\": false, \"data-file\": \"d\"", "xvda",
          "/images/disk0.qcow2", ERROR_INVAL, BLOCK_REFUSAL_UNSUPPORTED,
          "another file" },
        /* the device's top node is nowhere */
        { "one-disk.json", "\"drive\": \"xvda-qcow2\"", "\"drive\": \"gone\"",
          "xvda", "/images/disk0.qcow2", ERROR_NOTFOUND,
          BLOCK_REFUSAL_NOT_FOUND, "does not serve" },
        /* a CD-ROM is none of our disks */
        { "one-disk.json", "\"xen-disk\"", "\"xen-cdrom\"", "xvdb",
          "/images/disk0.qcow2", ERROR_NOTFOUND, BLOCK_REFUSAL_NOT_FOUND,
          "does not serve" },
        /* a node by the right name without a device, beside another disk */
        { "eight-disks.json", "\"xvda0\"", "\"xvdz0\"", "xvda",
          "/images/disk0.qcow2", ERROR_NOTFOUND, BLOCK_REFUSAL_NOT_FOUND,
          "does not serve" },
        { "eight-disks.json", "\"xvdb0\"", "\"xvda0\"", "xvda",
          "/images/disk0.qcow2", ERROR_NOT_READY, BLOCK_REFUSAL_SHARED,
          "has two" },
        { "eight-disks.json", "/images/disk1.", "/images/disk0.", "xvda",
          "/images/disk0.qcow2", ERROR_NOT_READY, BLOCK_REFUSAL_SHARED,
          "second time (node xvdb-qcow2)" },
    };
    struct block_graph graph;
    struct diag diag;
    size_t i;
    int rc;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rc = parse_with(&graph, cases[i].name, cases[i].from, cases[i].to,
                        &diag);
        if (rc) fail_msg("%s: %s", cases[i].to, diag.text);
        refused(&graph, cases[i].vdev, cases[i].path, cases[i].rc,
                cases[i].why, cases[i].words);
        block_graph_dispose(&graph);
    }
}

/* Where there are no Xen disks at all, the name decides. */
static void test_by_name(void **state)
{
    struct block_graph graph;
    struct diag diag;

    assert_int_equal(parse_with(&graph, "one-disk.json", "\"xen-disk\"",
                                "\"virtio-blk-device\"", &diag), 0);
    found(&graph, "xvda", "/images/disk0.qcow2", "xvda-qcow2");
    block_graph_dispose(&graph);
}

/* A writable node on a local file that cannot be looked at might be on ours. */
static void test_in_doubt(void **state)
{
    struct block_graph graph;

    load(&graph, "7.2", "eight-disks.json", "/images/disk1.qcow2");
    refused(&graph, "xvda", "/images/disk0.qcow2", ERROR_NOT_READY,
            BLOCK_REFUSAL_SHARED, "may have");
    block_graph_dispose(&graph);
}

static void test_not_understood(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        { "\"ro\": false", "\"ro\": 0", "[0].ro: expected" },
        { "\"virtual-size\": 16777216", "\"virtual-size\": -1", "virtual-size" },
        { "\"virtual-size\": 16777216", "\"virtual-size\": 9223372036854775808",
          "virtual-size: out of range" },
        { "\"virtual-size\": 16777216", "\"virtual-size\": 1.5", "virtual-size" },
        { "\"refcount-bits\": 16", "\"refcount-bits\": 65", "refcount-bits" },
        { "\"drv\": \"qcow2\"", "\"drv\": null", "drv" },
        { "\"node-name\"", "\"other\"", "node-name" },
        { "\"active\": true", "\"active\": \"yes\"", "active" },
        { "\"image\": {", "\"image\": [], \"x\": {", "image: expected" },
        { "\"corrupt\": false", "\"snapshots\": 3, \"bitmaps\": {}", "bitmaps" },
        { "\"filename\"", "\"snapshots\": [3], \"filename\"",
          "image.snapshots[0]: expected" },
        { "\"filename\"", "\"snapshots\": [{\"id\": \"1\"}], \"filename\"",
          "image.snapshots[0].name" },
        { "\"filename\"", "\"snapshots\": [{\"id\": \"1\", \"name\": \"n\", "
          "\"vm-state-size\": 0, \"date-sec\": 1, \"date-nsec\": 1000000000}], "
          "\"filename\"", "date-nsec: out of range" },
        { "\"query-jobs\": {\n  \"return\": []", "\"query-jobs\": {\n  \"return\": 3",
          "query-jobs" },
        { "\"query-jobs\": {\n  \"return\": []",
          "\"query-jobs\": {\n  \"return\": [{}]", "[0].id" },
    };
    struct block_graph graph;
    struct diag diag;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse_with(&graph, "one-disk.json", cases[i].from,
                                    cases[i].to, &diag), ERROR_QEMU_API);
        if (!strstr(diag.text, cases[i].words))
            fail_msg("no \"%s\": %s", cases[i].words, diag.text);
        assert_int_equal(graph.num_nodes + graph.num_disks + graph.num_jobs, 0);
    }
}

/* Every byte of a recorded state in turn: understood or not, nothing breaks,
 * and a node that is found is one of the graph's. */
static void test_every_byte(void **state)
{
    struct block_disk_request rq = request("xvda", "/images/disk0.qcow2");
    char *text = data_read("10.0", "snapshots.json");
    size_t len = strlen(text), i, understood = 0;
    struct block_replies replies;
    const struct block_node *node;
    struct block_graph graph;

    for (i = 0; i < len; i++) {
        text[i] ^= 0x11;
        block_replies_init(&replies);
        block_graph_init(&graph);
        if (data_parse_replies(text, len, &replies) &&
            !block_graph_parse(&replies, &graph, NULL)) {
            block_graph_identify(&graph, identify_by_name, NULL);
            if (!block_graph_find_disk(&graph, &rq, &node, NULL, NULL)) {
                assert_ptr_equal(block_graph_node(&graph, node->name), node);
                understood++;
            }
        }
        block_graph_dispose(&graph);
        block_replies_dispose(&replies);
        text[i] ^= 0x11;
    }
    assert_true(understood > 0 && understood < len);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_altered),
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_in_doubt),
        cmocka_unit_test(test_not_understood),
        cmocka_unit_test(test_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
