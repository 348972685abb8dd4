/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system's own xl: becoming it, and having it do something for us.
 */
#ifndef XL_SYSTEM_XL_H
#define XL_SYSTEM_XL_H

#include <stdbool.h>
#include <stddef.h>

#include "manage/manage.h"

struct xl_app;

/*
 * Become the system's xl, with the very same arguments, environment, files
 * and terminal. Returns only on failure, with the exit status to leave with,
 * as a shell has it (126: it cannot be run, 127: it is not there), after
 * saying why.
 */
int system_xl_exec(const struct xl_app *app, char **argv);

/* What a run of the system's xl left. malloc'd, never NULL, NUL after them. */
struct system_xl_result {
    int status;                 /* as from waitpid */
    char *out;                  /* its standard output */
    size_t out_len;
    char *err;                  /* its standard error */
    size_t err_len;
};

void system_xl_result_init(struct system_xl_result *result);
void system_xl_result_dispose(struct system_xl_result *result);

enum system_xl_stderr {
    SYSTEM_XL_STDERR_KEEP,      /* into result->err */
    SYSTEM_XL_STDERR_SHARE,     /* it is ours */
};

/*
 * Run the system's xl with these arguments (args[0] is the subcommand or a
 * global option; the last is NULL) and wait for it to end, not for daemons it
 * leaves behind. It reads /dev/null, is in a session of its own, so that what
 * is typed at our terminal does not end it, and has the signal mask that we
 * were started with. More than 16 MiB of output is cut.
 *
 * 0 when it ran, however it ended; else a libxl error with err filled in.
 * result is initialised and empty.
 */
int system_xl_run(const struct xl_app *app, const char *const *args,
                  enum system_xl_stderr how, struct system_xl_result *result,
                  struct manage_error *err);

/* It ran and exited with 0. */
bool system_xl_succeeded(const struct system_xl_result *result);

/*
 * After a failure: "the last line it wrote to its standard error (exit status
 * 3)", or "it was ended by signal 9". malloc'd, or NULL when out of memory.
 */
char *system_xl_explain(const struct system_xl_result *result);

#endif
