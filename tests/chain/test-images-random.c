/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random lives of a domain with two disks: it writes, snapshots are made
 * (external, internal, both at once), removed and gone back to, and images
 * that nobody names are merged, in parts, twice, and with some left alone. The
 * images are simulated cluster by cluster. After every step each snapshot and
 * each disk reads as it did, nothing of anybody else's was written or removed,
 * and in the end nothing is left that could be merged. Clones are made of what
 * snapshots froze, and write; no image below theirs changes, as long as they live.
 *
 * The seed is printed; CHAIN_TEST_SEED repeats a run.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/images.h"
#include "tests/chain/util.h"

#define CLUSTERS 6
#define DISKS 2
#define MOST_FILES 512
#define MOST_SNAPSHOTS 256
#define MOST_CLONES 4
#define NOTHING (-1)

static const char *const vdevs[DISKS] = { "xvda", "xvdb" };

/* ---- the images, as QEMU would have them ---- */

/* An internal snapshot in a file: what the clusters were then. */
struct inner {
    uint64_t serial;
    unsigned int map[CLUSTERS];
};

struct file {
    bool exists;
    bool ours;
    bool foreign;               /* a template: others read it, too */
    int backing;
    unsigned int map[CLUSTERS]; /* 0: not allocated */
    struct inner inner[MOST_SNAPSHOTS];
    size_t num_inner;
};

/* What a snapshot has to hold of a disk. */
struct held {
    bool there;
    unsigned int content[CLUSTERS];
};

/* Another domain's disk, and what all that it reads through was then. */
struct clone {
    int file;
    unsigned int content[CLUSTERS];
    uint64_t below;
};

struct world {
    struct chain_model model;
    struct file *files;         /* the path of number 7 is "/i/7" */
    int num_files;
    int disk[DISKS];            /* the file that each disk has */
    unsigned int present[DISKS][CLUSTERS];
    struct held (*held)[DISKS]; /* by serial */
    struct clone clones[MOST_CLONES];
    int num_clones;
    size_t cloned;
    uint64_t seed;
    unsigned int next_value;
    int left_alone;             /* a file, or NOTHING */
    size_t counts[3];           /* steps done, by type */
    size_t freed_counts[2];     /* not known exactly, and known */
};

static unsigned int pick(struct world *w, unsigned int of)
{
    return util_random(&w->seed) % of;
}

static const char *path_of(int file, char *path)
{
    snprintf(path, 16, "/i/%d", file);
    return path;
}

static int file_of(const char *path)
{
    int file;

    assert_int_equal(1, sscanf(path, "/i/%d", &file));
    return file;
}

static int new_file(struct world *w, bool ours, int backing)
{
    struct file *f;

    assert_true(w->num_files < MOST_FILES);
    f = &w->files[w->num_files];
    memset(f, 0, sizeof(*f));
    f->exists = true;
    f->ours = ours;
    f->backing = backing;
    return w->num_files++;
}

static void fill(struct world *w, int file)
{
    int c;

    for (c = 0; c < CLUSTERS; c++)
        if (pick(w, 2)) w->files[file].map[c] = ++w->next_value;
}

/* What is not in map, is read from file's backing images. */
static void read_through(const struct world *w, const unsigned int *map,
                         int file, unsigned int *content)
{
    int below, c;

    for (c = 0; c < CLUSTERS; c++) {
        content[c] = map[c];
        for (below = w->files[file].backing;
             !content[c] && below != NOTHING;
             below = w->files[below].backing) {
            if (!w->files[below].exists)
                fail_msg("/i/%d is read, and gone", below);
            content[c] = w->files[below].map[c];
        }
    }
}

static void read_file(const struct world *w, int file, unsigned int *content)
{
    if (!w->files[file].exists) fail_msg("/i/%d is gone", file);
    read_through(w, w->files[file].map, file, content);
}

/* Of all below file: which they are, and what each has. */
static uint64_t sum_below(const struct world *w, int file)
{
    uint64_t sum = 1;
    int at, c;

    for (at = w->files[file].backing; at != NOTHING; at = w->files[at].backing) {
        if (!w->files[at].exists) fail_msg("/i/%d is read, and gone", at);
        sum = sum * 1099511628211u + (uint64_t)at;
        for (c = 0; c < CLUSTERS; c++)
            sum = sum * 1099511628211u + w->files[at].map[c];
    }
    return sum;
}

static struct inner *find_inner(struct file *f, uint64_t serial)
{
    size_t i;

    for (i = 0; i < f->num_inner; i++)
        if (f->inner[i].serial == serial) return &f->inner[i];
    return NULL;
}

/* ---- what must hold ---- */

static const chain_disk *disk_of(const chain_snapshot *s, const char *vdev)
{
    int i;

    for (i = 0; i < s->num_disks; i++)
        if (!strcmp(s->disks[i].vdev, vdev)) return &s->disks[i];
    return NULL;
}

static void read_snapshot(const struct world *w, const chain_snapshot *s,
                          const chain_disk *disk, unsigned int *content)
{
    int file = file_of(disk->path);
    struct inner *inner;

    if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL) {
        read_file(w, file, content);
        return;
    }
    assert_int_equal(CHAIN_DISK_TREATMENT_INTERNAL, disk->treatment);
    if (!w->files[file].exists) fail_msg("/i/%d is gone", file);
    inner = find_inner(&w->files[file], s->serial);
    if (!inner) fail_msg("%s is not in /i/%d", s->name, file);
    read_through(w, inner->map, file, content);
}

static void check_content(const struct world *w)
{
    unsigned int content[CLUSTERS];
    int i, d;

    for (d = 0; d < DISKS; d++) {
        read_file(w, w->disk[d], content);
        assert_memory_equal(w->present[d], content, sizeof(content));
    }
    for (i = 0; i < w->model.tree.num_snapshots; i++) {
        const chain_snapshot *s = &w->model.tree.snapshots[i];
        for (d = 0; d < DISKS; d++) {
            const struct held *held = &w->held[s->serial][d];
            if (!held->there) continue;
            read_snapshot(w, s, disk_of(s, vdevs[d]), content);
            if (memcmp(held->content, content, sizeof(content)))
                fail_msg("%s of %s is not what it was", vdevs[d], s->name);
        }
    }
}

static void check_clones(const struct world *w)
{
    unsigned int content[CLUSTERS];
    const char *by;
    char path[16];
    int i;

    for (i = 0; i < w->num_clones; i++) {
        const struct clone *clone = &w->clones[i];

        read_file(w, clone->file, content);
        assert_memory_equal(clone->content, content, sizeof(content));
        assert_true(clone->below == sum_below(w, clone->file));
        assert_true(chain_images_cloned(
            &w->model, path_of(w->files[clone->file].backing, path), &by));
    }
}

static void check(const struct world *w)
{
    int i, d;
    char path[16];

    util_assert_sound(&w->model);
    for (i = 0; i < w->num_files; i++) {
        const struct file *f = &w->files[i];
        if (!f->ours && !f->exists) fail_msg("/i/%d was not ours", i);
    }
    for (i = 0; i < w->model.tree.num_images; i++) {
        const chain_image *image = &w->model.tree.images[i];
        const struct file *f = &w->files[file_of(image->path)];
        assert_true(f->exists);
        assert_int_equal(f->ours, image->ours);
        if (image->backing)
            assert_int_equal(f->backing, file_of(image->backing));
    }
    for (d = 0; d < DISKS; d++) {
        const chain_active_disk *a = chain_images_active(&w->model, vdevs[d]);
        path_of(w->disk[d], path);
        if (a) assert_string_equal(path, a->path);
        if (chain_images_frozen(&w->model, path, NULL))
            fail_msg("%s has %s, which is frozen", vdevs[d], path);
    }
    check_content(w);
    check_clones(w);
}

/* ---- images that nobody names ---- */

static uint64_t size_of(void *user, const char *path)
{
    struct world *w = user;
    const struct file *f = &w->files[file_of(path)];
    uint64_t size = 0;
    int c;

    for (c = 0; c < CLUSTERS; c++) size += f->map[c] != 0;
    return size;
}

static bool is_left_alone(void *user, const char *path)
{
    const struct world *w = user;

    return file_of(path) == w->left_alone;
}

/* ---- what removing one would free ---- */

/* Of some it cannot be told. */
static bool known_size(void *user, const char *path, uint64_t *bytes_r)
{
    if (file_of(path) % 11 == 5) return false;
    *bytes_r = 1 + size_of(user, path);
    return true;
}

struct played {
    uint64_t bytes;
    bool exact;
    size_t merges;
};

/* All steps, one after the other, as they would be done. */
static struct played play(struct world *w, struct chain_model *model)
{
    struct played played = { .exact = true };
    struct chain_image_step step;
    uint64_t bytes;

    while (chain_images_next(model, size_of, NULL, w, &step)) {
        if (step.type != CHAIN_IMAGE_REMOVE)
            played.merges++;
        else if (step.image->ours && known_size(w, step.image->path, &bytes))
            played.bytes += bytes;
        else if (step.image->ours)
            played.exact = false;
        assert_int_equal(0, chain_images_done(model, &step, NULL));
    }
    return played;
}

/* Is there an image with a backing image that is anybody's? */
static bool is_odd(const struct chain_model *model)
{
    int i;

    for (i = 0; i < model->tree.num_images; i++) {
        const chain_image *image = &model->tree.images[i];
        if (image->backing && !image->ours && !image->was_disk &&
            !image->clone)
            return true;
    }
    return false;
}

static void check_freed_of(struct world *w, int at,
                           const struct chain_freed *freed,
                           const struct played *now)
{
    const chain_snapshot *s = &w->model.tree.snapshots[at];
    struct chain_model without;
    struct played then;
    bool names = false, exact;
    int i;

    for (i = 0; i < s->num_disks; i++)
        if (s->disks[i].path &&
            chain_images_find(&w->model, s->disks[i].path))
            names = true;
    assert_int_equal(names, freed->names);
    if (!names) return;
    chain_model_init(&without);
    assert_int_equal(0, chain_model_copy(&without, &w->model, NULL));
    assert_int_equal(0, chain_model_remove(&without, &s->serial, 1, NULL));
    then = play(w, &without);
    exact = then.exact && now->exact && then.merges == now->merges;
    w->freed_counts[exact]++;
    assert_int_equal(then.bytes - now->bytes, freed->bytes);
    if (!is_odd(&w->model))
        assert_int_equal(exact, freed->exact);
    else if (freed->exact)
        assert_true(exact);
    chain_model_dispose(&without);
}

/* What is told at once for all is what comes out step by step for each. */
static void check_freed(struct world *w)
{
    int i, num = w->model.tree.num_snapshots;
    struct chain_freed *freed = calloc(num + 1, sizeof(*freed));
    struct chain_model copy;
    struct played now;

    assert_non_null(freed);
    chain_model_init(&copy);
    assert_int_equal(0, chain_model_copy(&copy, &w->model, NULL));
    now = play(w, &copy);
    chain_model_dispose(&copy);
    assert_int_equal(0, chain_images_freed(&w->model, known_size, w, freed,
                                           NULL));
    for (i = 0; i < num; i++) check_freed_of(w, i, &freed[i], &now);
    free(freed);
}

/* Does an internal snapshot of the chain read file? */
static bool is_read_by_inner(const struct world *w, int file)
{
    const chain_snapshot *s;
    int i, j, at;

    for (i = 0; i < w->model.tree.num_snapshots; i++) {
        s = &w->model.tree.snapshots[i];
        for (j = 0; j < s->num_disks; j++) {
            if (s->disks[j].treatment != CHAIN_DISK_TREATMENT_INTERNAL)
                continue;
            for (at = file_of(s->disks[j].path); at != NOTHING;
                 at = w->files[at].backing)
                if (at == file) return true;
        }
    }
    return false;
}

static bool is_read_by_clone(const struct world *w, int file)
{
    int i, at;

    for (i = 0; i < w->num_clones; i++)
        for (at = w->clones[i].file; at != NOTHING; at = w->files[at].backing)
            if (at == file) return true;
    return false;
}

static int known_overlays(const struct world *w, int file)
{
    int i, num = 0;

    for (i = 0; i < w->model.tree.num_images; i++)
        num += w->files[file_of(w->model.tree.images[i].path)].backing == file;
    return num;
}

static void do_remove(struct world *w, const struct chain_image_step *step)
{
    int file = file_of(step->image->path);

    /* (of what is not ours, the chain need not know all overlays) */
    if (!step->image->ours) return;
    assert_int_equal(0, known_overlays(w, file));
    w->files[file].exists = false;
}

static void do_commit(struct world *w, const struct chain_image_step *step,
                      bool whole)
{
    int image = file_of(step->image->path);
    int overlay = file_of(step->overlay->path), c, i;

    assert_false(w->files[image].foreign);
    assert_int_equal(image, w->files[overlay].backing);
    assert_int_equal(1, known_overlays(w, image));
    assert_false(is_read_by_inner(w, image));
    for (c = 0; c < CLUSTERS; c++)
        if (w->files[overlay].map[c] && (whole || pick(w, 2)))
            w->files[image].map[c] = w->files[overlay].map[c];
    check(w);
    if (!whole) return;
    for (i = 0; i < w->num_files; i++)
        if (w->files[i].exists && w->files[i].backing == overlay)
            w->files[i].backing = image;
    for (i = 0; i < DISKS; i++)
        if (w->disk[i] == overlay) w->disk[i] = image;
    if (w->files[overlay].ours) w->files[overlay].exists = false;
}

static void do_pull(struct world *w, const struct chain_image_step *step,
                    bool whole)
{
    int image = file_of(step->image->path);
    int overlay = file_of(step->overlay->path), c;

    assert_true(w->files[image].ours);
    assert_true(size_of(w, step->image->path) <
                size_of(w, step->overlay->path));
    assert_int_equal(1, known_overlays(w, image));
    assert_false(is_read_by_inner(w, image));
    for (c = 0; c < CLUSTERS; c++)
        if (!w->files[overlay].map[c] && (whole || pick(w, 2)))
            w->files[overlay].map[c] = w->files[image].map[c];
    check(w);
    if (!whole) return;
    w->files[overlay].backing = w->files[image].backing;
    w->files[image].exists = false;
}

/* Of size_of(): what was there when it was asked, is compared with. */
static void do_step(struct world *w, const struct chain_image_step *step)
{
    struct chain_error err;
    struct chain_image_step kept = *step;
    bool cut_short = step->type != CHAIN_IMAGE_REMOVE && !pick(w, 4);

    switch (step->type) {
    case CHAIN_IMAGE_REMOVE: do_remove(w, step); break;
    case CHAIN_IMAGE_COMMIT: do_commit(w, step, !cut_short); break;
    case CHAIN_IMAGE_PULL: do_pull(w, step, !cut_short); break;
    }
    if (cut_short) return;
    w->counts[step->type]++;
    if (chain_images_done(&w->model, &kept, &err)) fail_msg("%s", err.text);
    check(w);
}

/* In the end, by hand: whatever is not merged, cannot be. */
static void check_nothing_left(const struct world *w)
{
    int i;

    for (i = 0; i < w->model.tree.num_images; i++) {
        const chain_image *image = &w->model.tree.images[i];
        int file = file_of(image->path), overlays = known_overlays(w, file);

        if (!chain_images_hidden(&w->model, image)) continue;
        if (!overlays) fail_msg("%s is left", image->path);
        if (overlays > 1 || is_read_by_inner(w, file) ||
            is_read_by_clone(w, file))
            continue;
        if (image->ours || image->was_disk)
            fail_msg("%s could be merged", image->path);
    }
}

static void tidy(struct world *w, bool all)
{
    struct chain_image_step step;
    int steps = 0;

    w->left_alone = all ? NOTHING : (int)pick(w, (unsigned int)w->num_files);
    while (chain_images_next(&w->model, pick(w, 4) ? size_of : NULL,
                             is_left_alone, w, &step)) {
        assert_int_not_equal(w->left_alone, file_of(step.image->path));
        do_step(w, &step);
        if (steps++ > 20 * MOST_FILES) fail_msg("there is no end");
        if (!all && !pick(w, 3)) return;
    }
    if (all) check_nothing_left(w);
}

/* ---- the life of the domain ---- */

static void write_some(struct world *w)
{
    unsigned int d = pick(w, DISKS), c = pick(w, CLUSTERS);

    w->files[w->disk[d]].map[c] = w->present[d][c] = ++w->next_value;
}

static void must(int rc, const struct chain_error *err)
{
    if (rc) fail_msg("%s", err->text);
}

/* The disk goes over to file, which has (or has not) a backing image. */
static void go_over(struct world *w, int d, int file)
{
    const struct file *f = &w->files[file];
    struct chain_error err;
    char path[16], backing[16];

    must(chain_images_add(&w->model, path_of(file, path),
                          LIBXL_DISK_FORMAT_QCOW2, f->ours,
                          f->backing == NOTHING
                          ? NULL : path_of(f->backing, backing),
                          LIBXL_DISK_FORMAT_QCOW2, &err), &err);
    must(chain_images_set_active(&w->model, vdevs[d], path,
                                 LIBXL_DISK_FORMAT_QCOW2, &err), &err);
    w->disk[d] = file;
}

static void take_external(struct world *w, chain_snapshot *s, int d)
{
    int frozen = w->disk[d];
    char path[16];

    util_external(s, d, path_of(frozen, path), LIBXL_DISK_FORMAT_QCOW2);
    /* now and then the user has made the overlay */
    go_over(w, d, new_file(w, pick(w, 8), frozen));
}

static void take_internal(struct world *w, chain_snapshot *s, int d)
{
    struct file *f = &w->files[w->disk[d]];
    chain_disk *disk = &s->disks[d];
    struct inner *inner;
    char path[16];

    free(disk->path);
    disk->path = strdup(path_of(w->disk[d], path));
    disk->format = LIBXL_DISK_FORMAT_QCOW2;
    disk->treatment = CHAIN_DISK_TREATMENT_INTERNAL;
    libxl_snapshot_handle_dispose(&disk->handle);
    libxl_snapshot_handle_init_format(&disk->handle, LIBXL_DISK_FORMAT_QCOW2);
    disk->handle.u.qcow2.name = strdup(s->name);
    assert_true(f->num_inner < MOST_SNAPSHOTS);
    inner = &f->inner[f->num_inner++];
    inner->serial = s->serial;
    memcpy(inner->map, f->map, sizeof(inner->map));
}

static void create(struct world *w)
{
    uint64_t serial = w->model.tree.next_serial;
    struct chain_error err;
    chain_snapshot s;
    char name[16];
    int d;

    snprintf(name, sizeof(name), "n%" PRIu64, serial);
    util_snapshot(&s, serial, w->model.tree.current, name);
    for (d = 0; d < DISKS; d++) {
        switch (pick(w, 5)) {
        case 0:
            libxl_snapshot_handle_dispose(&s.disks[d].handle);
            libxl_snapshot_handle_init(&s.disks[d].handle);
            s.disks[d].treatment = CHAIN_DISK_TREATMENT_EXCLUDED;
            continue;
        case 1: case 2:
            take_internal(w, &s, d);
            break;
        default:
            take_external(w, &s, d);
            break;
        }
        w->held[serial][d].there = true;
        memcpy(w->held[serial][d].content, w->present[d],
               sizeof(w->present[d]));
    }
    must(chain_model_add(&w->model, &s, &err), &err);
    must(chain_model_set_current(&w->model, serial, &err), &err);
    chain_snapshot_dispose(&s);
}

static const chain_snapshot *pick_snapshot(struct world *w)
{
    int num = w->model.tree.num_snapshots;

    return num ? &w->model.tree.snapshots[pick(w, (unsigned int)num)] : NULL;
}

/* The chain first, then what is in the images. */
static void remove_one(struct world *w)
{
    const chain_snapshot *s = pick_snapshot(w);
    struct file *touched[DISKS] = { NULL };
    struct chain_error err;
    struct inner *inner;
    uint64_t serial;
    int d;

    if (!s) return;
    serial = s->serial;
    for (d = 0; d < s->num_disks; d++)
        if (s->disks[d].treatment == CHAIN_DISK_TREATMENT_INTERNAL)
            touched[d] = &w->files[file_of(s->disks[d].path)];
    must(chain_model_remove(&w->model, &serial, 1, &err), &err);
    for (d = 0; d < DISKS; d++) {
        if (!touched[d]) continue;
        inner = find_inner(touched[d], serial);
        assert_non_null(inner);
        *inner = touched[d]->inner[--touched[d]->num_inner];
    }
}

/* In place, or copied out: alone, or on what the image itself reads from. */
static void revert_internal(struct world *w, int d, const chain_snapshot *s,
                            int file)
{
    const struct inner *inner = find_inner(&w->files[file], s->serial);
    char path[16];
    int copy;

    assert_non_null(inner);
    if (w->disk[d] == file &&
        !chain_images_frozen(&w->model, path_of(file, path), NULL)) {
        memcpy(w->files[file].map, inner->map, sizeof(inner->map));
        return;
    }
    copy = new_file(w, true, NOTHING);
    if (pick(w, 2)) {
        w->files[copy].backing = w->files[file].backing;
        memcpy(w->files[copy].map, inner->map, sizeof(inner->map));
    } else {
        read_through(w, inner->map, file, w->files[copy].map);
    }
    go_over(w, d, copy);
}

static void revert(struct world *w)
{
    const chain_snapshot *s = pick_snapshot(w);
    struct chain_error err;
    int d;

    if (!s) return;
    for (d = 0; d < DISKS; d++) {
        const chain_disk *disk = disk_of(s, vdevs[d]);
        const struct held *held = &w->held[s->serial][d];
        if (!held->there) continue;
        if (disk->treatment == CHAIN_DISK_TREATMENT_EXTERNAL)
            go_over(w, d, new_file(w, true, file_of(disk->path)));
        else
            revert_internal(w, d, s, file_of(disk->path));
        memcpy(w->present[d], held->content, sizeof(held->content));
    }
    must(chain_model_set_current(&w->model, s->serial, &err), &err);
}

/* The user gives the domain another disk; half of them on a template, of which
 * the chain hears or does not. */
static void another_disk(struct world *w, int d)
{
    int template = NOTHING, file;

    if (pick(w, 2)) {
        template = new_file(w, false, NOTHING);
        w->files[template].foreign = true;
        fill(w, template);
    }
    file = new_file(w, false, template);
    fill(w, file);
    if (!w->model.tree.num_snapshots || pick(w, 2))
        w->disk[d] = file;
    else
        go_over(w, d, file);
    if (w->disk[d] == file &&
        !chain_images_find(&w->model, path_of(file, (char[16]){ "" })))
        chain_images_clear_active(&w->model, vdevs[d], NULL);
    read_file(w, file, w->present[d]);
}

static void clone(struct world *w, const chain_snapshot *s, int d)
{
    const chain_disk *disk = disk_of(s, vdevs[d]);
    char path[16], backing[16], name[16];
    struct chain_error err;
    struct clone *new;
    int file, c;

    if (w->num_clones == MOST_CLONES ||
        disk->treatment != CHAIN_DISK_TREATMENT_EXTERNAL)
        return;
    file = new_file(w, false, file_of(disk->path));
    snprintf(name, sizeof(name), "c%d", file);
    must(chain_images_add_clone(&w->model, path_of(file, path),
                                LIBXL_DISK_FORMAT_QCOW2,
                                path_of(w->files[file].backing, backing),
                                name, &err), &err);
    new = &w->clones[w->num_clones++];
    new->file = file;
    for (c = 0; c < CLUSTERS; c++)
        if (!pick(w, 3)) w->files[file].map[c] = ++w->next_value;
    new->below = sum_below(w, file);
    read_file(w, file, new->content);
    w->cloned++;
}

static void drop_clone(struct world *w)
{
    struct chain_error err;
    struct clone *gone;
    char path[16];

    if (!w->num_clones) return;
    gone = &w->clones[pick(w, (unsigned int)w->num_clones)];
    must(chain_images_drop_clone(&w->model, path_of(gone->file, path), &err),
         &err);
    w->files[gone->file].backing = NOTHING;
    *gone = w->clones[--w->num_clones];
}

static void live(struct world *w)
{
    const chain_snapshot *s;

    switch (pick(w, 18)) {
    case 0: case 1: case 2: create(w); break;
    case 3: case 4: case 5: remove_one(w); break;
    case 6: revert(w); break;
    case 7: tidy(w, false); break;
    case 8: if (!pick(w, 8)) another_disk(w, (int)pick(w, DISKS)); break;
    case 16:
        s = pick_snapshot(w);
        if (s) clone(w, s, (int)pick(w, DISKS));
        break;
    case 17: if (!pick(w, 3)) drop_clone(w); break;
    default: write_some(w); break;
    }
    check(w);
}

static void begin(struct world *w)
{
    int d;

    chain_model_init(&w->model);
    assert_int_equal(0, chain_model_set_empty(&w->model, "guest", NULL));
    w->num_files = w->num_clones = 0;
    w->held = calloc(MOST_SNAPSHOTS, sizeof(*w->held));
    assert_non_null(w->held);
    for (d = 0; d < DISKS; d++) another_disk(w, d);
}

/* All snapshots go: what the domain has is one image for each disk, and what
 * the user had. */
static void finish(struct world *w)
{
    int i;

    tidy(w, true);
    while (w->model.tree.num_snapshots) remove_one(w);
    tidy(w, true);
    while (w->num_clones) drop_clone(w);
    tidy(w, true);
    for (i = 0; i < w->model.tree.num_images; i++) {
        const chain_image *image = &w->model.tree.images[i];
        if (!chain_images_hidden(&w->model, image)) continue;
        if (image->ours || image->was_disk)
            fail_msg("%s is left", image->path);
    }
    chain_model_dispose(&w->model);
    free(w->held);
}

static void random_lives(void **state)
{
    const char *given = getenv("CHAIN_TEST_SEED");
    struct world w = { .seed = 20261121 };
    const int rounds = util_so_many(600);
    const size_t enough = (size_t)util_so_many(1000);
    int round, i;

    if (given) w.seed = strtoull(given, NULL, 0);
    print_message("CHAIN_TEST_SEED=%" PRIu64 "\n", w.seed);
    w.files = calloc(MOST_FILES, sizeof(*w.files));
    assert_non_null(w.files);
    for (round = 0; round < rounds; round++) {
        begin(&w);
        for (i = 0; i < 250; i++) {
            live(&w);
            if (i % 32 == 31) check_freed(&w);
        }
        finish(&w);
    }
    print_message("%zu removed, %zu committed, %zu pulled\n", w.counts[0],
                  w.counts[1], w.counts[2]);
    for (i = 0; i < 3; i++) assert_true(w.counts[i] > (size_t)util_so_many(100));
    print_message("%zu clones\n", w.cloned);
    assert_true(w.cloned > enough);
    print_message("%zu times it was known what would be freed, %zu times not"
                  " exactly\n", w.freed_counts[1], w.freed_counts[0]);
    for (i = 0; i < 2; i++) assert_true(w.freed_counts[i] > enough);
    free(w.files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives),
    };

    return cmocka_run_group_tests_name("chain-images-random", tests, NULL,
                                       NULL);
}
