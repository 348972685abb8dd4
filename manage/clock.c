/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* docs/design/clock.md has what was measured. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "manage/clock.h"

void manage_clock_init(struct manage_clock *clock)
{
    memset(clock, 0, sizeof(*clock));
}

void manage_clock_dispose(struct manage_clock *clock)
{
    free(clock->problem);
    manage_clock_init(clock);
}

const char *manage_clock_agent_to_string(enum manage_clock_agent agent)
{
    switch (agent) {
    case MANAGE_CLOCK_UNASKED: return "unasked";
    case MANAGE_CLOCK_PAUSED:  return "paused";
    case MANAGE_CLOCK_NONE:    return "none";
    case MANAGE_CLOCK_FAILED:  return "failed";
    case MANAGE_CLOCK_RIGHT:   return "right";
    case MANAGE_CLOCK_SET:     return "set";
    }
    return "unknown";
}

void clock_foresee(struct manage_clock *clock, const chain_snapshot *snapshot,
                   chain_domain_state state)
{
    /* Who boots asks for the time. */
    clock->stopped = snapshot->memory && state != CHAIN_DOMAIN_STATE_OFF;
    clock->taken = snapshot->created;
    clock->agent = state == CHAIN_DOMAIN_STATE_RUNNING ? MANAGE_CLOCK_UNASKED
                                                       : MANAGE_CLOCK_PAUSED;
}

void clock_resumed(struct manage_clock *clock, libxl_domain_type type,
                   time_t now)
{
    /* Of the others it was not measured yet. */
    clock->follows = type == LIBXL_DOMAIN_TYPE_PV;
    if (now > 0 && (uint64_t)now > clock->taken)
        clock->age_s = (uint64_t)now - clock->taken;
}
