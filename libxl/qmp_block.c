/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/qapi_read.h"
#include "libxl/qmp_block.h"
#include "libxl/qmp_job.h"
#include "libxl/qmp_transaction.h"

static int bad_reply(struct diag *diag, const char *command,
                     const struct xjson_error *err, int rc)
{
    diag_set(diag, "QEMU's answer to %s is not understood: %s", command,
             err->text);
    return rc;
}

/* For commands whose result is a list or an object. */
static int ask(struct qmp_client *client, const char *command,
               qmp_write_arguments *arguments, const void *user,
               xjson_type type, deadline by, xjson **reply_r,
               struct diag *diag)
{
    struct xjson_error err;
    xjson *reply = NULL;
    int rc;

    rc = qmp_client_execute(client, command, arguments, user, by, &reply,
                            diag);
    if (rc) return rc;
    rc = qapi_expect(qmp_reply_value(reply), type, &err);
    if (rc) {
        xjson_free(reply);
        return bad_reply(diag, command, &err, rc);
    }
    *reply_r = reply;
    return 0;
}

/* ---- looking ---- */

static void device_dispose(void *p)
{
    struct block_device_properties *device = p;

    free(device->qdev);
    free(device->type);
    free(device->vdev);
    free(device->drive);
}

void block_replies_init(struct block_replies *replies)
{
    memset(replies, 0, sizeof(*replies));
}

void block_replies_dispose(struct block_replies *replies)
{
    xjson_free(replies->block);
    xjson_free(replies->nodes);
    xjson_free(replies->jobs);
    qapi_dispose_elements(replies->devices, replies->num_devices,
                          sizeof(*replies->devices), device_dispose);
    block_replies_init(replies);
}

struct qom_property {
    const char *path;
    const char *name;
};

static void write_qom_get(xjson_writer *w, const void *user)
{
    const struct qom_property *property = user;

    xjson_write_member_string(w, "path", property->path);
    xjson_write_member_string(w, "property", property->name);
}

/* *s_r becomes NULL when QEMU refuses: the device has just gone, or has no
 * such property. What that means is for the one who wanted to know. */
static int qom_get_string(struct qmp_client *client, const char *path,
                          const char *name, deadline by, char **s_r,
                          struct diag *diag)
{
    const struct qom_property property = { path, name };
    xjson *reply = NULL;
    char *s = NULL;
    int rc;

    rc = ask(client, "qom-get", write_qom_get, &property, XJSON_STRING, by,
             &reply, diag);
    if (qmp_error_is_refusal(rc)) {
        *s_r = NULL;
        return 0;
    }
    if (rc) return rc;
    s = strdup(xjson_string(qmp_reply_value(reply)));
    xjson_free(reply);
    if (!s) {
        diag_set(diag, "out of memory");
        return ERROR_NOMEM;
    }
    *s_r = s;
    return 0;
}

static int query_device(struct qmp_client *client, const char *qdev,
                        deadline by, struct block_device_properties *device,
                        struct diag *diag)
{
    int rc;

    device->qdev = strdup(qdev);
    if (!device->qdev) {
        diag_set(diag, "out of memory");
        return ERROR_NOMEM;
    }
    rc = qom_get_string(client, qdev, "type", by, &device->type, diag);
    if (rc) return rc;
    if (!device->type || strcmp(device->type, "xen-disk")) return 0;
    rc = qom_get_string(client, qdev, "vdev", by, &device->vdev, diag);
    if (rc) return rc;
    return qom_get_string(client, qdev, "drive", by, &device->drive, diag);
}

/* More than any machine has; each costs three questions. */
#define MAX_DEVICES 4096u

static int query_devices(struct qmp_client *client, deadline by,
                         struct block_replies *replies, struct diag *diag)
{
    const xjson *list = qmp_reply_value(replies->block), *entry;
    size_t num = xjson_count(list);
    const char *qdev;
    int rc;

    if (num > MAX_DEVICES) {
        diag_set(diag, "QEMU claims to have %zu disks", num);
        return ERROR_QEMU_API;
    }
    replies->devices = calloc(num ? num : 1, sizeof(*replies->devices));
    if (!replies->devices) {
        diag_set(diag, "out of memory");
        return ERROR_NOMEM;
    }
    for (entry = xjson_first(list); entry; entry = xjson_next(entry)) {
        qdev = xjson_member_string(entry, "qdev");
        if (!qdev || !xjson_member(entry, "inserted")) continue;
        rc = query_device(client, qdev, by,
                          &replies->devices[replies->num_devices++], diag);
        if (rc) return rc;
    }
    return 0;
}

/* ---- a question that kills ---- */

static int query_jobs(struct qmp_client *client, deadline by, xjson **jobs_r,
                      struct diag *diag)
{
    return ask(client, "query-jobs", NULL, NULL, XJSON_ARRAY, by, jobs_r,
               diag);
}

static bool is_stream_that_ended(const xjson *job)
{
    const char *type = xjson_member_string(job, "type");
    const char *status = xjson_member_string(job, "status");

    return type && !strcmp(type, "stream") &&
           status && !strcmp(status, "concluded");
}

/*
 * A stream that has ended keeps its filter until it is dismissed, with no
 * image below it any more, and QEMU 7.2 dies of query-named-block-nodes then,
 * however the stream ended: the guest loses its disks. One of ours is left
 * over from a tool that was killed, or has failed, or whoever ran it knows its
 * end (it has to be told to end well): it can be dismissed by anyone. What has
 * become of the images is found out from them. One that runs can fail between
 * these questions: nobody asks while a merge runs but who runs it, and not then;
 * and a pull that a user asked for does not end by itself (on-error is "stop").
 */
static int end_streams(struct qmp_client *client, deadline by, xjson **jobs,
                       struct diag *diag)
{
    const xjson *list = qmp_reply_value(*jobs), *job;
    bool dismissed = false;
    xjson *fresh = NULL;
    int rc;

    for (job = xjson_first(list); job; job = xjson_next(job)) {
        const char *id = xjson_member_string(job, "id");

        if (!is_stream_that_ended(job)) continue;
        if (!qmp_job_is_ours(id)) {
            diag_set(diag, "QEMU has a block job (%s, a stream) that has ended"
                     " and that nobody has dismissed, and may die of a look at"
                     " its images; have whoever began it dismiss it",
                     id ? id : "?");
            return ERROR_NOT_READY;
        }
        rc = qmp_job_dismiss(client, id, by, diag);
        if (rc) return rc;
        dismissed = true;
    }
    if (!dismissed) return 0;
    rc = query_jobs(client, by, &fresh, diag);
    if (rc) return rc;
    xjson_free(*jobs);
    *jobs = fresh;
    return 0;
}

static void write_flat(xjson_writer *w, const void *user)
{
    xjson_write_member_bool(w, "flat", true);
}

int qmp_query_block_replies(struct qmp_client *client, deadline by,
                            struct block_replies *replies_r, struct diag *diag)
{
    struct block_replies replies;
    int rc;

    block_replies_init(&replies);
    rc = ask(client, "query-block", NULL, NULL, XJSON_ARRAY, by,
             &replies.block, diag);
    if (rc) goto out;
    rc = query_devices(client, by, &replies, diag);
    if (!rc) rc = query_jobs(client, by, &replies.jobs, diag);
    if (!rc) rc = end_streams(client, by, &replies.jobs, diag);
    if (rc) goto out;
    rc = ask(client, "query-named-block-nodes", write_flat, NULL, XJSON_ARRAY,
             by, &replies.nodes, diag);
    if (rc) goto out;

    block_replies_dispose(replies_r);
    *replies_r = replies;
    block_replies_init(&replies);
 out:
    block_replies_dispose(&replies);
    return rc;
}

int qmp_query_status(struct qmp_client *client, deadline by,
                     struct qmp_status *status_r, struct diag *diag)
{
    struct qmp_status status;
    struct xjson_error err;
    const xjson *value;
    xjson *reply = NULL;
    char *text = NULL;
    int rc, len;

    rc = ask(client, "query-status", NULL, NULL, XJSON_OBJECT, by, &reply,
             diag);
    if (rc) goto out;
    value = qmp_reply_value(reply);
    rc = qapi_read_string(value, "status", QAPI_REQUIRED, &text, &err);
    if (!rc)
        rc = qapi_read_bool(value, "running", QAPI_REQUIRED, &status.running,
                            &err);
    if (!rc) {
        len = snprintf(status.status, sizeof(status.status), "%s", text);
        if (len < 0 || (size_t)len >= sizeof(status.status)) {
            xjson_error_set(&err, "status: too long");
            rc = ERROR_QEMU_API;
        }
    }
    if (rc) {
        bad_reply(diag, "query-status", &err, rc);
        goto out;
    }
    *status_r = status;
 out:
    free(text);
    xjson_free(reply);
    return rc;
}

int qmp_query_version(struct qmp_client *client, deadline by,
                      struct qmp_version *version_r, struct diag *diag)
{
    struct xjson_error err;
    const xjson *qemu;
    xjson *reply = NULL;
    uint64_t major, minor, micro;
    int rc;

    rc = ask(client, "query-version", NULL, NULL, XJSON_OBJECT, by, &reply,
             diag);
    if (rc) goto out;
    qemu = xjson_member(qmp_reply_value(reply), "qemu");
    rc = qapi_read_uint(qemu, "major", QAPI_REQUIRED, 9999, &major, &err);
    if (!rc) rc = qapi_read_uint(qemu, "minor", QAPI_REQUIRED, 9999, &minor, &err);
    if (!rc) rc = qapi_read_uint(qemu, "micro", QAPI_REQUIRED, 9999, &micro, &err);
    if (rc) {
        bad_reply(diag, "query-version", &err, rc);
        goto out;
    }
    version_r->major = (unsigned int)major;
    version_r->minor = (unsigned int)minor;
    version_r->micro = (unsigned int)micro;
 out:
    xjson_free(reply);
    return rc;
}

/* ---- internal snapshots ---- */

int qmp_block_snapshot_create(struct qmp_client *client,
                              const struct qmp_block_snapshot *snapshots,
                              size_t num_snapshots, deadline by,
                              struct diag *diag)
{
    struct qmp_transaction_action *actions;
    size_t i;
    int rc;

    actions = calloc(num_snapshots + 1, sizeof(*actions));
    if (!actions) {
        diag_set(diag, "out of memory");
        return ERROR_NOMEM;
    }
    for (i = 0; i < num_snapshots; i++) {
        actions[i].type = QMP_TRANSACTION_SNAPSHOT;
        actions[i].node = snapshots[i].node;
        actions[i].name = snapshots[i].name;
    }
    rc = qmp_transaction(client, actions, num_snapshots, by, diag);
    free(actions);
    return rc;
}

struct snapshot_delete {
    const char *node, *id, *name;
};

static void write_snapshot_delete(xjson_writer *w, const void *user)
{
    const struct snapshot_delete *delete = user;

    xjson_write_member_string(w, "device", delete->node);
    xjson_write_member_string(w, "id", delete->id);
    xjson_write_member_string(w, "name", delete->name);
}

int qmp_block_snapshot_delete(struct qmp_client *client, const char *node,
                              const char *id, const char *name, deadline by,
                              struct diag *diag)
{
    static const char command[] = "blockdev-snapshot-delete-internal-sync";
    const struct snapshot_delete delete = { node, id, name };
    const char *deleted_id, *deleted_name;
    xjson *reply = NULL;
    int rc;

    rc = ask(client, command, write_snapshot_delete, &delete, XJSON_OBJECT, by,
             &reply, diag);
    if (rc) goto out;
    deleted_id = xjson_member_string(qmp_reply_value(reply), "id");
    deleted_name = xjson_member_string(qmp_reply_value(reply), "name");
    if (!deleted_id || strcmp(deleted_id, id) ||
        !deleted_name || strcmp(deleted_name, name)) {
        diag_set(diag, "asked to delete snapshot %s (id %s) of %s, QEMU says "
                 "that it deleted %s (id %s)", name, id, node,
                 deleted_name ? deleted_name : "?",
                 deleted_id ? deleted_id : "?");
        rc = ERROR_QEMU_API;
        goto out;
    }
 out:
    xjson_free(reply);
    return rc;
}
