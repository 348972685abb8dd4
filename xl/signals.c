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

static int held(size_t i)
{
    const size_t n = sizeof(from_people) / sizeof(*from_people);

    _Static_assert(sizeof(from_people) + sizeof(from_calls) ==
                   SIGNALS_HELD * sizeof(int), "as many as there is room for");
    return i < n ? from_people[i] : from_calls[i - n];
}

static void forget(int signum)
{
    (void)signum;
}

void signals_lend(struct signals *signals)
{
    struct sigaction action = { .sa_handler = forget, .sa_flags = SA_RESTART };
    size_t i;

    if (!signals->held) return;
    sigemptyset(&action.sa_mask);
    for (i = 0; i < SIGNALS_HELD; i++)
        sigaction(held(i), &action, &signals->actions[i]);
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}

void signals_take_back(struct signals *signals)
{
    sigset_t set;
    size_t i;

    if (!signals->held) return;
    sigemptyset(&set);
    ADD(&set, from_people);
    ADD(&set, from_calls);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (i = 0; i < SIGNALS_HELD; i++)
        sigaction(held(i), &signals->actions[i], NULL);
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
