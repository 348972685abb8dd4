/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One domain, or all that have a chain, for the commands that take either. */
#ifndef XL_DOMAINS_H
#define XL_DOMAINS_H

#include <stddef.h>

#include "xl/app.h"
#include "xl/output.h"

struct domains {
    struct output_domain *list;
    size_t num;
};

/*
 * The domain called name, or with NULL all that have a chain. Nothing is read
 * of them yet. 0, or a libxl error with err filled in.
 */
int domains_find(struct xl_app *app, const char *name,
                 struct domains *domains_r, struct manage_error *err);
void domains_dispose(struct domains *domains);

/* Look at each; those that cannot be read have that in their err. */
void domains_look(struct xl_app *app, struct domains *domains);

/* When there is just the one that was asked for and it failed: its libxl
 * error and err, else 0. */
int domains_only_failure(const struct domains *domains, const char *name,
                         struct manage_error *err);

/* Say what failed of several; the first failure, or MANAGE_OK. */
enum manage_outcome domains_report_failures(const struct xl_app *app,
                                            const struct domains *domains);

#endif
