/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's wall clock, by way of its agent. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xentoollog.h>

#include "libxl/agent_channel.h"

/* For all of it, if the caller does not say. */
#define CLOCK_TIMEOUT_MS 5000
/* A clock that is right to within this is left alone: what keeps it right in
 * the guest does so better than we could. */
#define CLOCK_RIGHT_MS 1000

#define NS_PER_MS 1000000

struct reading {
    int64_t offset_ms;          /* the guest's clock, less ours */
    uint32_t precision_ms;
};

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * The guest read its clock at some time between our two readings of ours. The
 * first command waits for an agent that has yet to come back, which has nothing
 * to do with its clock: it is done with before.
 */
static int read_clock(struct guest_agent *agent, struct reading *reading,
                      struct diag *why)
{
    int64_t before, after, guest;
    int rc;

    rc = guest_agent_sync(agent, why);
    if (rc) return rc;
    before = now_ns();
    rc = guest_agent_get_time(agent, &guest, why);
    if (rc) return rc;
    after = now_ns();
    if (after < before) after = before;     /* somebody has set ours */
    reading->precision_ms = (uint32_t)((after - before) / 2 / NS_PER_MS + 1);
    reading->offset_ms = guest / NS_PER_MS
                         - (before + (after - before) / 2) / NS_PER_MS;
    return 0;
}

static bool is_right(const struct reading *reading)
{
    int64_t most = CLOCK_RIGHT_MS + (int64_t)reading->precision_ms;

    return reading->offset_ms <= most && reading->offset_ms >= -most;
}

static void note_problem(const char *text, libxl_domain_clock *clock)
{
    free(clock->problem);
    clock->problem = strdup(text);
}

/*
 * Whatever the agent says to being told the time, what counts is what it says
 * when it is asked for it afterwards.
 */
static void set_clock(libxl_snapshot_ctx *sctx, struct guest_agent *agent,
                      libxl_domain_clock *clock)
{
    struct diag refused = { "" }, why = { "" };
    struct reading reading;
    int rc, r;

    clock->set = true;
    rc = guest_agent_set_time(agent, now_ns(), &refused);
    if (rc)
        xls_log(sctx, XTL_DEBUG, "setting the guest's clock: %s",
                refused.text);
    r = read_clock(agent, &reading, &why);
    if (!r) {
        clock->after_ms = reading.offset_ms;
        clock->precision_ms = reading.precision_ms;
        clock->right = is_right(&reading);
        if (clock->right) return;
    }
    if (rc)
        note_problem(refused.text, clock);
    else if (r)
        note_problem(why.text, clock);
    else
        note_problem("the guest's agent says that it has set the clock, and"
                     " has not", clock);
}

int libxl_domain_clock_set(libxl_snapshot_ctx *sctx, uint32_t domid,
                           uint32_t timeout_ms, libxl_domain_clock *clock_r,
                           libxl_snapshot_diag *diag)
{
    struct guest_agent *agent = NULL;
    struct reading reading = { 0, 0 };
    libxl_domain_clock clock;
    struct diag why = { "" };
    int rc;

    if (!timeout_ms) timeout_ms = CLOCK_TIMEOUT_MS;
    rc = agent_channel_open(sctx, domid, timeout_ms, &agent, diag);
    if (rc) goto out;
    guest_agent_end_by(agent, deadline_after(timeout_ms));
    rc = read_clock(agent, &reading, &why);
    if (rc) {
        rc = agent_channel_failed(rc, &why, diag);
        goto out;
    }
    libxl_domain_clock_init(&clock);
    clock.before_ms = clock.after_ms = reading.offset_ms;
    clock.precision_ms = reading.precision_ms;
    clock.right = is_right(&reading);
    if (!clock.right) set_clock(sctx, agent, &clock);
    libxl_domain_clock_dispose(clock_r);
    *clock_r = clock;
out:
    guest_agent_close(agent);
    if (rc) xls_diag(diag, rc, NULL, "%s", libxl_error_to_string(rc));
    return rc;
}
