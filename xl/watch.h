/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who acts on a domain's end. Up to Xen 4.19 xl's own daemon goes away when
 * its domain is suspended, as every memory snapshot does; these tell whether
 * somebody watches a domain, and put a watcher of ours in the daemon's place.
 */
#ifndef XL_WATCH_H
#define XL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "manage/manage.h"

struct xl_app;

/* Does anybody wait for this domain's end to act on it? */
bool watch_is_watched(struct xl_app *app, uint32_t domid);

/* See to it that somebody does. 0, or a libxl error with err filled in. */
int watch_keep(struct xl_app *app, uint32_t domid, struct manage_error *err);

/*
 * The watcher: the subcommand "snapshot-monitor DOMID", which is not for
 * people and in no help. argv[0] is the subcommand. Opens what it needs
 * itself; returns the exit status.
 */
int monitor_main(int argc, char **argv);

#endif
