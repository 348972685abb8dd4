/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include "manage/internal.h"
#include "manage/resolve.h"

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 6;
}

int resolve_domain(struct manage *m, const char *domain, char **name_r,
                   struct manage_error *err)
{
    char *name = NULL;

    if (m->ctx && is_number(domain))
        name = libxl_domid_to_name(m->ctx, strtoul(domain, NULL, 10));
    if (!name) name = strdup(domain);
    if (!name) return manage_fail_nomem(err);
    if (!strcmp(name, "Domain-0")) {
        free(name);
        return manage_fail(err, MANAGE_REFUSED,
                           "dom0 cannot have snapshots of itself");
    }
    *name_r = name;
    return 0;
}
