/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long did the guest stand still? libxl does not say when, in the middle
 * of a save, the guest stopped; so a thread looks, every millisecond, until
 * the hypervisor says that it has.
 */
#ifndef XLS_PAUSE_CLOCK_H
#define XLS_PAUSE_CLOCK_H

#include <stdint.h>

#include <libxl.h>

struct pause_clock;

/* From now on, look for the domain's suspend. NULL: no clock to be had, and
 * the other two accept that. */
struct pause_clock *pause_clock_start(libxl_ctx *ctx, uint32_t domid);

/* The guest has been set going: microseconds since it was seen to stop, 0 if
 * it never was. Frees the clock. */
uint64_t pause_clock_stop(struct pause_clock *clock);

#endif
