/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of the system's xl that give images to domains: create,
 * block-attach, block-detach. They stay its own. Before it gets them, the
 * chains are asked whether an image is one that must not be written: a guest
 * that wrote to it would damage every snapshot that needs it.
 *
 * Where no domain has a chain nothing at all is looked at.
 */
#ifndef XL_SYSTEM_DISKS_H
#define XL_SYSTEM_DISKS_H

#include <stdbool.h>

#include "libxl/json.h"
#include "xl/app.h"

/* Does any domain have a chain? False as well when that cannot be told
 * because there is no Xen here: the system's xl will say so. */
bool system_disks_have_chains(struct xl_app *app);

/*
 * What the system's xl would do: the JSON that these words (command and
 * arguments, NULL at the end) make it print as a dry run, from its first brace
 * on. *value_r is NULL when it refuses them: it will say why itself.
 */
int system_disks_ask(const struct xl_app *app, const char *const *words,
                     xjson **value_r, struct manage_error *err);

/* The image that is ours to look at: of a writable disk, in this very domain.
 * NULL: it is none of them. */
const char *system_disks_writable(const xjson *disk);

/*
 * May this disk, an element of "disks", be attached as it is? Each chain is
 * asked. hint is what to do instead, after a semicolon. 0, or a libxl error
 * with err filled in (MANAGE_REFUSED).
 */
int system_disks_check(struct xl_app *app, const xjson *disk,
                       const char *hint, struct manage_error *err);

#endif
