/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the JSON documents are put together from. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/output_json_write.h"
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

xjson_writer *write_begin(void)
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

int write_end(xjson_writer *w, struct manage_error *err)
{
    int rc = end(w);

    if (rc) {
        err->outcome = MANAGE_FAILED;
        snprintf(err->text, sizeof(err->text),
                 "out of memory while writing the JSON");
    }
    return rc;
}

void write_end_anyhow(xjson_writer *w)
{
    static const char sorry[] = "{}\n";

    if (end(w)) output_stdout(sorry, strlen(sorry));
}

void write_text(xjson_writer *w, const char *name, const char *text)
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

void write_error(xjson_writer *w, const struct manage_error *err)
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
    xjson_write_member_string(w, "kind", output_treatment(disk->treatment));
    write_text(w, "image_snapshot",
               disk->handle.format == LIBXL_DISK_FORMAT_QCOW2
               ? disk->handle.u.qcow2.name : NULL);
    write_text(w, "hook", disk->hook);
    xjson_write_object_end(w);
}

void write_snapshot_members(xjson_writer *w, const chain_snapshot *snapshot)
{
    int i;

    write_text(w, "name", snapshot->name);
    write_text(w, "description",
               snapshot->description ? snapshot->description : "");
    xjson_write_member_uint(w, "created", snapshot->created);
    xjson_write_member_string(w, "state", output_state(snapshot->state));
    xjson_write_member_bool(w, "memory", snapshot->memory);
    xjson_write_member_uint(w, "memory_bytes", snapshot->memory_bytes);
    xjson_write_member_uint(w, "ram_bytes", snapshot->ram_bytes);
    xjson_write_member_string(w, "memory_sha256", snapshot->memory_sha256);
    xjson_write_member_bool(w, "live", snapshot->live);
    xjson_write_member_uint(w, "pause_us", snapshot->pause_us);
    xjson_write_member_uint(w, "pause_memory_us", snapshot->pause_memory_us);
    xjson_write_member_uint(w, "pause_disks_us", snapshot->pause_disks_us);
    xjson_write_member_uint(w, "pause_resume_us", snapshot->pause_resume_us);
    xjson_write_member_bool(w, "quiesced", snapshot->quiesced);
    xjson_write_member_uint(w, "serial", snapshot->serial);
    xjson_write_member_string(w, "kind",
                              output_kind(chain_snapshot_kind(snapshot)));
    xjson_write_name(w, "disks");
    xjson_write_array(w);
    for (i = 0; i < snapshot->num_disks; i++)
        write_disk(w, &snapshot->disks[i]);
    xjson_write_array_end(w);
}

void write_in_flight(xjson_writer *w, const struct manage_view *view)
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
