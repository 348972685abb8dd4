/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The chain as files: what is written is read, and what others have written
 * is refused in words. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/chain/util.h"

struct scene {
    char *dir, *statedir, *chain, *previous, *journal;
    chain_store *store;
    struct chain_model model;
};

static void must(int rc, const struct chain_error *err)
{
    if (rc) fail_msg("rc %d: %s", rc, err->text);
}

static void refused(int rc, int expected, const struct chain_error *err,
                    const char *text)
{
    assert_int_equal(expected, rc);
    assert_int_equal(expected, err->rc);
    if (!strstr(err->text, text))
        fail_msg("'%s' is not in '%s'", text, err->text);
    assert_null(strchr(err->text, '\n'));
}

/* An open, locked store that has no file yet, and a chain of two. */
static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    struct chain_error err;

    assert_non_null(s);
    s->dir = util_make_dir();
    s->statedir = util_path(s->dir, "state");
    must(chain_store_open(s->statedir, "guest", &s->store, &err), &err);
    s->chain = util_path(chain_store_dir(s->store), "chain.json");
    s->previous = util_path(chain_store_dir(s->store), "chain.json.prev");
    s->journal = util_path(chain_store_dir(s->store), "journal.json");
    assert_false(util_exists(s->statedir));
    must(chain_store_lock(s->store, "test", 0, &err), &err);
    chain_model_init(&s->model);
    must(chain_model_set_empty(&s->model, "guest", &err), &err);
    util_add(&s->model, 0, "A");
    util_add(&s->model, 1, "B");
    must(chain_model_set_description(&s->model, 2, "\"two\"\n\tlines \xc3\xa4",
                                     &err), &err);
    must(chain_model_set_current(&s->model, 2, &err), &err);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    chain_model_dispose(&s->model);
    chain_store_close(s->store);
    free(s->statedir);
    free(s->chain);
    free(s->previous);
    free(s->journal);
    util_remove_dir(s->dir);
    free(s);
    return 0;
}

static void save(struct scene *s)
{
    struct chain_error err;

    must(chain_store_save(s->store, &s->model, &err), &err);
}

/* Loads; the caller disposes. */
static void load(struct scene *s, struct chain_model *m)
{
    struct chain_error err;

    chain_model_init(m);
    must(chain_store_load(s->store, m, &err), &err);
}

static void assert_loads(struct scene *s, const chain_tree *expected)
{
    char *text = util_tree_text(expected), *found;
    struct chain_model m;

    load(s, &m);
    assert_null(m.damaged);
    found = util_tree_text(&m.tree);
    assert_string_equal(text, found);
    free(text);
    free(found);
    chain_model_dispose(&m);
}

static void assert_mode(const char *path, mode_t mode)
{
    struct stat st;

    assert_int_equal(0, lstat(path, &st));
    assert_int_equal(mode, st.st_mode & 07777);
}

static void write_text(const char *path, const char *text)
{
    util_write_file(path, text, strlen(text));
}

/* ---- the tree ---- */

static void nothing_there(void **state)
{
    struct scene *s = *state;
    struct chain_model m;
    bool exists = true;

    load(s, &m);
    assert_null(m.damaged);
    assert_int_equal(0, m.tree.num_snapshots);
    assert_int_equal(1, m.tree.next_serial);
    assert_string_equal("guest", m.tree.domain);
    chain_model_dispose(&m);
    assert_int_equal(0, chain_store_exists(s->store, &exists, NULL));
    assert_false(exists);
}

static void save_and_load(void **state)
{
    struct scene *s = *state;
    bool exists = false;

    save(s);
    assert_loads(s, &s->model.tree);
    assert_mode(s->chain, 0600);
    assert_mode(s->statedir, 0700);
    assert_mode(chain_store_dir(s->store), 0700);
    assert_false(util_exists(s->previous));
    assert_int_equal(0, chain_store_exists(s->store, &exists, NULL));
    assert_true(exists);
    assert_string_equal("guest", chain_store_domain(s->store));
}

static void save_keeps_the_previous(void **state)
{
    struct scene *s = *state;
    char *before, *kept;
    struct chain_error err;
    int i;

    save(s);
    for (i = 0; i < 3; i++) {
        before = util_read_file(s->chain, NULL);
        must(chain_model_rename(&s->model, 1, i % 2 ? "odd" : "even", &err),
             &err);
        save(s);
        kept = util_read_file(s->previous, NULL);
        assert_string_equal(before, kept);
        free(before);
        free(kept);
    }
    assert_mode(s->previous, 0600);
    assert_loads(s, &s->model.tree);
}

/* Killed between link and rename, the two names are one file. */
static void previous_is_the_same_file(void **state)
{
    struct scene *s = *state;
    char **names;
    size_t num;

    save(s);
    assert_int_equal(0, link(s->chain, s->previous));
    save(s);
    save(s);
    assert_int_equal(0, chain_store_orphans(s->store, &s->model, &names, &num,
                                            NULL));
    assert_int_equal(0, num);
    chain_strings_free(names, num);
}

static void restore_previous(void **state)
{
    struct scene *s = *state;
    char *bad = util_path(chain_store_dir(s->store), "chain.json.bad"), *text;
    struct chain_model before;
    struct chain_error err;

    refused(chain_store_restore_previous(s->store, &err), ERROR_NOTFOUND, &err,
            "chain.json.prev");
    save(s);
    load(s, &before);
    must(chain_model_rename(&s->model, 1, "other", &err), &err);
    save(s);
    write_text(s->chain, "{ oops");
    must(chain_store_restore_previous(s->store, &err), &err);
    assert_loads(s, &before.tree);
    text = util_read_file(bad, NULL);
    assert_string_equal("{ oops", text);
    write_text(s->previous, "");
    refused(chain_store_restore_previous(s->store, &err), ERROR_BADFAIL, &err,
            "chain.json.prev: not JSON");
    assert_loads(s, &before.tree);
    free(text);
    free(bad);
    chain_model_dispose(&before);
}

static void save_refuses(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    chain_store *other = NULL;

    s->model.tree.current = 7;
    refused(chain_store_save(s->store, &s->model, &err), ERROR_BADFAIL, &err,
            "current: there is no snapshot with serial 7");
    s->model.tree.current = 2;
    s->model.damaged = strdup("some damage");
    refused(chain_store_save(s->store, &s->model, &err), ERROR_BADFAIL, &err,
            "not written: some damage");
    free(s->model.damaged);
    s->model.damaged = NULL;
    s->model.tree.domain[0] = 'G';
    refused(chain_store_save(s->store, &s->model, &err), ERROR_INVAL, &err,
            "'Guest' is not that of 'guest'");
    s->model.tree.domain[0] = 'g';
    strcpy(s->model.tree.snapshots[0].disks[0].path, "/\xff");
    refused(chain_store_save(s->store, &s->model, &err), ERROR_INVAL, &err,
            "chain.json is not written: it would hold text that is not UTF-8");
    strcpy(s->model.tree.snapshots[0].disks[0].path, "/");
    assert_false(util_exists(s->chain));
    refused(chain_store_open(s->statedir, "..", &other, &err), ERROR_INVAL,
            &err, "begins with '.'");
    assert_null(other);
    save(s);
}

static void needs_the_lock(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    chain_journal j;

    chain_journal_init(&j);
    chain_store_unlock(s->store);
    assert_false(chain_store_is_locked(s->store));
#define REFUSED(call) \
    refused(call, ERROR_LOCK_FAIL, &err, "only by who has locked it")
    REFUSED(chain_store_save(s->store, &s->model, &err));
    REFUSED(chain_store_restore_previous(s->store, &err));
    REFUSED(chain_store_journal_write(s->store, &j, &err));
    REFUSED(chain_store_journal_clear(s->store, &err));
    REFUSED(chain_store_payload_create(s->store, 1, &err));
    REFUSED(chain_store_payload_write(s->store, 1, "x", "", 0, &err));
    REFUSED(chain_store_payload_seal(s->store, 1, &err));
    REFUSED(chain_store_payload_remove(s->store, 1, &err));
    REFUSED(chain_store_orphans_remove(s->store, &s->model, &err));
#undef REFUSED
}

/* ---- hostile files ---- */

/* It can be read, and says what is wrong with it; nothing writes over it. */
static void assert_damaged(struct scene *s, const char *why)
{
    char *before = util_read_file(s->chain, NULL), *after;
    struct chain_model m;
    struct chain_error err;

    load(s, &m);
    assert_non_null(m.damaged);
    if (!strstr(m.damaged, why))
        fail_msg("'%s' is not in '%s'", why, m.damaged);
    if (!strstr(m.damaged, "chain.json: ") || !strstr(m.damaged, "RECOVERY"))
        fail_msg("no file or no way out in '%s'", m.damaged);
    assert_null(strchr(m.damaged, '\n'));
    assert_int_equal(ERROR_BADFAIL, chain_store_save(s->store, &m, &err));
    assert_int_equal(ERROR_BADFAIL,
                     chain_store_orphans_remove(s->store, &m, &err));
    after = util_read_file(s->chain, NULL);
    assert_string_equal(before, after);
    chain_model_dispose(&m);
    free(before);
    free(after);
}

static void assert_unreadable(struct scene *s, int rc, const char *why)
{
    struct chain_model m;
    struct chain_error err;

    chain_model_init(&m);
    refused(chain_store_load(s->store, &m, &err), rc, &err, why);
    if (!strstr(err.text, "/chain.json"))
        fail_msg("no file in '%s'", err.text);
    assert_int_equal(0, m.tree.num_snapshots);
    chain_model_dispose(&m);
}

/* Replaces the first occurrence in the file. */
static void edit(const char *path, const char *from, const char *to)
{
    char *text = util_read_file(path, NULL), *at = strstr(text, from), *edited;

    assert_non_null(at);
    assert_true(asprintf(&edited, "%.*s%s%s", (int)(at - text), text, to,
                         at + strlen(from)) > 0);
    write_text(path, edited);
    free(text);
    free(edited);
}

static void edited_by_hand(void **state)
{
    struct scene *s = *state;

#define EDITED(from, to, why) \
    do { save(s); edit(s->chain, from, to); assert_damaged(s, why); } while (0)
    EDITED("\"parent\": 1", "\"parent\": 9",
           "snapshots[1].parent: there is no snapshot with serial 9");
    EDITED("\"serial\": 1,", "\"serial\": 1, \"parent\": 2,",
           "snapshots[0].parent: the snapshot is its own descendant");
    EDITED("\"name\": \"B\"", "\"name\": \"A\"",
           "snapshots[1].name: 'A' is that of snapshots[0], too");
    EDITED("\"name\": \"B\"", "\"name\": \"../B\"", "snapshots[1].name: ");
    EDITED("\"current\": 2", "\"current\": 3", "current: ");
    EDITED("\"guest\"", "\"other\"", "domain: this is the chain of 'other'");
    EDITED("\"next_serial\": 3", "\"next_serial\": 2",
           "snapshots[1].serial: 2 is not below next_serial");
#undef EDITED
    /* a wrong type, and what we do not know, leave nothing to show but the
     * tree before, which the second save keeps */
#define EDITED(from, to, why) \
    do { \
        save(s); save(s); edit(s->chain, from, to); assert_damaged(s, why); \
    } while (0)
    EDITED("\"name\": \"B\"", "\"name\": 5", "snapshots[1].name: ");
    EDITED("\"serial\": 2", "\"serial\": -2", "snapshots[1].serial: ");
    EDITED("\"state\": \"running\"", "\"state\": \"flying\"",
           "snapshots[0].state: ");
    EDITED("\"current\": 2", "\"current\": 2, \"colour\": \"red\"", "colour");
    EDITED("\"version\": 1", "\"version\": \"1\"", "version: there is none");
#undef EDITED
}

static void later_version(void **state)
{
    struct scene *s = *state;

    save(s);
    edit(s->chain, "\"version\": 1", "\"version\": 3, \"new\": []");
    assert_unreadable(s, ERROR_VERSION,
                      "version: 3 is later than 1, the latest that is known "
                      "here: use the xl that wrote it");
    /* not even with a previous tree at hand */
    assert_int_equal(0, link(s->chain, s->previous));
    assert_unreadable(s, ERROR_VERSION, "version: 3");
    edit(s->chain, "\"version\": 3", "\"version\": 18446744073709551615");
    assert_unreadable(s, ERROR_VERSION, "version: 18446744073709551615");
}

/* A file that is cut short is never taken for a shorter chain. */
static void cut_at_every_byte(void **state)
{
    struct scene *s = *state;
    struct chain_model m;
    struct chain_error err;
    char *text;
    size_t len, i;
    int rc;

    save(s);
    text = util_read_file(s->chain, &len);
    for (i = 0; i < len - 1; i++) {
        util_write_file(s->chain, text, i);
        chain_model_init(&m);
        rc = chain_store_load(s->store, &m, &err);
        refused(rc, ERROR_BADFAIL, &err, "chain.json: ");
        chain_model_dispose(&m);
    }
    free(text);
}

/* Every byte, changed: read as something, or refused; never taken for sound
 * unless it keeps all the rules. */
static void spoilt_at_every_byte(void **state)
{
    static const char with[] = { 0, '"', '}', '9', '\xff' };
    struct scene *s = *state;
    struct chain_model m;
    struct chain_error err;
    char *text, was;
    size_t len, i, j;

    save(s);
    text = util_read_file(s->chain, &len);
    for (i = 0; i < len; i++) {
        was = text[i];
        for (j = 0; j < sizeof(with); j++) {
            text[i] = with[j];
            util_write_file(s->chain, text, len);
            chain_model_init(&m);
            if (chain_store_load(s->store, &m, &err))
                assert_true(err.rc == ERROR_BADFAIL ||
                            err.rc == ERROR_VERSION);
            else if (!m.damaged)
                util_assert_sound(&m);
            chain_model_dispose(&m);
        }
        text[i] = was;
    }
    free(text);
}

static void not_a_tree_at_all(void **state)
{
    struct scene *s = *state;

    write_text(s->chain, "");
    assert_unreadable(s, ERROR_BADFAIL, "RECOVERY");
    write_text(s->chain, "[]");
    assert_unreadable(s, ERROR_BADFAIL, "expected an object, got an array");
    write_text(s->chain, "{}");
    assert_unreadable(s, ERROR_BADFAIL, "version: there is none");
    write_text(s->chain, "{\"version\":1,\"version\":1}");
    assert_unreadable(s, ERROR_BADFAIL, "duplicate member 'version'");
    assert_int_equal(0, unlink(s->chain));
    assert_int_equal(0, mkdir(s->chain, 0700));
    assert_unreadable(s, ERROR_BADFAIL, "chain.json is not a file: ");
    assert_int_equal(0, rmdir(s->chain));
    /* reading this would not end */
    assert_int_equal(0, mkfifo(s->chain, 0600));
    assert_unreadable(s, ERROR_BADFAIL, "chain.json is not a file: ");
}

static void previous_is_shown(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    struct chain_model m;

    save(s);
    must(chain_model_rename(&s->model, 1, "other", &err), &err);
    save(s);
    write_text(s->chain, "{");
    load(s, &m);
    assert_non_null(chain_model_by_name(&m, "A"));
    assert_non_null(strstr(m.damaged, "chain.json: not JSON"));
    assert_non_null(strstr(m.damaged, "what is shown is chain.json.prev"));
    chain_model_dispose(&m);
    /* one that is gone is not an empty one */
    assert_int_equal(0, unlink(s->chain));
    load(s, &m);
    assert_non_null(chain_model_by_name(&m, "A"));
    assert_non_null(strstr(m.damaged, "there is no "));
    chain_model_dispose(&m);
    write_text(s->previous, "{");
    chain_model_init(&m);
    refused(chain_store_load(s->store, &m, &err), ERROR_BADFAIL, &err,
            "there is no ");
    chain_model_dispose(&m);
}

/* ---- the journal ---- */

static void journal(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    chain_journal j, found;
    bool present = true;

    chain_journal_init(&j);
    chain_journal_init(&found);
    must(chain_store_journal_read(s->store, &found, &present, &err), &err);
    assert_false(present);
    refused(chain_store_journal_write(s->store, &j, &err), ERROR_INVAL, &err,
            "version: 0");
    j.version = CHAIN_VERSION;
    refused(chain_store_journal_write(s->store, &j, &err), ERROR_INVAL, &err,
            "verb: ");
    j.verb = CHAIN_VERB_CREATE;
    refused(chain_store_journal_write(s->store, &j, &err), ERROR_INVAL, &err,
            "step: ");
    j.step = CHAIN_STEP_STOPPING;
    refused(chain_store_journal_write(s->store, &j, &err), ERROR_INVAL, &err,
            "snapshots: there are none");
    j.snapshots = calloc(1, sizeof(*j.snapshots));
    assert_non_null(j.snapshots);
    j.num_snapshots = 1;
    chain_snapshot_init(&j.snapshots[0]);
    refused(chain_store_journal_write(s->store, &j, &err), ERROR_INVAL, &err,
            "snapshots[0]: its serial is 0");
    j.snapshots[0].serial = 3;
    j.snapshots[0].name = strdup("third");
    j.domid = 5;
    j.running = true;
    must(chain_store_journal_write(s->store, &j, &err), &err);
    assert_mode(s->journal, 0600);
    must(chain_store_journal_read(s->store, &found, &present, &err), &err);
    assert_true(present);
    assert_int_equal(CHAIN_STEP_STOPPING, found.step);
    assert_int_equal(5, found.domid);
    assert_string_equal("third", found.snapshots[0].name);

    edit(s->journal, "\"third\"", "\"/\"");
    refused(chain_store_journal_read(s->store, &found, &present, &err),
            ERROR_BADFAIL, &err, "journal.json: snapshots[0]: ");
    edit(s->journal, "\"create\"", "\"dance\"");
    refused(chain_store_journal_read(s->store, &found, &present, &err),
            ERROR_BADFAIL, &err, "journal.json: verb: ");
    edit(s->journal, "\"version\": 1", "\"version\": 2");
    refused(chain_store_journal_read(s->store, &found, &present, &err),
            ERROR_VERSION, &err, "journal.json: version: 2 is later");
    /* what was read before is left alone */
    assert_int_equal(5, found.domid);
    must(chain_store_journal_clear(s->store, &err), &err);
    must(chain_store_journal_clear(s->store, &err), &err);
    must(chain_store_journal_read(s->store, &found, &present, &err), &err);
    assert_false(present);
    chain_journal_dispose(&j);
    chain_journal_dispose(&found);
}

/* It is about the guest alone. */
static void journal_of_a_block_job(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    chain_journal j, found;
    bool present = false;

    chain_journal_init(&j);
    chain_journal_init(&found);
    j.version = CHAIN_VERSION;
    j.verb = CHAIN_VERB_BLOCK_JOB;
    j.step = CHAIN_STEP_STOPPING;
    j.target_state = CHAIN_DOMAIN_STATE_RUNNING;
    j.snapshots = calloc(1, sizeof(*j.snapshots));
    assert_non_null(j.snapshots);
    chain_snapshot_init(&j.snapshots[0]);
    j.num_snapshots = 1;
    refused(chain_store_journal_write(s->store, &j, &err), ERROR_INVAL, &err,
            "a block job has neither");
    j.num_snapshots = 0;
    must(chain_store_journal_write(s->store, &j, &err), &err);
    must(chain_store_journal_read(s->store, &found, &present, &err), &err);
    assert_true(present);
    assert_int_equal(CHAIN_VERB_BLOCK_JOB, found.verb);
    assert_int_equal(CHAIN_DOMAIN_STATE_RUNNING, found.target_state);
    must(chain_store_journal_clear(s->store, &err), &err);
    chain_journal_dispose(&j);
    chain_journal_dispose(&found);
}

/* ---- payloads and orphans ---- */

static void payload(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    char *path, *data;
    size_t len;

    must(chain_store_payload_create(s->store, 7, &err), &err);
    assert_int_equal(ERROR_FAIL, chain_store_payload_create(s->store, 7, &err));
    assert_int_equal(EEXIST, err.errnum);
    must(chain_store_payload_write(s->store, 7, "config.json", "{}", 2, &err),
         &err);
    assert_int_equal(ERROR_FAIL, chain_store_payload_write(s->store, 7,
                     "config.json", "[]", 2, &err));
    assert_int_equal(EEXIST, err.errnum);
    must(chain_store_payload_seal(s->store, 7, &err), &err);
    must(chain_store_payload_path(s->store, 7, "config.json", &path, &err),
         &err);
    assert_mode(path, 0600);
    free(path);
    must(chain_store_payload_path(s->store, 7, NULL, &path, &err), &err);
    assert_mode(path, 0700);
    must(chain_store_payload_read(s->store, 7, "config.json", &data, &len,
                                  &err), &err);
    assert_int_equal(2, len);
    assert_string_equal("{}", data);
    free(data);
    refused(chain_store_payload_read(s->store, 7, "memory", &data, &len, &err),
            ERROR_NOTFOUND, &err, "snap-7/memory");
    refused(chain_store_payload_write(s->store, 7, "../x", "", 0, &err),
            ERROR_INVAL, &err, "'../x'");
    refused(chain_store_payload_write(s->store, 0, "x", "", 0, &err),
            ERROR_INVAL, &err, "snapshot 0");
    assert_int_equal(ERROR_FAIL, chain_store_payload_seal(s->store, 8, &err));
    assert_int_equal(ENOENT, err.errnum);
    must(chain_store_payload_remove(s->store, 7, &err), &err);
    assert_false(util_exists(path));
    must(chain_store_payload_remove(s->store, 7, &err), &err);
    free(path);
}

/* What is in the way is removed, what a link points to is not. */
static void payload_with_strangers(void **state)
{
    struct scene *s = *state;
    struct chain_error err;
    char *path, *inner, *deeper, *out;

    out = util_path(s->dir, "precious");
    write_text(out, "x");
    must(chain_store_payload_create(s->store, 1, &err), &err);
    must(chain_store_payload_path(s->store, 1, NULL, &path, &err), &err);
    inner = util_path(path, "link");
    assert_int_equal(0, symlink(s->dir, inner));
    refused(chain_store_payload_seal(s->store, 1, &err), ERROR_FAIL, &err,
            "snap-1/link is not a file");
    free(inner);
    inner = util_path(path, "directory");
    assert_int_equal(0, mkdir(inner, 0700));
    deeper = util_path(inner, "file");
    write_text(deeper, "x");
    must(chain_store_payload_remove(s->store, 1, &err), &err);
    assert_false(util_exists(path));
    assert_true(util_exists(out));
    /* nor is the link followed when it is the payload itself */
    assert_int_equal(0, symlink(s->dir, path));
    assert_int_equal(ERROR_FAIL, chain_store_payload_remove(s->store, 1, &err));
    assert_true(util_exists(out));
    assert_int_equal(0, unlink(path));
    free(out);
    free(deeper);
    free(inner);
    free(path);
}

static void orphans(void **state)
{
    static const char *const files[] = {
        "chain.json.tmp.a1B2c3", "journal.json.tmp.zzzzzz",
        "chain.json.prev.tmp", "chain.json.bad.tmp",
        /* and what is not ours */
        "chain.json.tmp.a1B2c34", "chain.json.tmp.a1", "notes", "chain.json~",
        "journal.json.old",
    };
    static const char *const dirs[] = {
        "snap-3", "snap-18446744073709551615", "snap-18446744073709551616",
        "snap-01", "snap-", "snap-0", "snap-+5", "snap-1", "snap-3x",
    };
    static const char *const expected[] = {
        "chain.json.bad.tmp", "chain.json.prev.tmp", "chain.json.tmp.a1B2c3",
        "journal.json.tmp.zzzzzz", "snap-18446744073709551615", "snap-3",
    };
    struct scene *s = *state;
    struct chain_error err;
    char **names, *path;
    size_t num, i;

    save(s);
    for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
        path = util_path(chain_store_dir(s->store), files[i]);
        write_text(path, "x");
        free(path);
    }
    for (i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
        path = util_path(chain_store_dir(s->store), dirs[i]);
        assert_int_equal(0, mkdir(path, 0700));
        free(path);
    }
    must(chain_store_orphans(s->store, &s->model, &names, &num, &err), &err);
    assert_int_equal(sizeof(expected) / sizeof(*expected), num);
    for (i = 0; i < num; i++) assert_string_equal(expected[i], names[i]);
    chain_strings_free(names, num);
    must(chain_store_orphans_remove(s->store, &s->model, &err), &err);
    must(chain_store_orphans(s->store, &s->model, &names, &num, &err), &err);
    assert_int_equal(0, num);
    chain_strings_free(names, num);
    path = util_path(chain_store_dir(s->store), "notes");
    assert_true(util_exists(path));
    free(path);
    path = util_path(chain_store_dir(s->store), "snap-1");
    assert_true(util_exists(path));
    free(path);
    assert_loads(s, &s->model.tree);
}

/* ---- domains ---- */

static void list_domains(void **state)
{
    struct scene *s = *state;
    static const char *const names[] = { "zebra", "empty", "ant", ".hidden" };
    struct chain_error err;
    char **domains, *dir, *path;
    size_t num, i;

    save(s);
    for (i = 0; i < 4; i++) {
        dir = util_path(s->statedir, names[i]);
        assert_int_equal(0, mkdir(dir, 0700));
        path = util_path(dir, i == 2 ? "journal.json" : "chain.json");
        if (i != 1) write_text(path, "{}");
        free(path);
        free(dir);
    }
    path = util_path(s->statedir, "file");
    write_text(path, "x");
    free(path);
    must(chain_store_list_domains(s->statedir, &domains, &num, &err), &err);
    assert_int_equal(3, num);
    assert_string_equal("ant", domains[0]);
    assert_string_equal("guest", domains[1]);
    assert_string_equal("zebra", domains[2]);
    chain_strings_free(domains, num);
    path = util_path(s->dir, "nowhere");
    must(chain_store_list_domains(path, &domains, &num, &err), &err);
    assert_int_equal(0, num);
    chain_strings_free(domains, num);
    free(path);
}

/* ---- size ---- */

static void ten_thousand(void **state)
{
    struct scene *s = *state;
    const int num = util_so_many(10000);
    char name[16];
    int i;

    for (i = 3; i <= num; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        util_add(&s->model, (uint64_t)i / 2, name);
    }
    save(s);
    assert_loads(s, &s->model.tree);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_there), T(save_and_load), T(save_keeps_the_previous),
        T(previous_is_the_same_file), T(restore_previous), T(save_refuses),
        T(needs_the_lock), T(edited_by_hand), T(later_version),
        T(cut_at_every_byte), T(spoilt_at_every_byte), T(not_a_tree_at_all),
        T(previous_is_shown), T(journal), T(journal_of_a_block_job), T(payload),
        T(payload_with_strangers), T(orphans), T(list_domains),
        T(ten_thousand),
    };

    return cmocka_run_group_tests_name("chain-store", tests, NULL, NULL);
}
