/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl_disk_set_path as a program, for scenarios: path_probe DOMID VDEV PATH
 * FORMAT. Compiled in dom0, with nothing but what is installed. Exit status:
 * 0, or the libxl error without its sign, after the diagnosis.
 */
#include <stdio.h>
#include <stdlib.h>

#include <libxl_snapshot.h>

int main(int argc, char **argv)
{
    libxl_snapshot_ctx *sctx;
    libxl_snapshot_diag diag;
    libxl_disk_format format;
    libxl_ctx *ctx;
    int rc;

    if (argc != 5 || libxl_disk_format_from_string(argv[4], &format)) {
        fprintf(stderr, "usage: path_probe DOMID VDEV PATH FORMAT\n");
        return 99;
    }
    if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, NULL) ||
        libxl_snapshot_ctx_alloc(&sctx, ctx, NULL)) {
        fprintf(stderr, "cannot talk to Xen\n");
        return 98;
    }
    libxl_snapshot_diag_init(&diag);
    rc = libxl_disk_set_path(sctx, (uint32_t)strtoul(argv[1], NULL, 10),
                             argv[2], argv[3], format, &diag);
    if (rc) fprintf(stderr, "%s: %s\n", libxl_error_to_string(rc),
                    diag.message ? diag.message : "no diagnosis");
    libxl_snapshot_diag_dispose(&diag);
    libxl_snapshot_ctx_free(sctx);
    libxl_ctx_free(ctx);
    return -rc;
}
