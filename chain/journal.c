/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* journal.json: what is in flight. What to do about it is the business of
 * those who write it. */
#include "config.h"

#include "chain/durable.h"
#include "chain/name.h"
#include "chain/_chain_types_json.h"
#include "chain/store_internal.h"
#include "chain/validate.h"

#define WAY_OUT "see RECOVERY in xl-snapshot(1)"

/* The images being made, and where the disks go; their backing images are in
 * the tree, or not yet. */
static int check_images(const chain_journal *journal, struct chain_error *err)
{
    int rc;

    if (journal->verb == CHAIN_VERB_DELETE &&
        journal->step != CHAIN_STEP_MERGING &&
        (journal->num_images || journal->num_active))
        return chain_error_set(err, ERROR_INVAL, "%s: a delete makes none",
                               journal->num_images ? "images" : "active");
    if (journal->verb == CHAIN_VERB_BLOCK_JOB &&
        (journal->num_images || journal->num_active || journal->num_snapshots))
        return chain_error_set(err, ERROR_INVAL, "a block job has neither"
                               " snapshots, images nor active");
    rc = chain_image_list_check(journal->images, journal->num_images, err);
    if (rc == ERROR_NOMEM) return rc;
    if (rc) return chain_error_within(err, rc, "images");
    rc = chain_active_list_check(journal->active, journal->num_active, err);
    if (rc) return chain_error_within(err, rc, "active");
    return 0;
}

static int check_clone(const chain_journal *journal, struct chain_error *err)
{
    int rc;

    if (journal->verb != CHAIN_VERB_CLONE) {
        if (!journal->clone && !journal->clone_uuid) return 0;
        return chain_error_set(err, ERROR_INVAL, "clone: none is made");
    }
    rc = chain_domain_name_check(journal->clone, err);
    if (rc) return chain_error_within(err, rc, "clone: ");
    if (!journal->clone_uuid)
        return chain_error_set(err, ERROR_INVAL, "clone_uuid: there is none");
    rc = chain_uuid_check(journal->clone_uuid, err);
    return rc ? chain_error_within(err, rc, "clone_uuid: ") : 0;
}

/*
 * As much as it takes to go by it: the snapshot of a create has not got its
 * disks yet, so the rules of a tree's snapshots do not hold here.
 */
static int check(const chain_journal *journal, struct chain_error *err)
{
    int i, rc;

    if (journal->version != CHAIN_VERSION)
        return chain_error_set(err, ERROR_INVAL, "version: %u is unknown",
                               journal->version);
    if (journal->verb == CHAIN_VERB_UNKNOWN)
        return chain_error_set(err, ERROR_INVAL, "verb: there is none");
    if (journal->step == CHAIN_STEP_UNKNOWN)
        return chain_error_set(err, ERROR_INVAL, "step: there is none");
    rc = chain_uuid_check(journal->domain_uuid, err);
    if (rc) return chain_error_within(err, rc, "domain_uuid: ");
    rc = check_images(journal, err);
    if (!rc) rc = check_clone(journal, err);
    if (rc) return rc;
    /* what an earlier delete left to be merged is nobody's any more */
    if (!journal->num_snapshots && journal->step != CHAIN_STEP_MERGING &&
        journal->verb != CHAIN_VERB_BLOCK_JOB)
        return chain_error_set(err, ERROR_INVAL, "snapshots: there are none");
    for (i = 0; i < journal->num_snapshots; i++) {
        const chain_snapshot *s = &journal->snapshots[i];
        rc = s->serial ? chain_name_check(s->name, err)
           : chain_error_set(err, ERROR_INVAL, "its serial is 0");
        if (rc) return chain_error_within(err, rc, "snapshots[%d]: ", i);
    }
    return 0;
}

int chain_store_journal_write(chain_store *store, const chain_journal *journal,
                              struct chain_error *err)
{
    xjson_writer *w = NULL;
    int rc;

    rc = chain_store_need_lock(store, err);
    if (rc) goto out;
    rc = check(journal, err);
    if (rc) {
        chain_error_within(err, rc, "%s is not written: ", store->journal);
        goto out;
    }
    rc = xjson_writer_alloc(true, &w);
    if (!rc) rc = chain_journal_gen_json(w, journal);
    rc = chain_file_write_json(store->journal, NULL, w, rc, err);

out:
    xjson_writer_free(w);
    return rc;
}

/* Into an initialised journal. */
static int read_journal(const chain_store *store, chain_journal *journal,
                        struct chain_error *err)
{
    struct xjson_error why = { "" };
    xjson *value = NULL;
    int rc;

    rc = chain_file_read_json(store->journal, &value, err);
    if (rc) goto out;
    rc = chain_journal_parse_json(value, journal, &why);
    if (rc == ERROR_NOMEM) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    if (rc) {
        rc = chain_error_set(err, ERROR_BADFAIL, "%s: %s", store->journal,
                             why.text);
        goto out;
    }
    rc = check(journal, err);
    if (rc && rc != ERROR_NOMEM)
        rc = chain_error_within(err, ERROR_BADFAIL, "%s: ", store->journal);

out:
    xjson_free(value);
    return rc;
}

int chain_store_journal_read(const chain_store *store, chain_journal *journal,
                             bool *present_r, struct chain_error *err)
{
    struct chain_error why = { 0 };
    chain_journal read;
    int rc;

    chain_journal_init(&read);
    rc = read_journal(store, &read, &why);
    if (!rc) {
        chain_journal_dispose(journal);
        *journal = read;
        *present_r = true;
        return 0;
    }
    chain_journal_dispose(&read);
    if (rc == ERROR_NOTFOUND) {
        *present_r = false;
        return 0;
    }
    if (rc == ERROR_BADFAIL)
        return chain_error_set(err, rc, "%s: " WAY_OUT, why.text);
    if (err) *err = why;
    return rc;
}

int chain_store_journal_clear(chain_store *store, struct chain_error *err)
{
    int rc;

    rc = chain_store_need_lock(store, err);
    if (rc) return rc;
    return chain_durable_remove(store->journal, err);
}
