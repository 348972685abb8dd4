/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of the clock of a guest that goes on from a snapshot's memory. */
#ifndef MANAGE_CLOCK_H
#define MANAGE_CLOCK_H

#include <time.h>

#include "manage/manage.h"

/* Of a snapshot to which a domain goes back, before it does; pure. */
void clock_foresee(struct manage_clock *clock, const chain_snapshot *snapshot,
                   chain_domain_state state);

/* It is there; now: seconds since the epoch. Pure; part of clock_settle. */
void clock_resumed(struct manage_clock *clock, libxl_domain_type type,
                   time_t now);

/*
 * It is there: see to it that the rest is known, and have the guest's agent set the clock, if there is one and that
 * is wanted. It never fails: the guest is back, and clock says what became of
 * this. Takes as long as wish says; no lock need be held.
 */
void clock_settle(struct manage *m, uint32_t domid,
                  const struct manage_clock_wish *wish,
                  struct manage_clock *clock);

#endif
