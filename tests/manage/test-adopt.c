/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What qemu-img made becomes part of a chain. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/manage/host.h"

struct fixture {
    struct host host;
    char *a, *b;
};

/* In each of two disks: "first", then "second"; in one: "half", and a name
 * that no snapshot of ours can have. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char *config;

    host_init(&f->host);
    f->a = host_path(&f->host, "images/a.qcow2");
    f->b = host_path(&f->host, "images/b.qcow2");
    host_sh("qemu-img create -q -f qcow2 %s 1M; qemu-img create -q -f qcow2"
            " %s 1M", f->a, f->b);
    host_sh("for d in %s %s; do qemu-img snapshot -c first $d; done; sleep 1.1;"
            " for d in %s %s; do qemu-img snapshot -c second $d; done",
            f->a, f->b, f->a, f->b);
    host_sh("qemu-img snapshot -c half %s; qemu-img snapshot -c 1odd %s;"
            " qemu-img snapshot -c 1odd %s", f->a, f->a, f->b);
    if (asprintf(&config, "{\"c_info\": {\"type\": \"pvh\", \"name\": \"g\","
                 " \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1},"
                 " {\"pdev_path\": \"%s\", \"vdev\": \"xvdb\","
                 " \"format\": \"qcow2\", \"readwrite\": 1}]}", f->a, f->b) < 0)
        abort();
    f->host.config = config;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->host.config);
    host_dispose(&f->host);
    free(f->a);
    free(f->b);
    free(f);
    return 0;
}

static enum manage_outcome adopt(struct fixture *f, const char *name,
                                 struct manage_adopt args, int *num_r)
{
    struct manage_redefined done;
    int rc;

    args.domain = "g";
    args.names = &name;
    args.num_names = name ? 1 : 0;
    manage_redefined_init(&done);
    rc = manage_adopt(f->host.manage, &args, &done, NULL, host_err(&f->host));
    assert_int_equal(!rc, f->host.err.outcome == MANAGE_OK);
    if (num_r) *num_r = done.num;
    manage_redefined_dispose(&done);
    return f->host.err.outcome;
}

static const struct manage_adopt nothing;

static void look(struct fixture *f, struct manage_view *view)
{
    manage_view_init(view);
    assert_int_equal(manage_look(f->host.manage, "g", view,
                                 host_err(&f->host)), 0);
    assert_null(view->chain.damaged);
    assert_false(view->in_flight);
}

static void test_all(void **state)
{
    struct fixture *f = *state;
    struct manage_adopt args = nothing;
    const chain_snapshot *first, *second;
    struct manage_view view;
    int num;

    args.current = true;
    if (adopt(f, NULL, args, &num)) fail_msg("%s", f->host.err.text);
    assert_int_equal(num, 2);
    look(f, &view);
    first = chain_model_by_name(&view.chain, "first");
    second = chain_model_by_name(&view.chain, "second");
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal(first->parent, 0);
    assert_int_equal(second->parent, first->serial);
    assert_int_equal(view.chain.tree.current, second->serial);
    assert_true(first->created < second->created);
    assert_false(first->memory);
    assert_int_equal(first->state, CHAIN_DOMAIN_STATE_OFF);
    assert_string_equal(first->disks[1].handle.u.qcow2.name, "first");
    assert_true(first->disks[1].date_sec > 0);
    manage_view_dispose(&view);
    /* Nothing is left. */
    assert_int_equal(adopt(f, NULL, nothing, NULL), MANAGE_NOT_FOUND);
    assert_int_equal(adopt(f, "first", nothing, NULL), MANAGE_REFUSED);
}

static void test_one(void **state)
{
    struct fixture *f = *state;
    struct manage_adopt args = nothing;
    struct manage_view view;

    if (adopt(f, "second", nothing, NULL)) fail_msg("%s", f->host.err.text);
    args.parent = "second";
    if (adopt(f, "first", args, NULL)) fail_msg("%s", f->host.err.text);
    look(f, &view);
    assert_int_equal(chain_model_by_name(&view.chain, "second")->parent, 0);
    assert_int_equal(chain_model_by_name(&view.chain, "first")->parent,
                     chain_model_by_name(&view.chain, "second")->serial);
    assert_int_equal(view.chain.tree.current, 0);
    manage_view_dispose(&view);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct manage_adopt args = nothing;

    assert_int_equal(adopt(f, "half", nothing, NULL), MANAGE_REFUSED);
    assert_non_null(strstr(f->host.err.text, "xvdb"));
    assert_int_equal(adopt(f, "nothing", nothing, NULL), MANAGE_REFUSED);
    assert_int_equal(adopt(f, "1odd", nothing, NULL), MANAGE_REFUSED);
    host_sh("qemu-img snapshot -c first %s", f->b);
    assert_int_equal(adopt(f, "first", nothing, NULL), MANAGE_REFUSED);
    assert_non_null(strstr(f->host.err.text, "more than once"));
    args.parent = "nobody";
    assert_int_equal(adopt(f, "second", args, NULL), MANAGE_NOT_FOUND);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_all), T(test_one), T(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
