/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "libxl/internal.h"
#include "libxl/pause_clock.h"

struct pause_clock {
    libxl_ctx *ctx;
    uint32_t domid;
    pthread_t thread;
    atomic_bool enough;
    uint64_t stopped_at;        /* the thread's, until it is joined */
};

static void *look(void *arg)
{
    struct pause_clock *c = arg;
    const struct timespec ms = { .tv_nsec = 1000000 };
    libxl_dominfo info;
    bool stopped;
    int rc;

    while (!c->stopped_at && !atomic_load(&c->enough)) {
        libxl_dominfo_init(&info);
        rc = libxl_domain_info(c->ctx, &info, c->domid);
        stopped = !rc && info.shutdown;
        libxl_dominfo_dispose(&info);
        if (rc) break;
        if (stopped)
            c->stopped_at = xls_now_us();
        else
            nanosleep(&ms, NULL);
    }
    return NULL;
}

struct pause_clock *pause_clock_start(libxl_ctx *ctx, uint32_t domid)
{
    struct pause_clock *c = calloc(1, sizeof(*c));
    sigset_t all, old;
    int r;

    if (!c) return NULL;
    c->ctx = ctx;
    c->domid = domid;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&c->thread, NULL, look, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r) {
        free(c);
        return NULL;
    }
    return c;
}

uint64_t pause_clock_stop(struct pause_clock *c)
{
    uint64_t us;

    if (!c) return 0;
    atomic_store(&c->enough, true);
    pthread_join(c->thread, NULL);
    us = c->stopped_at ? xls_now_us() - c->stopped_at : 0;
    free(c);
    return us;
}
