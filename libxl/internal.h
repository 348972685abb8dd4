/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the library's files share; never installed. */
#ifndef XLS_INTERNAL_H
#define XLS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "libxl/libxl_snapshot.h"

/*
 * Longest waits. QEMU answers a snapshot of a full 1 TiB image after 7 s, and
 * cannot be asked anything meanwhile; the rest is margin for slow disks.
 */
#define XLS_QMP_TIMEOUT_MS          10000
#define XLS_QMP_SNAPSHOT_TIMEOUT_MS 180000
#define XLS_QEMU_IMG_TIMEOUT_MS     600000
/* For the last user of an image to close it. */
#define XLS_UNUSED_TIMEOUT_MS       10000

struct libxl_snapshot_ctx {
    libxl_ctx *ctx;
    xentoollog_logger *lg;
    char *run_dir;
    char *lib_dir;
    char *qemu_img;
};

/*
 * Note why a call fails; returns rc, so that it can be the last word of a
 * failing branch. vdev may be NULL. The first diagnosis wins: what went wrong
 * during the way back must not hide what went wrong first.
 */
int xls_diag(libxl_snapshot_diag *diag, int rc, const char *vdev,
             const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Debug and warning lines to the logger, if there is one. */
void xls_log(libxl_snapshot_ctx *sctx, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Take our pause back. Once more if that fails and the domain is paused: none of
 * our callers could do better, and a guest must not be left standing. One that
 * was paused before ours is, whatever became of that.
 */
int xls_unpause(libxl_snapshot_ctx *sctx, uint32_t domid, bool was_paused);

/* A clock that nobody sets. */
uint64_t xls_now_us(void);

#endif
