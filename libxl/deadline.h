/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A point in time by which something must have ended. Passed down unchanged,
 * so that what each step takes is taken off what the next may take; counted
 * on the monotonic clock, so that setting the time of day does no harm.
 */
#ifndef XLS_DEADLINE_H
#define XLS_DEADLINE_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

typedef struct {
    int64_t at_ms;
} deadline;

static inline int64_t deadline_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline deadline deadline_after(unsigned int ms)
{
    deadline d = { deadline_now_ms() + ms };

    return d;
}

/* Milliseconds left, as poll wants them; 0 when the time is over. */
static inline int deadline_left_ms(deadline d)
{
    int64_t left = d.at_ms - deadline_now_ms();

    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Sleep for so long, or up to the deadline when that is earlier. */
static inline void deadline_sleep(deadline d, int ms)
{
    int left = deadline_left_ms(d);
    struct timespec ts;

    if (ms > left) ms = left;
    ts.tv_sec = ms / 1000;
    ts.tv_nsec = (long)(ms % 1000) * 1000000;
    nanosleep(&ts, NULL);
}

#endif
