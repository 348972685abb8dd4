/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the subcommands' functions have in common. */
#ifndef XL_COMMAND_H
#define XL_COMMAND_H

#include "manage/manage.h"
#include "xl/app.h"

/* No error yet, as manage's calls want to find it. */
void command_error_init(struct manage_error *err);

/* After a failure: what manage said, or if it said nothing, that it failed. */
void command_error_complete(struct manage_error *err);

/*
 * The end of a command: reports err when rc is not 0, closes the app, and
 * returns the exit status. outcome is what it came to when rc is 0.
 */
int command_end(struct xl_app *app, int rc, struct manage_error *err,
                enum manage_outcome outcome);

/* Print the plan of a dry run, or another JSON document, and free it. 0, or a
 * libxl error with err filled in. */
int command_print_plan(char *plan, struct manage_error *err);

/*
 * Say on standard error what is wrong with a chain that was looked at, if
 * anything is. What reading it came to: MANAGE_OK, or MANAGE_DAMAGED.
 */
enum manage_outcome command_remark(const struct xl_app *app,
                                   const struct manage_view *view);

/* The snapshot of that name in view, or NULL with err filled in. */
const chain_snapshot *command_find(const struct manage_view *view,
                                   const char *name, struct manage_error *err);

/* The current one, or NULL with err filled in. */
const chain_snapshot *command_find_current(const struct manage_view *view,
                                           struct manage_error *err);

#endif
