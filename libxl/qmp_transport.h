/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stream to a QEMU monitor: a connected unix socket, cut into lines. It
 * knows nothing about what the lines say.
 *
 * QEMU ends each message with CR LF and never has a line break inside one
 * (its "pretty" mode is for people and libxl does not ask for it), so a
 * message is a line. The peer is not trusted: what it sends is bounded in
 * bytes, and every call is bounded in time.
 *
 *   state      allowed                       goes to
 *   OPEN       send, receive                 OPEN; BROKEN on any failure but
 *                                            a receive that timed out
 *   BROKEN     free; all else fails with     -
 *              ERROR_PROTOCOL_ERROR_QMP
 *
 * A receive that timed out may be repeated: half a line is kept. A send that
 * timed out has left half a command in the stream, which nothing can mend.
 */
#ifndef XLS_QMP_TRANSPORT_H
#define XLS_QMP_TRANSPORT_H

#include <stddef.h>

#include <libxl.h>

#include "libxl/deadline.h"
#include "libxl/diag.h"

/*
 * The longest message accepted. 400 snapshots in an image make a reply of
 * 59 KiB; the limit of 65536 snapshots, with names of 100 bytes, about 15 MiB.
 */
#define QMP_TRANSPORT_MAX_MESSAGE (16u << 20)

struct qmp_transport;

/*
 * ERROR_NOTFOUND: nothing listens at path (no such socket, or its QEMU is
 * gone). ERROR_TIMEDOUT: its queue stayed full. ERROR_INVAL: path too long.
 */
int qmp_transport_connect(const char *path, size_t max_message, deadline by,
                          struct qmp_transport **t_r, struct diag *diag);

/* Over a stream socket that is connected already; fd is taken over, on
 * failure too. */
int qmp_transport_adopt(int fd, size_t max_message,
                        struct qmp_transport **t_r, struct diag *diag);

/* Disconnects. NULL is fine. */
void qmp_transport_free(struct qmp_transport *t);

/* Sends text and a line end, whole. ERROR_TIMEDOUT, or
 * ERROR_PROTOCOL_ERROR_QMP when the peer has gone. */
int qmp_transport_send(struct qmp_transport *t, const char *text, size_t len,
                       deadline by, struct diag *diag);

/*
 * The next line that is not empty, without its end. It belongs to the
 * transport and is good until the next call. ERROR_TIMEDOUT,
 * ERROR_BUFFERFULL for a line over the limit, ERROR_NOMEM,
 * ERROR_PROTOCOL_ERROR_QMP when the peer has gone.
 */
int qmp_transport_receive(struct qmp_transport *t, deadline by,
                          const char **text_r, size_t *len_r,
                          struct diag *diag);

#endif
