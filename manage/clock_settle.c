/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "manage/clock.h"
#include "manage/internal.h"

static void take_answer(struct manage_clock *clock,
                        const libxl_domain_clock *told)
{
    clock->told = true;
    clock->before_ms = told->before_ms;
    clock->after_ms = told->after_ms;
    clock->agent = !told->right ? MANAGE_CLOCK_FAILED
                   : told->set ? MANAGE_CLOCK_SET : MANAGE_CLOCK_RIGHT;
    if (!told->right && told->problem) clock->problem = strdup(told->problem);
}

/* INVALID when it has gone already. */
static libxl_domain_type type_of(struct manage *m, uint32_t domid)
{
    libxl_domain_type type = LIBXL_DOMAIN_TYPE_INVALID;
    libxl_dominfo info;

    libxl_dominfo_init(&info);
    if (!libxl_domain_info(m->ctx, &info, domid)) type = info.domain_type;
    libxl_dominfo_dispose(&info);
    return type;
}

void clock_settle(struct manage *m, uint32_t domid,
                  const struct manage_clock_wish *wish,
                  struct manage_clock *clock)
{
    libxl_snapshot_diag diag;
    libxl_domain_clock told;
    int rc;

    if (!clock->stopped) return;
    clock_resumed(clock, type_of(m, domid), time(NULL));
    if (clock->agent == MANAGE_CLOCK_PAUSED || !wish->set) return;
    libxl_snapshot_diag_init(&diag);
    libxl_domain_clock_init(&told);
    rc = libxl_domain_clock_set(m->sctx, domid, wish->timeout_ms, &told,
                                &diag);
    if (!rc) {
        take_answer(clock, &told);
    } else if (rc == ERROR_NOTFOUND) {
        clock->agent = MANAGE_CLOCK_NONE;
    } else {
        clock->agent = MANAGE_CLOCK_FAILED;
        if (diag.message) clock->problem = strdup(diag.message);
    }
    libxl_domain_clock_dispose(&told);
    libxl_snapshot_diag_dispose(&diag);
}
