/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain/images.h"
#include "tests/chain/disk.h"
#include "tests/chain/flows.h"

/* ---- what is in a payload ---- */

static const char *config_of(uint64_t serial, size_t *len_r)
{
    static char text[64];

    *len_r = (size_t)snprintf(text, sizeof(text),
                              "{ \"config of\": %" PRIu64 " }\n", serial);
    return text;
}

static const char *memory_of(uint64_t serial, size_t *len_r)
{
    static char text[256];

    memset(text, 'a' + (int)(serial % 26), sizeof(text));
    *len_r = sizeof(text);
    return text;
}

/* As another library would: it syncs nothing. */
static int write_memory(const chain_store *store, uint64_t serial,
                        struct chain_error *err)
{
    const char *data, *p;
    char *path;
    size_t len;
    ssize_t r;
    int fd, rc;

    rc = chain_store_payload_path(store, serial, CHAIN_PAYLOAD_MEMORY, &path,
                                  err);
    if (rc) return rc;
    do {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    free(path);
    if (fd < 0) return chain_error_set_errno(err, errno, "open");
    data = memory_of(serial, &len);
    for (p = data; p < data + len; p += r) {
        r = write(fd, p, len - (size_t)(p - data));
        if (r < 0 && errno == EINTR) r = 0;
        if (r < 0) break;
    }
    rc = p < data + len ? chain_error_set_errno(err, errno, "write") : 0;
    close(fd);
    return rc;
}

static int write_payload(chain_store *store, uint64_t serial,
                         struct chain_error *err)
{
    const char *config;
    size_t len;
    int rc;

    rc = chain_store_payload_create(store, serial, err);
    if (rc) return rc;
    config = config_of(serial, &len);
    rc = chain_store_payload_write(store, serial, CHAIN_PAYLOAD_CONFIG,
                                   config, len, err);
    if (rc) return rc;
    rc = write_memory(store, serial, err);
    if (rc) return rc;
    return chain_store_payload_seal(store, serial, err);
}

/* ---- the flows ---- */

/* What every flow has in its hands. */
struct work {
    chain_store *store;
    struct chain_model model;
    chain_journal journal;
};

static int begin(struct work *w, const char *statedir, chain_verb verb,
                 struct chain_error *err)
{
    int rc;

    w->store = NULL;
    chain_model_init(&w->model);
    chain_journal_init(&w->journal);
    w->journal.version = CHAIN_VERSION;
    w->journal.verb = verb;
    w->journal.step = CHAIN_STEP_BEGUN;
    w->journal.snapshots = calloc(1, sizeof(*w->journal.snapshots));
    assert_non_null(w->journal.snapshots);
    w->journal.num_snapshots = 1;
    chain_snapshot_init(&w->journal.snapshots[0]);
    rc = chain_store_open(statedir, "guest", &w->store, err);
    if (!rc) rc = chain_store_lock(w->store, "test", 0, err);
    if (!rc) rc = chain_store_load(w->store, &w->model, err);
    return rc;
}

static void end(struct work *w)
{
    chain_journal_dispose(&w->journal);
    chain_model_dispose(&w->model);
    chain_store_close(w->store);
}

static int write_journal(struct work *w, struct chain_error *err)
{
    int rc = chain_store_journal_write(w->store, &w->journal, err);

    if (!rc) disk_record_mark("journal");
    return rc;
}

static int save(struct work *w, struct chain_error *err)
{
    int rc = chain_store_save(w->store, &w->model, err);

    if (!rc) disk_record_mark("saved");
    return rc;
}

static int clear_journal(struct work *w, struct chain_error *err)
{
    int rc = chain_store_journal_clear(w->store, err);

    if (!rc) disk_record_mark("cleared");
    return rc;
}

/* Where the second disk goes, for the journal; and what it had. */
static void plan_overlay(struct work *w, const char *name)
{
    const chain_active_disk *now = chain_images_active(&w->model, "xvdb");
    chain_journal *j = &w->journal;

    util_external(&j->snapshots[0], 1, now ? now->path : "/srv/data.qcow2",
                  LIBXL_DISK_FORMAT_QCOW2);
    j->images = calloc(1, sizeof(*j->images));
    j->active = calloc(1, sizeof(*j->active));
    assert_true(j->images && j->active);
    j->num_images = j->num_active = 1;
    chain_image_init(&j->images[0]);
    assert_true(asprintf(&j->images[0].path, "/srv/%s", name) > 0);
    j->images[0].format = LIBXL_DISK_FORMAT_QCOW2;
    j->images[0].backing = strdup(j->snapshots[0].disks[1].path);
    j->images[0].ours = true;
    chain_active_disk_init(&j->active[0]);
    j->active[0].vdev = strdup("xvdb");
    j->active[0].path = strdup(j->images[0].path);
    j->active[0].format = LIBXL_DISK_FORMAT_QCOW2;
}

/* What the journal announced, in the chain. */
static int go_over(struct work *w, struct chain_error *err)
{
    const chain_journal *j = &w->journal;
    int i, rc;

    for (i = 0; i < j->num_images; i++) {
        rc = chain_images_add(&w->model, j->images[i].path,
                              j->images[i].format, j->images[i].ours,
                              j->images[i].backing, LIBXL_DISK_FORMAT_QCOW2,
                              err);
        if (rc) return rc;
    }
    for (i = 0; i < j->num_active; i++) {
        rc = chain_images_set_active(&w->model, j->active[i].vdev,
                                     j->active[i].path, j->active[i].format,
                                     err);
        if (rc) return rc;
    }
    return 0;
}

enum kind { KIND_INTERNAL, KIND_EXTERNAL, KIND_UNDONE };

static int create(struct work *w, const char *name, enum kind kind,
                  struct chain_error *err)
{
    chain_snapshot *s = &w->journal.snapshots[0];
    int rc;

    util_snapshot(s, w->model.tree.next_serial, w->model.tree.current, name);
    if (kind == KIND_EXTERNAL) plan_overlay(w, name);
    rc = write_journal(w, err);
    if (rc) return rc;
    rc = write_payload(w->store, s->serial, err);
    if (rc) return rc;
    if (kind == KIND_UNDONE) {
        rc = chain_store_payload_remove(w->store, s->serial, err);
        if (rc) return rc;
        return clear_journal(w, err);
    }
    rc = go_over(w, err);
    if (!rc) rc = chain_model_add(&w->model, s, err);
    if (!rc) rc = chain_model_set_current(&w->model, s->serial, err);
    if (!rc) rc = save(w, err);
    if (rc) return rc;
    return clear_journal(w, err);
}

int flow_create(const char *statedir, const char *name,
                struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_CREATE, err);
    if (!rc) rc = create(&w, name, KIND_INTERNAL, err);
    end(&w);
    return rc;
}

int flow_create_external(const char *statedir, const char *name,
                         struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_CREATE, err);
    if (!rc) rc = create(&w, name, KIND_EXTERNAL, err);
    end(&w);
    return rc;
}

int flow_create_undone(const char *statedir, const char *name,
                       struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_CREATE, err);
    if (!rc) rc = create(&w, name, KIND_UNDONE, err);
    end(&w);
    return rc;
}

static int delete(struct work *w, uint64_t serial, struct chain_error *err)
{
    const chain_snapshot *s = chain_model_by_serial(&w->model, serial);
    int rc;

    assert_non_null(s);
    assert_int_equal(0, chain_snapshot_copy(NULL, &w->journal.snapshots[0],
                                            s));
    rc = write_journal(w, err);
    if (!rc) rc = chain_model_remove(&w->model, &serial, 1, err);
    if (!rc) rc = save(w, err);
    if (!rc) rc = chain_store_payload_remove(w->store, serial, err);
    if (rc) return rc;
    return clear_journal(w, err);
}

int flow_delete(const char *statedir, uint64_t serial,
                struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_DELETE, err);
    if (!rc) rc = delete(&w, serial, err);
    end(&w);
    return rc;
}

static int merge(struct work *w, struct chain_error *err)
{
    struct chain_image_step step;
    int rc;

    /* nobody's any more: the journal names no snapshot */
    chain_snapshot_dispose(&w->journal.snapshots[0]);
    free(w->journal.snapshots);
    w->journal.snapshots = NULL;
    w->journal.num_snapshots = 0;
    w->journal.step = CHAIN_STEP_MERGING;
    rc = write_journal(w, err);
    if (rc) return rc;
    while (chain_images_next(&w->model, NULL, NULL, NULL, &step)) {
        rc = chain_images_done(&w->model, &step, err);
        if (rc) return rc;
    }
    rc = save(w, err);
    if (rc) return rc;
    return clear_journal(w, err);
}

int flow_merge(const char *statedir, struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_DELETE, err);
    if (!rc) rc = merge(&w, err);
    end(&w);
    return rc;
}

int flow_rename(const char *statedir, uint64_t serial, const char *name,
                struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_UNKNOWN, err);
    if (!rc) rc = chain_model_rename(&w.model, serial, name, err);
    if (!rc) rc = save(&w, err);
    end(&w);
    return rc;
}

static int recover(struct work *w, struct chain_error *err)
{
    const chain_snapshot *s;
    bool present;
    int rc;

    rc = chain_store_journal_read(w->store, &w->journal, &present, err);
    if (rc) return rc;
    s = w->journal.snapshots;
    /* either verb, begun or done: it is in the chain, or nowhere */
    if (present && s && !chain_model_by_serial(&w->model, s->serial)) {
        rc = chain_store_payload_remove(w->store, s->serial, err);
        if (rc) return rc;
    }
    rc = chain_store_orphans_remove(w->store, &w->model, err);
    if (rc) return rc;
    return chain_store_journal_clear(w->store, err);
}

int flow_recover(const char *statedir, struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_UNKNOWN, err);
    if (!rc) rc = recover(&w, err);
    end(&w);
    return rc;
}

int flow_restore(const char *statedir, struct chain_error *err)
{
    struct work w;
    int rc;

    rc = begin(&w, statedir, CHAIN_VERB_UNKNOWN, err);
    if (!rc) rc = chain_store_restore_previous(w.store, err);
    if (!rc) disk_record_mark("saved");
    end(&w);
    return rc;
}

/* ---- all of them, on two snapshots ---- */

static int prepare(const char *statedir, struct chain_error *err)
{
    int rc;

    rc = flow_create(statedir, "first", err);
    if (!rc) rc = flow_create(statedir, "other", err);
    if (!rc) rc = flow_rename(statedir, 2, "second", err);
    return rc;
}

static int nothing(const char *statedir, struct chain_error *err)
{
    return 0;
}

static int create_first(const char *statedir, struct chain_error *err)
{
    return flow_create(statedir, "first", err);
}

static int create_third(const char *statedir, struct chain_error *err)
{
    return flow_create(statedir, "third", err);
}

static int create_undone(const char *statedir, struct chain_error *err)
{
    return flow_create_undone(statedir, "third", err);
}

static int delete_first(const char *statedir, struct chain_error *err)
{
    return flow_delete(statedir, 1, err);
}

static int delete_current(const char *statedir, struct chain_error *err)
{
    return flow_delete(statedir, 2, err);
}

static int create_external(const char *statedir, struct chain_error *err)
{
    return flow_create_external(statedir, "third", err);
}

static int prepare_merge(const char *statedir, struct chain_error *err)
{
    int rc;

    rc = flow_create_external(statedir, "first", err);
    if (!rc) rc = flow_create_external(statedir, "second", err);
    if (!rc) rc = flow_delete(statedir, 1, err);
    return rc;
}

static int rename_second(const char *statedir, struct chain_error *err)
{
    return flow_rename(statedir, 2, "zweiter", err);
}

const struct flow flow_table[] = {
    { "the first create", nothing, create_first },
    { "create", prepare, create_third },
    { "create, undone", prepare, create_undone },
    { "delete the first", prepare, delete_first },
    { "delete the current", prepare, delete_current },
    { "external create", prepare, create_external },
    { "merge", prepare_merge, flow_merge },
    { "rename", prepare, rename_second },
    { "restore the previous", prepare, flow_restore },
};

const size_t flow_num = sizeof(flow_table) / sizeof(*flow_table);

/* ---- what must hold ---- */

/* The chain, read without a lock. */
static void load(const char *statedir, chain_store **store_r,
                 struct chain_model *model, const char *where)
{
    struct chain_error err;

    chain_model_init(model);
    if (chain_store_open(statedir, "guest", store_r, &err) ||
        chain_store_load(*store_r, model, &err))
        fail_msg("%s: %s", where, err.text);
    if (model->damaged) fail_msg("%s: %s", where, model->damaged);
    util_assert_sound(model);
}

char *flow_text(const char *statedir)
{
    struct chain_model model;
    chain_store *store;
    char *text;

    load(statedir, &store, &model, "text");
    text = util_tree_text(&model.tree);
    chain_model_dispose(&model);
    chain_store_close(store);
    return text;
}

static void check_file(const chain_store *store, uint64_t serial,
                       const char *file, const char *expected, size_t len,
                       const char *where)
{
    struct chain_error err;
    size_t found_len;
    char *found;

    if (chain_store_payload_read(store, serial, file, &found, &found_len,
                                 &err))
        fail_msg("%s: %s", where, err.text);
    if (found_len != len || memcmp(found, expected, len))
        fail_msg("%s: %s of %" PRIu64 " is not what was written", where, file,
                 serial);
    free(found);
}

static void check_payloads(const chain_store *store, const chain_tree *tree,
                           const char *where)
{
    const char *expected;
    size_t len;
    int i;

    for (i = 0; i < tree->num_snapshots; i++) {
        uint64_t serial = tree->snapshots[i].serial;
        expected = config_of(serial, &len);
        check_file(store, serial, CHAIN_PAYLOAD_CONFIG, expected, len, where);
        expected = memory_of(serial, &len);
        check_file(store, serial, CHAIN_PAYLOAD_MEMORY, expected, len, where);
    }
}

/* A payload that nobody names is spoken of by the journal. */
static void check_orphans(const chain_store *store,
                          const struct chain_model *model, const char *where)
{
    struct chain_error err;
    chain_journal journal;
    bool present;
    char expected[32] = "", **names = NULL;
    size_t num = 0, i;

    chain_journal_init(&journal);
    if (chain_store_journal_read(store, &journal, &present, &err) ||
        chain_store_orphans(store, model, &names, &num, &err))
        fail_msg("%s: %s", where, err.text);
    if (present && journal.num_snapshots)
        snprintf(expected, sizeof(expected), "snap-%" PRIu64,
                 journal.snapshots[0].serial);
    for (i = 0; i < num; i++)
        if (!strncmp(names[i], "snap-", 5) && strcmp(names[i], expected))
            fail_msg("%s: no journal for %s", where, names[i]);
    chain_strings_free(names, num);
    chain_journal_dispose(&journal);
}

/* Nothing is left but what belongs there. */
static void check_clean(const chain_store *store,
                        const struct chain_model *model, const char *where)
{
    static const char *const ours[] = {
        ".", "..", "chain.json", "chain.json.prev", "lock",
        "chain.json.bad",   /* for a person to look at */
    };
    struct dirent *entry;
    uint64_t serial;
    bool known;
    size_t i;
    DIR *dir;

    dir = opendir(chain_store_dir(store));
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        known = sscanf(entry->d_name, "snap-%" SCNu64, &serial) == 1 &&
                chain_model_by_serial(model, serial);
        for (i = 0; i < sizeof(ours) / sizeof(*ours); i++)
            if (!strcmp(entry->d_name, ours[i])) known = true;
        if (!known) fail_msg("%s: %s is left", where, entry->d_name);
    }
    closedir(dir);
}

void flow_check(const char *statedir, const char *const *texts, size_t num,
                const char *where)
{
    struct chain_model model;
    struct chain_error err;
    chain_store *store;
    char *text, *after;
    size_t i;

    load(statedir, &store, &model, where);
    text = util_tree_text(&model.tree);
    for (i = 0; i < num; i++)
        if (!strcmp(text, texts[i])) break;
    if (i == num) fail_msg("%s: the chain is none of %zu", where, num);
    check_payloads(store, &model.tree, where);
    check_orphans(store, &model, where);

    if (flow_recover(statedir, &err)) fail_msg("%s: %s", where, err.text);
    after = flow_text(statedir);
    assert_string_equal(text, after);
    check_payloads(store, &model.tree, where);
    check_clean(store, &model, where);
    free(text);
    free(after);
    chain_model_dispose(&model);
    chain_store_close(store);
}
