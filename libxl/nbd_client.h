/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnbd, as far as it takes to read an image that qemu-nbd serves, and to ask
 * what of it is zero and how deep in the chain of backing images it lies. One
 * request at a time, each with a time limit; nothing is written.
 *
 * ERROR_FAIL: the connection broke, or the other side could not read;
 * ERROR_TIMEDOUT; ERROR_QEMU_API: what it answers cannot be; ERROR_NOMEM.
 * After any of them the connection is of no more use.
 */
#ifndef XLS_NBD_CLIENT_H
#define XLS_NBD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libnbd.h>

#include "libxl/diag.h"

enum image_context {
    IMAGE_ZEROES,               /* base:allocation */
    IMAGE_DEPTH,                /* qemu:allocation-depth */
    IMAGE_NUM_CONTEXTS
};

struct image_extent {
    uint32_t length, state;     /* of IMAGE_ZEROES: LIBNBD_STATE_... */
};

/* What was said of a context, from where was asked on. */
struct image_extents {
    struct image_extent *list;
    size_t num, room;
};

struct nbd_client {
    struct nbd_handle *handle;  /* NULL: not started */
    int timeout_ms;
    int64_t request;
    uint64_t size;              /* bytes */
    bool has[IMAGE_NUM_CONTEXTS];
    struct image_extents extents[IMAGE_NUM_CONTEXTS];
};

void nbd_client_init(struct nbd_client *c);
void nbd_client_dispose(struct nbd_client *c);

/* Over a connected socket, the export without a name. The socket is the
 * client's from here on, and closed also on failure. timeout_ms: for each step
 * of an answer. c must be initialised. */
int nbd_client_start(struct nbd_client *c, int fd, int timeout_ms,
                     struct diag *diag);

/* The most that one read may be of. */
#define IMAGE_MOST_BYTES (2u << 20)

/* In two halves, so that two servers can be at work at a time. buf is written
 * until the second has returned, or the client is disposed of. */
int nbd_client_ask(struct nbd_client *c, uint64_t offset, void *buf,
                   uint32_t len, struct diag *diag);
int nbd_client_take(struct nbd_client *c, struct diag *diag);

/* Into c->extents, of the contexts that it has; each of them then tells of one
 * byte at least. */
int nbd_client_status(struct nbd_client *c, uint64_t offset, uint32_t len,
                      struct diag *diag);

#endif
