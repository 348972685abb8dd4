/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who sets the guest going again if this program is killed in the middle? A
 * process of its own, waiting at the other end of a pipe: it goes quietly when
 * told that all is well, and recovers the domain when the pipe just ends. (If
 * it is killed, too, the next command for the domain does the same.)
 */
#ifndef XL_GUARD_H
#define XL_GUARD_H

#include <sys/types.h>

struct guard {
    pid_t pid;          /* 0: none */
    int fd;
};

/* A guard that could not be started is none: it is help, not a condition. */
void guard_start(struct guard *guard, const char *domain);

/* All is well, or has been said to the user. */
void guard_dismiss(struct guard *guard);

struct xl_app;

/* The guard itself: "xl snapshot-guard DOMAIN", which is not in the help. */
int guard_main(struct xl_app *app, int argc, char **argv);

#endif
