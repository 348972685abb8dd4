/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libxl/qmp_transport.h"

/* The buffer begins at this size and doubles up to the limit. */
#define FIRST_BUFFER 4096u

/* Between two tries to get into a full listen queue, which no poll tells. */
#define CONNECT_RETRY_MS 10

struct qmp_transport {
    int fd;
    bool broken;
    size_t max_message;

    /* Received: a line already handed out, then what is yet to be read.
     * Up to scanned there is no line end. */
    char *buffer;
    size_t size;
    size_t begin, scanned, end;
};

/* ---- opening ---- */

static int set_flags(int fd)
{
    int flags;

    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
    flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) return -1;
    return 0;
}

int qmp_transport_adopt(int fd, size_t max_message,
                        struct qmp_transport **t_r, struct diag *diag)
{
    struct qmp_transport *t = NULL;
    int rc;

    if (set_flags(fd)) {
        diag_set(diag, "cannot use the QEMU monitor's socket: %s",
                 strerror(errno));
        rc = ERROR_FAIL;
        goto out;
    }
    t = calloc(1, sizeof(*t));
    if (!t) {
        diag_set(diag, "out of memory");
        rc = ERROR_NOMEM;
        goto out;
    }
    t->fd = fd;
    t->max_message = max_message;
    *t_r = t;
    rc = 0;
 out:
    if (rc) close(fd);
    return rc;
}

/* A unix connect succeeds or fails at once; EAGAIN is a full queue. */
static int connect_until(int fd, const struct sockaddr_un *addr, deadline by,
                         struct diag *diag)
{
    int r;

    for (;;) {
        r = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
        if (!r) return 0;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) break;
        if (!deadline_left_ms(by)) {
            diag_set(diag, "the QEMU monitor %s is busy: too many clients wait "
                     "for it; try again later", addr->sun_path);
            return ERROR_TIMEDOUT;
        }
        deadline_sleep(by, CONNECT_RETRY_MS);
    }
    if (errno == ENOENT || errno == ECONNREFUSED) {
        diag_set(diag, "no QEMU listens at %s: the domain has none, or it has "
                 "ended", addr->sun_path);
        return ERROR_NOTFOUND;
    }
    diag_set(diag, "cannot connect to the QEMU monitor %s: %s",
             addr->sun_path, strerror(errno));
    return ERROR_FAIL;
}

int qmp_transport_connect(const char *path, size_t max_message, deadline by,
                          struct qmp_transport **t_r, struct diag *diag)
{
    struct sockaddr_un addr;
    int fd = -1, rc;

    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(addr.sun_path)) {
        diag_set(diag, "%s is too long a path for a socket", path);
        rc = ERROR_INVAL;
        goto out;
    }
    strcpy(addr.sun_path, path);

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        diag_set(diag, "cannot make a socket: %s", strerror(errno));
        rc = ERROR_FAIL;
        goto out;
    }
    rc = connect_until(fd, &addr, by, diag);
    if (rc) goto out;

    rc = qmp_transport_adopt(fd, max_message, t_r, diag);
    fd = -1;
 out:
    if (fd >= 0) close(fd);
    return rc;
}

void qmp_transport_free(struct qmp_transport *t)
{
    if (!t) return;
    close(t->fd);
    free(t->buffer);
    free(t);
}

/* ---- both ways ---- */

static int broken(struct qmp_transport *t, int rc)
{
    t->broken = true;
    return rc;
}

static int gone(struct qmp_transport *t, const char *why, struct diag *diag)
{
    diag_set(diag, "QEMU has closed its monitor (%s)", why);
    return broken(t, ERROR_PROTOCOL_ERROR_QMP);
}

static int check_usable(const struct qmp_transport *t, struct diag *diag)
{
    if (!t->broken) return 0;
    diag_set(diag, "the connection to QEMU failed before");
    return ERROR_PROTOCOL_ERROR_QMP;
}

/* Wait until the socket is ready for events, or has something to say about
 * itself, which the next call on it will tell. */
static int wait_for(struct qmp_transport *t, short events, deadline by,
                    struct diag *diag)
{
    struct pollfd pfd = { .fd = t->fd, .events = events };
    int r;

    for (;;) {
        r = poll(&pfd, 1, deadline_left_ms(by));
        if (r > 0) return 0;
        if (!r && !deadline_left_ms(by)) {
            diag_set(diag, "QEMU did not %s in time",
                     events == POLLIN ? "answer" : "take the command");
            return ERROR_TIMEDOUT;
        }
        if (r < 0 && errno != EINTR) return gone(t, strerror(errno), diag);
    }
}

/* ---- sending ---- */

static int send_all(struct qmp_transport *t, const char *text, size_t len,
                    deadline by, struct diag *diag)
{
    ssize_t n;
    int rc;

    while (len) {
        n = send(t->fd, text, len, MSG_NOSIGNAL);
        if (n >= 0) {
            text += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            rc = wait_for(t, POLLOUT, by, diag);
            if (rc) return broken(t, rc);
        } else if (errno != EINTR) {
            return gone(t, strerror(errno), diag);
        }
    }
    return 0;
}

int qmp_transport_send(struct qmp_transport *t, const char *text, size_t len,
                       deadline by, struct diag *diag)
{
    int rc;

    rc = check_usable(t, diag);
    if (rc) return rc;
    rc = send_all(t, text, len, by, diag);
    if (rc) return rc;
    return send_all(t, "\r\n", 2, by, diag);
}

/* ---- receiving ---- */

/* Make room for more behind what is unread. */
static int make_room(struct qmp_transport *t, struct diag *diag)
{
    size_t size;
    char *buffer;

    if (t->begin) {
        memmove(t->buffer, t->buffer + t->begin, t->end - t->begin);
        t->end -= t->begin;
        t->scanned -= t->begin;
        t->begin = 0;
    }
    if (t->end < t->size) return 0;
    if (t->size >= t->max_message) {
        diag_set(diag, "QEMU sent a message of more than %zu bytes",
                 t->max_message);
        return broken(t, ERROR_BUFFERFULL);
    }
    size = t->size ? 2 * t->size : FIRST_BUFFER;
    if (size > t->max_message) size = t->max_message;
    buffer = realloc(t->buffer, size);
    if (!buffer) {
        diag_set(diag, "out of memory");
        return broken(t, ERROR_NOMEM);
    }
    t->buffer = buffer;
    t->size = size;
    return 0;
}

/* A whole line among what was received: cut it out, without CR LF. */
static bool take_line(struct qmp_transport *t, const char **text_r,
                      size_t *len_r)
{
    char *newline;
    size_t begin, len;

    if (t->scanned == t->end) return false;
    newline = memchr(t->buffer + t->scanned, '\n', t->end - t->scanned);
    if (!newline) {
        t->scanned = t->end;
        return false;
    }
    begin = t->begin;
    len = (size_t)(newline - (t->buffer + begin));
    t->begin = t->scanned = begin + len + 1;
    if (len && t->buffer[begin + len - 1] == '\r') len--;
    *text_r = t->buffer + begin;
    *len_r = len;
    return true;
}

static int receive_some(struct qmp_transport *t, deadline by,
                        struct diag *diag)
{
    ssize_t n;
    int rc;

    rc = make_room(t, diag);
    if (rc) return rc;
    for (;;) {
        n = recv(t->fd, t->buffer + t->end, t->size - t->end, 0);
        if (n > 0) {
            t->end += (size_t)n;
            return 0;
        }
        if (!n) return gone(t, "end of stream", diag);
        if (errno == EAGAIN) {
            rc = wait_for(t, POLLIN, by, diag);
            if (rc) return rc;
        } else if (errno != EINTR) {
            return gone(t, strerror(errno), diag);
        }
    }
}

int qmp_transport_receive(struct qmp_transport *t, deadline by,
                          const char **text_r, size_t *len_r,
                          struct diag *diag)
{
    const char *text;
    size_t len;
    int rc;

    rc = check_usable(t, diag);
    if (rc) return rc;
    for (;;) {
        while (take_line(t, &text, &len)) {
            if (!len) continue;
            *text_r = text;
            *len_r = len;
            return 0;
        }
        /* A peer that never stops sending must not get past the deadline
         * by always having something ready. */
        if (!deadline_left_ms(by)) {
            diag_set(diag, "QEMU did not answer in time");
            return ERROR_TIMEDOUT;
        }
        rc = receive_some(t, by, diag);
        if (rc) return rc;
    }
}
