/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libxl/qmp_merge.h"

/* ---- jobs ---- */

/* Unless it says otherwise on-error is "report": the job ends, and says why. */
static void write_job(xjson_writer *w, const char *id, bool finalize)
{
    xjson_write_member_string(w, "job-id", id);
    xjson_write_member_bool(w, "auto-finalize", finalize);
    xjson_write_member_bool(w, "auto-dismiss", false);
}

static void write_commit(xjson_writer *w, const void *user)
{
    const struct qmp_block_commit *commit = user;

    write_job(w, commit->job, !commit->backing_file);
    xjson_write_member_string(w, "device", commit->root);
    xjson_write_member_string(w, "top-node", commit->top);
    xjson_write_member_string(w, "base-node", commit->base);
    if (commit->backing_file)
        xjson_write_member_string(w, "backing-file", commit->backing_file);
}

int qmp_block_commit(struct qmp_client *client,
                     const struct qmp_block_commit *commit, deadline by,
                     struct diag *diag)
{
    return qmp_client_execute(client, "block-commit", write_commit, commit, by,
                              NULL, diag);
}

static void write_stream(xjson_writer *w, const void *user)
{
    const struct qmp_block_stream *stream = user;

    write_job(w, stream->job, false);
    xjson_write_member_string(w, "device", stream->top);
    if (stream->speed) xjson_write_member_uint(w, "speed", stream->speed);
    if (stream->stops) xjson_write_member_string(w, "on-error", "stop");
    if (!stream->below) return;
    xjson_write_member_string(w, "base-node", stream->below);
    xjson_write_member_string(w, "backing-file", stream->backing_file);
}

int qmp_block_stream(struct qmp_client *client,
                     const struct qmp_block_stream *stream, deadline by,
                     struct diag *diag)
{
    return qmp_client_execute(client, "block-stream", write_stream, stream, by,
                              NULL, diag);
}

/* ---- nodes ---- */

static void write_flush(xjson_writer *w, const void *user)
{
    char line[64];

    snprintf(line, sizeof(line), "qemu-io %s flush", (const char *)user);
    xjson_write_member_string(w, "command-line", line);
}

int qmp_block_flush(struct qmp_client *client, const char *node, deadline by,
                    struct diag *diag)
{
    xjson *reply = NULL;
    const char *said;
    int rc;

    /* QEMU's own rule for names; anything else would be more than one word */
    if (strlen(node) > 31 ||
        strspn(node, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789#-._") != strlen(node)) {
        diag_set(diag, "\"%s\" is no node's name", node);
        return ERROR_INVAL;
    }
    rc = qmp_client_execute(client, "human-monitor-command", write_flush, node,
                            by, &reply, diag);
    if (rc) return rc;
    said = xjson_string(qmp_reply_value(reply));
    if (!said || *said) {
        diag_set(diag, "QEMU could not flush %s: %s", node,
                 said ? said : "no answer");
        rc = ERROR_FAIL;
    }
    xjson_free(reply);
    return rc;
}

static void write_node(xjson_writer *w, const void *user)
{
    xjson_write_member_string(w, "node-name", user);
}

int qmp_blockdev_del(struct qmp_client *client, const char *node, deadline by,
                     struct diag *diag)
{
    return qmp_client_execute(client, "blockdev-del", write_node, node, by,
                              NULL, diag);
}

/* ---- bitmaps ---- */

static void begin_action(xjson_writer *w, const char *type,
                         const struct qmp_bitmap_union *what)
{
    xjson_write_object(w);
    xjson_write_member_string(w, "type", type);
    xjson_write_name(w, "data");
    xjson_write_object(w);
    xjson_write_member_string(w, "node", what->to);
}

static void end_action(xjson_writer *w)
{
    xjson_write_object_end(w);
    xjson_write_object_end(w);
}

static void write_union(xjson_writer *w, const void *user)
{
    const struct qmp_bitmap_union *what = user;

    xjson_write_name(w, "actions");
    xjson_write_array(w);
    if (what->add) {
        begin_action(w, "block-dirty-bitmap-add", what);
        xjson_write_member_string(w, "name", what->name);
        xjson_write_member_uint(w, "granularity", what->granularity);
        xjson_write_member_bool(w, "persistent", true);
        end_action(w);
    }
    begin_action(w, "block-dirty-bitmap-merge", what);
    xjson_write_member_string(w, "target", what->name);
    xjson_write_name(w, "bitmaps");
    xjson_write_array(w);
    xjson_write_object(w);
    xjson_write_member_string(w, "node", what->from);
    xjson_write_member_string(w, "name", what->name);
    xjson_write_object_end(w);
    xjson_write_array_end(w);
    end_action(w);
    begin_action(w, what->recording ? "block-dirty-bitmap-enable" :
                 "block-dirty-bitmap-disable", what);
    xjson_write_member_string(w, "name", what->name);
    end_action(w);
    xjson_write_array_end(w);
}

int qmp_bitmap_union(struct qmp_client *client,
                     const struct qmp_bitmap_union *what, deadline by,
                     struct diag *diag)
{
    return qmp_client_execute(client, "transaction", write_union, what, by,
                              NULL, diag);
}

struct bitmap {
    const char *node, *name;
};

static void write_bitmap(xjson_writer *w, const void *user)
{
    const struct bitmap *bitmap = user;

    xjson_write_member_string(w, "node", bitmap->node);
    xjson_write_member_string(w, "name", bitmap->name);
}

int qmp_bitmap_remove(struct qmp_client *client, const char *node,
                      const char *name, deadline by, struct diag *diag)
{
    const struct bitmap bitmap = { node, name };

    return qmp_client_execute(client, "block-dirty-bitmap-remove",
                              write_bitmap, &bitmap, by, NULL, diag);
}
