/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image, or an internal snapshot in one, that qemu-nbd serves to this
 * process alone, to be read. No lock is asked for: what is read must be such
 * that nobody changes it.
 *
 * The socket has no name by the time that the server starts, and our end is
 * connected already, so nobody else can come in, and the server ends with the
 * connection, however this process ends.
 */
#ifndef XLS_IMAGE_SERVER_H
#define XLS_IMAGE_SERVER_H

#include <sys/types.h>

#include "libxl/nbd_client.h"

struct image_server {
    pid_t pid;                  /* -1: none */
    int complaints;             /* what it says on standard error */
    struct nbd_client nbd;
};

void image_server_init(struct image_server *server);
void image_server_dispose(struct image_server *server);

/*
 * format is QEMU's name; snapshot the id of an internal snapshot, or NULL: the
 * image itself. server must be initialised. On failure diag has what qemu-nbd
 * said, if it said something.
 */
int image_server_start(struct image_server *server, const char *program,
                       const char *path, const char *format,
                       const char *snapshot, struct diag *diag);

#endif
