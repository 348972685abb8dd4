/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every allocation fails once, in every call: the error is ERROR_NOMEM, the
 * model is what it was, and nothing is leaked (which the sanitizers and
 * valgrind see). Linked with --wrap for the allocating functions.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "chain/name.h"
#include "tests/chain/util.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__real_strndup(const char *s, size_t len);
char *__wrap_strndup(const char *s, size_t len);
int __wrap_asprintf(char **text_r, const char *fmt, ...);

/* The allocation that fails, counted down; 0: none. */
static unsigned int countdown;
static bool failed;

static bool fails(void)
{
    if (!countdown || --countdown) return false;
    return failed = true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t num, size_t size)
{
    return fails() ? NULL : __real_calloc(num, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t len)
{
    return fails() ? NULL : __real_strndup(s, len);
}

int __wrap_asprintf(char **text_r, const char *fmt, ...)
{
    va_list ap;
    int r;

    if (fails()) return -1;     /* *text_r is undefined then */
    va_start(ap, fmt);
    r = vasprintf(text_r, fmt, ap);
    va_end(ap);
    return r;
}

struct scene {
    char *dir;
    chain_store *store;
    /* A chain of three, saved. Of its images, /srv/1 and /srv/2 are merged
     * with what is above them when their turn comes. */
    struct chain_model model;
};

/* Each returns the rc of one call, and frees what it got. */
typedef int call(struct scene *s, struct chain_error *err);

static int call_open(struct scene *s, struct chain_error *err)
{
    chain_store *store = NULL;
    int rc = chain_store_open(s->dir, "other", &store, err);

    chain_store_close(store);
    return rc;
}

static int call_lock(struct scene *s, struct chain_error *err)
{
    chain_store_unlock(s->store);
    return chain_store_lock(s->store, "x", 0, err);
}

static int call_list(struct scene *s, struct chain_error *err)
{
    char **domains = NULL;
    size_t num = 0;
    int rc = chain_store_list_domains(s->dir, &domains, &num, err);

    chain_strings_free(domains, num);
    return rc;
}

static int call_load(struct scene *s, struct chain_error *err)
{
    struct chain_model m;
    int rc;

    chain_model_init(&m);
    rc = chain_store_load(s->store, &m, err);
    if (rc) assert_int_equal(0, m.tree.num_snapshots);
    chain_model_dispose(&m);
    return rc;
}

static int call_save(struct scene *s, struct chain_error *err)
{
    return chain_store_save(s->store, &s->model, err);
}

static int call_restore(struct scene *s, struct chain_error *err)
{
    return chain_store_restore_previous(s->store, err);
}

static int call_journal(struct scene *s, struct chain_error *err)
{
    chain_journal j, found;
    chain_snapshot *snapshot = __real_calloc(1, sizeof(*snapshot));
    chain_image *image = __real_calloc(1, sizeof(*image));
    bool present;
    int rc;

    chain_journal_init(&j);
    chain_journal_init(&found);
    j.version = CHAIN_VERSION;
    j.verb = CHAIN_VERB_CREATE;
    j.step = CHAIN_STEP_BEGUN;
    chain_snapshot_init(snapshot);
    snapshot->serial = 9;
    snapshot->name = __real_strdup("nine");
    j.snapshots = snapshot;
    j.num_snapshots = 1;
    chain_image_init(image);
    image->path = __real_strdup("/srv/9");
    image->format = LIBXL_DISK_FORMAT_QCOW2;
    j.images = image;
    j.num_images = 1;
    rc = chain_store_journal_write(s->store, &j, err);
    if (!rc) rc = chain_store_journal_read(s->store, &found, &present, err);
    if (!rc) rc = chain_store_journal_clear(s->store, err);
    chain_journal_dispose(&j);
    chain_journal_dispose(&found);
    return rc;
}

static int call_payload(struct scene *s, struct chain_error *err)
{
    char *data;
    size_t len;
    int rc;

    rc = chain_store_payload_create(s->store, 9, err);
    if (!rc) rc = chain_store_payload_write(s->store, 9, "x", "y", 1, err);
    if (!rc) rc = chain_store_payload_seal(s->store, 9, err);
    if (!rc) {
        rc = chain_store_payload_read(s->store, 9, "x", &data, &len, err);
        if (!rc) free(data);
    }
    if (!rc) rc = chain_store_payload_remove(s->store, 9, err);
    if (rc) chain_store_payload_remove(s->store, 9, NULL);
    return rc;
}

/* With payload 8, that nobody has. */
static int call_orphans(struct scene *s, struct chain_error *err)
{
    unsigned int n = countdown;

    countdown = 0;
    chain_store_payload_create(s->store, 8, NULL);
    countdown = n;
    return chain_store_orphans_remove(s->store, &s->model, err);
}

static int call_names(struct scene *s, struct chain_error *err)
{
    char *name;
    int rc;

    rc = chain_name_default(&s->model, 0, &name, err);
    if (rc) return rc;
    free(name);
    rc = chain_name_handle(&s->model, "A", NULL, 0, &name, err);
    if (!rc) free(name);
    return rc;
}

static int call_copy(struct scene *s, struct chain_error *err)
{
    struct chain_model m;
    int rc;

    chain_model_init(&m);
    rc = chain_model_copy(&m, &s->model, err);
    chain_model_dispose(&m);
    return rc;
}

static int call_walk(struct scene *s, struct chain_error *err)
{
    struct chain_walk_entry *entries = NULL;
    size_t num;
    int rc = chain_model_walk(&s->model, 0, &entries, &num, err);

    free(entries);
    return rc;
}

static int call_hidden(struct scene *s, struct chain_error *err)
{
    const chain_image **images;
    size_t num;
    int rc = chain_images_all_hidden(&s->model, &images, &num, err);

    if (!rc) free(images);
    return rc;
}

static int call_below(struct scene *s, struct chain_error *err)
{
    const chain_image **images;
    size_t num;
    int rc = chain_images_below(&s->model, "/srv/3", &images, &num, err);

    if (!rc) free(images);
    return rc;
}

/* These have no error: the answer is right, or the one that does no harm. */
static int call_answers(struct scene *s, struct chain_error *err)
{
    struct chain_image_step step;
    const char *by;

    assert_true(chain_images_frozen(&s->model, "/srv/base", &by));
    if (by) assert_string_equal("X", by);
    assert_false(chain_images_frozen(&s->model, "/srv/3", &by));
    assert_true(chain_images_in_use(&s->model, "/srv/base"));
    assert_false(chain_images_in_use(&s->model, "/srv/x"));
    if (chain_images_next(&s->model, NULL, NULL, NULL, &step))
        assert_string_equal("/srv/1", step.image->path);
    else
        assert_true(failed);
    return failed ? chain_error_set_nomem(err) : 0;
}

static int call_validate(struct scene *s, struct chain_error *err)
{
    return chain_tree_validate(&s->model.tree, err);
}

/* ---- those that change the model, when they succeed ---- */

static int call_image(struct scene *s, struct chain_error *err)
{
    return chain_images_add(&s->model, "/srv/9", LIBXL_DISK_FORMAT_QCOW2, true,
                            "/srv/8", LIBXL_DISK_FORMAT_QED, err);
}

/* One that is known, with another backing image. */
static int call_rebase(struct scene *s, struct chain_error *err)
{
    return chain_images_add(&s->model, "/srv/3", LIBXL_DISK_FORMAT_QCOW2, true,
                            "/srv/1", LIBXL_DISK_FORMAT_QCOW2, err);
}

static int call_active(struct scene *s, struct chain_error *err)
{
    return chain_images_set_active(&s->model, "xvdb", "/srv/9",
                                   LIBXL_DISK_FORMAT_QED, err);
}

static int call_committed(struct scene *s, struct chain_error *err)
{
    struct chain_image_step step = {
        .type = CHAIN_IMAGE_COMMIT,
        .image = chain_images_find(&s->model, "/srv/2"),
        .overlay = chain_images_find(&s->model, "/srv/3"),
    };

    return chain_images_done(&s->model, &step, err);
}

static int call_add(struct scene *s, struct chain_error *err)
{
    const chain_snapshot *a = chain_model_by_name(&s->model, "A");
    chain_snapshot copy = *a;

    copy.serial = s->model.tree.next_serial;
    copy.name = (char *)"D";
    return chain_model_add(&s->model, &copy, err);
}

static int call_rename(struct scene *s, struct chain_error *err)
{
    return chain_model_rename(&s->model, 1, "other", err);
}

static int call_describe(struct scene *s, struct chain_error *err)
{
    return chain_model_set_description(&s->model, 1, "text", err);
}

static int call_remove(struct scene *s, struct chain_error *err)
{
    const uint64_t two = 2;

    return chain_model_remove(&s->model, &two, 1, err);
}

static int call_empty(struct scene *s, struct chain_error *err)
{
    return chain_model_set_empty(&s->model, "guest", err);
}

/* base (X) <- 1 <- 2 <- 3, which xvda has */
static void make_images(struct chain_model *m)
{
    static const char *const paths[] = {
        "/srv/base", "/srv/1", "/srv/2", "/srv/3",
    };
    chain_snapshot x;
    int i;

    for (i = 1; i < 4; i++)
        assert_int_equal(0, chain_images_add(
            m, paths[i], LIBXL_DISK_FORMAT_QCOW2, true, paths[i - 1],
            LIBXL_DISK_FORMAT_QCOW2, NULL));
    assert_int_equal(0, chain_images_set_active(
        m, "xvda", paths[3], LIBXL_DISK_FORMAT_QCOW2, NULL));
    util_snapshot(&x, m->tree.next_serial, 0, "X");
    util_external(&x, 0, paths[0], LIBXL_DISK_FORMAT_QCOW2);
    assert_int_equal(0, chain_model_add(m, &x, NULL));
    chain_snapshot_dispose(&x);
}

static void each_allocation(call *fn)
{
    struct chain_error err;
    struct scene s;
    unsigned int n;
    char *before, *after;
    int rc;

    s.dir = util_make_dir();
    assert_int_equal(0, chain_store_open(s.dir, "guest", &s.store, NULL));
    assert_int_equal(0, chain_store_lock(s.store, "x", 0, NULL));
    chain_model_init(&s.model);
    assert_int_equal(0, chain_model_set_empty(&s.model, "guest", NULL));
    util_add(&s.model, 0, "A");
    util_add(&s.model, 1, "B");
    util_add(&s.model, 2, "C");
    make_images(&s.model);
    assert_int_equal(0, chain_store_save(s.store, &s.model, NULL));
    assert_int_equal(0, chain_store_save(s.store, &s.model, NULL));
    before = util_tree_text(&s.model.tree);
    for (n = 1; ; n++) {
        memset(&err, 0, sizeof(err));
        failed = false;
        countdown = n;
        rc = fn(&s, &err);
        countdown = 0;
        if (!failed) break;
        if (rc != ERROR_NOMEM || err.rc != rc || !err.text[0])
            fail_msg("allocation %u: rc %d: %s", n, rc, err.text);
        after = util_tree_text(&s.model.tree);
        assert_string_equal(before, after);
        free(after);
    }
    if (rc) fail_msg("%s", err.text);
    assert_true(n > 1);
    free(before);
    chain_model_dispose(&s.model);
    chain_store_close(s.store);
    util_remove_dir(s.dir);
}

#define CALLS(X) \
    X(open) X(lock) X(list) X(load) X(save) X(restore) X(journal) X(payload) \
    X(orphans) X(names) X(copy) X(walk) X(add) X(rename) X(describe) \
    X(remove) X(empty) X(hidden) X(below) X(answers) X(validate) X(image) \
    X(rebase) X(active) X(committed)

#define TEST(name) \
    static void no_memory_to_##name(void **state) \
    { \
        each_allocation(call_##name); \
    }
CALLS(TEST)

#define ENTRY(name) cmocka_unit_test(no_memory_to_##name),

int main(void)
{
    const struct CMUnitTest tests[] = { CALLS(ENTRY) };

    return cmocka_run_group_tests_name("chain-nomem", tests, NULL, NULL);
}
