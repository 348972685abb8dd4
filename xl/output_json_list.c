/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots that are there, one or many, as JSON; see output_json.c. */
#include "config.h"

#include <stdlib.h>

#include "chain/images.h"
#include "xl/output_json_write.h"
#include "xl/output_list.h"

int output_json_info(const struct manage_view *view,
                     const chain_snapshot *snapshot, struct manage_error *err)
{
    const chain_tree *tree = &view->chain.tree;
    xjson_writer *w = write_begin();
    const char *clone;
    int i, at = 0;

    if (w) {
        write_text(w, "domain", view->domain);
        xjson_write_name(w, "snapshot");
        xjson_write_object(w);
        write_snapshot_members(w, snapshot);
        write_text(w, "domain_uuid", snapshot->domain_uuid);
        xjson_write_name(w, "parent");
        if (chain_model_parent(&view->chain, snapshot))
            xjson_write_string(w, chain_model_parent(&view->chain,
                                                     snapshot)->name);
        else
            xjson_write_null(w);
        xjson_write_member_bool(w, "current",
                                snapshot->serial == tree->current);
        xjson_write_name(w, "children");
        xjson_write_array(w);
        for (i = 0; i < tree->num_snapshots; i++) {
            if (tree->snapshots[i].parent == snapshot->serial)
                xjson_write_string(w, tree->snapshots[i].name);
        }
        xjson_write_array_end(w);
        xjson_write_name(w, "clones");
        xjson_write_array(w);
        while ((clone = chain_images_next_clone(&view->chain, snapshot, &at)))
            xjson_write_string(w, clone);
        xjson_write_array_end(w);
        xjson_write_object_end(w);
    }
    return write_end(w, err);
}

static void write_amount(xjson_writer *w, const char *name,
                         const char *name_exact, uint64_t bytes, bool exact)
{
    xjson_write_member_uint(w, name, bytes);
    xjson_write_member_bool(w, name_exact, exact);
}

/* When columns that need them were asked for. */
static void write_sizes(xjson_writer *w, const struct output_list *how,
                        const struct manage_size *size)
{
    if (output_columns_have(&how->columns, COLUMN_SIZE))
        write_amount(w, "size_bytes", "size_exact", size->bytes, size->exact);
    if (output_columns_have(&how->columns, COLUMN_FREED))
        write_amount(w, "freed_bytes", "freed_exact", size->freed_bytes,
                     size->freed_exact);
}

static void write_placed_snapshot(xjson_writer *w,
                                  const struct output_domain *domain,
                                  const struct output_list *how,
                                  const struct chain_filtered *entry)
{
    const chain_tree *tree = &domain->view.chain.tree;
    const chain_snapshot *snapshot = entry->snapshot;

    xjson_write_object(w);
    write_snapshot_members(w, snapshot);
    write_text(w, "parent", entry->parent ? entry->parent->name : NULL);
    xjson_write_member_bool(w, "current", snapshot->serial == tree->current);
    if (domain->sizes)
        write_sizes(w, how, &domain->sizes[snapshot - tree->snapshots]);
    xjson_write_object_end(w);
}

static int write_snapshots(xjson_writer *w, const struct output_domain *domain,
                           const struct output_list *how)
{
    struct chain_filtered *entries = NULL;
    size_t num = 0, i;
    int rc;

    rc = chain_filter_apply(&domain->view.chain, &how->filter, &entries, &num,
                            NULL);
    if (rc) return rc;
    xjson_write_name(w, "snapshots");
    xjson_write_array(w);
    for (i = 0; i < num; i++)
        write_placed_snapshot(w, domain, how, &entries[i]);
    xjson_write_array_end(w);
    free(entries);
    return 0;
}

static int write_domain(xjson_writer *w, const struct output_domain *domain,
                        const struct output_list *how)
{
    const struct manage_view *view = &domain->view;
    const chain_snapshot *current;
    int rc;

    xjson_write_object(w);
    write_text(w, "domain", view->domain ? view->domain : domain->name);
    if (domain->err.outcome != MANAGE_OK) {
        write_error(w, &domain->err);
        rc = 0;
        goto out;
    }
    current = chain_model_current(&view->chain);
    xjson_write_member_bool(w, "running", view->running);
    xjson_write_name(w, "domid");
    if (view->running)
        xjson_write_uint(w, view->domid);
    else
        xjson_write_null(w);
    write_text(w, "current", current ? current->name : NULL);
    write_text(w, "damaged", view->chain.damaged);
    write_in_flight(w, view);
    rc = write_snapshots(w, domain, how);
out:
    xjson_write_object_end(w);
    return rc;
}

int output_json_list(const struct output_domain *domains, size_t num,
                     const struct output_list *how, struct manage_error *err)
{
    xjson_writer *w = write_begin();
    size_t i;
    int rc;

    if (!w) return write_end(w, err);
    xjson_write_name(w, "domains");
    xjson_write_array(w);
    for (i = 0; i < num; i++) {
        rc = write_domain(w, &domains[i], how);
        if (rc) {
            xjson_writer_free(w);
            return write_end(NULL, err);
        }
    }
    xjson_write_array_end(w);
    return write_end(w, err);
}
