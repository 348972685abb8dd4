/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the programs that users have for disks that QEMU does not serve. */
#ifndef XL_HOOK_H
#define XL_HOOK_H

#include "manage/manage.h"

#define HOOK_TIMEOUT_S 30

/*
 * As manage_application's hook: one at a time for each domain, even across a
 * kill -9. Its standard input is an empty file in run_dir that is locked
 * through it, so that the lock is held as long as anything that it started
 * has that open.
 */
int hook_execute(const char *run_dir, const char *domain, const char *program,
                 char *const *variables, unsigned int timeout_s,
                 struct manage_error *err);

#endif
