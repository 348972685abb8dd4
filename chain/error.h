/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a call of this room failed: a libxl error code for programs, one line
 * for people that names the file or the snapshot and says what to do.
 *
 * Every function that takes a struct chain_error accepts NULL, touches it on
 * failure only, and returns the same rc:
 *
 *   ERROR_INVAL      a name or an argument that cannot be accepted
 *   ERROR_NOTFOUND   no such snapshot
 *   ERROR_LOCK_FAIL  somebody else is changing the chain, or we hold no lock
 *   ERROR_BADFAIL    the files are damaged: readable perhaps, never written
 *   ERROR_VERSION    the files are of a later format
 *   ERROR_NOMEM
 *   ERROR_FAIL       the system refused; errnum says why
 */
#ifndef CHAIN_ERROR_H
#define CHAIN_ERROR_H

#include <stdbool.h>

#include <libxl.h>

#define CHAIN_ERROR_SIZE 512

struct chain_error {
    int rc;
    int errnum;         /* errno when the system failed us (ENOSPC ...), or 0 */
    bool visible;       /* the change can be seen, but may not last */
    char text[CHAIN_ERROR_SIZE];    /* one line, no newline at its end */
};

/* Both return rc, for "return chain_error_set(...)". */
int chain_error_set(struct chain_error *err, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "<what it says>: <text of errnum>"; ERROR_NOMEM for ENOMEM, else ERROR_FAIL. */
int chain_error_set_errno(struct chain_error *err, int errnum,
                          const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int chain_error_set_nomem(struct chain_error *err);
/* Put a place in front of the message as it travels up, and make it rc. */
int chain_error_within(struct chain_error *err, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
