/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other end of a monitor connection, played from a script by a thread of
 * its own. It may be a good QEMU or a bad one: the script says.
 *
 * In sent text, "@ID@" becomes the id of the command received last, and
 * "@OLD@" that of the one before.
 */
#ifndef TESTS_QMP_PEER_H
#define TESTS_QMP_PEER_H

#include <stddef.h>

enum peer_action {
    PEER_END,           /* close the connection; the script is over */
    PEER_SEND,          /* text, and a line end */
    PEER_SEND_PART,     /* text, without a line end */
    PEER_SEND_RAW,      /* text as it is, no ids filled in */
    PEER_ZERO,          /* a NUL byte */
    PEER_SEND_BYTES,    /* text and a line end, one byte at a time */
    PEER_RECEIVE,       /* a line, which must contain text; with "" there may
                         * be none, and the script is over then */
    PEER_SLEEP,         /* number ms */
    PEER_SILENCE,       /* say nothing until the other side hangs up; then over */
    PEER_FLOOD,         /* text and a line end, until the other side hangs up;
                         * then over */
    PEER_REPEAT,        /* text and a line end, number times */
};

struct peer_step {
    enum peer_action action;
    const char *text;
    unsigned int number;
};

struct peer;

/* Starts the script; *fd_r is the other end, the caller's. */
struct peer *peer_start(const struct peer_step *script, int *fd_r);

/* The same, waiting for one client at a socket. */
struct peer *peer_listen(const struct peer_step *script, const char *path);

/* Waits for the script's end. Fails the test if the client did not send what
 * the script expected. */
void peer_finish(struct peer *peer);

/* What a sane QEMU begins with. */
#define PEER_GREETING \
    { PEER_SEND, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, " \
      "\"minor\": 2, \"major\": 7}, \"package\": \"\"}, " \
      "\"capabilities\": [\"oob\"]}}", 0 }
#define PEER_NEGOTIATION \
    PEER_GREETING, \
    { PEER_RECEIVE, "qmp_capabilities", 0 }, \
    { PEER_SEND, "{\"return\": {}, \"id\": \"@ID@\"}", 0 }

#endif
