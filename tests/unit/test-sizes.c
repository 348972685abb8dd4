/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What snapshots take and would free, and the record of one, from a state
 * directory with images beside it.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/images.h"
#include "libxl/json.h"
#include "manage/manage.h"
#include "tests/chain/util.h"

#define KIB 1024u
/* Enough that no file system's own blocks matter. */
#define CONFIG_LEN (64 * KIB)
#define MEMORY_LEN (256 * KIB)

struct rig {
    char *dir;                  /* everything is below it */
    chain_store *store;
    struct chain_model chain;
    struct manage *m;
    struct manage_view view;
    struct manage_size sizes[8];
    struct manage_error err;
};

static char *image(struct rig *rig, const char *name)
{
    return util_path(rig->dir, name);
}

static uint64_t allocated(const char *path)
{
    struct stat st;

    assert_int_equal(0, stat(path, &st));
    return (uint64_t)st.st_blocks * 512;
}

/* An image of so many KiB, to be known as name; longer than it is large. */
static void make_image(struct rig *rig, const char *name, size_t kib)
{
    char *path = image(rig, name), *data = malloc(kib * KIB);

    assert_non_null(data);
    memset(data, 'x', kib * KIB);
    util_write_file(path, data, kib * KIB);
    assert_int_equal(0, truncate(path, 64 << 20));
    free(data);
    free(path);
}

static uint64_t image_size(struct rig *rig, const char *name)
{
    char *path = image(rig, name);
    uint64_t bytes = allocated(path);

    free(path);
    return bytes;
}

static void rig_init(struct rig *rig)
{
    struct manage_settings settings = { 0 };
    char *state;

    memset(rig, 0, sizeof(*rig));
    rig->dir = util_make_dir();
    state = util_path(rig->dir, "state");
    assert_int_equal(0, chain_store_open(state, "guest", &rig->store, NULL));
    assert_int_equal(0, chain_store_lock(rig->store, "test", 0, NULL));
    chain_model_init(&rig->chain);
    assert_int_equal(0, chain_model_set_empty(&rig->chain, "guest", NULL));
    settings.snapshot_dir = state;
    assert_int_equal(0, manage_open(&settings, &rig->m, &rig->err));
    manage_view_init(&rig->view);
    free(state);
}

static void rig_dispose(struct rig *rig)
{
    manage_view_dispose(&rig->view);
    manage_close(rig->m);
    chain_model_dispose(&rig->chain);
    chain_store_close(rig->store);
    util_remove_dir(rig->dir);
}

/* Its payload: a configuration, and memory unless the domain was off. */
static void make_payload(struct rig *rig, const chain_snapshot *s)
{
    static const char config[] = "{\"c_info\": {\"name\": \"guest\"}}";
    char *data = malloc(MEMORY_LEN);

    assert_non_null(data);
    memset(data, ' ', MEMORY_LEN);
    assert_int_equal(0, chain_store_payload_create(rig->store, s->serial,
                                                   NULL));
    if (s->memory)
        assert_int_equal(0, chain_store_payload_write(
            rig->store, s->serial, CHAIN_PAYLOAD_MEMORY, data, MEMORY_LEN,
            NULL));
    memcpy(data, config, strlen(config));
    assert_int_equal(0, chain_store_payload_write(
        rig->store, s->serial, CHAIN_PAYLOAD_CONFIG, data, CONFIG_LEN, NULL));
    free(data);
}

static uint64_t payload_size(struct rig *rig, uint64_t serial)
{
    static const char *const files[] = {
        CHAIN_PAYLOAD_CONFIG, CHAIN_PAYLOAD_MEMORY
    };
    uint64_t sum = 0;
    char *path;
    size_t i;

    for (i = 0; i < 2; i++) {
        assert_int_equal(0, chain_store_payload_path(rig->store, serial,
                                                     files[i], &path, NULL));
        if (util_exists(path)) sum += allocated(path);
        free(path);
    }
    return sum;
}

/* A snapshot with the one disk xvda; image NULL: an internal one. */
static void add_snapshot(struct rig *rig, const char *name,
                         const char *frozen, bool memory)
{
    chain_snapshot s;
    chain_disk *disk;

    util_snapshot(&s, rig->chain.tree.next_serial, rig->chain.tree.current,
                  name);
    if (!memory) {
        s.memory = false;
        s.memory_bytes = 0;
    }
    disk = &s.disks[0];
    if (frozen) {
        free(disk->path);
        disk->path = image(rig, frozen);
        disk->treatment = CHAIN_DISK_TREATMENT_EXTERNAL;
        libxl_snapshot_handle_dispose(&disk->handle);
        libxl_snapshot_handle_init(&disk->handle);
    }
    assert_int_equal(0, chain_model_add(&rig->chain, &s, NULL));
    assert_int_equal(0, chain_model_set_current(&rig->chain, s.serial, NULL));
    make_payload(rig, &s);
    chain_snapshot_dispose(&s);
}

static void add_image(struct rig *rig, const char *name, const char *backing,
                      bool ours)
{
    char *path = image(rig, name);
    char *below = backing ? image(rig, backing) : NULL;

    assert_int_equal(0, chain_images_add(&rig->chain, path,
                                         LIBXL_DISK_FORMAT_QCOW2, ours, below,
                                         LIBXL_DISK_FORMAT_QCOW2, NULL));
    free(path);
    free(below);
}

static void set_active(struct rig *rig, const char *name)
{
    char *path = image(rig, name);

    assert_int_equal(0, chain_images_set_active(&rig->chain, "xvda", path,
                                                LIBXL_DISK_FORMAT_QCOW2,
                                                NULL));
    free(path);
}

/* Save the chain, and look at it as xl does. */
static void look(struct rig *rig, bool freed)
{
    struct chain_error why;

    if (chain_store_save(rig->store, &rig->chain, &why))
        fail_msg("%s", why.text);
    memset(rig->sizes, 0xee, sizeof(rig->sizes));
    if (manage_look(rig->m, "guest", &rig->view, &rig->err) ||
        manage_sizes(rig->m, &rig->view, freed, rig->sizes, &rig->err))
        fail_msg("%s", rig->err.text);
}

#define EXPECT_SIZE(rig, i, expected, is_exact) do { \
        assert_int_equal(expected, (rig)->sizes[i].bytes); \
        assert_int_equal(is_exact, (rig)->sizes[i].exact); \
    } while (0)
#define EXPECT_FREED(rig, i, expected, is_exact) do { \
        assert_int_equal(expected, (rig)->sizes[i].freed_bytes); \
        assert_int_equal(is_exact, (rig)->sizes[i].freed_exact); \
    } while (0)

/* base <- one <- two: the present; "first" froze base, "second" froze one. */
static void make_line(struct rig *rig)
{
    make_image(rig, "base", 512);
    make_image(rig, "one", 128);
    make_image(rig, "two", 64);
    add_image(rig, "base", NULL, false);
    set_active(rig, "base");
    add_image(rig, "one", "base", true);
    add_snapshot(rig, "first", "base", true);
    set_active(rig, "one");
    add_image(rig, "two", "one", true);
    add_snapshot(rig, "second", "one", false);
    set_active(rig, "two");
}

static void internal(void **state)
{
    struct rig rig;

    rig_init(&rig);
    add_snapshot(&rig, "first", NULL, true);
    look(&rig, true);
    assert_true(rig.sizes[0].bytes >= MEMORY_LEN + CONFIG_LEN);
    EXPECT_SIZE(&rig, 0, payload_size(&rig, 1), false);
    EXPECT_FREED(&rig, 0, payload_size(&rig, 1), false);
    rig_dispose(&rig);
}

static void no_disks(void **state)
{
    struct rig rig;

    rig_init(&rig);
    add_snapshot(&rig, "first", NULL, true);
    rig.chain.tree.snapshots[0].disks[0].treatment =
        CHAIN_DISK_TREATMENT_EXCLUDED;
    libxl_snapshot_handle_dispose(&rig.chain.tree.snapshots[0].disks[0].handle);
    libxl_snapshot_handle_init(&rig.chain.tree.snapshots[0].disks[0].handle);
    look(&rig, true);
    EXPECT_SIZE(&rig, 0, payload_size(&rig, 1), true);
    EXPECT_FREED(&rig, 0, payload_size(&rig, 1), true);
    look(&rig, false);
    EXPECT_SIZE(&rig, 0, payload_size(&rig, 1), true);
    EXPECT_FREED(&rig, 0, 0, false);
    rig_dispose(&rig);
}

/* Deleting one in the middle merges two images; what that frees only they
 * know. */
static void line(void **state)
{
    struct rig rig;

    rig_init(&rig);
    make_line(&rig);
    look(&rig, true);
    EXPECT_SIZE(&rig, 0, payload_size(&rig, 1) + image_size(&rig, "base"),
                true);
    EXPECT_SIZE(&rig, 1, payload_size(&rig, 2) + image_size(&rig, "one"),
                true);
    EXPECT_FREED(&rig, 0, payload_size(&rig, 1), false);
    EXPECT_FREED(&rig, 1, payload_size(&rig, 2), false);
    rig_dispose(&rig);
}

/* Back at "first": what "second" froze is needed by it alone. */
static void sibling(void **state)
{
    struct rig rig;

    rig_init(&rig);
    make_line(&rig);
    make_image(&rig, "three", 32);
    add_image(&rig, "three", "base", true);
    set_active(&rig, "three");
    look(&rig, true);
    /* "two" was the present's, is nobody's now, and goes whatever is done */
    EXPECT_FREED(&rig, 1, payload_size(&rig, 2) + image_size(&rig, "one"),
                 true);
    /* base has two overlays and stays */
    EXPECT_FREED(&rig, 0, payload_size(&rig, 1), true);
    rig_dispose(&rig);
}

/* An image that is not ours is forgotten, and not removed. */
static void not_ours(void **state)
{
    struct rig rig;

    rig_init(&rig);
    make_line(&rig);
    make_image(&rig, "three", 32);
    add_image(&rig, "three", "base", true);
    set_active(&rig, "three");
    add_image(&rig, "one", "base", false);
    look(&rig, true);
    EXPECT_FREED(&rig, 1, payload_size(&rig, 2), true);
    rig_dispose(&rig);
}

static void lost_files(void **state)
{
    struct rig rig;
    char *path;

    rig_init(&rig);
    make_line(&rig);
    path = image(&rig, "base");
    assert_int_equal(0, unlink(path));
    assert_int_equal(0, chain_store_payload_remove(rig.store, 2, NULL));
    look(&rig, true);
    EXPECT_SIZE(&rig, 0, payload_size(&rig, 1), false);
    EXPECT_SIZE(&rig, 1, image_size(&rig, "one"), false);
    /* a FIFO is no image, and nobody waits at it */
    assert_int_equal(0, mkfifo(path, 0600));
    look(&rig, true);
    EXPECT_SIZE(&rig, 0, payload_size(&rig, 1), false);
    free(path);
    rig_dispose(&rig);
}

/* Nothing is deleted from a damaged chain. */
static void damaged(void **state)
{
    struct rig rig;

    rig_init(&rig);
    make_line(&rig);
    look(&rig, true);
    rig.view.chain.tree.snapshots[0].parent = 77;
    rig.view.chain.damaged = strdup("parent");
    assert_int_equal(0, manage_sizes(rig.m, &rig.view, true, rig.sizes,
                                     &rig.err));
    EXPECT_SIZE(&rig, 0, payload_size(&rig, 1) + image_size(&rig, "base"),
                true);
    EXPECT_FREED(&rig, 0, 0, false);
    rig_dispose(&rig);
}

/* ---- the record ---- */

static xjson *dump(struct rig *rig, const char *name)
{
    const chain_snapshot *s = chain_model_by_name(&rig->view.chain, name);
    xjson *value = NULL;
    char *text = NULL;

    assert_non_null(s);
    if (manage_dump(rig->m, &rig->view, s, &text, &rig->err))
        fail_msg("%s", rig->err.text);
    assert_int_equal(0, xjson_parse(text, strlen(text), &value, NULL));
    free(text);
    return value;
}

static void expect_member(const xjson *value, const char *member,
                          const char *expected)
{
    const char *s = xjson_member_string(value, member);

    if (expected)
        assert_string_equal(expected, s);
    else
        assert_null(s);
}

static void record(void **state)
{
    const xjson *snapshot, *one;
    xjson *value;
    struct rig rig;
    char *path;

    rig_init(&rig);
    make_line(&rig);
    look(&rig, false);
    value = dump(&rig, "second");
    expect_member(value, "domain", "guest");
    assert_int_equal(5, xjson_count(value));
    snapshot = xjson_member(value, "snapshot");
    expect_member(snapshot, "name", "second");
    expect_member(snapshot, "parent_name", "first");
    assert_int_equal(2, xjson_count(xjson_member(snapshot, "disks")));
    expect_member(xjson_member(xjson_member(value, "config"), "c_info"),
                  "name", "guest");
    /* what is frozen, and below; not what is above */
    assert_int_equal(2, xjson_count(xjson_member(value, "images")));
    one = xjson_next(xjson_first(xjson_member(value, "images")));
    path = image(&rig, "one");
    expect_member(one, "path", path);
    assert_true(xjson_member_true(one, "ours"));
    free(path);
    xjson_free(value);

    value = dump(&rig, "first");
    snapshot = xjson_member(value, "snapshot");
    assert_int_equal(XJSON_NULL,
                     xjson_type_of(xjson_member(snapshot, "parent_name")));
    assert_int_equal(1, xjson_count(xjson_member(value, "images")));
    xjson_free(value);
    rig_dispose(&rig);
}

static void record_of_internal(void **state)
{
    struct rig rig;
    xjson *value;

    rig_init(&rig);
    add_snapshot(&rig, "first", NULL, true);
    look(&rig, false);
    value = dump(&rig, "first");
    assert_null(xjson_member(value, "images"));
    xjson_free(value);

    /* The configuration is lost, or no JSON. */
    assert_int_equal(0, chain_store_payload_remove(rig.store, 1, NULL));
    value = dump(&rig, "first");
    assert_non_null(xjson_member(value, "config"));
    assert_int_equal(XJSON_NULL, xjson_type_of(xjson_member(value, "config")));
    xjson_free(value);
    rig_dispose(&rig);
}

static void record_unreadable(void **state)
{
    struct rig rig;
    char *text = NULL;

    rig_init(&rig);
    add_snapshot(&rig, "first", NULL, true);
    look(&rig, false);
    assert_int_equal(0, chain_store_payload_remove(rig.store, 1, NULL));
    assert_int_equal(0, chain_store_payload_create(rig.store, 1, NULL));
    assert_int_equal(0, chain_store_payload_write(
        rig.store, 1, CHAIN_PAYLOAD_CONFIG, "{\"a\": ", 6, NULL));
    rig.err.outcome = MANAGE_OK;
    assert_int_not_equal(0, manage_dump(rig.m, &rig.view,
                                        rig.view.chain.tree.snapshots, &text,
                                        &rig.err));
    assert_null(text);
    assert_int_equal(MANAGE_DAMAGED, rig.err.outcome);
    assert_non_null(strstr(rig.err.text, "configuration"));
    rig_dispose(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(internal),
        cmocka_unit_test(no_disks),
        cmocka_unit_test(line),
        cmocka_unit_test(sibling),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(lost_files),
        cmocka_unit_test(damaged),
        cmocka_unit_test(record),
        cmocka_unit_test(record_of_internal),
        cmocka_unit_test(record_unreadable),
    };

    return cmocka_run_group_tests_name("manage-sizes", tests, NULL, NULL);
}
