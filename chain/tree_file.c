/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* chain.json, the tree that it was before, and the one that was bad. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/_chain_types_json.h"
#include "chain/store_internal.h"

#define WAY_OUT "mend it, or see RECOVERY in xl-snapshot(1)"

/* ---- reading ---- */

/* tree is initialised. ERROR_BADFAIL when the file is no tree. */
static int read_tree(const char *path, chain_tree *tree,
                     struct chain_error *err)
{
    struct xjson_error why = { "" };
    xjson *value = NULL;
    int rc;

    rc = chain_file_read_json(path, &value, err);
    if (rc) goto out;
    rc = chain_tree_parse_json(value, tree, &why);
    if (rc == ERROR_NOMEM)
        rc = chain_error_set_nomem(err);
    else if (rc)
        rc = chain_error_set(err, ERROR_BADFAIL, "%s: %s", path, why.text);

out:
    xjson_free(value);
    return rc;
}

/* Reads into an initialised, empty model. What breaks a rule is marked. */
static int load_from(const chain_store *store, const char *path,
                     struct chain_model *model, struct chain_error *err)
{
    struct chain_error why = { 0 };
    chain_tree tree;
    char *damaged;
    int rc;

    chain_tree_init(&tree);
    rc = read_tree(path, &tree, err);
    if (rc) goto out;
    rc = chain_model_take(model, &tree, err);
    if (rc) goto out;

    if (model->damaged)
        chain_error_set(&why, ERROR_BADFAIL, "%s: %s: " WAY_OUT, path,
                        model->damaged);
    else if (strcmp(model->tree.domain, store->domain))
        chain_error_set(&why, ERROR_BADFAIL,
            "%s: domain: this is the chain of '%s': " WAY_OUT, path,
            model->tree.domain);
    if (!why.rc) goto out;
    damaged = strdup(why.text);
    if (!damaged) {
        rc = chain_error_set_nomem(err);
        goto out;
    }
    free(model->damaged);
    model->damaged = damaged;

out:
    if (rc) {
        chain_model_dispose(model);
        chain_model_init(model);
    }
    chain_tree_dispose(&tree);
    return rc;
}

/*
 * chain.json says nothing any more, and bad says why. Show what there was
 * before, so that people see what they are about to mend. ERROR_BADFAIL when
 * that is of no use either.
 */
static int load_previous(const chain_store *store, const char *bad,
                         struct chain_model *model, struct chain_error *err)
{
    struct chain_error why;
    char *damaged;
    int rc;

    rc = load_from(store, store->previous, model, &why);
    if (rc == ERROR_NOMEM) return chain_error_set_nomem(err);
    if (rc)
        return chain_error_set(err, ERROR_BADFAIL, "%s: " WAY_OUT, bad);
    chain_error_set(&why, ERROR_BADFAIL,
        "%s; what is shown is " CHAIN_FILE_PREVIOUS ", without the last "
        "change: " WAY_OUT, bad);
    damaged = strdup(why.text);
    if (!damaged) {
        chain_model_dispose(model);
        chain_model_init(model);
        return chain_error_set_nomem(err);
    }
    free(model->damaged);
    model->damaged = damaged;
    return 0;
}

int chain_store_load(const chain_store *store, struct chain_model *model,
                     struct chain_error *err)
{
    struct chain_error why;
    bool had_one;
    int rc;

    rc = load_from(store, store->tree, model, &why);
    if (rc == ERROR_NOTFOUND) {
        rc = chain_file_present(store->previous, &had_one, err);
        if (rc) return rc;
        if (!had_one) return chain_model_set_empty(model, store->domain, err);
        /* A save never leaves the previous tree without one after it. Either
         * both have come since we looked, or the tree has been removed, and
         * beginning anew would be to forget the snapshots. */
        rc = load_from(store, store->tree, model, &why);
    }
    if (rc == ERROR_BADFAIL || rc == ERROR_NOTFOUND)
        return load_previous(store, why.text, model, err);
    if (rc && err) *err = why;
    return rc;
}

/* ---- writing ---- */

/* What it writes can be read back: the reader bounds the number of values.
 * A tree, a snapshot and a disk have fewer than these, array included. */
static int check_size(const chain_tree *tree, struct chain_error *err)
{
    uint64_t values = 16;
    int i;

    for (i = 0; i < tree->num_snapshots; i++)
        values += 16 + 16 * (uint64_t)tree->snapshots[i].num_disks;
    if (values <= XJSON_MAX_VALUES) return 0;
    return chain_error_set(err, ERROR_INVAL,
        "the chain has become too big to be read back: delete snapshots");
}

static int write_tree(chain_store *store, const chain_tree *tree,
                      const char *keep, struct chain_error *err)
{
    xjson_writer *w = NULL;
    int rc;

    rc = check_size(tree, err);
    if (rc) goto out;
    rc = xjson_writer_alloc(true, &w);
    if (!rc) rc = chain_tree_gen_json(w, tree);
    rc = chain_file_write_json(store->tree, keep, w, rc, err);

out:
    xjson_writer_free(w);
    return rc;
}

static int check_to_save(const chain_store *store,
                         const struct chain_model *model,
                         struct chain_error *err)
{
    int rc;

    rc = chain_store_need_lock(store, err);
    if (rc) return rc;
    if (model->damaged)
        return chain_error_set(err, ERROR_BADFAIL,
                               "the chain is damaged and is not written: %s",
                               model->damaged);
    rc = chain_tree_validate(&model->tree, err);
    if (rc) return rc;
    if (strcmp(model->tree.domain, store->domain))
        return chain_error_set(err, ERROR_INVAL,
            "the chain of '%s' is not that of '%s'", model->tree.domain,
            store->domain);
    return 0;
}

int chain_store_save(chain_store *store, const struct chain_model *model,
                     struct chain_error *err)
{
    int rc;

    rc = check_to_save(store, model, err);
    if (rc) return rc;
    return write_tree(store, &model->tree, store->previous, err);
}

int chain_store_restore_previous(chain_store *store, struct chain_error *err)
{
    struct chain_model model;
    int rc;

    chain_model_init(&model);
    rc = chain_store_need_lock(store, err);
    if (rc) goto out;
    rc = load_from(store, store->previous, &model, err);
    if (rc) goto out;
    rc = check_to_save(store, &model, err);
    if (rc) goto out;
    rc = write_tree(store, &model.tree, store->bad, err);

out:
    chain_model_dispose(&model);
    return rc;
}
