/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/model_qemu.h"

struct model_qemu model;

int __wrap_qmp_client_execute(struct qmp_client *client, const char *command,
                              qmp_write_arguments *arguments, const void *user,
                              deadline by, xjson **reply_r, struct diag *diag);

static void graph_changes(void)
{
    if (!model.paused) model.changed_running = true;
}

static int node_index(const char *name)
{
    int i;

    for (i = 0; name && i < model.num_nodes; i++) {
        if (model.nodes[i].open && !strcmp(model.nodes[i].name, name)) return i;
    }
    return -1;
}

/* ---- the job's life ---- */

static void conclude(const char *error)
{
    if (!model.by_itself) graph_changes();
    model.by_itself = false;
    model.status = "concluded";
    strcpy(model.error, error);
    if (error[0]) return;
    if (model.stream)
        model.nodes[model.top].backing = model.nodes[model.base].backing;
    else if (model.active)
        model.root = model.base;
    else
        model.nodes[model.top - 1].backing = model.base;
}

/* Each look at it is a moment that has passed. */
static void job_goes_on(void)
{
    if (!model.job[0] || !strcmp(model.status, "concluded")) return;
    if (!strcmp(model.status, "aborting"))
        conclude("Operation canceled");
    else if (model.ending)
        conclude("");
    else if (!strcmp(model.status, "running") && !--model.queries)
        model.status = model.active ? "ready" : "pending";
}

/* ---- replies ---- */

static void write_nodes(char *to, size_t size)
{
    size_t used = 0;
    int i;

    /* The real one dies of it. */
    assert_false(model.job[0] && model.stream &&
                 !strcmp(model.status, "concluded"));
    used += (size_t)snprintf(to, size, "[");
    for (i = 0; i < model.num_nodes; i++) {
        const struct model_node *n = &model.nodes[i];
        const char *below = n->backing < 0 ? NULL :
            model.nodes[n->backing].path;

        if (!n->open) continue;
        used += (size_t)snprintf(to + used, size - used,
            "%s{\"node-name\": \"%s\", \"drv\": \"qcow2\", \"file\": \"%s\", "
            "\"ro\": false, \"image\": {\"filename\": \"%s\", \"format\": "
            "\"qcow2\", \"virtual-size\": 1048576%s%s%s}}", used > 1 ? "," : "",
            n->name, n->path, n->path, below ? ", \"full-backing-filename\": \""
            : "", below ? below : "", below ? "\"" : "");
    }
    snprintf(to + used, size - used, "]");
}

static void write_jobs(char *to, size_t size)
{
    if (model.foreign)
        snprintf(to, size, "[{\"id\": \"%s\", \"type\": \"backup\", \"status\":"
                 " \"running\"}]", model.foreign);
    else if (!model.job[0])
        snprintf(to, size, "[]");
    else
        snprintf(to, size, "[{\"id\": \"%s\", \"type\": \"%s\", \"status\":"
                 " \"%s\", \"current-progress\": 10, \"total-progress\": 10%s%s"
                 "%s}]", model.job, model.stream ? "stream" : "commit",
                 model.status, model.error[0] ?
                 ", \"error\": \"" : "", model.error, model.error[0] ? "\"" : "");
}

static bool job_verb(const char *verb, const xjson *args)
{
    const char *id = xjson_member_string(args, "id");

    if (!model.job[0] || !id || strcmp(id, model.job)) return false;
    if (!strcmp(verb, "job-cancel")) {
        if (!strcmp(model.status, "concluded")) return false;
        if (!model.ending) model.status = "aborting";
    } else if (!strcmp(verb, "job-complete")) {
        if (strcmp(model.status, "ready")) return false;
        model.ending = true;
    } else if (!strcmp(verb, "job-finalize")) {
        if (strcmp(model.status, "pending")) return false;
        model.ending = true;
    } else {
        if (strcmp(model.status, "concluded")) return false;
        model.job[0] = 0;
    }
    return true;
}

static bool start_job(const xjson *args, bool stream)
{
    const char *id = xjson_member_string(args, "job-id");
    const char *top = xjson_member_string(args, stream ? "device" : "top-node");

    if (!id || model.job[0]) return false;
    model.top = node_index(top);
    if (model.top < 0) return false;
    model.base = model.nodes[model.top].backing;
    model.stream = stream;
    model.active = !stream && model.top == model.root;
    snprintf(model.job, sizeof(model.job), "%s", id);
    model.status = "running";
    model.error[0] = 0;
    model.ending = false;
    model.queries = 2;
    graph_changes();
    return true;
}

static bool close_node(const xjson *args)
{
    int i = node_index(xjson_member_string(args, "node-name")), k;

    if (i < 0 || i == model.root) return false;
    for (k = model.root; k >= 0; k = model.nodes[k].backing) {
        if (k == i) return false;
    }
    graph_changes();
    model.nodes[i].open = false;
    return true;
}

/* False: refused. to becomes the value returned. */
static bool carry_out(const char *command, const xjson *args, char *to,
                      size_t size)
{
    const char *property = xjson_member_string(args, "property");

    snprintf(to, size, "{}");
    if (!strcmp(command, "query-block"))
        snprintf(to, size, "[{\"qdev\": \"/d\", \"inserted\": {\"node-name\": "
                 "\"%s\"}}]", model.nodes[model.root].name);
    else if (!strcmp(command, "qom-get"))
        snprintf(to, size, "\"%s\"", !strcmp(property, "type") ? "xen-disk" :
                 !strcmp(property, "vdev") ? "xvda0" :
                 model.nodes[model.root].name);
    else if (!strcmp(command, "query-named-block-nodes"))
        write_nodes(to, size);
    else if (!strcmp(command, "query-jobs")) {
        job_goes_on();
        write_jobs(to, size);
    } else if (!strcmp(command, "human-monitor-command"))
        snprintf(to, size, "\"\"");
    else if (!strncmp(command, "job-", 4))
        return job_verb(command, args);
    else if (!strcmp(command, "blockdev-del"))
        return close_node(args);
    else if (!strcmp(command, "block-commit") ||
             !strcmp(command, "block-stream"))
        return start_job(args, command[6] == 's');
    else
        fail_msg("%s: not known here", command);
    return true;
}

/* ---- in the client's place ---- */

static xjson *read_arguments(qmp_write_arguments *arguments, const void *user)
{
    xjson_writer *w;
    xjson *value;
    char *text;
    size_t len;

    if (!arguments) return NULL;
    assert_int_equal(xjson_writer_alloc(false, &w), 0);
    xjson_write_object(w);
    arguments(w, user);
    xjson_write_object_end(w);
    assert_int_equal(xjson_writer_finish(w, &text, &len), 0);
    assert_int_equal(xjson_parse(text, len, &value, NULL), 0);
    xjson_writer_free(w);
    free(text);
    return value;
}

static int answer(const char *value, xjson **reply_r)
{
    char text[8192];

    if (!reply_r) return 0;
    snprintf(text, sizeof(text), "{\"return\": %s}", value);
    assert_int_equal(xjson_parse(text, strlen(text), reply_r, NULL), 0);
    return 0;
}

int __wrap_qmp_client_execute(struct qmp_client *client, const char *command,
                              qmp_write_arguments *arguments, const void *user,
                              deadline by, xjson **reply_r, struct diag *diag)
{
    bool wrong = ++model.exchange == model.fault_at, done = true;
    xjson *args = read_arguments(arguments, user);
    char value[8000];
    int rc = 0;

    assert_non_null(client);
    if (!wrong || model.fault == MODEL_HANGS_AFTER ||
        model.fault == MODEL_DIES_AFTER || model.fault == MODEL_BABBLES)
        done = carry_out(command, args, value, sizeof(value));
    xjson_free(args);
    diag_set(diag, "%s went wrong", command);
    if (!wrong) {
        return done ? answer(value, reply_r) : ERROR_QMP_GENERIC_ERROR;
    }
    switch (model.fault) {
    case MODEL_REFUSES: rc = ERROR_QMP_GENERIC_ERROR; break;
    case MODEL_HANGS: case MODEL_HANGS_AFTER: rc = ERROR_TIMEDOUT; break;
    case MODEL_BABBLES: return answer("[{\"status\": 7}, 8, \"x\"]", reply_r);
    default: rc = ERROR_PROTOCOL_ERROR_QMP; break;
    }
    return rc;
}
