/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>
#include <sys/wait.h>

#include "xl/app.h"
#include "xl/cmdtable.h"
#include "xl/help.h"
#include "xl/output.h"
#include "xl/system_xl.h"

/* The bash completion that comes with Xen skips these four lines. */
static const char heading[] =
    "Usage xl [-vfNtT] <subcommand> [args]\n\n"
    "xl full list of subcommands:\n\n";

/* As a shell would have it. */
static int exit_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int help_list(struct xl_app *app)
{
    static const char *const args[] = { "help", NULL };
    struct system_xl_result result;
    struct manage_error err;
    int status = 127, finish;
    size_t i;

    system_xl_result_init(&result);
    if (system_xl_run(app, args, SYSTEM_XL_STDERR_SHARE, &result, &err))
        output_error(app, &err);
    else
        status = exit_status(result.status);

    if (result.out_len)
        output_stdout(result.out, result.out_len);
    else
        output_stdout(heading, strlen(heading));
    for (i = 0; i < cmd_table_len; i++)
        output_help_line(&cmd_table[i]);
    system_xl_result_dispose(&result);

    finish = output_finish(app, MANAGE_OK);
    return status ? status : finish;
}
