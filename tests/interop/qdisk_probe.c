/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's monitor client as a program, for the tests that have a real
 * QEMU: one session with one domain's QEMU, one operation in it.
 *
 * Exit status: 0, or the libxl error without its sign; the diagnosis goes to
 * standard error, in one line, after the error's name.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxl/block_graph.h"
#include "libxl/monitor.h"
#include "libxl/qmp_block.h"

#define MAX_DISKS 64

/* Time for each command, and for getting hold of the monitor; the tests of
 * being late shorten it. */
static unsigned int timeout_ms = 20000;

struct probe {
    struct monitor_params params;
    struct monitor *monitor;
    struct block_graph graph;
    struct diag diag;
};

static struct qmp_client *client(struct probe *probe)
{
    return monitor_client(probe->monitor);
}

/* "xvda=/path/of/image" -> the request; arg is cut in two. */
static int parse_disk(struct probe *probe, char *arg,
                      struct block_disk_request *request)
{
    char *path = strchr(arg, '=');
    struct stat st;

    if (!path || stat(path + 1, &st)) {
        diag_set(&probe->diag, "%s: not VDEV=IMAGE", arg);
        return ERROR_INVAL;
    }
    *path = 0;
    request->vdev = arg;
    request->driver = "qcow2";
    request->dev = st.st_dev;
    request->ino = st.st_ino;
    return 0;
}

static int look(struct probe *probe)
{
    struct block_replies replies;
    int rc;

    block_replies_init(&replies);
    rc = qmp_query_block_replies(client(probe), deadline_after(timeout_ms),
                                 &replies, &probe->diag);
    if (rc) goto out;
    rc = block_graph_parse(&replies, &probe->graph, &probe->diag);
    if (rc) goto out;
    block_graph_identify(&probe->graph, NULL, NULL);
 out:
    block_replies_dispose(&replies);
    return rc;
}

static int find(struct probe *probe, char *arg, const struct block_node **node_r)
{
    struct block_disk_request request = { .ignore_jobs = false };
    int rc;

    rc = parse_disk(probe, arg, &request);
    if (rc) return rc;
    return block_graph_find_disk(&probe->graph, &request, node_r, NULL,
                                 &probe->diag);
}

/* ---- operations ---- */

static int do_version(struct probe *probe, int argc, char **argv)
{
    struct qmp_version greeting = qmp_client_version(client(probe)), asked;
    int rc;

    rc = qmp_query_version(client(probe), deadline_after(timeout_ms), &asked,
                           &probe->diag);
    if (rc) return rc;
    printf("%u.%u.%u %u.%u.%u\n", greeting.major, greeting.minor,
           greeting.micro, asked.major, asked.minor, asked.micro);
    return 0;
}

static int do_status(struct probe *probe, int argc, char **argv)
{
    struct qmp_status status;
    int rc;

    rc = qmp_query_status(client(probe), deadline_after(timeout_ms), &status,
                          &probe->diag);
    if (rc) return rc;
    printf("%s\n", status.status);
    return 0;
}

/* VDEV=IMAGE...: the node of each. */
static int do_lookup(struct probe *probe, int argc, char **argv)
{
    const struct block_node *node;
    int rc, i;

    rc = look(probe);
    for (i = 0; !rc && i < argc; i++) {
        rc = find(probe, argv[i], &node);
        if (!rc) printf("%s %s\n", argv[i], node->name);
    }
    return rc;
}

/* VDEV=IMAGE: the snapshots. */
static int do_list(struct probe *probe, int argc, char **argv)
{
    const struct block_node *node;
    size_t i;
    int rc;

    rc = look(probe);
    if (rc) return rc;
    rc = find(probe, argv[0], &node);
    if (rc) return rc;
    for (i = 0; i < node->image.num_snapshots; i++)
        printf("%s %s\n", node->image.snapshots[i].id,
               node->image.snapshots[i].name);
    return 0;
}

/* NAME VDEV=IMAGE...: a snapshot of all of them. */
static int do_create(struct probe *probe, int argc, char **argv)
{
    struct qmp_block_snapshot snapshots[MAX_DISKS];
    const struct block_node *node;
    int rc, i;

    rc = look(probe);
    for (i = 1; !rc && i < argc && i <= MAX_DISKS; i++) {
        rc = find(probe, argv[i], &node);
        if (rc) break;
        snapshots[i - 1].node = node->name;
        snapshots[i - 1].name = argv[0];
    }
    if (rc) return rc;
    return qmp_block_snapshot_create(client(probe), snapshots,
                                     (size_t)(i - 1),
                                     deadline_after(timeout_ms), &probe->diag);
}

/* NAME VDEV=IMAGE... */
static int do_delete(struct probe *probe, int argc, char **argv)
{
    const struct image_snapshot *snapshot;
    const struct block_node *node;
    int rc, i;

    rc = look(probe);
    for (i = 1; !rc && i < argc; i++) {
        rc = find(probe, argv[i], &node);
        if (rc) break;
        rc = image_info_find_snapshot(&node->image, argv[0], &snapshot);
        if (rc) {
            diag_set(&probe->diag, "no such snapshot");
            break;
        }
        rc = qmp_block_snapshot_delete(client(probe), node->name, snapshot->id,
                                       snapshot->name,
                                       deadline_after(timeout_ms),
                                       &probe->diag);
    }
    return rc;
}

/* NAME NODE...: a transaction on nodes by their names, unlooked at. */
static int do_raw_create(struct probe *probe, int argc, char **argv)
{
    struct qmp_block_snapshot snapshots[MAX_DISKS];
    int i;

    for (i = 1; i < argc && i <= MAX_DISKS; i++) {
        snapshots[i - 1].node = argv[i];
        snapshots[i - 1].name = argv[0];
    }
    return qmp_block_snapshot_create(client(probe), snapshots,
                                     (size_t)(i - 1),
                                     deadline_after(timeout_ms), &probe->diag);
}

/* Keep the session until standard input ends, or until killed; then see
 * whether it is still good. */
static int do_hold(struct probe *probe, int argc, char **argv)
{
    struct qmp_version version;
    char buffer[64];

    printf("holding\n");
    fflush(stdout);
    while (read(STDIN_FILENO, buffer, sizeof(buffer)) > 0)
        ;
    return qmp_query_version(client(probe), deadline_after(timeout_ms),
                             &version, &probe->diag);
}

static const struct operation {
    const char *name;
    int min_args;
    int (*run)(struct probe *probe, int argc, char **argv);
} operations[] = {
    { "version", 0, do_version },
    { "status", 0, do_status },
    { "lookup", 1, do_lookup },
    { "list", 1, do_list },
    { "create", 2, do_create },
    { "delete", 2, do_delete },
    { "raw-create", 2, do_raw_create },
    { "hold", 0, do_hold },
};

static const struct operation *find_operation(const char *name, int args)
{
    size_t i;

    for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (!strcmp(operations[i].name, name) &&
            args >= operations[i].min_args)
            return &operations[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct operation *operation = NULL;
    struct probe probe;
    int rc;

    memset(&probe, 0, sizeof(probe));
    if (argc >= 6) operation = find_operation(argv[5], argc - 6);
    if (!operation) {
        fprintf(stderr, "usage: qdisk-probe RUN_DIR LIB_DIR DOMID UUID "
                "OPERATION [ARGUMENT...]\n");
        return 100;
    }
    if (getenv("PROBE_TIMEOUT_MS"))
        timeout_ms = (unsigned int)strtoul(getenv("PROBE_TIMEOUT_MS"), NULL, 10);
    probe.params.paths.run_dir = argv[1];
    probe.params.paths.lib_dir = argv[2];
    probe.params.domid = (uint32_t)strtoul(argv[3], NULL, 10);
    probe.params.uuid = argv[4];
    probe.params.timeout_ms = timeout_ms;
    block_graph_init(&probe.graph);

    rc = monitor_open(&probe.params, &probe.monitor, &probe.diag);
    if (!rc) rc = operation->run(&probe, argc - 6, argv + 6);
    if (rc)
        fprintf(stderr, "%s: %s\n", libxl_error_to_string(rc),
                probe.diag.text);
    monitor_close(probe.monitor);
    block_graph_dispose(&probe.graph);
    return -rc;
}
