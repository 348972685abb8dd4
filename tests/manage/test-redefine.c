/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records are put back: the text, the order, the chain, real images. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/manage/host.h"

#define MEMORY_BYTES 500

struct fixture {
    struct host host;
    char *image;
    char *sec, *nsec;           /* the date of "one" in it */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    host_init(&f->host);
    f->image = host_path(&f->host, "images/a.qcow2");
    host_sh("qemu-img create -q -f qcow2 %s 1M", f->image);
    host_sh("qemu-img snapshot -c one %s", f->image);
    f->sec = host_ask("qemu-img info --output=json %s |"
                      " sed -n 's/.*\"date-sec\": \\([0-9]*\\).*/\\1/p'",
                      f->image);
    f->nsec = host_ask("qemu-img info --output=json %s |"
                       " sed -n 's/.*\"date-nsec\": \\([0-9]*\\).*/\\1/p'",
                       f->image);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    host_dispose(&f->host);
    free(f->image);
    free(f->sec);
    free(f->nsec);
    free(f);
    return 0;
}

/* A record with no disks. */
static char *plain(const char *name, int serial, const char *parent,
                   int parent_serial)
{
    char *config = host_config("g", "/x"), *text;

    if (asprintf(&text, "{\"version\": 1, \"domain\": \"g\", \"snapshot\":"
                 " {\"serial\": %d, \"parent\": %d, \"name\": \"%s\","
                 " \"description\": \"of %s\", \"created\": 100,"
                 " \"state\": \"off\", \"parent_name\": %s%s%s},"
                 " \"config\": %s}", serial, parent_serial, name, name,
                 parent ? "\"" : "", parent ? parent : "null",
                 parent ? "\"" : "", config) < 0)
        abort();
    free(config);
    return text;
}

/* One with the disk. */
static char *with_disk(struct fixture *f, const char *sec, bool memory)
{
    char *config = host_config("g", f->image), *text;

    if (asprintf(&text, "{\"version\": 1, \"domain\": \"g\", \"snapshot\":"
                 " {\"serial\": 3, \"name\": \"A\", \"created\": 100,"
                 " \"state\": \"%s\", \"memory\": %s, \"memory_bytes\": %d,"
                 " \"disks\": [{\"vdev\": \"xvda\", \"path\": \"%s\","
                 " \"format\": \"qcow2\", \"treatment\": \"internal\","
                 " \"handle\": {\"format.qcow2\": {\"name\": \"one\"}},"
                 " \"id\": \"1\", \"date_sec\": %s, \"date_nsec\": %s}]},"
                 " \"config\": %s}", memory ? "running" : "off",
                 memory ? "true" : "false", memory ? MEMORY_BYTES : 0,
                 f->image, sec, f->nsec, config) < 0)
        abort();
    free(config);
    return text;
}

/* Frees text. Returns the outcome. */
static enum manage_outcome redefine(struct fixture *f, char *text,
                                    struct manage_redefine args,
                                    char **names_r)
{
    struct manage_redefined done;
    char *names = strdup(""), *longer, *plan = NULL;
    int i, rc;

    args.domain = "g";
    args.text = text;
    args.len = strlen(text);
    manage_redefined_init(&done);
    rc = manage_redefine(f->host.manage, &args, &done, &plan,
                         host_err(&f->host));
    if (!rc != (f->host.err.outcome == MANAGE_OK))
        fail_msg("%d, but: %s", rc, f->host.err.text);
    for (i = 0; i < done.num; i++) {
        if (asprintf(&longer, "%s%s ", names, done.names[i]) < 0) abort();
        free(names);
        names = longer;
    }
    if (args.dry_run && !rc) assert_non_null(strstr(plan, "put_back"));
    manage_redefined_dispose(&done);
    free(plan);
    free(text);
    if (names_r)
        *names_r = names;
    else
        free(names);
    return f->host.err.outcome;
}

static const struct manage_redefine nothing;

static void expect_refusal(struct fixture *f, char *text, const char *words)
{
    assert_int_equal(redefine(f, text, nothing, NULL), MANAGE_REFUSED);
    if (!strstr(f->host.err.text, words))
        fail_msg("said: %s; should speak of: %s", f->host.err.text, words);
}

static void look(struct fixture *f, struct manage_view *view)
{
    manage_view_init(view);
    assert_int_equal(manage_look(f->host.manage, "g", view,
                                 host_err(&f->host)), 0);
    assert_null(view->chain.damaged);
    assert_false(view->in_flight);
}

static char *array(char *a, char *b, char *c)
{
    char *text;

    if (asprintf(&text, "[%s, %s, %s]", a, b, c) < 0) abort();
    free(a);
    free(b);
    free(c);
    return text;
}

static void test_any_order(void **state)
{
    struct fixture *f = *state;
    const chain_snapshot *s;
    struct manage_view view;
    char *names;

    assert_int_equal(redefine(f, array(plain("c", 9, "b", 5),
                                       plain("b", 5, "a", 2),
                                       plain("a", 2, NULL, 0)), nothing,
                              &names), MANAGE_OK);
    assert_string_equal(names, "a b c ");
    free(names);
    look(f, &view);
    s = chain_model_by_name(&view.chain, "c");
    assert_int_equal(s->serial, 9);
    assert_int_equal(s->parent, 5);
    assert_int_equal(view.chain.tree.current, 0);
    manage_view_dispose(&view);

    /* Again: they are there, and stay. */
    assert_int_equal(redefine(f, array(plain("c", 9, "b", 5),
                                       plain("b", 5, "a", 2),
                                       plain("d", 2, "c", 9)), nothing,
                              &names), MANAGE_OK);
    assert_string_equal(names, "d ");
    free(names);
    look(f, &view);
    s = chain_model_by_name(&view.chain, "d");
    assert_int_equal(s->serial, 10);
    assert_int_equal(s->parent, 9);
    manage_view_dispose(&view);
}

static void test_bad_trees(void **state)
{
    struct fixture *f = *state;

    expect_refusal(f, array(plain("a", 1, "b", 2), plain("b", 2, "c", 3),
                            plain("c", 3, "a", 1)), "its own descendant");
    expect_refusal(f, plain("a", 1, "a", 1), "its own descendant");
    expect_refusal(f, plain("a", 1, "nobody", 2), "'nobody'");
    expect_refusal(f, plain("a", 1, NULL, 2), "parent_name");
    expect_refusal(f, array(plain("a", 1, NULL, 0), plain("a", 2, NULL, 0),
                            plain("b", 3, NULL, 0)), "called 'a'");
    expect_refusal(f, array(plain("a", 1, NULL, 0), plain("b", 1, NULL, 0),
                            plain("c", 3, NULL, 0)), "same serial");
    expect_refusal(f, plain("-a", 1, NULL, 0), "name");
    expect_refusal(f, plain("../a", 1, NULL, 0), "name");
}

static void test_bad_texts(void **state)
{
    static const char *const texts[] = {
        "", "[]", "{}", "3", "null", "[null]", "{\"version\": 1}", "[[]]",
        "{\"version\": 2, \"domain\": \"g\", \"snapshot\": {}}",
        "{\"version\": 1, \"domain\": 7, \"snapshot\": {}}",
        "{\"version\": 1, \"domain\": \"g\", \"snapshot\": []}",
        "{\"version\": 1, \"domain\": \"g\", \"snapshot\": {\"x\": 1}}",
        "{\"version\": 1, \"domain\": \"g\", \"snapshot\": {\"name\": null}}",
        "{\"version\": 1, \"domain\": \"g\", \"x\": 1}",
        "{\"version\": 1, \"domain\": \"g\", \"snapshot\": {\"name\": \"a\"},"
        " \"config\": []}",
        "{\"version\": 1, \"domain\": \"g\", \"snapshot\": {\"name\": \"a\"},"
        " \"config\": {}} x",
    };
    struct fixture *f = *state;
    size_t i;
    char *text;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect_refusal(f, strdup(texts[i]), "not what snapshot-dump prints");
    /* Cut anywhere. */
    text = plain("a", 1, NULL, 0);
    for (i = 0; i < strlen(text); i++)
        expect_refusal(f, strndup(text, i), "snapshot-dump");
    free(text);
}

static void test_other_domain(void **state)
{
    struct fixture *f = *state;
    char *text = plain("a", 1, NULL, 0), *at = strstr(text, "\"g\"");

    at[1] = 'h';
    expect_refusal(f, text, "of the domain 'h'");
    text = plain("a", 1, NULL, 0);
    at = strstr(text, "\"name\": \"g\"");
    at[9] = 'h';
    expect_refusal(f, text, "'h'");
}

static void test_disks(void **state)
{
    struct fixture *f = *state;
    struct manage_redefine args = nothing;
    char *path;

    args.dry_run = true;
    assert_int_equal(redefine(f, with_disk(f, f->sec, false), args, NULL),
                     MANAGE_OK);
    assert_false(host_has(f->host.state));
    expect_refusal(f, with_disk(f, "12345", false), "another one");
    assert_int_equal(redefine(f, with_disk(f, f->sec, false), nothing, NULL),
                     MANAGE_OK);
    path = host_path(&f->host, "state/g/snap-3/config.json");
    assert_true(host_has(path));
    free(path);
    host_sh("qemu-img snapshot -d one %s", f->image);
}

static void test_missing_image(void **state)
{
    struct fixture *f = *state;

    host_sh("qemu-img snapshot -d one %s", f->image);
    expect_refusal(f, with_disk(f, f->sec, false), "does not have");
    unlink(f->image);
    expect_refusal(f, with_disk(f, f->sec, false), "does not have");
}

static void test_lost_chain(void **state)
{
    struct fixture *f = *state;
    struct manage_view view;
    char *memory;

    expect_refusal(f, with_disk(f, f->sec, true), "--memory");
    /* chain.json is gone, the payload is there. */
    host_sh("mkdir -p %s/g/snap-3", f->host.state);
    memory = host_path(&f->host, "state/g/snap-3/memory");
    host_memory_image(memory, MEMORY_BYTES);
    host_sh("truncate -s -1 %s", memory);
    expect_refusal(f, with_disk(f, f->sec, true), "damaged");
    host_sh("head -c 1000 /dev/zero > %s", memory);
    expect_refusal(f, with_disk(f, f->sec, true), "no memory image");
    assert_true(host_has(memory));
    host_memory_image(memory, MEMORY_BYTES);
    assert_int_equal(redefine(f, with_disk(f, f->sec, true), nothing, NULL),
                     MANAGE_OK);
    look(f, &view);
    assert_int_equal(view.chain.tree.snapshots[0].serial, 3);
    assert_true(view.chain.tree.snapshots[0].memory);
    assert_true(host_has(memory));
    manage_view_dispose(&view);
    free(memory);
}

static void test_given_memory(void **state)
{
    struct fixture *f = *state;
    struct manage_redefine args = nothing;
    char *config = host_config("g", f->image), *memory, *stored;
    struct manage_view view;

    memory = host_path(&f->host, "memory");
    stored = host_path(&f->host, "state/g/snap-3/memory");
    host_save_image(memory, config, MEMORY_BYTES);
    args.memory = memory;
    args.current = true;
    assert_int_equal(redefine(f, with_disk(f, f->sec, true), args, NULL),
                     MANAGE_OK);
    /* A file of xl's became an image, without the configuration. */
    assert_true(host_memory_is(stored, MEMORY_BYTES));
    look(f, &view);
    assert_true(view.chain.tree.snapshots[0].memory_bytes > MEMORY_BYTES / 2);
    manage_view_dispose(&view);
    free(config);
    free(memory);
    free(stored);
}

static void test_without_memory(void **state)
{
    struct fixture *f = *state;
    struct manage_redefine args = nothing;
    struct manage_view view;

    args.without_memory = true;
    args.current = true;
    assert_int_equal(redefine(f, with_disk(f, f->sec, true), args, NULL),
                     MANAGE_OK);
    look(f, &view);
    assert_false(view.chain.tree.snapshots[0].memory);
    assert_int_equal(view.chain.tree.current, 3);
    manage_view_dispose(&view);
}

static void test_one_owner(void **state)
{
    struct fixture *f = *state;
    char *text;

    assert_int_equal(redefine(f, with_disk(f, f->sec, false), nothing, NULL),
                     MANAGE_OK);
    text = with_disk(f, f->sec, false);
    *strstr(text, "\"A\"") = '"';
    strstr(text, "\"A\"")[1] = 'B';
    expect_refusal(f, text, "belongs to the snapshot 'A'");
}

static void test_update(void **state)
{
    struct fixture *f = *state;
    struct manage_redefine args = nothing;
    struct manage_view view;
    char *text;

    assert_int_equal(redefine(f, array(plain("a", 1, NULL, 0),
                                       plain("b", 2, "a", 1),
                                       plain("c", 3, "b", 2)), nothing, NULL),
                     MANAGE_OK);
    args.update = true;
    text = plain("c", 3, "a", 1);
    memcpy(strstr(text, "of c"), "new!", 4);
    assert_int_equal(redefine(f, text, args, NULL), MANAGE_OK);
    look(f, &view);
    assert_int_equal(chain_model_by_name(&view.chain, "c")->parent, 1);
    assert_string_equal(chain_model_by_name(&view.chain, "c")->description,
                        "new!");
    manage_view_dispose(&view);
    assert_int_equal(redefine(f, plain("a", 1, "c", 3), args, NULL),
                     MANAGE_REFUSED);
    assert_non_null(strstr(f->host.err.text, "its own descendant"));
    assert_int_equal(redefine(f, plain("x", 1, NULL, 0), args, NULL),
                     MANAGE_NOT_FOUND);
    text = plain("a", 1, NULL, 0);
    memcpy(strstr(text, "100"), "101", 3);
    assert_int_equal(redefine(f, text, args, NULL), MANAGE_REFUSED);
}

static void test_one_only(void **state)
{
    struct fixture *f = *state;
    struct manage_redefine args = nothing;

    args.current = true;
    assert_int_equal(redefine(f, array(plain("a", 1, NULL, 0),
                                       plain("b", 2, "a", 1),
                                       plain("c", 3, "b", 2)), args, NULL),
                     MANAGE_USAGE);
}

/* Killed at a point: the next one recovers, and it can be done again. */
static void killed_at(struct fixture *f, const char *point)
{
    struct manage_view view;
    int status;
    pid_t pid = fork();

    if (!pid) {
        f->host.stop_at = point;
        redefine(f, with_disk(f, f->sec, false), nothing, NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 77);
    assert_int_equal(redefine(f, with_disk(f, f->sec, false), nothing, NULL),
                     MANAGE_OK);
    look(f, &view);
    assert_int_equal(view.chain.tree.num_snapshots, 1);
    manage_view_dispose(&view);
    /* The snapshot in the image was nobody's to remove. */
    host_sh("qemu-img snapshot -l %s | grep -q one", f->image);
}

static void test_killed_early(void **state)
{
    killed_at(*state, "redefine:journaled");
}

static void test_killed_late(void **state)
{
    killed_at(*state, "redefine:publish");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_any_order), T(test_bad_trees), T(test_bad_texts),
        T(test_other_domain), T(test_disks), T(test_missing_image),
        T(test_lost_chain), T(test_given_memory), T(test_without_memory),
        T(test_one_owner), T(test_update), T(test_one_only),
        T(test_killed_early), T(test_killed_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
