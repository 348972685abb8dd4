/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <time.h>

#include "xl/signals.h"

static const int from_people[] = {
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP,
};

/* From a reader that went away, a background terminal, or a limit: the
 * system call that raised it reports an error, which is dealt with. */
static const int from_calls[] = {
    SIGPIPE, SIGTTOU, SIGTTIN, SIGXFSZ, SIGXCPU,
};

static void add(sigset_t *set, const int *signums, size_t num)
{
    size_t i;

    for (i = 0; i < num; i++)
        sigaddset(set, signums[i]);
}

#define ADD(set, signums) add(set, signums, sizeof(signums) / sizeof(*signums))

void signals_hold(struct signals *signals)
{
    sigset_t set;

    if (signals->held) return;
    sigemptyset(&set);
    ADD(&set, from_people);
    ADD(&set, from_calls);
    pthread_sigmask(SIG_BLOCK, &set, &signals->before);
    signals->held = true;
}

static int take(const sigset_t *set)
{
    static const struct timespec now = { 0, 0 };
    int r;

    do {
        r = sigtimedwait(set, NULL, &now);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? 0 : r;
}

int signals_noticed(const struct signals *signals)
{
    sigset_t set;

    if (!signals->held) return 0;
    sigemptyset(&set);
    ADD(&set, from_people);
    return take(&set);
}

void signals_release(struct signals *signals)
{
    sigset_t set;

    if (!signals->held) return;
    sigemptyset(&set);
    ADD(&set, from_people);
    ADD(&set, from_calls);
    while (take(&set))
        ;
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
    signals->held = false;
}
