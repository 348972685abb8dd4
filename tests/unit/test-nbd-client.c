/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server that says what it should not, or nothing, to a client that reads. */
#include "config.h"

#include <endian.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "libxl/nbd_client.h"

#define SHORT_MS 200
/* For answers that do come: as long as a busy machine may take. */
#define LONG_MS 60000
#define SIZE (3u << 20)
#define CONTEXT_ID 7u

enum manners {
    GOOD,
    /* In the handshake: */
    SILENT,
    GONE,
    GARBAGE,
    GONE_AFTER_GREETING,
    HUGE_SIZE,
    NO_CONTEXTS,
    /* When it is asked: */
    LATER_SILENT,
    LATER_GONE,
    LATER_GARBAGE,
    HALF_AN_ANSWER,             /* and gone */
    READ_ERROR,
    TOO_LITTLE,                 /* of what was to be read */
    TOO_FAR,                    /* past what was to be read */
    NO_EXTENTS,
    EMPTY_EXTENT,
};

struct server {
    enum manners manners;
    int fd;
    pthread_t thread;
};

/* ---- the server ---- */

static void put(struct server *s, const void *data, size_t len)
{
    /* What a client that has gone does not take is no matter. */
    if (send(s->fd, data, len, MSG_NOSIGNAL) < 0) return;
}

static void put16(struct server *s, uint16_t v)
{
    v = htobe16(v);
    put(s, &v, sizeof(v));
}

static void put32(struct server *s, uint32_t v)
{
    v = htobe32(v);
    put(s, &v, sizeof(v));
}

static void put64(struct server *s, uint64_t v)
{
    v = htobe64(v);
    put(s, &v, sizeof(v));
}

static bool get(struct server *s, void *data, size_t len)
{
    return !len || recv(s->fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

static void put_reply(struct server *s, uint32_t option, uint32_t type,
                      uint32_t len)
{
    put64(s, UINT64_C(0x0003e889045565a9));
    put32(s, option);
    put32(s, type);
    put32(s, len);
}

static void answer_option(struct server *s, uint32_t option)
{
    static const char context[] = "base:allocation";

    switch (option) {
    case 7:                             /* go: the size, and flags */
        put_reply(s, option, 3, 12);
        put16(s, 0);
        put64(s, s->manners == HUGE_SIZE ? UINT64_MAX : SIZE);
        put16(s, 3);
        break;
    case 8:                             /* structured replies */
        break;
    case 10:                            /* contexts */
        if (s->manners == NO_CONTEXTS) break;
        put_reply(s, option, 4, 4 + sizeof(context) - 1);
        put32(s, CONTEXT_ID);
        put(s, context, sizeof(context) - 1);
        break;
    default:                            /* later versions' wishes */
        put_reply(s, option, 0x80000001u, 0);
        return;
    }
    put_reply(s, option, 1, 0);
}

static bool shake_hands(struct server *s)
{
    uint8_t head[16], words[1024];
    uint32_t option = 0, len;

    put(s, "NBDMAGICIHAVEOPT", 16);
    put16(s, 3);
    if (s->manners == GONE_AFTER_GREETING || !get(s, words, 4)) return false;
    while (option != 7) {
        if (!get(s, head, sizeof(head))) return false;
        memcpy(&option, head + 8, sizeof(option));
        memcpy(&len, head + 12, sizeof(len));
        option = be32toh(option);
        len = be32toh(len);
        if (len > sizeof(words) || !get(s, words, len)) return false;
        answer_option(s, option);
    }
    return true;
}

static void put_chunk(struct server *s, const uint8_t *request, uint16_t type,
                      uint32_t len)
{
    put32(s, 0x668e33efu);
    put16(s, 1);                        /* the last one */
    put16(s, type);
    put(s, request + 8, 8);
    put32(s, len);
}

static void answer_read(struct server *s, const uint8_t *request)
{
    uint8_t data[4096];
    uint64_t offset;

    memcpy(&offset, request + 16, sizeof(offset));
    offset = be64toh(offset);
    memset(data, 0x5a, sizeof(data));
    if (s->manners == READ_ERROR) {
        put_chunk(s, request, 0x8001, 6);
        put32(s, 5);                    /* EIO */
        put16(s, 0);
        return;
    }
    put_chunk(s, request, 1, 8 + (s->manners == TOO_LITTLE
                                  ? sizeof(data) / 2 : sizeof(data)));
    put64(s, s->manners == TOO_FAR ? offset + 512 : offset);
    put(s, data, s->manners == TOO_LITTLE || s->manners == HALF_AN_ANSWER
        ? sizeof(data) / 2 : sizeof(data));
}

static void answer_status(struct server *s, const uint8_t *request)
{
    if (s->manners == NO_EXTENTS) {
        put_chunk(s, request, 0, 0);
        return;
    }
    put_chunk(s, request, 5, 20);
    put32(s, CONTEXT_ID);
    put32(s, 65536);
    put32(s, 3);
    put32(s, s->manners == EMPTY_EXTENT ? 0 : SIZE);
    put32(s, 0);
}

static void serve(struct server *s)
{
    uint8_t request[28];

    while (get(s, request, sizeof(request))) {
        switch (s->manners) {
        case LATER_SILENT: continue;
        case LATER_GONE: return;
        case LATER_GARBAGE: put(s, "HTTP/1.1 400 Bad Request", 24); continue;
        default: break;
        }
        if (request[7] == 0) answer_read(s, request);
        if (request[7] == 7) answer_status(s, request);
        if (s->manners == HALF_AN_ANSWER) return;
    }
}

static void *run(void *user)
{
    struct server *s = user;
    char byte;

    if (s->manners == GARBAGE) put(s, "220 mail.example.org ESMTP", 26);
    if (s->manners == SILENT || s->manners == GARBAGE)
        while (get(s, &byte, 1))
            ;
    else if (s->manners != GONE && shake_hands(s))
        serve(s);
    shutdown(s->fd, SHUT_RDWR);
    return NULL;
}

/* ---- the client ---- */

static int start(struct server *s, struct nbd_client *c, enum manners manners,
                 int timeout_ms, struct diag *diag)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    s->manners = manners;
    s->fd = fds[1];
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    nbd_client_init(c);
    return nbd_client_start(c, fds[0], timeout_ms, diag);
}

static void end(struct server *s, struct nbd_client *c)
{
    nbd_client_dispose(c);              /* closes, so the server ends */
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    close(s->fd);
}

static int try_to_start(enum manners manners, int timeout_ms)
{
    struct nbd_client c;
    struct server s;
    struct diag diag = { "" };
    int rc = start(&s, &c, manners, timeout_ms, &diag);

    end(&s, &c);
    assert_true(!rc == !diag.text[0]);
    return rc;
}

static int try_to_read(enum manners manners, int timeout_ms)
{
    uint8_t buf[4096] = { 0 };
    struct nbd_client c;
    struct server s;
    struct diag diag = { "" };
    int rc;

    assert_int_equal(start(&s, &c, manners, LONG_MS, &diag), 0);
    c.timeout_ms = timeout_ms;
    rc = nbd_client_ask(&c, 65536, buf, sizeof(buf), &diag);
    if (!rc) rc = nbd_client_take(&c, &diag);
    end(&s, &c);
    assert_true(!rc == !diag.text[0]);
    if (!rc) assert_int_equal(buf[0] + buf[sizeof(buf) - 1], 2 * 0x5a);
    return rc;
}

static int try_to_ask(enum manners manners)
{
    struct nbd_client c;
    struct server s;
    struct diag diag = { "" };
    int rc;

    assert_int_equal(start(&s, &c, manners, LONG_MS, &diag), 0);
    rc = nbd_client_status(&c, 0, SIZE, &diag);
    end(&s, &c);
    assert_true(!rc == !diag.text[0]);
    return rc;
}

/* ---- tests ---- */

static void test_good(void **state)
{
    const struct image_extents *zeroes;
    struct nbd_client c;
    struct server s;

    (void)state;
    assert_int_equal(try_to_read(GOOD, LONG_MS), 0);
    assert_int_equal(start(&s, &c, GOOD, LONG_MS, NULL), 0);
    assert_int_equal(c.size, SIZE);
    assert_true(c.has[IMAGE_ZEROES]);
    assert_false(c.has[IMAGE_DEPTH]);
    assert_int_equal(nbd_client_status(&c, 0, SIZE, NULL), 0);
    zeroes = &c.extents[IMAGE_ZEROES];
    assert_int_equal(zeroes->num, 2);
    assert_int_equal(zeroes->list[0].length, 65536);
    assert_int_equal(zeroes->list[0].state, LIBNBD_STATE_HOLE | LIBNBD_STATE_ZERO);
    assert_int_equal(zeroes->list[1].length, SIZE);
    assert_int_equal(zeroes->list[1].state, 0);
    end(&s, &c);
}

/* None of these may end this process, with SIGPIPE for example. */
static void test_handshake(void **state)
{
    (void)state;
    assert_int_equal(try_to_start(SILENT, SHORT_MS), ERROR_TIMEDOUT);
    assert_int_equal(try_to_start(GONE, LONG_MS), ERROR_FAIL);
    assert_int_equal(try_to_start(GARBAGE, LONG_MS), ERROR_FAIL);
    assert_int_equal(try_to_start(GONE_AFTER_GREETING, LONG_MS), ERROR_FAIL);
    assert_int_equal(try_to_start(HUGE_SIZE, LONG_MS), ERROR_QEMU_API);
}

static void test_reading(void **state)
{
    (void)state;
    assert_int_equal(try_to_read(LATER_SILENT, SHORT_MS), ERROR_TIMEDOUT);
    assert_int_equal(try_to_read(LATER_GONE, LONG_MS), ERROR_FAIL);
    assert_int_equal(try_to_read(LATER_GARBAGE, LONG_MS), ERROR_FAIL);
    assert_int_equal(try_to_read(HALF_AN_ANSWER, LONG_MS), ERROR_FAIL);
    assert_int_equal(try_to_read(READ_ERROR, LONG_MS), ERROR_FAIL);
    /* What of these is the protocol's and what an input error, libnbd's
     * versions see differently. */
    assert_int_not_equal(try_to_read(TOO_LITTLE, LONG_MS), 0);
    assert_int_not_equal(try_to_read(TOO_FAR, LONG_MS), 0);
}

static void test_status(void **state)
{
    (void)state;
    assert_int_equal(try_to_ask(NO_CONTEXTS), 0);
    assert_int_equal(try_to_ask(NO_EXTENTS), ERROR_QEMU_API);
    assert_int_equal(try_to_ask(EMPTY_EXTENT), ERROR_QEMU_API);
    assert_int_equal(try_to_ask(LATER_GONE), ERROR_FAIL);
    assert_int_equal(try_to_ask(LATER_GARBAGE), ERROR_FAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
