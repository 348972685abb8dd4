/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run a program, take down what it says, and wait for it: never longer than
 * until the deadline, never more than so many bytes, never another process's
 * child.
 *
 * The program is its own process group, so that a key pressed at our terminal
 * does not end it in the middle of a write.
 */
#ifndef XLS_CHILD_H
#define XLS_CHILD_H

#include <stddef.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"

struct child_result {
    int status;                 /* as waitpid tells it */
    char *out;                  /* standard output, terminated */
    size_t out_len;
    char err[1024];             /* the beginning of standard error */
};

void child_result_init(struct child_result *result);
void child_result_dispose(struct child_result *result);

/*
 * argv[0] is a path, or looked up in PATH. Standard input is empty. Ended by
 * itself, with whatever status: 0. ERROR_TIMEDOUT, ERROR_BUFFERFULL (more
 * than max_out bytes of output): it was killed. ERROR_UNKNOWN_CHILD: somebody
 * else in this process has waited for it. ERROR_FAIL: it could not be run.
 * result must be initialised, and is untouched on failure.
 */
int child_run(const char *const argv[], size_t max_out, deadline by,
              struct child_result *result, struct diag *diag);

/*
 * The same, with somebody who looks on: about every CHILD_LOOK_MS, and when
 * something was said, look() gets standard output as far as it has come
 * (out may be NULL while len is 0). Anything but 0 kills the program, and is
 * what the call returns.
 */
#define CHILD_LOOK_MS 50

struct child_watch {
    void *user;
    int (*look)(void *user, const char *out, size_t len);
};

int child_run_watched(const char *const argv[], size_t max_out, deadline by,
                      const struct child_watch *watch,
                      struct child_result *result, struct diag *diag);

#endif
