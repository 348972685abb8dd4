/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Merging as a program, for the tests that have a real QEMU or qemu-img. What
 * a merge wants of its domain it says in a line on standard output, and waits
 * for a line on standard input: "0", or an error's number. SIGUSR1 cancels.
 *
 *   merge-probe offline DIRECTION TOP FORMAT BASE FORMAT [BELOW FORMAT]
 *   merge-probe live RUN_DIR LIB_DIR DOMID UUID VDEV DIRECTION TOP ...
 *
 * In the environment: MERGE_DEPENDANTS, PATH=FORMAT separated by spaces;
 * MERGE_PROC, where to look for processes; MERGE_MAX_STOP_MS.
 * Exit status as qdisk-probe's.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/image_merge.h"
#include "libxl/live_merge.h"
#include "libxl/monitor.h"

#define MAX_DEPENDANTS 8

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    stop = 1;
}

struct probe {
    struct monitor_params monitor_params;
    struct monitor *monitor;
    libxl_disk_merge_params params;
    libxl_snapshot_overlay dependants[MAX_DEPENDANTS];
    struct diag diag;
};

/* ---- the domain, played by whoever reads us ---- */

static int ask(const char *what, struct diag *diag)
{
    char answer[32];
    int rc;

    printf("%s\n", what);
    fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin)) return ERROR_FAIL;
    rc = -atoi(answer);
    if (rc) diag_set(diag, "%s failed, as told", what);
    return rc;
}

static int host_open(void *user, struct qmp_client **client_r,
                     struct diag *diag)
{
    struct probe *probe = user;
    int rc = monitor_open(&probe->monitor_params, &probe->monitor, diag);

    if (!rc) *client_r = monitor_client(probe->monitor);
    return rc;
}

static void host_close(void *user)
{
    struct probe *probe = user;

    monitor_close(probe->monitor);
    probe->monitor = NULL;
}

static int host_pause(void *user, struct diag *diag)
{
    return ask("pause", diag);
}

static int host_unpause(void *user, struct diag *diag)
{
    return ask("unpause", diag);
}

static int host_committed(void *user, struct diag *diag)
{
    return ask("committed", diag);
}

static void host_progress(void *user, uint64_t done, uint64_t total)
{
    fprintf(stderr, "progress %llu %llu\n", (unsigned long long)done,
            (unsigned long long)total);
}

static bool host_cancelled(void *user)
{
    return stop;
}

static void image_progress(void *user, unsigned int permyriad)
{
    fprintf(stderr, "progress %u 10000\n", permyriad);
}

/* ---- */

static libxl_disk_format format_of(const char *name)
{
    return !strcmp(name, "qcow2") ? LIBXL_DISK_FORMAT_QCOW2 :
        !strcmp(name, "raw") ? LIBXL_DISK_FORMAT_RAW :
        !strcmp(name, "qed") ? LIBXL_DISK_FORMAT_QED :
        LIBXL_DISK_FORMAT_UNKNOWN;
}

static void read_dependants(struct probe *probe)
{
    char *list = getenv("MERGE_DEPENDANTS"), *item, *format;
    libxl_disk_merge_params *p = &probe->params;

    p->dependants = probe->dependants;
    for (item = list ? strtok(list, " ") : NULL;
         item && p->num_dependants < MAX_DEPENDANTS; item = strtok(NULL, " ")) {
        format = strchr(item, '=');
        if (!format) continue;
        *format++ = 0;
        probe->dependants[p->num_dependants].path = item;
        probe->dependants[p->num_dependants++].format = format_of(format);
    }
}

static void read_images(struct probe *probe, int argc, char **argv)
{
    libxl_disk_merge_params *p = &probe->params;

    p->direction = !strcmp(argv[0], "commit") ? LIBXL_MERGE_DIRECTION_COMMIT :
        LIBXL_MERGE_DIRECTION_PULL;
    p->top = argv[1];
    p->top_format = format_of(argv[2]);
    p->base = argv[3];
    p->base_format = format_of(argv[4]);
    if (argc >= 7) {
        p->below = argv[5];
        p->below_format = format_of(argv[6]);
    }
    read_dependants(probe);
}

static int offline(struct probe *probe, const struct qemu_img *tool)
{
    const struct qemu_img_watch watch = { NULL, image_progress, host_cancelled };
    const struct image_users_params users = { getenv("MERGE_PROC"), NULL };
    const struct image_merge merge = { tool, &users, &probe->params, &watch };

    return image_merge_run(&merge, &probe->diag);
}

static int live(struct probe *probe, const char *vdev)
{
    const libxl_disk_merge_params *p = &probe->params;
    const char *max_stop = getenv("MERGE_MAX_STOP_MS");
    const struct live_merge_params params = {
        .request = {
            .direction = p->direction, .vdev = vdev,
            .top = { p->top, image_format_name(p->top_format) },
            .base = { p->base, image_format_name(p->base_format) },
            .below = { p->below, p->below ?
                       image_format_name(p->below_format) : NULL },
            .lone = !p->num_dependants,
        },
        .max_stop_ms = max_stop ? (unsigned int)atoi(max_stop) : 0,
    };
    const struct merge_host host = {
        .user = probe, .open = host_open, .close = host_close,
        .pause = host_pause, .unpause = host_unpause,
        .committed = host_committed, .progress = host_progress,
        .cancelled = host_cancelled,
    };
    bool elsewhere = false;
    int rc;

    rc = live_merge_run(&params, &host, &elsewhere, &probe->diag);
    if (!rc) printf(elsewhere ? "elsewhere\n" : "done\n");
    return rc;
}

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct qemu_img tool = { getenv("QEMU_IMG"), NULL };
    struct probe probe;
    int rc;

    memset(&probe, 0, sizeof(probe));
    sigaction(SIGUSR1, &action, NULL);
    if (!tool.program) tool.program = "qemu-img";
    if (argc >= 7 && !strcmp(argv[1], "offline")) {
        read_images(&probe, argc - 2, argv + 2);
        rc = offline(&probe, &tool);
    } else if (argc >= 12 && !strcmp(argv[1], "live")) {
        probe.monitor_params.paths.run_dir = argv[2];
        probe.monitor_params.paths.lib_dir = argv[3];
        probe.monitor_params.domid = (uint32_t)strtoul(argv[4], NULL, 10);
        probe.monitor_params.uuid = argv[5];
        probe.monitor_params.timeout_ms = 20000;
        read_images(&probe, argc - 7, argv + 7);
        rc = live(&probe, argv[6]);
    } else {
        fprintf(stderr, "usage: see merge_probe.c\n");
        return 100;
    }
    if (rc)
        fprintf(stderr, "%s: %s\n", libxl_error_to_string(rc),
                probe.diag.text);
    return -rc;
}
