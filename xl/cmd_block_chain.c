/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl/options.h"
#include "xl/output.h"
#include "xl/output_block.h"

static const struct option longopts[] = {
    OPTIONS_COMMON
};

int main_block_chain(struct xl_app *app, int argc, char **argv)
{
    struct manage_block_chain chain;
    struct manage_error err;
    int rc, status;

    while (options_next(app, argc, argv, longopts) != -1) ;
    if (options_done(app, argc, argv, 2, 2, &status)) return status;

    command_error_init(&err);
    manage_block_chain_init(&chain);
    rc = app_open(app, APP_READ, &err);
    if (!rc)
        rc = manage_block_chain(app->manage, argv[optind], argv[optind + 1],
                                &chain, &err);
    if (!rc)
        rc = output_block_chain(app, argv[optind], argv[optind + 1], &chain,
                                &err);
    manage_block_chain_dispose(&chain);
    return command_end(app, rc, &err, MANAGE_OK);
}
