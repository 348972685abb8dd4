/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain is meant? */
#ifndef MANAGE_RESOLVE_H
#define MANAGE_RESOLVE_H

#include "manage/manage.h"

/*
 * A running domain's domid stands for its name, as in every xl command;
 * anything else is a name. Does not say whether there is such a domain.
 * *name_r is malloc'd.
 */
int resolve_domain(struct manage *m, const char *domain, char **name_r,
                   struct manage_error *err);

#endif
