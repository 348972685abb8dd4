/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How qemu-img is run, for the files that hold its commands.
 */
#ifndef XLS_QEMU_IMG_RUN_H
#define XLS_QEMU_IMG_RUN_H

#include "libxl/child.h"
#include "libxl/qemu_img.h"

/*
 * Run argv, whose first is tool->program, to its end: 0, whatever its status.
 * path is the image that messages are about. result must be initialised; its
 * err is then the first line that the tool said, without its name.
 */
int qemu_img_execute(const struct qemu_img *tool, const char *path,
                     const char *const argv[], deadline by,
                     struct child_result *result, struct diag *diag);

/* The same with somebody who looks on (child.h); watch may be NULL. */
int qemu_img_execute_watched(const struct qemu_img *tool, const char *path,
                             const char *const argv[], deadline by,
                             const struct child_watch *watch,
                             struct child_result *result, struct diag *diag);

/* Says how a command that did not end with 0 failed; returns ERROR_FAIL. */
int qemu_img_failed(const struct child_result *result, const char *path,
                    const char *subcommand, struct diag *diag);

#endif
