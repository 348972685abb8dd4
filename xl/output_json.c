/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shapes that xl-snapshot(1) promises. Members are added, never taken
 * away or given another meaning.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "xl/output_json_write.h"
#include "xl/text.h"

void output_json_error(const struct manage_error *err)
{
    xjson_writer *w = write_begin();

    if (w) write_error(w, err);
    write_end_anyhow(w);
}

void output_json_created(const char *domain, const chain_snapshot *snapshot)
{
    xjson_writer *w = write_begin();

    if (w) {
        write_text(w, "domain", domain);
        xjson_write_name(w, "snapshot");
        xjson_write_object(w);
        write_snapshot_members(w, snapshot);
        xjson_write_object_end(w);
    }
    write_end_anyhow(w);
}

static void write_known(xjson_writer *w, const char *name, bool known,
                        uint64_t n)
{
    xjson_write_name(w, name);
    if (known)
        xjson_write_uint(w, n);
    else
        xjson_write_null(w);
}

static void write_losses(xjson_writer *w, const struct manage_losses *lost)
{
    int i;

    xjson_write_name(w, "lost");
    xjson_write_array(w);
    for (i = 0; i < lost->num; i++) {
        const struct manage_loss *loss = &lost->list[i];

        xjson_write_object(w);
        write_text(w, "kind", manage_loss_kind_to_string(loss->kind));
        write_text(w, "vdev", loss->vdev);
        write_text(w, "path", loss->path);
        write_known(w, "bytes", loss->bytes_known, loss->bytes);
        write_text(w, "since", loss->since);
        write_known(w, "since_time", loss->since_time, loss->since_time);
        xjson_write_object_end(w);
    }
    xjson_write_array_end(w);
}

void output_json_reverted(const char *domain, const char *name,
                          const struct manage_revert_result *result)
{
    xjson_writer *w = write_begin();

    if (w) {
        write_text(w, "domain", domain);
        write_text(w, "snapshot", name);
        xjson_write_member_string(w, "state", output_state(result->state));
        xjson_write_name(w, "domid");
        if (result->state == CHAIN_DOMAIN_STATE_OFF)
            xjson_write_null(w);
        else
            xjson_write_uint(w, result->domid);
        if (result->undo) write_text(w, "undo", result->undo);
        write_losses(w, &result->lost);
        write_clock(w, &result->clock);
    }
    write_end_anyhow(w);
}

void output_json_deleted(const struct manage_delete *args,
                         const struct manage_delete_result *result)
{
    xjson_writer *w = write_begin();

    if (w) {
        write_text(w, "domain", args->domain);
        write_text(w, "snapshot", args->name);
        xjson_write_member_int(w, "deleted", result->deleted);
        if (result->note) write_text(w, "left_for_later", result->note);
    }
    write_end_anyhow(w);
}

void output_json_renamed(const char *domain, const char *name,
                         const char *new_name)
{
    xjson_writer *w = write_begin();

    if (w) {
        write_text(w, "domain", domain);
        write_text(w, "snapshot", new_name);
        write_text(w, "old_name", name);
    }
    write_end_anyhow(w);
}

void output_json_redefined(const char *domain,
                           const struct manage_redefined *redefined)
{
    xjson_writer *w = write_begin();
    int i;

    if (w) {
        write_text(w, "domain", domain);
        xjson_write_name(w, "snapshots");
        xjson_write_array(w);
        for (i = 0; i < redefined->num; i++)
            xjson_write_string(w, redefined->names[i]);
        xjson_write_array_end(w);
        xjson_write_member_int(w, "kept", redefined->kept);
    }
    write_end_anyhow(w);
}

void output_json_exported(const struct manage_export *args)
{
    xjson_writer *w = write_begin();

    if (w) {
        write_text(w, "domain", args->domain);
        write_text(w, "snapshot", args->name);
        write_text(w, "file", args->path);
        xjson_write_member_bool(w, "xl", args->xl_image);
    }
    write_end_anyhow(w);
}

void output_json_thawed(const char *domain)
{
    xjson_writer *w = write_begin();

    if (w) {
        write_text(w, "domain", domain);
        xjson_write_member_bool(w, "thawed", true);
    }
    write_end_anyhow(w);
}

void output_json_current(const struct manage_view *view,
                         const chain_snapshot *current)
{
    xjson_writer *w = write_begin();

    if (w) {
        write_text(w, "domain", view->domain);
        write_text(w, "current", current->name);
    }
    write_end_anyhow(w);
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
    xjson_writer *w = write_begin();
    size_t i;

    if (!w) {
        write_end_anyhow(w);
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
    write_end_anyhow(w);
}
