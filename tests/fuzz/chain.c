/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * chain.json and journal.json of anybody's making, read from a file as the store
 * does. A chain that breaks a rule can be looked at; one that breaks none can be
 * written, read again as the same, and worked down to nothing.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/_chain_types_json.h"
#include "chain/images.h"
#include "chain/memories.h"
#include "chain/store_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/samples.h"

#define MOST (64u << 10)
#define NOWHERE "/proc/self/fd/none"

static char *tree_text(const chain_tree *tree, size_t *len_r)
{
    xjson_writer *w;

    if (xjson_writer_alloc(true, &w)) abort();
    chain_tree_gen_json(w, tree);
    return sample_text(w, len_r);
}

/* What was written is what is read. */
static void write_again(const struct chain_model *model)
{
    struct xjson_error why;
    chain_tree tree;
    xjson *value;
    char *text, *again;
    size_t len, len_again;

    text = tree_text(&model->tree, &len);
    chain_tree_init(&tree);
    if (xjson_parse(text, len, &value, &why) ||
        chain_tree_parse_json(value, &tree, &why) || chain_tree_validate(&tree, NULL))
        abort();
    again = tree_text(&tree, &len_again);
    if (len != len_again || memcmp(text, again, len)) abort();
    free(again);
    free(text);
    xjson_free(value);
    chain_tree_dispose(&tree);
}

/* As a delete of everything goes; each step leaves a chain that is sound. */
static void work_down(struct chain_model *model)
{
    struct chain_image_step step;
    struct chain_error err;
    uint64_t serial;

    while (model->tree.num_snapshots) {
        serial = model->tree.snapshots[0].serial;
        if (chain_model_remove(model, &serial, 1, &err)) abort();
        if (chain_tree_validate(&model->tree, &err)) abort();
    }
    while (chain_images_next(model, NULL, NULL, NULL, &step)) {
        if (chain_images_done(model, &step, &err)) abort();
        if (chain_tree_validate(&model->tree, &err)) abort();
    }
}

static void look_at(const struct chain_model *model)
{
    const chain_image **images;
    struct chain_walk_entry *entries;
    size_t num, i;

    if (chain_model_walk(model, 0, &entries, &num, NULL) ||
        num != (size_t)model->tree.num_snapshots)
        abort();
    for (i = 0; i < num; i++)
        (void)chain_model_parent(model, entries[i].snapshot);
    free(entries);
    (void)chain_model_current(model);
    for (i = 0; i < (size_t)model->tree.num_images; i++) {
        const chain_image *image = &model->tree.images[i];

        if (!image->path) continue;
        (void)chain_images_frozen(model, image->path, NULL);
        (void)chain_images_cloned(model, image->path, NULL);
        if (!chain_images_below(model, image->path, &images, &num, NULL))
            free(images);
    }
}

static void read_both(struct chain_store *store)
{
    struct chain_error err;
    struct chain_model model;
    chain_journal journal;
    bool present;

    chain_model_init(&model);
    if (!chain_store_load(store, &model, &err)) {
        look_at(&model);
        if (!model.damaged) {
            write_again(&model);
            work_down(&model);
        }
    } else if (!*err.text) {
        abort();
    }
    chain_model_dispose(&model);
    chain_journal_init(&journal);
    if (chain_store_journal_read(store, &journal, &present, &err) && !*err.text)
        abort();
    chain_journal_dispose(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH_BYTES], nowhere[] = NOWHERE, domain[] = SAMPLE_DOMAIN;
    struct chain_store store = { .domain = domain, .tree = path, .journal = path,
                                 .previous = nowhere };
    int fd;

    if (size > MOST) return 0;
    fd = fuzz_file(data, size);
    fuzz_path(fd, path);
    read_both(&store);
    close(fd);
    return 0;
}

static void image(chain_image *image, const char *path, const char *backing,
                  const char *clone)
{
    chain_image_init(image);
    image->path = sample_copy(path);
    image->format = LIBXL_DISK_FORMAT_QCOW2;
    image->was_disk = !clone;
    image->ours = backing && !clone;
    if (backing) image->backing = sample_copy(backing);
    if (clone) image->clone = sample_copy(clone);
}

static void sample_images(chain_image **images_r, int *num_r,
                          chain_active_disk **active_r, int *num_active_r)
{
    chain_image *images = calloc(3, sizeof(*images));
    chain_active_disk *active = calloc(1, sizeof(*active));

    if (!images || !active) abort();
    image(&images[0], "/srv/base.qcow2", NULL, NULL);
    image(&images[1], "/srv/overlay.qcow2", "/srv/base.qcow2", NULL);
    image(&images[2], "/srv/clone.qcow2", "/srv/base.qcow2", "other");
    chain_active_disk_init(active);
    active->vdev = sample_copy("xvda");
    active->path = sample_copy("/srv/overlay.qcow2");
    active->format = LIBXL_DISK_FORMAT_QCOW2;
    *images_r = images;
    *num_r = 3;
    *active_r = active;
    *num_active_r = 1;
}

static void sample_journal(xjson_writer *w, unsigned *seed)
{
    chain_journal journal;

    chain_journal_init(&journal);
    journal.version = CHAIN_VERSION;
    journal.verb = CHAIN_VERB_CREATE + (unsigned)rand_r(seed) % 4;
    journal.step = CHAIN_STEP_BEGUN + (unsigned)rand_r(seed) % 8;
    journal.domid = 7;
    journal.running = true;
    if (journal.verb == CHAIN_VERB_CLONE) {
        journal.clone = sample_copy("other");
        journal.clone_uuid = sample_copy("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    }
    journal.snapshots = calloc(1, sizeof(*journal.snapshots));
    if (!journal.snapshots) abort();
    journal.num_snapshots = 1;
    sample_snapshot(journal.snapshots, 3, 0, seed);
    if (rand_r(seed) % 2)
        sample_images(&journal.images, &journal.num_images, &journal.active,
                      &journal.num_active);
    chain_journal_gen_json(w, &journal);
    chain_journal_dispose(&journal);
}

static void sample_tree(xjson_writer *w, unsigned *seed)
{
    unsigned i, num = (unsigned)rand_r(seed) % 5;
    uint64_t first = 1;
    chain_tree tree;

    chain_tree_init(&tree);
    tree.version = CHAIN_VERSION;
    tree.domain = sample_copy(SAMPLE_DOMAIN);
    tree.snapshots = calloc(num + 1, sizeof(*tree.snapshots));
    if (!tree.snapshots) abort();
    if (rand_r(seed) % 2) {
        sample_images(&tree.images, &tree.num_images, &tree.active,
                      &tree.num_active);
        sample_external(&tree.snapshots[tree.num_snapshots++], first++, 0,
                        "/srv/base.qcow2");
    }
    for (i = 0; i < num; i++, first++)
        sample_snapshot(&tree.snapshots[tree.num_snapshots++], first,
                        (unsigned)rand_r(seed) % first, seed);
    tree.next_serial = first;
    tree.current = (unsigned)rand_r(seed) % first;
    if (chain_tree_validate(&tree, NULL)) abort();
    chain_tree_gen_json(w, &tree);
    chain_tree_dispose(&tree);
}

void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r)
{
    xjson_writer *w;

    if (xjson_writer_alloc(rand_r(seed) % 2, &w)) abort();
    if (rand_r(seed) % 3) sample_tree(w, seed);
    else sample_journal(w, seed);
    *data_r = (uint8_t *)sample_text(w, size_r);
}
