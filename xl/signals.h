/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals that would end or stop the program, held back while a guest may be
 * standing still.
 *
 * They are blocked rather than caught or ignored, because that is what
 * libxl's save helper and qemu-img inherit: Ctrl-C and Ctrl-Z at the terminal
 * reach them as well, and a helper that dies or stops in the middle leaves
 * the guest stopped. Blocked signals also stay pending, so that people can be
 * told that theirs was noticed.
 */
#ifndef XL_SIGNALS_H
#define XL_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#define SIGNALS_HELD 10

struct signals {
    bool held;
    sigset_t before;        /* the mask to go back to, and to give to others */
    struct sigaction actions[SIGNALS_HELD]; /* while they are lent */
};

/* Before any thread is made. */
void signals_hold(struct signals *signals);

/* Takes one pending signal that somebody sent to end or stop the program:
 * its number, or 0 when there is none. */
int signals_noticed(const struct signals *signals);

/*
 * While children are made that outlive us, a domain's QEMU among them: what is
 * blocked, they would never be told, and libxl ends QEMU with a SIGHUP. They do
 * not inherit handlers, so until signals_take_back() the signals are caught,
 * and forgotten. Nothing when they are not held. For one thread at a time.
 */
void signals_lend(struct signals *signals);
void signals_take_back(struct signals *signals);

/* Forgets what is pending and goes back to the mask of before. */
void signals_release(struct signals *signals);

#endif
