/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks that a hook takes, with one that copies a raw file: really taken, put
 * back and deleted, beside an internal snapshot of a qcow2 disk. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/manage/host.h"

struct fixture {
    struct host host;
    char *a;                    /* xvda: qcow2 */
    char *b;                    /* xvdb: raw, and beside it b.ID */
    char *hook;
};

/* <dir>/no-ACTION or <dir>/no-check-ACTION make it fail, before or
 * (<dir>/late-ACTION) after it did what it should. */
static const char script[] =
"#!/bin/sh\n"
"PATH=/usr/bin:/bin\n"
"cd \"$(dirname \"$0\")\"\n"
"env | grep ^XL_SNAPSHOT_ | sort >last\n"
"what=$XL_SNAPSHOT_ACTION${XL_SNAPSHOT_FOR:+-$XL_SNAPSHOT_FOR}\n"
"echo $what >>log\n"
"[ ! -e no-$what ] || exit 1\n"
"copy=$XL_SNAPSHOT_PATH.$XL_SNAPSHOT_ID\n"
"case $what in\n"
"check-create) [ ! -e $copy ] ;;\n"
"check-revert) [ -e $copy ] ;;\n"
"check-delete) ;;\n"
"create) cp $XL_SNAPSHOT_PATH $copy ;;\n"
"revert) cp $copy $XL_SNAPSHOT_PATH.new && mv $XL_SNAPSHOT_PATH.new"
" $XL_SNAPSHOT_PATH ;;\n"
"delete) rm -f $copy ;;\n"
"esac || exit 1\n"
"[ ! -e late-$what ]\n";

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    host_init(&f->host);
    f->a = host_path(&f->host, "images/a.qcow2");
    f->b = host_path(&f->host, "images/b");
    f->hook = host_path(&f->host, "hook");
    host_sh("qemu-img create -q -f qcow2 %s 1M; echo one >%s", f->a, f->b);
    host_write(f->hook, script, strlen(script));
    assert_int_equal(chmod(f->hook, 0755), 0);
    if (asprintf(&f->host.config, "{\"c_info\": {\"type\": \"pvh\", \"name\":"
                 " \"g\", \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1},"
                 " {\"pdev_path\": \"%s\", \"vdev\": \"xvdb\","
                 " \"format\": \"raw\", \"readwrite\": 1}]}", f->a, f->b) < 0)
        abort();
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
    free(f->hook);
    free(f);
    return 0;
}

/* ---- what is asked for ---- */

static enum manage_outcome create_with(struct fixture *f, const char *name,
                                       const struct manage_disk_spec *spec)
{
    struct manage_create args = {
        .domain = "g", .name = name, .specs = spec, .num_specs = 1,
    };
    chain_snapshot made;

    chain_snapshot_init(&made);
    manage_create(f->host.manage, &args, &made, NULL, host_err(&f->host));
    chain_snapshot_dispose(&made);
    return f->host.err.outcome;
}

static enum manage_outcome create(struct fixture *f, const char *name)
{
    const struct manage_disk_spec spec = {
        .vdev = "xvdb", .kind = MANAGE_DISK_MANUAL, .hook = f->hook,
    };

    return create_with(f, name, &spec);
}

static enum manage_outcome revert(struct fixture *f, const char *name,
                                  bool undo, char **undo_r)
{
    struct manage_revert args = {
        .domain = "g", .name = name, .undo = undo,
        .state = CHAIN_DOMAIN_STATE_OFF,
    };
    struct manage_revert_result result = { .undo = NULL };

    manage_revert(f->host.manage, &args, &result, NULL, host_err(&f->host));
    if (undo_r) *undo_r = result.undo;
    else free(result.undo);
    return f->host.err.outcome;
}

static enum manage_outcome delete(struct fixture *f, const char *name,
                                  bool metadata, char **note_r)
{
    struct manage_delete args = {
        .domain = "g", .name = name, .metadata = metadata,
    };
    struct manage_delete_result result = { 0 };

    manage_delete(f->host.manage, &args, &result, NULL, host_err(&f->host));
    if (note_r) *note_r = result.note;
    else free(result.note);
    return f->host.err.outcome;
}

static void recover(struct fixture *f)
{
    char *report = NULL;

    if (manage_recover(f->host.manage, "g", &report, host_err(&f->host)))
        fail_msg("%s", f->host.err.text);
    free(report);
}

#define MUST(call) do { if (call) fail_msg("%s", f->host.err.text); } while (0)

/* ---- what there is ---- */

static void look(struct fixture *f, struct manage_view *view)
{
    manage_view_init(view);
    assert_int_equal(manage_look(f->host.manage, "g", view,
                                 host_err(&f->host)), 0);
    assert_null(view->chain.damaged);
    assert_false(view->in_flight);
}

/* Snapshots, and what the hook still has to delete. */
static void has(struct fixture *f, int snapshots, int leftovers)
{
    struct manage_view view;

    look(f, &view);
    assert_int_equal(view.chain.tree.num_snapshots, snapshots);
    assert_int_equal(view.chain.tree.num_leftovers, leftovers);
    manage_view_dispose(&view);
}

static void has_copies(struct fixture *f, const char *num)
{
    char *found = host_ask("ls %s.* 2>/dev/null | wc -l", f->b);

    assert_string_equal(found, num);
    free(found);
}

static void has_inside(struct fixture *f, const char *num)
{
    char *found = host_ask("qemu-img snapshot -l %s | awk 'NR > 2' | wc -l",
                           f->a);

    assert_string_equal(found, num);
    free(found);
}

static void holds(struct fixture *f, const char *text)
{
    char *found = host_ask("cat %s", f->b);

    assert_string_equal(found, text);
    free(found);
}

static void put(struct fixture *f, const char *text)
{
    host_sh("echo %s >%s", text, f->b);
}

static void set(struct fixture *f, const char *name)
{
    host_sh("touch %s/%s", f->host.dir, name);
}

static void unset(struct fixture *f, const char *name)
{
    host_sh("rm %s/%s", f->host.dir, name);
}

static void has_run(struct fixture *f, const char *actions)
{
    char *found = host_ask("cat %s/log | xargs; rm -f %s/log", f->host.dir,
                           f->host.dir);

    assert_string_equal(found, actions);
    free(found);
}

static void says(struct fixture *f, const char *words)
{
    if (!strstr(f->host.err.text, words))
        fail_msg("'%s' is not in '%s'", words, f->host.err.text);
}

/* ---- */

static void test_all(void **state)
{
    struct fixture *f = *state;

    MUST(create(f, "one"));
    has_run(f, "check-create create");
    put(f, "two");
    MUST(create(f, "two"));
    put(f, "three");
    has_copies(f, "2");
    has_inside(f, "2");
    has_run(f, "check-create create");
    MUST(revert(f, "one", false, NULL));
    has_run(f, "check-revert revert");
    holds(f, "one");
    put(f, "four");
    MUST(create(f, "four"));
    MUST(revert(f, "two", false, NULL));
    holds(f, "two");
    MUST(revert(f, "four", false, NULL));
    holds(f, "four");
    has_run(f, "check-create create check-revert revert check-revert revert");
    MUST(delete(f, "two", false, NULL));
    has_run(f, "check-delete delete");
    has_copies(f, "2");
    has(f, 2, 0);
    MUST(revert(f, "one", false, NULL));
    holds(f, "one");
    MUST(delete(f, "one", true, NULL));
    has_run(f, "check-revert revert");
    has_copies(f, "2");
    has(f, 1, 0);
}

static char *id_of(struct fixture *f, const char *name)
{
    struct manage_view view;
    char *id;

    look(f, &view);
    id = strdup(chain_model_by_name(&view.chain, name)->disks[1].id);
    manage_view_dispose(&view);
    return id;
}

static void test_environment(void **state)
{
    struct fixture *f = *state;
    char *last, *expected, *id;

    MUST(create(f, "one"));
    id = id_of(f, "one");
    assert_int_equal(strncmp(id, "1-", 2), 0);
    assert_int_equal(strlen(id), 10);
    if (asprintf(&expected, "XL_SNAPSHOT_ACTION=create XL_SNAPSHOT_DOMAIN=g"
                 " XL_SNAPSHOT_DOMID= XL_SNAPSHOT_FOR="
                 " XL_SNAPSHOT_FORMAT=raw XL_SNAPSHOT_ID=%s"
                 " XL_SNAPSHOT_NAME=one XL_SNAPSHOT_PATH=%s"
                 " XL_SNAPSHOT_VDEV=xvdb", id, f->b) < 0)
        abort();
    last = host_ask("xargs <%s/last", f->host.dir);
    assert_string_equal(last, expected);
    free(last);
    free(expected);
    free(id);
    MUST(delete(f, "one", false, NULL));
    last = host_ask("grep NAME %s/last", f->host.dir);
    assert_string_equal(last, "XL_SNAPSHOT_NAME=one");
    free(last);
}

static void plans(char *plan, const char *words)
{
    if (!plan || !strstr(plan, words))
        fail_msg("'%s' is not in '%s'", words, plan ? plan : "");
    free(plan);
}

/* They are told, and asked, and nothing is done. */
static void test_dry_run(void **state)
{
    struct fixture *f = *state;
    const struct manage_disk_spec spec = {
        .vdev = "xvdb", .kind = MANAGE_DISK_MANUAL, .hook = f->hook,
    };
    struct manage_create create_args = {
        .domain = "g", .name = "x", .specs = &spec, .num_specs = 1,
        .dry_run = true,
    };
    struct manage_revert revert_args = {
        .domain = "g", .name = "one", .dry_run = true,
    };
    struct manage_delete delete_args = {
        .domain = "g", .name = "one", .dry_run = true,
    };
    char *plan = NULL;

    MUST(create(f, "one"));
    has_run(f, "check-create create");
    MUST(manage_create(f->host.manage, &create_args, NULL, &plan,
                       host_err(&f->host)));
    plans(plan, "\"hook\"");
    MUST(manage_revert(f->host.manage, &revert_args, NULL, &plan,
                       host_err(&f->host)));
    plans(plan, "\"hook_revert\"");
    MUST(manage_delete(f->host.manage, &delete_args, NULL, &plan,
                       host_err(&f->host)));
    plans(plan, "\"hook_delete\"");
    has_run(f, "check-create check-revert check-delete");
    has(f, 1, 0);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct manage_disk_spec spec = {
        .vdev = "xvdb", .kind = MANAGE_DISK_MANUAL,
    };
    const struct manage_disk_spec external = {
        .vdev = "xvdb", .kind = MANAGE_DISK_EXTERNAL,
    };

    assert_int_equal(create_with(f, "x", &spec), MANAGE_USAGE);
    says(f, "needs a hook");
    spec.hook = "hook";
    assert_int_equal(create_with(f, "x", &spec), MANAGE_USAGE);
    spec.hook = "/nowhere/hook";
    assert_int_equal(create_with(f, "x", &spec), MANAGE_REFUSED);
    says(f, "No such file");
    spec.hook = f->host.dir;
    assert_int_equal(create_with(f, "x", &spec), MANAGE_REFUSED);
    says(f, "not a file");
    spec.hook = f->b;
    assert_int_equal(create_with(f, "x", &spec), MANAGE_REFUSED);
    says(f, "Permission denied");
    set(f, "no-check-create");
    assert_int_equal(create(f, "x"), MANAGE_REFUSED);
    says(f, "check create");
    unset(f, "no-check-create");
    has_inside(f, "0");
    has_copies(f, "0");

    /* What others need must not be replaced, or be read through. */
    MUST(create(f, "one"));
    MUST(create_with(f, "frozen", &external));
    assert_int_equal(revert(f, "one", false, NULL), MANAGE_REFUSED);
    says(f, "frozen");
    set(f, "no-check-revert");
    assert_int_equal(revert(f, "one", false, NULL), MANAGE_REFUSED);
    says(f, "check revert");
    host_sh("chmod -x %s", f->hook);
    assert_int_equal(delete(f, "one", false, NULL), MANAGE_REFUSED);
    says(f, "--metadata");
    host_sh("chmod +x %s", f->hook);
    set(f, "no-check-delete");
    assert_int_equal(delete(f, "one", false, NULL), MANAGE_REFUSED);
    says(f, "check delete");
    has(f, 2, 0);
}

/* On its overlay the hook would see half of a disk. */
static void test_overlay(void **state)
{
    struct fixture *f = *state;
    const struct manage_disk_spec external = {
        .vdev = "xvdb", .kind = MANAGE_DISK_EXTERNAL,
    };
    char *undo = NULL;

    MUST(create_with(f, "frozen", &external));
    assert_int_equal(create(f, "x"), MANAGE_REFUSED);
    says(f, "is an overlay of");
    /* Without being asked for, it is not tried. */
    MUST(revert(f, "frozen", true, &undo));
    assert_non_null(undo);
    free(undo);
    has(f, 2, 0);
}

static void test_inside(void **state)
{
    struct fixture *f = *state;
    const struct manage_disk_spec spec = {
        .vdev = "xvda", .kind = MANAGE_DISK_MANUAL, .hook = f->hook,
    };
    const struct manage_disk_spec none = {
        .vdev = "xvdb", .kind = MANAGE_DISK_NONE,
    };

    host_sh("sed -i 's/cp/cp -p/' %s", f->hook);
    free(f->host.config);
    if (asprintf(&f->host.config, "{\"c_info\": {\"type\": \"pvh\", \"name\":"
                 " \"g\", \"uuid\": \"11111111-2222-3333-4444-555555555555\"},"
                 " \"disks\": [{\"pdev_path\": \"%s\", \"vdev\": \"xvda\","
                 " \"format\": \"qcow2\", \"readwrite\": 1}]}", f->a) < 0)
        abort();
    MUST(create_with(f, "copy", &spec));
    assert_int_equal(create_with(f, "x", &none), MANAGE_NOT_FOUND);
    {
        struct manage_create args = { .domain = "g", .name = "inside" };
        chain_snapshot made;

        chain_snapshot_init(&made);
        manage_create(f->host.manage, &args, &made, NULL, host_err(&f->host));
        chain_snapshot_dispose(&made);
        if (f->host.err.outcome) fail_msg("%s", f->host.err.text);
    }
    assert_int_equal(revert(f, "copy", false, NULL), MANAGE_REFUSED);
    says(f, "'inside' is inside");
    MUST(delete(f, "inside", false, NULL));
    MUST(revert(f, "copy", false, NULL));
}

static void test_create_fails(void **state)
{
    struct fixture *f = *state;

    MUST(create(f, "one"));
    has_run(f, "check-create create");
    set(f, "no-create");
    assert_int_equal(create(f, "x"), MANAGE_ROLLED_BACK);
    has_run(f, "check-create create delete");
    unset(f, "no-create");
    set(f, "late-create");
    assert_int_equal(create(f, "x"), MANAGE_ROLLED_BACK);
    has_inside(f, "1");
    has_copies(f, "1");
    has(f, 1, 0);

    /* Not even the way back. */
    set(f, "no-delete");
    assert_int_equal(create(f, "x"), MANAGE_ROLLED_BACK);
    assert_non_null(strstr(f->host.warned, "tried again"));
    has_inside(f, "1");
    has_copies(f, "2");
    has(f, 1, 1);
    unset(f, "late-create");
    recover(f);
    has(f, 1, 1);
    unset(f, "no-delete");
    recover(f);
    has_copies(f, "1");
    has(f, 1, 0);
    MUST(create(f, "x"));
}

static void test_delete_fails(void **state)
{
    struct fixture *f = *state;
    char *note = NULL;

    MUST(create(f, "one"));
    MUST(create(f, "two"));
    set(f, "no-delete");
    MUST(delete(f, "one", false, &note));
    assert_non_null(note);
    assert_non_null(strstr(note, "tried again"));
    free(note);
    has_copies(f, "2");
    has(f, 1, 1);
    unset(f, "no-delete");
    MUST(delete(f, "two", false, NULL));
    has_copies(f, "0");
    has(f, 0, 0);
}

static void test_revert_fails(void **state)
{
    struct fixture *f = *state;

    MUST(create(f, "one"));
    put(f, "two");
    set(f, "no-revert");
    assert_int_equal(revert(f, "one", false, NULL), MANAGE_NEEDS_RECOVERY);
    holds(f, "two");
    unset(f, "no-revert");
    recover(f);
    holds(f, "one");
    has(f, 1, 0);
}

static void test_undo(void **state)
{
    struct fixture *f = *state;
    char *undo = NULL;

    MUST(create(f, "one"));
    put(f, "two");
    MUST(revert(f, "one", true, &undo));
    holds(f, "one");
    assert_non_null(undo);
    has_copies(f, "2");
    MUST(revert(f, undo, false, NULL));
    holds(f, "two");
    free(undo);
}

/* ---- put back ---- */

static enum manage_outcome put_back(struct fixture *f, const char *text)
{
    struct manage_redefine args = {
        .domain = "g", .text = text, .len = strlen(text),
    };
    struct manage_redefined done;

    manage_redefined_init(&done);
    manage_redefine(f->host.manage, &args, &done, NULL, host_err(&f->host));
    manage_redefined_dispose(&done);
    return f->host.err.outcome;
}

/* Under another serial, and still what the hook knows. */
static void test_redefine(void **state)
{
    struct fixture *f = *state;
    struct manage_view view;
    char *text = NULL;

    MUST(create(f, "one"));
    put(f, "two");
    look(f, &view);
    assert_int_equal(manage_dump(f->host.manage, &view,
                                 chain_model_by_name(&view.chain, "one"),
                                 &text, host_err(&f->host)), 0);
    manage_view_dispose(&view);
    MUST(delete(f, "one", true, NULL));
    MUST(create(f, "between"));
    MUST(put_back(f, text));
    look(f, &view);
    assert_true(chain_model_by_name(&view.chain, "one")->serial > 1);
    manage_view_dispose(&view);
    MUST(revert(f, "one", false, NULL));
    holds(f, "one");
    MUST(delete(f, "one", true, NULL));
    host_sh("rm %s.1-*", f->b);
    assert_int_equal(put_back(f, text), MANAGE_REFUSED);
    says(f, "check revert");
    free(text);
}

/* ---- killed ---- */

static void killed_at(struct fixture *f, const char *point, bool revert_it,
                      const char *name)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        f->host.stop_at = point;
        if (revert_it) revert(f, name, false, NULL);
        else if (strstr(point, "delete")) delete(f, name, false, NULL);
        else create(f, name);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 77);
    recover(f);
}

static void test_killed(void **state)
{
    struct fixture *f = *state;

    MUST(create(f, "one"));
    put(f, "two");
    killed_at(f, "hook:create-xvdb", false, "x");
    has_copies(f, "1");
    killed_at(f, "create:disks", false, "x");
    has_copies(f, "1");
    has_inside(f, "1");
    killed_at(f, "create:publish", false, "x");
    has_copies(f, "1");
    has_inside(f, "1");
    has(f, 1, 0);
    holds(f, "two");
    killed_at(f, "hook:revert-xvdb", true, "one");
    holds(f, "one");
    put(f, "two");
    killed_at(f, "revert:applied", true, "one");
    holds(f, "one");
    killed_at(f, "hook:delete-xvdb", false, "one");
    has_copies(f, "0");
    has_inside(f, "0");
    has(f, 0, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_all), T(test_environment), T(test_dry_run), T(test_refused),
        T(test_overlay),
        T(test_inside), T(test_create_fails), T(test_delete_fails),
        T(test_revert_fails), T(test_undo), T(test_redefine), T(test_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
