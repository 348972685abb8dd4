/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shapes that xl-snapshot(1) promises. Members are added, never taken
 * away or given another meaning.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/json.h"
#include "xl/output.h"
#include "xl/text.h"

static const char *outcome_name(enum manage_outcome outcome)
{
    switch (outcome) {
    case MANAGE_OK:             return "ok";
    case MANAGE_FAILED:         return "failed";
    case MANAGE_USAGE:          return "usage";
    case MANAGE_NOT_FOUND:      return "not_found";
    case MANAGE_BUSY:           return "busy";
    case MANAGE_REFUSED:        return "refused";
    case MANAGE_NO_SPACE:       return "no_space";
    case MANAGE_ROLLED_BACK:    return "rolled_back";
    case MANAGE_NEEDS_RECOVERY: return "needs_recovery";
    case MANAGE_DAMAGED:        return "damaged";
    }
    return "failed";
}

/* ---- writing ---- */

/* NULL when out of memory, which every function here takes. */
static xjson_writer *begin(void)
{
    xjson_writer *w = NULL;

    if (xjson_writer_alloc(true, &w)) return NULL;
    xjson_write_object(w);
    return w;
}

/* Prints and frees. 0, or a libxl error. */
static int end(xjson_writer *w)
{
    char *text = NULL;
    int rc;

    if (!w) return ERROR_NOMEM;
    xjson_write_object_end(w);
    rc = xjson_writer_finish(w, &text, NULL);
    if (!rc && !output_json(text)) rc = ERROR_NOMEM;
    free(text);
    xjson_writer_free(w);
    return rc;
}

bool output_json(const char *json)
{
    char *safe = text_json(json);
    size_t len;

    if (!safe) return false;
    len = strlen(safe);
    output_stdout(safe, len);
    if (!len || safe[len - 1] != '\n') output_stdout("\n", 1);
    free(safe);
    return true;
}

static int end_or_say(xjson_writer *w, struct manage_error *err)
{
    int rc = end(w);

    if (rc) {
        err->outcome = MANAGE_FAILED;
        snprintf(err->text, sizeof(err->text),
                 "out of memory while writing the JSON");
    }
    return rc;
}

/* What has been done is told all the same when memory runs out. */
static void end_anyhow(xjson_writer *w)
{
    static const char sorry[] = "{}\n";

    if (end(w)) output_stdout(sorry, strlen(sorry));
}

/* Foreign text: the writer refuses what is not UTF-8. */
static void write_text(xjson_writer *w, const char *name, const char *text)
{
    char *fixed;

    xjson_write_name(w, name);
    if (!text) {
        xjson_write_null(w);
        return;
    }
    fixed = text_utf8(text);
    xjson_write_string(w, fixed);
    free(fixed);
}

static void write_error(xjson_writer *w, const struct manage_error *err)
{
    xjson_write_name(w, "error");
    xjson_write_object(w);
    xjson_write_member_string(w, "outcome", outcome_name(err->outcome));
    write_text(w, "message", err->text);
    xjson_write_object_end(w);
}

static void write_disk(xjson_writer *w, const chain_disk *disk)
{
    const char *skipped = output_skipped(disk->treatment);

    xjson_write_object(w);
    write_text(w, "vdev", disk->vdev);
    write_text(w, "path", disk->path);
    xjson_write_member_string(w, "format",
                              libxl_disk_format_to_string(disk->format));
    xjson_write_member_bool(w, "included", !skipped);
    xjson_write_member_string(w, "reason", skipped);
    write_text(w, "image_snapshot",
               disk->handle.format == LIBXL_DISK_FORMAT_QCOW2
               ? disk->handle.u.qcow2.name : NULL);
    xjson_write_object_end(w);
}

/* The members that a snapshot has whatever stands around it. */
static void write_snapshot_members(xjson_writer *w,
                                   const chain_snapshot *snapshot)
{
    int i;

    write_text(w, "name", snapshot->name);
    write_text(w, "description",
               snapshot->description ? snapshot->description : "");
    xjson_write_member_uint(w, "created", snapshot->created);
    xjson_write_member_string(w, "state", output_state(snapshot->state));
    xjson_write_member_bool(w, "memory", snapshot->memory);
    xjson_write_member_uint(w, "memory_bytes", snapshot->memory_bytes);
    xjson_write_member_bool(w, "live", snapshot->live);
    xjson_write_member_uint(w, "pause_us", snapshot->pause_us);
    xjson_write_name(w, "disks");
    xjson_write_array(w);
    for (i = 0; i < snapshot->num_disks; i++)
        write_disk(w, &snapshot->disks[i]);
    xjson_write_array_end(w);
}

static void write_placed_snapshot(xjson_writer *w,
                                  const chain_snapshot *snapshot,
                                  const chain_snapshot *parent, bool current)
{
    xjson_write_object(w);
    write_snapshot_members(w, snapshot);
    write_text(w, "parent", parent ? parent->name : NULL);
    xjson_write_member_bool(w, "current", current);
    xjson_write_object_end(w);
}

/* ---- documents ---- */

void output_json_error(const struct manage_error *err)
{
    xjson_writer *w = begin();

    if (w) write_error(w, err);
    end_anyhow(w);
}

void output_json_created(const char *domain, const chain_snapshot *snapshot)
{
    xjson_writer *w = begin();

    if (w) {
        write_text(w, "domain", domain);
        xjson_write_name(w, "snapshot");
        xjson_write_object(w);
        write_snapshot_members(w, snapshot);
        xjson_write_object_end(w);
    }
    end_anyhow(w);
}

void output_json_reverted(const char *domain, const char *name,
                          const struct manage_revert_result *result)
{
    xjson_writer *w = begin();

    if (w) {
        write_text(w, "domain", domain);
        write_text(w, "snapshot", name);
        xjson_write_member_string(w, "state", output_state(result->state));
        xjson_write_name(w, "domid");
        if (result->state == CHAIN_DOMAIN_STATE_OFF)
            xjson_write_null(w);
        else
            xjson_write_uint(w, result->domid);
    }
    end_anyhow(w);
}

void output_json_deleted(const struct manage_delete *args, int deleted)
{
    xjson_writer *w = begin();

    if (w) {
        write_text(w, "domain", args->domain);
        write_text(w, "snapshot", args->name);
        xjson_write_member_int(w, "deleted", deleted);
    }
    end_anyhow(w);
}

void output_json_renamed(const char *domain, const char *name,
                         const char *new_name)
{
    xjson_writer *w = begin();

    if (w) {
        write_text(w, "domain", domain);
        write_text(w, "snapshot", new_name);
        write_text(w, "old_name", name);
    }
    end_anyhow(w);
}

void output_json_current(const struct manage_view *view,
                         const chain_snapshot *current)
{
    xjson_writer *w = begin();

    if (w) {
        write_text(w, "domain", view->domain);
        write_text(w, "current", current->name);
    }
    end_anyhow(w);
}

int output_json_info(const struct manage_view *view,
                     const chain_snapshot *snapshot, struct manage_error *err)
{
    const chain_tree *tree = &view->chain.tree;
    xjson_writer *w = begin();
    int i;

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
        xjson_write_object_end(w);
    }
    return end_or_say(w, err);
}

static void write_in_flight(xjson_writer *w, const struct manage_view *view)
{
    const chain_journal *journal = &view->journal;
    int i;

    xjson_write_name(w, "in_flight");
    if (!view->in_flight) {
        xjson_write_null(w);
        return;
    }
    xjson_write_object(w);
    xjson_write_member_string(w, "operation", output_verb(journal->verb));
    xjson_write_member_string(w, "step", output_step(journal->step));
    xjson_write_name(w, "snapshots");
    xjson_write_array(w);
    for (i = 0; i < journal->num_snapshots; i++)
        xjson_write_string(w, journal->snapshots[i].name);
    xjson_write_array_end(w);
    xjson_write_object_end(w);
}

/* Parents before their children; the walk's depths tell who is whose. */
static int write_snapshots(xjson_writer *w, const struct chain_model *chain)
{
    struct chain_walk_entry *entries = NULL;
    const chain_snapshot **path = NULL;
    size_t num = 0, i;
    int rc;

    rc = chain_model_walk(chain, 0, &entries, &num, NULL);
    if (rc) goto out;
    path = calloc(num + 1, sizeof(*path));
    if (!path) {
        rc = ERROR_NOMEM;
        goto out;
    }
    xjson_write_name(w, "snapshots");
    xjson_write_array(w);
    for (i = 0; i < num; i++) {
        size_t depth = entries[i].depth;

        path[depth] = entries[i].snapshot;
        write_placed_snapshot(w, entries[i].snapshot,
                              depth ? path[depth - 1] : NULL,
                              entries[i].snapshot->serial ==
                              chain->tree.current);
    }
    xjson_write_array_end(w);
    rc = 0;
out:
    free(path);
    free(entries);
    return rc;
}

static int write_domain(xjson_writer *w, const struct output_domain *domain)
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
    rc = write_snapshots(w, &view->chain);
out:
    xjson_write_object_end(w);
    return rc;
}

int output_json_list(const struct output_domain *domains, size_t num,
                     struct manage_error *err)
{
    xjson_writer *w = begin();
    size_t i;
    int rc;

    if (!w) return end_or_say(w, err);
    xjson_write_name(w, "domains");
    xjson_write_array(w);
    for (i = 0; i < num; i++) {
        rc = write_domain(w, &domains[i]);
        if (rc) {
            xjson_writer_free(w);
            return end_or_say(NULL, err);
        }
    }
    xjson_write_array_end(w);
    return end_or_say(w, err);
}

/* "actions": one string for each line of the report. */
static void write_report(xjson_writer *w, const char *report)
{
    char *copy = text_utf8(report), *line, *rest = NULL;

    xjson_write_name(w, "actions");
    xjson_write_array(w);
    line = copy ? strtok_r(copy, "\n", &rest) : NULL;
    for (; line; line = strtok_r(NULL, "\n", &rest))
        xjson_write_string(w, line);
    xjson_write_array_end(w);
    free(copy);
}

void output_json_recovered(const struct output_domain *domains, size_t num,
                           bool dry_run)
{
    xjson_writer *w = begin();
    size_t i;

    if (!w) {
        end_anyhow(w);
        return;
    }
    xjson_write_name(w, "domains");
    xjson_write_array(w);
    for (i = 0; i < num; i++) {
        xjson_write_object(w);
        write_text(w, "domain", domains[i].name);
        if (domains[i].err.outcome != MANAGE_OK)
            write_error(w, &domains[i].err);
        else if (dry_run)
            write_in_flight(w, &domains[i].view);
        else
            write_report(w, domains[i].report);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
    end_anyhow(w);
}
