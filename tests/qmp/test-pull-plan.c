/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Can this be pulled, and from where? By what real QEMUs answered (tests/data/qmp),
 * and by chains of more images than those. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libxl/pull_plan.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/data.h"

/* No file exists here: each name is an inode of its own. */
static int identify_by_name(void *user, const char *filename,
                            dev_t *dev_r, ino_t *ino_r)
{
    ino_t ino = 5381;

    if (!strncmp(filename, "/lost", 5)) return ERROR_NOTFOUND;
    while (*filename)
        ino = ino * 33 + (unsigned char)*filename++;
    *dev_r = 7;
    *ino_r = ino;
    return 0;
}

static struct pull_request request(const char *image, const char *base)
{
    return (struct pull_request){
        .vdev = "xvda", .image = image, .driver = "qcow2", .base = base,
        .identify = identify_by_name,
    };
}

static void refused(const struct block_graph *graph,
                    const struct pull_request *rq, int rc, const char *words)
{
    struct pull_plan untouched = { (const void *)graph, NULL, NULL };
    struct pull_plan plan = untouched;
    struct diag diag = { "" };

    assert_int_equal(pull_plan_make(graph, rq, &plan, &diag), rc);
    assert_ptr_equal(plan.active, untouched.active);
    if (!strstr(diag.text, words)) fail_msg("no \"%s\": %s", words, diag.text);
}

static struct pull_plan planned(const struct block_graph *graph,
                                const struct pull_request *rq)
{
    struct pull_plan plan;
    struct diag diag;

    if (pull_plan_make(graph, rq, &plan, &diag)) fail_msg("%s", diag.text);
    return plan;
}

/* ---- recorded ---- */

static void check_recorded(const char *version)
{
    struct pull_request rq = request("/images/overlay.qcow2", NULL);
    struct block_replies replies;
    struct block_graph graph;
    struct pull_plan plan;
    struct diag diag;

    data_load_replies(version, "overlay.json", &replies);
    block_graph_init(&graph);
    assert_int_equal(block_graph_parse(&replies, &graph, &diag), 0);
    block_graph_identify(&graph, identify_by_name, NULL);
    plan = planned(&graph, &rq);
    assert_string_equal(plan.active->name, "overlay0");
    assert_null(plan.base);
    assert_null(plan.base_file);

    rq.base = "/images/disk0.qcow2";
    refused(&graph, &rq, ERROR_INVAL, "builds on /images/disk0.qcow2 already");
    rq.base = "/images/disk1.qcow2";
    refused(&graph, &rq, ERROR_INVAL, "not one of the images below");
    rq = request("/images/disk0.qcow2", NULL);
    refused(&graph, &rq, ERROR_INVAL, "/images/overlay.qcow2");
    rq = request("/images/disk1.qcow2", NULL);
    rq.vdev = "xvdb";
    refused(&graph, &rq, ERROR_INVAL, "nothing to pull");
    rq.vdev = "xvdc";
    refused(&graph, &rq, ERROR_NOTFOUND, "does not serve");
    block_graph_dispose(&graph);
    block_replies_dispose(&replies);
}

static void test_recorded(void **state)
{
    check_recorded("7.2");
    check_recorded("10.0");
}

/* ---- by hand: /d on /c on /b on /a ---- */

/* Nobody here frees or changes them. */
#define TEXT(literal) ((char *)(literal))

struct chain {
    struct block_node nodes[6];
    struct block_image images[4];
    struct block_disk disk;
    struct block_job job;
    struct image_snapshot snapshot;
    struct block_graph graph;
};

static void add_node(struct chain *c, const char *name, const char *driver,
                     const char *filename, bool read_only)
{
    struct block_node *node = &c->nodes[c->graph.num_nodes++];

    node->name = TEXT(name);
    node->driver = TEXT(driver);
    node->filename = TEXT(filename);
    node->read_only = read_only;
    node->active = true;
    node->identified = !identify_by_name(NULL, filename, &node->dev, &node->ino);
}

static void build(struct chain *c)
{
    memset(c, 0, sizeof(*c));
    add_node(c, "node-a", "qcow2", "/a", true);
    add_node(c, "node-b", "qcow2", "/b", true);
    add_node(c, "node-c", "qcow2", "/c", true);
    add_node(c, "node-d", "qcow2", "/d", false);
    add_node(c, "file-d", "file", "/d", false);
    c->images[0] = (struct block_image){ TEXT("/d"), TEXT("qcow2") };
    c->images[1] = (struct block_image){ TEXT("/c"), TEXT("qcow2") };
    c->images[2] = (struct block_image){ TEXT("/b"), TEXT("qcow2") };
    c->images[3] = (struct block_image){ TEXT("/a"), TEXT("qcow2") };
    c->disk = (struct block_disk){
        .qdev = TEXT("/x"), .type = TEXT("xen-disk"), .top = TEXT("node-d"),
        .has_number = true, .number = 51712, .images = c->images, .num_images = 4,
    };
    c->graph.nodes = c->nodes;
    c->graph.disks = &c->disk;
    c->graph.num_disks = 1;
    c->graph.jobs = &c->job;
}

static void test_where_to(void **state)
{
    struct pull_request rq = request("/d", "/b");
    struct pull_plan plan;
    struct chain c;

    build(&c);
    plan = planned(&c.graph, &rq);
    assert_string_equal(plan.active->name, "node-d");
    assert_string_equal(plan.base->name, "node-b");
    assert_string_equal(plan.base_file, "/b");
    rq.base = "/a";
    assert_string_equal(planned(&c.graph, &rq).base->name, "node-a");
    rq.base = NULL;
    assert_null(planned(&c.graph, &rq).base);

    rq.base = "/c";
    refused(&c.graph, &rq, ERROR_INVAL, "already");
    rq.base = "/d";
    refused(&c.graph, &rq, ERROR_INVAL, "not one of the images below");
    rq.base = "/e";
    refused(&c.graph, &rq, ERROR_INVAL, "not one of the images below");
    rq.base = "/lost";
    refused(&c.graph, &rq, ERROR_INVAL, "not one of the images below");
    /* open, but not read by the guest */
    add_node(&c, "node-e", "qcow2", "/e", true);
    rq.base = "/e";
    refused(&c.graph, &rq, ERROR_INVAL, "not one of the images below");
    rq = request("/lost", NULL);
    refused(&c.graph, &rq, ERROR_INVAL, "cannot be looked at");
}

static void test_not_now(void **state)
{
    struct pull_request rq = request("/d", NULL);
    struct chain c;

    build(&c);
    c.graph.num_jobs = 1;
    c.job = (struct block_job){ TEXT("xls-pull-xvda"), TEXT("stream"),
                                TEXT("running") };
    refused(&c.graph, &rq, ERROR_NOT_READY, "xls-pull-xvda");
    c.job.id = TEXT("xls-merge-xvda");
    refused(&c.graph, &rq, ERROR_NOT_READY, "xls-merge-xvda");
    c.job.id = TEXT("somebody's");
    refused(&c.graph, &rq, ERROR_NOT_READY, "any other must end first");
    /* those say by their names that they are elsewhere */
    c.job.id = TEXT("xls-pull-xvdb");
    planned(&c.graph, &rq);
    c.job.id = TEXT("xls-merge-xvdb");
    planned(&c.graph, &rq);
    c.graph.num_jobs = 0;

    c.nodes[3].active = false;
    refused(&c.graph, &rq, ERROR_NOT_READY, "given up");
    c.nodes[3].active = true;
    add_node(&c, "again-d", "qcow2", "/d", false);
    refused(&c.graph, &rq, ERROR_NOT_READY, "second time");
}

static void test_never(void **state)
{
    struct pull_request rq = request("/d", NULL);
    struct chain c;

    build(&c);
    c.snapshot.name = TEXT("s1");
    c.nodes[3].image.snapshots = &c.snapshot;
    c.nodes[3].image.num_snapshots = 1;
    refused(&c.graph, &rq, ERROR_INVAL, "internal snapshots ('s1')");
    c.nodes[3].image.num_snapshots = 0;
    rq.driver = "raw";
    refused(&c.graph, &rq, ERROR_INVAL, "should be raw");
    rq.driver = "qcow2";
    c.nodes[3].read_only = true;
    refused(&c.graph, &rq, ERROR_INVAL, "read-only");
}

/* The node of an image: neither its file's nor a job's filter's. */
static void test_node(void **state)
{
    struct pull_request rq = request(NULL, NULL);
    struct chain c;

    build(&c);
    assert_string_equal(pull_plan_node(&c.graph, &rq, "/d")->name, "node-d");
    add_node(&c, "filter", "copy-on-read", "/d", false);
    assert_string_equal(pull_plan_node(&c.graph, &rq, "/d")->name, "node-d");
    assert_null(pull_plan_node(&c.graph, &rq, "/e"));
    assert_null(pull_plan_node(&c.graph, &rq, "/lost"));
    c.nodes[2] = c.nodes[3];
    assert_null(pull_plan_node(&c.graph, &rq, "/d"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_where_to),
        cmocka_unit_test(test_not_now),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
