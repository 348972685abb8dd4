/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_HELP_H
#define XL_HELP_H

struct xl_app;

/*
 * The list of all commands: what the system's xl prints, and ours in the same
 * columns, so that whatever reads the one can read the other. Returns the
 * exit status of the system's "xl help", since without it the list is short.
 */
int help_list(struct xl_app *app);

#endif
