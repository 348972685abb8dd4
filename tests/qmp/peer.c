/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/qmp/peer.h"

#define MAX_LINE 65536

struct peer {
    const struct peer_step *script;
    pthread_t thread;
    int listener;               /* -1: connected already */
    int fd;
    char id[128], old[128];
    const char *missing;        /* what the client should have sent */
    char line[MAX_LINE];        /* received last */
};

static bool send_bytes(struct peer *peer, const char *text, size_t len)
{
    ssize_t n;

    while (len) {
        n = send(peer->fd, text, len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* With @ID@ and @OLD@ filled in, and something behind; the caller's. */
static char *expand(const struct peer *peer, const char *text,
                    const char *behind)
{
    char *line, *to;

    line = to = malloc(strlen(text) + 1024);
    assert(line);
    while (*text) {
        if (!strncmp(text, "@ID@", 4)) {
            to = stpcpy(to, peer->id);
            text += 4;
        } else if (!strncmp(text, "@OLD@", 5)) {
            to = stpcpy(to, peer->old);
            text += 5;
        } else {
            *to++ = *text++;
        }
    }
    strcpy(to, behind);
    return line;
}

static bool send_text(struct peer *peer, const char *text, const char *behind)
{
    char *line = expand(peer, text, behind);
    bool sent = send_bytes(peer, line, strlen(line));

    free(line);
    return sent;
}

static bool send_line(struct peer *peer, const char *text)
{
    return send_text(peer, text, "\r\n");
}

static void pause_ms(unsigned int ms)
{
    struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

    nanosleep(&ts, NULL);
}

static void send_one_by_one(struct peer *peer, const char *text)
{
    char *line = expand(peer, text, "\r\n"), *p;

    for (p = line; *p; p++) {
        if (!send_bytes(peer, p, 1)) break;
        pause_ms(0);
    }
    free(line);
}

static void remember_id(struct peer *peer, const char *line)
{
    const char *id = strstr(line, "\"id\":");
    size_t len;

    if (!id) return;
    id += strlen("\"id\":");
    id += *id == '"';           /* a guest agent's is a number */
    len = strcspn(id, "\"}");
    assert(len < sizeof(peer->id));
    memcpy(peer->old, peer->id, sizeof(peer->old));
    memcpy(peer->id, id, len);
    peer->id[len] = 0;
}

static bool receive_line(struct peer *peer, const char *expected)
{
    size_t len = 0;

    while (len < sizeof(peer->line) - 1 &&
           recv(peer->fd, peer->line + len, 1, 0) == 1) {
        if (peer->line[len++] == '\n') break;
    }
    peer->line[len] = 0;
    remember_id(peer, peer->line);
    return len && strstr(peer->line, expected);
}

static void await_hang_up(struct peer *peer)
{
    char dropped[256];

    while (recv(peer->fd, dropped, sizeof(dropped), 0) > 0)
        ;
}

/* False when there is no use in going on. */
static bool play(struct peer *peer, const struct peer_step *step)
{
    unsigned int i;

    switch (step->action) {
    case PEER_END:
        return false;
    case PEER_SEND:
        return send_line(peer, step->text);
    case PEER_SEND_PART:
        return send_text(peer, step->text, "");
    case PEER_SEND_RAW:
        return send_bytes(peer, step->text, strlen(step->text));
    case PEER_ZERO:
        return send_bytes(peer, "", 1);
    case PEER_SEND_BYTES:
        send_one_by_one(peer, step->text);
        return true;
    case PEER_RECEIVE:
        if (receive_line(peer, step->text)) return true;
        if (*step->text) peer->missing = step->text;
        return false;
    case PEER_SLEEP:
        pause_ms(step->number);
        return true;
    case PEER_SILENCE:
        await_hang_up(peer);
        return false;
    case PEER_FLOOD:
        while (send_line(peer, step->text))
            ;
        return false;
    case PEER_REPEAT:
        for (i = 0; i < step->number; i++) {
            if (!send_line(peer, step->text)) return false;
        }
        return true;
    }
    return false;
}

static void *run(void *user)
{
    struct peer *peer = user;
    const struct peer_step *step;

    if (peer->listener >= 0) {
        peer->fd = accept(peer->listener, NULL, NULL);
        assert(peer->fd >= 0);
    }
    for (step = peer->script; play(peer, step); step++)
        ;
    close(peer->fd);
    return NULL;
}

static struct peer *start(const struct peer_step *script, int listener, int fd)
{
    struct peer *peer;
    int r;

    peer = calloc(1, sizeof(*peer));
    assert(peer);
    peer->script = script;
    peer->listener = listener;
    peer->fd = fd;
    r = pthread_create(&peer->thread, NULL, run, peer);
    assert(!r);
    return peer;
}

struct peer *peer_start(const struct peer_step *script, int *fd_r)
{
    int fds[2], r;

    r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
    assert(!r);
    *fd_r = fds[0];
    return start(script, -1, fds[1]);
}

struct peer *peer_listen(const struct peer_step *script, const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd, r;

    assert(strlen(path) < sizeof(addr.sun_path));
    strcpy(addr.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0);
    r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    assert(!r);
    r = listen(fd, 1);
    assert(!r);
    return start(script, fd, -1);
}

void peer_finish(struct peer *peer)
{
    pthread_join(peer->thread, NULL);
    if (peer->listener >= 0) close(peer->listener);
    if (peer->missing) {
        fprintf(stderr, "the client did not send %s\n", peer->missing);
        abort();
    }
    free(peer);
}
