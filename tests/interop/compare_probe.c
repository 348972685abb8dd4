/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two states of disks compared, as a program:
 *
 *   compare-probe IMAGE FORMAT SNAPSHOT IMAGE FORMAT SNAPSHOT
 *
 * SNAPSHOT is the name of an internal one, or "-". Prints how large each is,
 * how much differs, and how much was read. QEMU_IMG in the environment.
 * Exit status 1: the call failed, and why is on standard error.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl/internal.h"

struct state {
    libxl_device_disk disk;
    libxl_snapshot_handle handle;
    bool internal;
};

static void set(struct state *state, char **argv)
{
    libxl_device_disk_init(&state->disk);
    libxl_snapshot_handle_init(&state->handle);
    state->disk.vdev = strdup("xvda");
    state->disk.pdev_path = strdup(argv[0]);
    if (libxl_disk_format_from_string(argv[1], &state->disk.format)) abort();
    state->internal = strcmp(argv[2], "-") != 0;
    if (!state->internal) return;
    libxl_snapshot_handle_init_format(&state->handle, LIBXL_DISK_FORMAT_QCOW2);
    state->handle.u.qcow2.name = strdup(argv[2]);
}

static void unset(struct state *state)
{
    libxl_device_disk_dispose(&state->disk);
    libxl_snapshot_handle_dispose(&state->handle);
}

int main(int argc, char **argv)
{
    const char *qemu_img = getenv("QEMU_IMG");
    struct libxl_snapshot_ctx sctx = { NULL };
    libxl_disk_compare *cmp = NULL;
    libxl_disk_comparison result;
    libxl_snapshot_diag diag;
    struct state a, b;
    int rc;

    if (argc != 7) return 2;
    sctx.qemu_img = strdup(qemu_img ? qemu_img : "qemu-img");
    libxl_snapshot_diag_init(&diag);
    libxl_disk_comparison_init(&result);
    set(&a, argv + 1);
    set(&b, argv + 4);
    rc = libxl_disk_compare_begin(&sctx, &a.disk,
                                  a.internal ? &a.handle : NULL, &b.disk,
                                  b.internal ? &b.handle : NULL, &cmp, &diag);
    if (!rc) rc = libxl_disk_compare_run(cmp, NULL, &result, &diag);
    libxl_disk_compare_end(cmp);
    if (rc)
        fprintf(stderr, "%d: %s\n", rc, diag.message ? diag.message : "?");
    else
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
               result.bytes_a, result.bytes_b, result.changed_bytes,
               result.read_bytes);
    libxl_disk_comparison_dispose(&result);
    libxl_snapshot_diag_dispose(&diag);
    unset(&a);
    unset(&b);
    free(sctx.qemu_img);
    return rc ? 1 : 0;
}
