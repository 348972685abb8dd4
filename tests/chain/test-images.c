/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images behind external snapshots: single calls, what they refuse, and
 * what is done about images that nobody names. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "tests/chain/util.h"

#define QCOW2 LIBXL_DISK_FORMAT_QCOW2
#define RAW LIBXL_DISK_FORMAT_RAW
#define QED LIBXL_DISK_FORMAT_QED
#define NO_FORMAT LIBXL_DISK_FORMAT_UNKNOWN

static int setup(void **state)
{
    struct chain_model *m = malloc(sizeof(*m));

    assert_non_null(m);
    chain_model_init(m);
    assert_int_equal(0, chain_model_set_empty(m, "guest", NULL));
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct chain_model *m = *state;

    chain_model_dispose(m);
    free(m);
    return 0;
}

static void must(int rc, const struct chain_error *err)
{
    if (rc) fail_msg("%s", err->text);
}

static void assert_refused(int rc, int expected, const struct chain_error *err,
                           const char *text)
{
    assert_int_equal(expected, rc);
    assert_int_equal(expected, err->rc);
    if (!strstr(err->text, text))
        fail_msg("'%s' is not in '%s'", text, err->text);
    assert_null(strchr(err->text, '\n'));
}

/* ---- scenes ---- */

/* An image of ours, in qcow2. */
static void overlay(struct chain_model *m, const char *path,
                    const char *backing)
{
    const chain_image *below = chain_images_find(m, backing);
    struct chain_error err;

    must(chain_images_add(m, path, QCOW2, true, backing,
                          below ? below->format : QCOW2, &err), &err);
}

static void set_active(struct chain_model *m, const char *vdev,
                       const char *path)
{
    const chain_image *image = chain_images_find(m, path);
    struct chain_error err;

    must(chain_images_set_active(m, vdev, path, image ? image->format : QCOW2,
                                 &err), &err);
}

/* xvda goes over from the image frozen to overlay. */
static uint64_t external(struct chain_model *m, const char *name,
                         const char *frozen, const char *to)
{
    uint64_t serial = m->tree.next_serial;
    struct chain_error err;
    chain_snapshot s;

    overlay(m, to, frozen);
    set_active(m, "xvda", to);
    util_snapshot(&s, serial, m->tree.current, name);
    util_external(&s, 0, frozen, chain_images_find(m, frozen)->format);
    must(chain_model_add(m, &s, &err), &err);
    must(chain_model_set_current(m, serial, &err), &err);
    chain_snapshot_dispose(&s);
    return serial;
}

/* In the image path. */
static uint64_t internal(struct chain_model *m, const char *name,
                         const char *path)
{
    uint64_t serial = m->tree.next_serial;
    struct chain_error err;
    chain_snapshot s;

    util_snapshot(&s, serial, m->tree.current, name);
    free(s.disks[0].path);
    s.disks[0].path = strdup(path);
    must(chain_model_add(m, &s, &err), &err);
    must(chain_model_set_current(m, serial, &err), &err);
    chain_snapshot_dispose(&s);
    return serial;
}

static void forget(struct chain_model *m, uint64_t serial)
{
    struct chain_error err;

    must(chain_model_remove(m, &serial, 1, &err), &err);
}

/* "/base /1<base! ...": each image, what is below it, ! when it is ours. */
static void assert_images(const struct chain_model *m, const char *expected)
{
    char text[512] = "", one[128];
    int i;

    for (i = 0; i < m->tree.num_images; i++) {
        const chain_image *image = &m->tree.images[i];
        snprintf(one, sizeof(one), "%s%s%s%s%s", i ? " " : "", image->path,
                 image->backing ? "<" : "",
                 image->backing ? image->backing + 1 : "",
                 image->ours ? "!" : "");
        strcat(text, one);
    }
    assert_string_equal(expected, text);
}

static bool spoil(struct chain_model *m)
{
    struct chain_error err;
    chain_tree tree = m->tree;

    chain_tree_init(&m->tree);
    must(chain_model_take(m, &tree, &err), &err);
    return m->damaged;
}

/* ---- adding ---- */

static void add(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    assert_null(chain_images_find(m, "/base"));
    must(chain_images_add(m, "/1", QCOW2, true, "/base", RAW, &err), &err);
    assert_images(m, "/base /1<base!");
    assert_int_equal(RAW, chain_images_find(m, "/base")->format);
    assert_int_equal(QCOW2, chain_images_find(m, "/1")->format);
    assert_false(chain_images_find(m, "/base")->was_disk);
    must(chain_images_add(m, "/2", QED, false, "/1", QCOW2, &err), &err);
    assert_images(m, "/base /1<base! /2<1");
    must(chain_images_add(m, "/alone", RAW, false, NULL, NO_FORMAT, &err),
         &err);
    assert_images(m, "/base /1<base! /2<1 /alone");
    util_assert_sound(m);
}

static void add_changes_what_is_known(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    overlay(m, "/2", "/1");
    assert_images(m, "/1 /2<1!");
    /* now what is below it is told */
    must(chain_images_add(m, "/1", QCOW2, true, "/base", RAW, &err), &err);
    assert_images(m, "/1<base! /2<1! /base");
    /* no word of a backing image takes none away */
    must(chain_images_add(m, "/1", QCOW2, false, NULL, NO_FORMAT, &err), &err);
    assert_images(m, "/1<base /2<1! /base");
    must(chain_images_add(m, "/2", QCOW2, true, "/base", RAW, &err), &err);
    assert_images(m, "/1<base /2<base! /base");
    util_assert_sound(m);
}

static void add_refuses(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    char *before, *after;

    overlay(m, "/1", "/base");
    overlay(m, "/2", "/1");
    before = util_tree_text(&m->tree);
#define REFUSED(text, ...) \
    assert_refused(chain_images_add(m, __VA_ARGS__, &err), ERROR_INVAL, &err, \
                   text)
    REFUSED("path: there is none", NULL, QCOW2, true, NULL, NO_FORMAT);
    REFUSED("path: there is none", "", QCOW2, true, NULL, NO_FORMAT);
    REFUSED("path: 'x' is not absolute", "x", QCOW2, true, NULL, NO_FORMAT);
    REFUSED("format: ", "/x", NO_FORMAT, true, NULL, NO_FORMAT);
    REFUSED("format: ", "/x", LIBXL_DISK_FORMAT_EMPTY, true, NULL, NO_FORMAT);
    REFUSED("backing: 'y' is not", "/x", QCOW2, true, "y", QCOW2);
    REFUSED("backing: a raw", "/x", RAW, true, "/y", QCOW2);
    REFUSED("format: ", "/x", QCOW2, true, "/y", NO_FORMAT);
    REFUSED("its own backing", "/x", QCOW2, true, "/x", QCOW2);
    REFUSED("knows the image /1 as qcow2, not as qed", "/1", QED, true, NULL,
            NO_FORMAT);
    REFUSED("knows the image /1 as qcow2, not as raw", "/x", QCOW2, true, "/1",
            RAW);
    REFUSED("since that one reads from it", "/base", QCOW2, false, "/2",
            QCOW2);
    REFUSED("since that one reads from it", "/base", QCOW2, false, "/1",
            QCOW2);
#undef REFUSED
    after = util_tree_text(&m->tree);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- the disks of the present ---- */

static void active(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    assert_null(chain_images_active(m, "xvda"));
    set_active(m, "xvda", "/base");
    assert_images(m, "/base");
    assert_true(chain_images_find(m, "/base")->was_disk);
    assert_string_equal("/base", chain_images_active(m, "xvda")->path);
    util_assert_sound(m);

    overlay(m, "/1", "/base");
    /* (an image that is being written to is being read through) */
    assert_int_equal(ERROR_BADFAIL, chain_tree_validate(&m->tree, NULL));
    set_active(m, "xvda", "/1");
    set_active(m, "xvdb", "/2");
    util_assert_sound(m);
    assert_int_equal(2, m->tree.num_active);
    assert_string_equal("/1", chain_images_active(m, "xvda")->path);
    assert_string_equal("/2", chain_images_active(m, "xvdb")->path);
    assert_null(chain_images_active(m, "xvd"));

    must(chain_images_clear_active(m, "xvdc", &err), &err);
    must(chain_images_clear_active(m, "xvda", &err), &err);
    assert_null(chain_images_active(m, "xvda"));
    assert_string_equal("/2", chain_images_active(m, "xvdb")->path);
    must(chain_images_clear_active(m, "xvdb", &err), &err);
    assert_int_equal(0, m->tree.num_active);
    assert_images(m, "/base /1<base! /2");
    util_assert_sound(m);
}

/* What a pull does: fewer images below, and those of snapshots stay. */
static void set_backing(void **state)
{
    struct chain_model *m = *state;
    struct chain_image_step step;
    struct chain_error err;

    overlay(m, "/b", "/a");
    overlay(m, "/c", "/b");
    overlay(m, "/d", "/c");
    set_active(m, "xvda", "/d");
    must(chain_images_set_backing(m, "/d", "/c", &err), &err);
    assert_string_equal("/c", chain_images_find(m, "/d")->backing);
    must(chain_images_set_backing(m, "/d", "/b", &err), &err);
    assert_string_equal("/b", chain_images_find(m, "/d")->backing);
    /* now nobody needs /c */
    assert_true(chain_images_next(m, NULL, NULL, NULL, &step));
    assert_int_equal(CHAIN_IMAGE_REMOVE, step.type);
    assert_string_equal("/c", step.image->path);
    must(chain_images_set_backing(m, "/d", NULL, &err), &err);
    must(chain_images_set_backing(m, "/d", NULL, &err), &err);
    assert_null(chain_images_find(m, "/d")->backing);
    assert_string_equal("/b", chain_images_find(m, "/c")->backing);
    assert_string_equal("/d", chain_images_active(m, "xvda")->path);
}

static void set_backing_refuses(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    overlay(m, "/b", "/a");
    overlay(m, "/c", "/b");
    assert_refused(chain_images_set_backing(m, "/x", NULL, &err),
                   ERROR_NOTFOUND, &err, "/x");
    assert_refused(chain_images_set_backing(m, "/b", "/c", &err), ERROR_INVAL,
                   &err, "does not read from /c");
    assert_refused(chain_images_set_backing(m, "/c", "/c", &err), ERROR_INVAL,
                   &err, "does not read from /c");
    assert_refused(chain_images_set_backing(m, "/c", "/x", &err), ERROR_INVAL,
                   &err, "does not read from /x");
    assert_string_equal("/b", chain_images_find(m, "/c")->backing);
    /* what a clone reads through to is found by way of what it is on */
    must(chain_images_add_clone(m, "/twin", QCOW2, "/c", "twin", &err), &err);
    assert_refused(chain_images_set_backing(m, "/c", "/a", &err), ERROR_INVAL,
                   &err, "'twin', a clone");
    assert_refused(chain_images_set_backing(m, "/b", NULL, &err), ERROR_INVAL,
                   &err, "'twin', a clone");
    assert_refused(chain_images_set_backing(m, "/twin", NULL, &err),
                   ERROR_INVAL, &err, "'twin', a clone");
    must(chain_images_drop_clone(m, "/twin", &err), &err);
    must(chain_images_set_backing(m, "/c", "/a", &err), &err);
}

static void active_refuses(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    char *before, *after, vdev[16], path[16];
    int i;

    external(m, "A", "/base", "/1");
    overlay(m, "/3", "/2");
    before = util_tree_text(&m->tree);
#define REFUSED(text, ...) \
    assert_refused(chain_images_set_active(m, __VA_ARGS__, &err), \
                   ERROR_INVAL, &err, text)
    REFUSED("vdev: ", "", "/x", QCOW2);
    REFUSED("vdev: ", NULL, "/x", QCOW2);
    REFUSED("path: ", "xvdb", NULL, QCOW2);
    REFUSED("path: 'x'", "xvdb", "x", QCOW2);
    REFUSED("format: ", "xvdb", "/x", NO_FORMAT);
    REFUSED("as qcow2, not as raw", "xvdb", "/3", RAW);
    REFUSED("the disks xvda and xvdb", "xvdb", "/1", QCOW2);
    REFUSED("the snapshot A needs it", "xvda", "/base", QCOW2);
    REFUSED("an overlay needs it", "xvdb", "/2", QCOW2);
#undef REFUSED
    after = util_tree_text(&m->tree);
    assert_string_equal(before, after);
    free(before);
    free(after);
    for (i = 1; i < (int)CHAIN_MAX_DISKS; i++) {
        snprintf(vdev, sizeof(vdev), "d%d", i);
        snprintf(path, sizeof(path), "/d%d", i);
        set_active(m, vdev, path);
    }
    assert_refused(chain_images_set_active(m, "xvdz", "/z", QCOW2, &err),
                   ERROR_INVAL, &err, "more than 256");
    set_active(m, "d1", "/other");
    util_assert_sound(m);
}

static void a_snapshot_needs_its_images(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    chain_snapshot s;

    util_snapshot(&s, 1, 0, "A");
    util_external(&s, 0, "/base", QCOW2);
    assert_refused(chain_model_add(m, &s, &err), ERROR_INVAL, &err,
                   "disks[0].path: '/base' is not one of the images");
    overlay(m, "/1", "/base");
    assert_false(chain_images_find(m, "/base")->was_disk);
    must(chain_model_add(m, &s, &err), &err);
    assert_true(chain_images_find(m, "/base")->was_disk);
    assert_false(chain_images_find(m, "/1")->was_disk);
    chain_snapshot_dispose(&s);
    /* and the others are left alone by what changes snapshots */
    must(chain_model_rename(m, 1, "B", &err), &err);
    forget(m, 1);
    assert_images(m, "/base /1<base!");
    util_assert_sound(m);
}

/* ---- who needs what ---- */

static void assert_frozen(const struct chain_model *m, const char *path,
                          const char *by)
{
    const char *found = "nobody";

    assert_true(chain_images_frozen(m, path, NULL));
    assert_true(chain_images_frozen(m, path, &found));
    if (by)
        assert_string_equal(by, found);
    else
        assert_null(found);
}

static void assert_free(const struct chain_model *m, const char *path)
{
    const char *found = "untouched";

    assert_false(chain_images_frozen(m, path, &found));
    assert_string_equal("untouched", found);
}

/* template <- base (A) <- 1 (B) <- 2, which xvda has */
static void frozen(void **state)
{
    struct chain_model *m = *state;
    uint64_t a, b, c;
    struct chain_error err;

    must(chain_images_add(m, "/base", QCOW2, false, "/template", RAW, &err),
         &err);
    a = external(m, "A", "/base", "/1");
    b = external(m, "B", "/1", "/2");
    assert_frozen(m, "/base", "A");
    assert_frozen(m, "/1", "B");
    assert_frozen(m, "/template", "A");
    assert_free(m, "/2");
    assert_free(m, "/unknown");
    forget(m, a);
    assert_frozen(m, "/base", "B");
    assert_frozen(m, "/template", "B");
    forget(m, b);
    assert_frozen(m, "/1", NULL);
    assert_frozen(m, "/template", NULL);
    assert_free(m, "/2");
    /* an internal one reads through; what it is in can be written */
    c = internal(m, "C", "/2");
    assert_free(m, "/2");
    assert_frozen(m, "/1", "C");
    assert_frozen(m, "/template", "C");
    forget(m, c);
    assert_frozen(m, "/1", NULL);
}

static void assert_hidden(const struct chain_model *m, const char *expected)
{
    const chain_image **images;
    struct chain_error err;
    char text[128] = "";
    size_t num, i, seen = 0;
    int at;

    must(chain_images_all_hidden(m, &images, &num, &err), &err);
    for (i = 0; i < num; i++) strcat(text, images[i]->path);
    assert_string_equal(expected, text);
    for (at = 0; at < m->tree.num_images; at++)
        seen += chain_images_hidden(m, &m->tree.images[at]);
    assert_int_equal(num, seen);
    for (i = 0; i < num; i++) assert_true(chain_images_hidden(m, images[i]));
    free(images);
}

static void hidden(void **state)
{
    struct chain_model *m = *state;
    uint64_t a, b, c;

    assert_hidden(m, "");
    a = external(m, "A", "/base", "/1");
    b = external(m, "B", "/1", "/2");
    assert_hidden(m, "");
    forget(m, b);
    assert_hidden(m, "/1");
    c = internal(m, "C", "/1");
    assert_hidden(m, "");
    forget(m, c);
    forget(m, a);
    assert_hidden(m, "/base/1");
    assert_int_equal(0, chain_images_clear_active(m, "xvda", NULL));
    assert_hidden(m, "/base/1/2");
}

static void assert_below(const struct chain_model *m, const char *path,
                         const char *expected)
{
    const chain_image **images;
    struct chain_error err;
    char text[128] = "";
    size_t num, i;

    must(chain_images_below(m, path, &images, &num, &err), &err);
    for (i = 0; i < num; i++) strcat(text, images[i]->path);
    assert_string_equal(expected, text);
    free(images);
}

/* base <- 1 <- 2 (xvda), 1 <- 3, and another disk's */
static void above_and_below(void **state)
{
    struct chain_model *m = *state;
    const chain_image **images;
    struct chain_error err;
    size_t num;

    external(m, "A", "/base", "/1");
    external(m, "B", "/1", "/2");
    overlay(m, "/3", "/1");
    set_active(m, "xvdb", "/other");
    assert_below(m, "/2", "/2/1/base");
    assert_below(m, "/base", "/base");
    assert_below(m, "/3", "/3/1/base");
    assert_refused(chain_images_below(m, "/x", &images, &num, &err),
                   ERROR_NOTFOUND, &err, "/x");

    assert_int_equal(1, chain_images_overlays(m, "/base"));
    assert_int_equal(2, chain_images_overlays(m, "/1"));
    assert_int_equal(0, chain_images_overlays(m, "/2"));
    assert_int_equal(0, chain_images_overlays(m, "/x"));

    assert_true(chain_images_in_use(m, "/2"));
    assert_true(chain_images_in_use(m, "/1"));
    assert_true(chain_images_in_use(m, "/base"));
    assert_true(chain_images_in_use(m, "/other"));
    assert_false(chain_images_in_use(m, "/3"));
    assert_false(chain_images_in_use(m, "/x"));
}

/* ---- what can be done ---- */

static void assert_nothing(const struct chain_model *m)
{
    struct chain_image_step step;

    if (chain_images_next(m, NULL, NULL, NULL, &step))
        fail_msg("%d with %s", (int)step.type, step.image->path);
}

/* What is next, without doing it; over is NULL with REMOVE. */
static void assert_next(const struct chain_model *m,
                        enum chain_image_step_type type, const char *image,
                        const char *over, struct chain_image_step *step_r)
{
    struct chain_image_step step;

    assert_true(chain_images_next(m, NULL, NULL, NULL, &step));
    assert_int_equal(type, step.type);
    assert_string_equal(image, step.image->path);
    if (over)
        assert_string_equal(over, step.overlay->path);
    else
        assert_null(step.overlay);
    if (step_r) *step_r = step;
}

static void assert_does(struct chain_model *m, enum chain_image_step_type type,
                        const char *image, const char *over)
{
    struct chain_image_step step;
    struct chain_error err;

    assert_next(m, type, image, over, &step);
    must(chain_images_done(m, &step, &err), &err);
    util_assert_sound(m);
}

static void commit_into_the_disks_own(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    assert_nothing(m);
    must(chain_images_add(m, "/base", RAW, false, NULL, NO_FORMAT, &err),
         &err);
    external(m, "A", "/base", "/1");
    assert_nothing(m);
    forget(m, 1);
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/1");
    assert_images(m, "/base");
    /* the disk has it again, as what it is */
    assert_string_equal("/base", chain_images_active(m, "xvda")->path);
    assert_int_equal(RAW, chain_images_active(m, "xvda")->format);
    assert_nothing(m);
    /* and when it has it without our word, it is only forgotten */
    must(chain_images_clear_active(m, "xvda", &err), &err);
    assert_next(m, CHAIN_IMAGE_REMOVE, "/base", NULL, NULL);
    assert_does(m, CHAIN_IMAGE_REMOVE, "/base", NULL);
    assert_images(m, "");
    assert_nothing(m);
}

/* base <- 1 (B) <- 2 (C), 1 <- 3; A goes: 1 goes into base, and who named it
 * names base. */
static void commit_in_the_middle(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    uint64_t a;

    must(chain_images_add(m, "/base", RAW, false, NULL, NO_FORMAT, &err),
         &err);
    a = external(m, "A", "/base", "/1");
    external(m, "B", "/1", "/2");
    external(m, "C", "/2", "/3");
    overlay(m, "/4", "/1");
    set_active(m, "xvdb", "/4");
    forget(m, a);
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/1");
    assert_images(m, "/base /2<base! /3<2! /4<base!");
    assert_string_equal("/base", chain_model_by_name(m, "B")->disks[0].path);
    assert_int_equal(RAW, chain_model_by_name(m, "B")->disks[0].format);
    assert_string_equal("/2", chain_model_by_name(m, "C")->disks[0].path);
    assert_string_equal("/3", chain_images_active(m, "xvda")->path);
    assert_nothing(m);
}

static void several_overlays(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    uint64_t a;

    a = external(m, "A", "/base", "/1");
    overlay(m, "/2", "/base");
    set_active(m, "xvdb", "/2");
    forget(m, a);
    assert_nothing(m);
    /* until one is left */
    must(chain_images_clear_active(m, "xvdb", &err), &err);
    assert_does(m, CHAIN_IMAGE_REMOVE, "/2", NULL);
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/1");
    assert_images(m, "/base");
}

static void from_the_bottom_up(void **state)
{
    struct chain_model *m = *state;
    uint64_t all[3];

    all[2] = 0;
    all[0] = external(m, "A", "/base", "/1");
    all[1] = external(m, "B", "/1", "/2");
    all[2] = external(m, "C", "/2", "/3");
    /* whatever the order of the list */
    chain_image first = m->tree.images[0];
    m->tree.images[0] = m->tree.images[2];
    m->tree.images[2] = first;
    assert_images(m, "/2<1! /1<base! /base /3<2!");
    assert_int_equal(0, chain_model_remove(m, all, 3, NULL));
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/1");
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/2");
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/3");
    assert_images(m, "/base");
    assert_nothing(m);
}

/* It looks like any hidden image with one overlay. */
static void a_template_is_never_touched(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    uint64_t a;

    must(chain_images_add(m, "/base", QCOW2, false, "/template", QCOW2, &err),
         &err);
    a = external(m, "A", "/base", "/1");
    assert_hidden(m, "/template");
    assert_nothing(m);
    /* the present is another copy, on the same template */
    overlay(m, "/copy", "/template");
    set_active(m, "xvda", "/copy");
    assert_does(m, CHAIN_IMAGE_REMOVE, "/1", NULL);
    forget(m, a);
    assert_does(m, CHAIN_IMAGE_REMOVE, "/base", NULL);
    assert_images(m, "/template /copy<template!");
    assert_nothing(m);
    /* gone from the list with its last overlay, and not as ours */
    must(chain_images_clear_active(m, "xvda", &err), &err);
    assert_does(m, CHAIN_IMAGE_REMOVE, "/copy", NULL);
    assert_next(m, CHAIN_IMAGE_REMOVE, "/template", NULL, NULL);
    assert_false(chain_images_find(m, "/template")->ours);
}

struct sizes {
    uint64_t below, above;      /* of /1 and of all others */
    const char *skip;
};

static uint64_t size_of(void *user, const char *path)
{
    const struct sizes *sizes = user;

    return strcmp(path, "/1") ? sizes->above : sizes->below;
}

static bool skips(void *user, const char *path)
{
    const struct sizes *sizes = user;

    return !strcmp(path, sizes->skip);
}

/* base (A) <- 1 <- 2 */
static void direction(void **state)
{
    struct chain_model *m = *state;
    static const struct {
        uint64_t below, above;
        enum chain_image_step_type type;
    } cases[] = {
        { 10, 11, CHAIN_IMAGE_PULL },
        { 10, 10, CHAIN_IMAGE_COMMIT },
        { 11, 10, CHAIN_IMAGE_COMMIT },
        { 0, 10, CHAIN_IMAGE_COMMIT },      /* who knows */
        { 10, 0, CHAIN_IMAGE_COMMIT },
        { 1, UINT64_MAX, CHAIN_IMAGE_PULL },
    };
    struct chain_image_step step;
    struct chain_error err;
    struct sizes sizes = { 0 };
    size_t i;

    external(m, "A", "/base", "/1");
    forget(m, external(m, "B", "/1", "/2"));
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        sizes.below = cases[i].below;
        sizes.above = cases[i].above;
        assert_true(chain_images_next(m, size_of, NULL, &sizes, &step));
        assert_string_equal("/1", step.image->path);
        assert_string_equal("/2", step.overlay->path);
        assert_int_equal(cases[i].type, step.type);
    }
    must(chain_images_done(m, &step, &err), &err);
    assert_images(m, "/base /2<base!");
    assert_string_equal("/2", chain_images_active(m, "xvda")->path);
    util_assert_sound(m);
    /* never from an image that is the user's */
    forget(m, 1);
    sizes.above = 1;
    assert_true(chain_images_next(m, size_of, NULL, &sizes, &step));
    assert_int_equal(CHAIN_IMAGE_COMMIT, step.type);
    assert_string_equal("/base", step.image->path);
}

static void pull_from_the_lowest(void **state)
{
    struct chain_model *m = *state;
    struct sizes sizes = { 1, 2, NULL };
    struct chain_image_step step;
    struct chain_error err;

    must(chain_images_add(m, "/1", QCOW2, true, NULL, NO_FORMAT, &err), &err);
    forget(m, external(m, "A", "/1", "/2"));
    assert_true(chain_images_next(m, size_of, NULL, &sizes, &step));
    assert_int_equal(CHAIN_IMAGE_PULL, step.type);
    must(chain_images_done(m, &step, &err), &err);
    assert_images(m, "/2!");
    util_assert_sound(m);
}

/* base <- 1 <- 2 <- 3 (xvda), with an internal snapshot in 2 */
static void internal_snapshots_read_through(void **state)
{
    struct chain_model *m = *state;
    uint64_t a, b, c, i;

    a = external(m, "A", "/base", "/1");
    b = external(m, "B", "/1", "/2");
    i = internal(m, "I", "/2");
    c = external(m, "C", "/2", "/3");
    forget(m, a);
    forget(m, b);
    assert_nothing(m);
    forget(m, c);
    assert_nothing(m);
    forget(m, i);
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/1");
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/2");
    assert_does(m, CHAIN_IMAGE_COMMIT, "/base", "/3");
    assert_nothing(m);
}

/* In an image that nothing reads any more, too. */
static void internal_snapshots_keep_their_image(void **state)
{
    struct chain_model *m = *state;
    uint64_t i;

    external(m, "A", "/base", "/1");
    i = internal(m, "I", "/1");
    overlay(m, "/2", "/base");
    set_active(m, "xvda", "/2");
    assert_nothing(m);
    forget(m, i);
    assert_does(m, CHAIN_IMAGE_REMOVE, "/1", NULL);
    assert_nothing(m);
}

static void left_alone(void **state)
{
    struct chain_model *m = *state;
    struct sizes sizes = { 1, 1, "/base" };
    struct chain_image_step step;
    const uint64_t all[] = { 1, 2 };

    external(m, "A", "/base", "/1");
    external(m, "B", "/1", "/2");
    assert_int_equal(0, chain_model_remove(m, all, 2, NULL));
    assert_true(chain_images_next(m, NULL, skips, &sizes, &step));
    assert_string_equal("/1", step.image->path);
    assert_string_equal("/2", step.overlay->path);
    sizes.skip = "/1";
    assert_false(chain_images_next(m, NULL, skips, &sizes, &step));
    sizes.skip = "/2";
    assert_true(chain_images_next(m, NULL, skips, &sizes, &step));
    assert_string_equal("/base", step.image->path);
    assert_int_equal(0, chain_images_clear_active(m, "xvda", NULL));
    assert_true(chain_images_next(m, NULL, skips, &sizes, &step));
    assert_int_equal(CHAIN_IMAGE_COMMIT, step.type);
    sizes.skip = "/x";
    assert_true(chain_images_next(m, NULL, skips, &sizes, &step));
    assert_int_equal(CHAIN_IMAGE_REMOVE, step.type);
}

static void done_refuses(void **state)
{
    struct chain_model *m = *state;
    struct chain_image_step step = { CHAIN_IMAGE_REMOVE, NULL, NULL };
    struct chain_error err;
    char *before, *after;

    external(m, "A", "/base", "/1");
    forget(m, external(m, "B", "/1", "/2"));
    overlay(m, "/3", "/base");
    overlay(m, "/4", "/3");
    before = util_tree_text(&m->tree);
#define REFUSED(what, one, over, text) do { \
        step.type = what; \
        step.image = chain_images_find(m, one); \
        step.overlay = chain_images_find(m, over); \
        assert_refused(chain_images_done(m, &step, &err), ERROR_INVAL, &err, \
                       text); \
    } while (0)
    REFUSED(CHAIN_IMAGE_REMOVE, "/2", NULL, "/2 is needed");
    REFUSED(CHAIN_IMAGE_REMOVE, "/1", NULL, "/1 does not have 0");
    REFUSED(CHAIN_IMAGE_COMMIT, "/base", "/1", "/base is needed");
    REFUSED(CHAIN_IMAGE_COMMIT, "/4", "/1", "/4 does not have 1");
    REFUSED(CHAIN_IMAGE_COMMIT, "/1", "/4", "/4 is no overlay of /1");
    REFUSED(CHAIN_IMAGE_PULL, "/3", "/1", "/1 is no overlay of /3");
    REFUSED((enum chain_image_step_type)9, "/3", "/4", "step: 9");
#undef REFUSED
    after = util_tree_text(&m->tree);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- damaged ---- */

static void damaged(void **state)
{
    struct chain_model *m = *state;
    struct chain_image_step step = { CHAIN_IMAGE_REMOVE, NULL, NULL };
    struct chain_error err;
    const char *by;

    external(m, "A", "/base", "/1");
    external(m, "B", "/1", "/2");
    forget(m, 2);
    assert_next(m, CHAIN_IMAGE_COMMIT, "/1", "/2", &step);
    /* a circle, one that has lost its path, and one that is not there */
    m->tree.images[0].backing = strdup("/1");
    overlay(m, "/3", "/2");
    free(m->tree.images[3].path);
    m->tree.images[3].path = NULL;
    overlay(m, "/5", "/4");
    free(m->tree.images[4].path);
    m->tree.images[4].path = strdup("/six");
    assert_true(spoil(m));
    assert_frozen(m, "/base", "A");
    assert_frozen(m, "/4", NULL);
    assert_true(chain_images_frozen(m, "/1", &by));
    assert_true(chain_images_in_use(m, "/base"));
    assert_false(chain_images_in_use(m, "/5"));
    assert_below(m, "/5", "/5");
    assert_int_equal(0, chain_images_overlays(m, "/3"));
    {
        const chain_image **images;
        size_t num;
        must(chain_images_below(m, "/2", &images, &num, &err), &err);
        assert_true(num <= (size_t)m->tree.num_images);
        free(images);
        must(chain_images_all_hidden(m, &images, &num, &err), &err);
        free(images);
    }
    assert_nothing(m);
#define REFUSED(call) \
    assert_refused(call, ERROR_BADFAIL, &err, "damaged and cannot be changed")
    REFUSED(chain_images_add(m, "/9", QCOW2, true, NULL, NO_FORMAT, &err));
    REFUSED(chain_images_set_active(m, "xvdc", "/9", QCOW2, &err));
    REFUSED(chain_images_clear_active(m, "xvda", &err));
    REFUSED(chain_images_done(m, &step, &err));
#undef REFUSED
}

static void rules(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    external(m, "A", "/base", "/1");
    external(m, "B", "/1", "/2");
#define BROKEN(change, back, text) do { \
        change; \
        assert_refused(chain_tree_validate(&m->tree, &err), ERROR_BADFAIL, \
                       &err, text); \
        back; \
        util_assert_sound(m); \
    } while (0)
#define LETTER(where, letter, was, text) \
    BROKEN((where)[1] = letter, (where)[1] = was, text)
    LETTER(m->tree.images[1].path, '2', '1',
           "images[2].path: '/2' is that of images[1], too");
    LETTER(m->tree.images[2].backing, '2', '1',
           "images[2].backing: the image reads from itself");
    LETTER(m->tree.images[1].backing, '2', 'b',
           "images[1].backing: '/2ase' is not one of the images");
    LETTER(m->tree.active[0].path, '3', '2',
           "active[0].path: '/3' is not one of the images");
    LETTER(m->tree.active[0].path, '1', '2',
           "images[2].backing: '/1' is being written to, by active[0]");
    LETTER(m->tree.snapshots[1].disks[0].path, '2', '1',
           "snapshots[1].disks[0].path: '/2' is being written to, by "
           "active[0]");
    LETTER(m->tree.snapshots[1].disks[0].path, '4', '1',
           "snapshots[1].disks[0].path: '/4' is not one of the images");
    BROKEN(m->tree.images[0].path[0] = 'x', m->tree.images[0].path[0] = '/',
           "images[0].path: 'xbase' is not absolute");
    BROKEN(m->tree.images[1].backing[0] = 'x',
           m->tree.images[1].backing[0] = '/',
           "images[1].backing: 'xbase' is not absolute");
    BROKEN(m->tree.images[2].format = QED, m->tree.images[2].format = QCOW2,
           "active[0].format: it is not that of images[2]");
    BROKEN(m->tree.images[0].format = RAW, m->tree.images[0].format = QCOW2,
           "snapshots[0].disks[0].format: it is not that of images[0]");
    BROKEN(m->tree.images[1].format = RAW, m->tree.images[1].format = QCOW2,
           "images[1].backing: a raw image cannot have one");
    BROKEN(m->tree.images[0].format = LIBXL_DISK_FORMAT_EMPTY,
           m->tree.images[0].format = QCOW2, "images[0].format: ");
    BROKEN(m->tree.active[0].vdev[0] = 0, m->tree.active[0].vdev[0] = 'x',
           "active[0].vdev: there is none");
    BROKEN(m->tree.num_images = -1, m->tree.num_images = 3,
           "images: more than 200000");
    BROKEN(m->tree.num_images = 200001, m->tree.num_images = 3,
           "images: more than 200000");
    BROKEN(m->tree.num_active = 257, m->tree.num_active = 1,
           "active: more than 256");
#undef LETTER
#undef BROKEN
}

/* ---- many ---- */

static char *number(const char *prefix, int i)
{
    char *text;

    assert_true(asprintf(&text, "%s%d", prefix, i) > 0);
    return text;
}

/* One line of num external snapshots, or as many side by side on the first,
 * made by hand: through the model it would take longer than what is tested. */
static void many(struct chain_model *m, int num, bool deep)
{
    chain_tree tree;
    chain_snapshot *s;
    int i;

    assert_int_equal(0, chain_model_set_empty(m, "guest", NULL));
    assert_int_equal(0, chain_tree_copy(NULL, &tree, &m->tree));
    tree.snapshots = calloc((size_t)num, sizeof(*tree.snapshots));
    tree.images = calloc((size_t)num + 1, sizeof(*tree.images));
    tree.active = calloc(1, sizeof(*tree.active));
    assert_true(tree.snapshots && tree.images && tree.active);
    tree.next_serial = (uint64_t)num + 1;
    for (i = 0; i <= num; i++) {
        chain_image_init(&tree.images[i]);
        tree.images[i].path = number("/srv/images/guest.qcow2.snapshot-", i);
        tree.images[i].format = QCOW2;
        tree.images[i].ours = i;
        tree.images[i].was_disk = true;
        if (i)
            tree.images[i].backing =
                number("/srv/images/guest.qcow2.snapshot-", deep ? i - 1 : 0);
    }
    for (i = 0; i < num; i++) {
        s = &tree.snapshots[i];
        char *name = number("n", i);
        util_snapshot(s, (uint64_t)i + 1, deep || !i ? (uint64_t)i : 1, name);
        util_external(s, 0, tree.images[i].path, QCOW2);
        free(name);
    }
    chain_active_disk_init(&tree.active[0]);
    tree.active[0].vdev = strdup("xvda");
    tree.active[0].path = strdup(tree.images[num].path);
    tree.active[0].format = QCOW2;
    tree.num_snapshots = num;
    tree.num_images = num + 1;
    tree.num_active = 1;
    chain_model_dispose(m);
    chain_model_init(m);
    assert_int_equal(0, chain_model_take(m, &tree, NULL));
    if (m->damaged) fail_msg("%s", m->damaged);
}

/* ---- clones ---- */

static void finish_steps(struct chain_model *m)
{
    struct chain_image_step step;
    struct chain_error err;

    while (chain_images_next(m, NULL, NULL, NULL, &step))
        must(chain_images_done(m, &step, &err), &err);
    util_assert_sound(m);
}

static void clone(struct chain_model *m, const char *path, const char *backing)
{
    struct chain_error err;

    must(chain_images_add_clone(m, path, QCOW2, backing, "twin", &err), &err);
}

static void clones_of_a_snapshot(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    int at = 0;

    set_active(m, "xvda", "/base");
    external(m, "a", "/base", "/1");
    external(m, "b", "/1", "/2");
    clone(m, "/twin", "/1");
    must(chain_images_add_clone(m, "/x", QCOW2, "/base", "other", &err), &err);
    clone(m, "/again", "/1");
    assert_null(chain_images_next_clone(
        m, &(chain_snapshot){ .num_disks = 0 }, &at));
    at = 0;
    assert_string_equal("twin", chain_images_next_clone(
        m, chain_model_by_name(m, "b"), &at));
    assert_null(chain_images_next_clone(m, chain_model_by_name(m, "b"), &at));
    at = 0;
    assert_string_equal("other", chain_images_next_clone(
        m, chain_model_by_name(m, "a"), &at));
    assert_null(chain_images_next_clone(m, chain_model_by_name(m, "a"), &at));
}

static void a_clone_keeps_all_below_it(void **state)
{
    struct chain_model *m = *state;
    struct chain_image_step wrong = { .type = CHAIN_IMAGE_COMMIT };
    struct chain_error err;
    const char *by = NULL;
    uint64_t a, b;

    set_active(m, "xvda", "/base");
    a = external(m, "a", "/base", "/1");
    b = external(m, "b", "/1", "/2");
    assert_false(chain_images_cloned(m, "/1", NULL));
    clone(m, "/twin", "/1");
    assert_true(chain_images_cloned(m, "/base", &by));
    assert_string_equal("twin", by);
    assert_true(chain_images_cloned(m, "/twin", NULL));
    assert_false(chain_images_cloned(m, "/2", NULL));
    assert_false(chain_images_hidden(m, chain_images_find(m, "/twin")));
    forget(m, a);
    assert_nothing(m);
    forget(m, b);
    assert_nothing(m);
    assert_true(chain_images_hidden(m, chain_images_find(m, "/1")));
    assert_true(chain_images_frozen(m, "/1", NULL));
    util_assert_sound(m);
    /* not even when somebody insists */
    wrong.image = chain_images_find(m, "/base");
    wrong.overlay = chain_images_find(m, "/1");
    assert_refused(chain_images_done(m, &wrong, &err), ERROR_INVAL, &err,
                   "'twin', a clone, reads the image /base");
    /* without the clone all goes into the first */
    must(chain_images_drop_clone(m, "/twin", &err), &err);
    finish_steps(m);
    assert_images(m, "/base");
}

/* A hidden image with no other overlay than the clone's: nothing of it may go
 * into the clone's, nor the other way round. */
static void a_clone_is_never_merged(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    uint64_t a;

    set_active(m, "xvda", "/base");
    a = external(m, "a", "/base", "/1");
    clone(m, "/twin", "/base");
    must(chain_images_clear_active(m, "xvda", &err), &err);
    forget(m, a);
    finish_steps(m);
    assert_images(m, "/base /twin<base");
    must(chain_images_drop_clone(m, "/twin", &err), &err);
    finish_steps(m);
    assert_images(m, "");
}

static void clones_refused(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;

    set_active(m, "xvda", "/base");
    external(m, "a", "/base", "/1");
    assert_refused(chain_images_add_clone(m, "/1", QCOW2, "/base", "twin",
                                          &err), ERROR_INVAL, &err,
                   "has the image /1 already");
    assert_refused(chain_images_add_clone(m, "/twin", QCOW2, "/nowhere",
                                          "twin", &err), ERROR_INVAL, &err,
                   "none of this domain's");
    assert_refused(chain_images_add_clone(m, "/twin", QCOW2, "/base", "a/b",
                                          &err), ERROR_INVAL, &err, "clone: ");
    assert_refused(chain_images_drop_clone(m, "/1", &err), ERROR_INVAL, &err,
                   "is no clone's");
    clone(m, "/twin", "/base");
    assert_refused(chain_images_add_clone(m, "/third", QCOW2, "/twin", "x",
                                          &err), ERROR_INVAL, &err,
                   "none of this domain's");
    assert_refused(chain_images_set_active(m, "xvda", "/twin", QCOW2, &err),
                   ERROR_INVAL, &err, "cannot have the image /twin");
    util_assert_sound(m);
}

static void rules_of_clones(void **state)
{
    struct chain_model *m = *state;
    struct chain_error err;
    char *backing, name[] = "/twin";
    chain_image *twin;

    set_active(m, "xvda", "/base");
    external(m, "a", "/base", "/1");
    clone(m, "/twin", "/base");
    twin = &m->tree.images[2];
#define BROKEN(change, back, text) do { \
        change; \
        assert_refused(chain_tree_validate(&m->tree, &err), ERROR_BADFAIL, \
                       &err, text); \
        back; \
        util_assert_sound(m); \
    } while (0)
    BROKEN(twin->ours = true, twin->ours = false,
           "images[2].clone: an image of another domain is not ours");
    BROKEN(twin->clone[0] = '/', twin->clone[0] = 't', "images[2].clone: ");
    backing = twin->backing;
    BROKEN(twin->backing = NULL, twin->backing = backing,
           "images[2].clone: it has no backing image");
    backing = m->tree.images[1].backing;
    BROKEN(m->tree.images[1].backing = name,
           m->tree.images[1].backing = backing,
           "images[1].backing: '/twin' is a clone's");
    backing = m->tree.active[0].path;
    BROKEN(m->tree.active[0].path = name,
           m->tree.active[0].path = backing,
           "active[0].path: '/twin' is a clone's");
    backing = m->tree.snapshots[0].disks[0].path;
    BROKEN(m->tree.snapshots[0].disks[0].path = name,
           m->tree.snapshots[0].disks[0].path = backing,
           "snapshots[0].disks[0].path: '/twin' is a clone's");
#undef BROKEN
}

static void ten_thousand(void **state)
{
    const int num = util_so_many(10000);
    struct chain_model *m = *state;
    struct chain_image_step step;
    const chain_image **images;
    const char *by;
    uint64_t *serials = calloc((size_t)num, sizeof(*serials));
    size_t found;
    int deep, i, steps;

    assert_non_null(serials);
    for (deep = 0; deep < 2; deep++) {
        many(m, num, deep);
        assert_true(chain_images_frozen(m, m->tree.images[0].path, &by));
        assert_string_equal("n0", by);
        assert_true(chain_images_in_use(m, m->tree.images[0].path));
        assert_int_equal(0, chain_images_below(
            m, m->tree.images[num].path, &images, &found, NULL));
        assert_int_equal(deep ? num + 1 : 2, found);
        free(images);
        assert_nothing(m);
        /* the first, of which all others are read through */
        for (i = 0, found = 0; i < num; i += 100)
            serials[found++] = (uint64_t)i + 1;
        assert_int_equal(0, chain_model_remove(m, serials, found, NULL));
        assert_true(chain_images_frozen(m, m->tree.images[0].path, &by));
        assert_string_equal("n1", by);
        assert_int_equal(0, chain_images_all_hidden(m, &images, &found, NULL));
        assert_int_equal(num / 100, found);
        free(images);
        for (steps = 0;
             chain_images_next(m, NULL, NULL, NULL, &step); steps++)
            assert_int_equal(0, chain_images_done(m, &step, NULL));
        /* side by side, the one below all stays */
        assert_int_equal(deep ? num / 100 : num / 100 - 1, steps);
        util_assert_sound(m);
    }
    free(serials);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(add), T(add_changes_what_is_known), T(add_refuses),
        T(active), T(set_backing), T(set_backing_refuses),
        T(active_refuses), T(a_snapshot_needs_its_images),
        T(frozen), T(hidden), T(above_and_below),
        T(commit_into_the_disks_own), T(commit_in_the_middle),
        T(several_overlays), T(from_the_bottom_up),
        T(a_template_is_never_touched), T(direction), T(pull_from_the_lowest),
        T(internal_snapshots_read_through),
        T(internal_snapshots_keep_their_image), T(left_alone),
        T(done_refuses), T(damaged), T(rules),
        T(clones_of_a_snapshot),
        T(a_clone_keeps_all_below_it), T(a_clone_is_never_merged),
        T(clones_refused), T(rules_of_clones), T(ten_thousand),
    };

    return cmocka_run_group_tests_name("chain-images", tests, NULL, NULL);
}
