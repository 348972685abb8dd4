/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A snapshot's record as one document: docs/format/dump.md. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "chain/_chain_types_json.h"
#include "chain/images.h"
#include "manage/internal.h"

#define DUMP_VERSION 1u

/* The snapshot's own members, and its parent's name after them. */
static int write_snapshot(xjson_writer *w, const struct chain_model *chain,
                          const chain_snapshot *snapshot)
{
    const chain_snapshot *parent = chain_model_parent(chain, snapshot);
    xjson *value = NULL;
    const xjson *member;
    char *text;
    int rc;

    text = chain_snapshot_to_json(NULL, snapshot);
    if (!text) return ERROR_NOMEM;
    rc = xjson_parse(text, strlen(text), &value, NULL);
    if (rc) goto out;
    xjson_write_name(w, "snapshot");
    xjson_write_object(w);
    for (member = xjson_first(value); member; member = xjson_next(member)) {
        xjson_write_name(w, xjson_name(member));
        xjson_write_value(w, member);
    }
    xjson_write_member_string(w, "parent_name", parent ? parent->name : NULL);
    xjson_write_object_end(w);
out:
    free(text);
    xjson_free(value);
    return rc;
}

/* Those that the snapshot's disks name, and what is below them; each once.
 * An image is below fewer than there are, or else they are a circle. */
static int write_images(xjson_writer *w, const struct chain_model *chain,
                        const chain_snapshot *snapshot)
{
    const chain_tree *tree = &chain->tree;
    const chain_image *image;
    bool *wanted, any = false;
    int i, left;

    wanted = calloc((size_t)tree->num_images + 1, sizeof(*wanted));
    if (!wanted) return ERROR_NOMEM;
    for (i = 0; i < snapshot->num_disks; i++) {
        if (!snapshot->disks[i].path) continue;
        image = chain_images_find(chain, snapshot->disks[i].path);
        for (left = tree->num_images; image && left; left--) {
            wanted[image - tree->images] = any = true;
            image = image->backing ? chain_images_find(chain, image->backing)
                                   : NULL;
        }
    }
    if (any) {
        xjson_write_name(w, "images");
        xjson_write_array(w);
        for (i = 0; i < tree->num_images; i++) {
            if (wanted[i]) chain_image_gen_json(w, &tree->images[i]);
        }
        xjson_write_array_end(w);
    }
    free(wanted);
    return 0;
}

/* *config_r is NULL when there is none any more. */
static int read_configuration(struct manage *m, const char *domain,
                              uint64_t serial, xjson **config_r,
                              struct manage_error *err)
{
    chain_store *store = NULL;
    struct xjson_error where;
    struct chain_error why;
    char *text = NULL;
    size_t len;
    int rc;

    rc = chain_store_open(m->snapshot_dir, domain, &store, &why);
    if (!rc)
        rc = chain_store_payload_read(store, serial, CHAIN_PAYLOAD_CONFIG,
                                      &text, &len, &why);
    if (rc == ERROR_NOTFOUND) {
        *config_r = NULL;
        rc = 0;
        goto out;
    }
    if (rc) {
        manage_fail_chain(err, &why);
        goto out;
    }
    rc = xjson_parse(text, len, config_r, &where);
    if (rc)
        manage_fail(err, rc == ERROR_NOMEM ? MANAGE_FAILED : MANAGE_DAMAGED,
                    "the configuration stored with the snapshot cannot be"
                    " read: %s", where.text);
out:
    free(text);
    chain_store_close(store);
    return rc;
}

int manage_dump(struct manage *m, const struct manage_view *view,
                const chain_snapshot *snapshot, char **text_r,
                struct manage_error *err)
{
    xjson_writer *w = NULL;
    xjson *config = NULL;
    int rc;

    rc = read_configuration(m, view->domain, snapshot->serial, &config, err);
    if (rc) return rc;
    rc = xjson_writer_alloc(true, &w);
    if (rc) goto out;
    xjson_write_object(w);
    xjson_write_member_uint(w, "version", DUMP_VERSION);
    xjson_write_member_string(w, "domain", view->domain);
    rc = write_snapshot(w, &view->chain, snapshot);
    if (!rc) rc = write_images(w, &view->chain, snapshot);
    if (rc) goto out;
    xjson_write_name(w, "config");
    if (config)
        xjson_write_value(w, config);
    else
        xjson_write_null(w);
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, text_r, NULL);
out:
    xjson_writer_free(w);
    xjson_free(config);
    if (rc == ERROR_NOMEM) return manage_fail_nomem(err);
    return rc ? manage_fail(err, MANAGE_FAILED, "cannot write the snapshot's"
                            " record as JSON") : 0;
}
