/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libxl/qmp_transport.h"
#include "tests/qmp/cmocka_all.h"
#include "tests/qmp/peer.h"

#define SMALL 64

struct fixture {
    struct qmp_transport *t;
    struct peer *peer;
    struct diag diag;
};

static void begin(struct fixture *f, const struct peer_step *script,
                  size_t max_message)
{
    int fd, rc;

    memset(f, 0, sizeof(*f));
    f->peer = peer_start(script, &fd);
    rc = qmp_transport_adopt(fd, max_message, &f->t, &f->diag);
    assert_int_equal(rc, 0);
}

static void end(struct fixture *f)
{
    qmp_transport_free(f->t);
    peer_finish(f->peer);
}

static void expect_line(struct fixture *f, const char *line)
{
    const char *text;
    size_t len;
    int rc;

    rc = qmp_transport_receive(f->t, deadline_after(5000), &text, &len,
                               &f->diag);
    assert_int_equal(rc, 0);
    assert_int_equal(len, strlen(line));
    assert_memory_equal(text, line, len);
}

static void expect_failure(struct fixture *f, unsigned int ms, int expected)
{
    const char *text = "untouched";
    int64_t started = deadline_now_ms();
    size_t len = 42;
    int rc;

    rc = qmp_transport_receive(f->t, deadline_after(ms), &text, &len,
                               &f->diag);
    assert_int_equal(rc, expected);
    assert_took_less(started, ms + 2000);
    assert_string_equal(text, "untouched");
    assert_int_equal(len, 42);
    assert_true(f->diag.text[0]);
}

static void test_lines(void **state)
{
    static const struct peer_step script[] = {
        { PEER_SEND, "one", 0 },
        { PEER_SEND_RAW, "two\n\r\n\nthree\r\nfo", 0 },
        { PEER_SEND_RAW, "ur\n", 0 },
        { PEER_SEND_BYTES, "five", 0 },
        { PEER_SILENCE, NULL, 0 },
    };
    static const char *const lines[] = { "one", "two", "three", "four", "five" };
    struct fixture f;
    size_t i;

    begin(&f, script, QMP_TRANSPORT_MAX_MESSAGE);
    for (i = 0; i < 5; i++)
        expect_line(&f, lines[i]);
    end(&f);
}

static void test_half_a_line_is_kept(void **state)
{
    static const struct peer_step script[] = {
        { PEER_SEND_RAW, "be", 0 },
        { PEER_RECEIVE, "go on", 0 },
        { PEER_SEND, "gin", 0 },
        { PEER_SILENCE, NULL, 0 },
    };
    struct fixture f;
    int rc;

    begin(&f, script, SMALL);
    expect_failure(&f, 50, ERROR_TIMEDOUT);
    rc = qmp_transport_send(f.t, "go on", 5, deadline_after(1000), &f.diag);
    assert_int_equal(rc, 0);
    expect_line(&f, "begin");
    end(&f);
}

static void test_the_limit(void **state)
{
    static const struct peer_step script[] = {
        /* 62 and CR LF: just fits */
        { PEER_SEND, "12345678901234567890123456789012345678901234567890"
          "123456789012", 0 },
        { PEER_SEND, "12345678901234567890123456789012345678901234567890"
          "123456789012", 0 },
        { PEER_SEND, "12345678901234567890123456789012345678901234567890"
          "123456789012x", 0 },
        { PEER_SILENCE, NULL, 0 },
    };
    struct fixture f;
    int rc;

    begin(&f, script, SMALL);
    expect_line(&f, script[0].text);
    expect_line(&f, script[0].text);
    expect_failure(&f, 5000, ERROR_BUFFERFULL);
    /* and nothing works from there on */
    expect_failure(&f, 50, ERROR_PROTOCOL_ERROR_QMP);
    rc = qmp_transport_send(f.t, "x", 1, deadline_after(1000), &f.diag);
    assert_int_equal(rc, ERROR_PROTOCOL_ERROR_QMP);
    end(&f);
}

static void test_a_long_line(void **state)
{
    char *text = malloc(1000001);
    struct peer_step script[] = {
        { PEER_SEND, NULL, 0 },
        { PEER_SILENCE, NULL, 0 },
    };
    struct fixture f;

    memset(text, 'x', 1000000);
    text[1000000] = 0;
    script[0].text = text;
    begin(&f, script, QMP_TRANSPORT_MAX_MESSAGE);
    expect_line(&f, text);
    end(&f);
    free(text);
}

static void test_no_line_ends(void **state)
{
    static const struct peer_step script[] = {
        { PEER_SLEEP, NULL, 10 },
        { PEER_END, NULL, 0 },
    };
    struct fixture f;

    begin(&f, script, SMALL);
    expect_failure(&f, 5000, ERROR_PROTOCOL_ERROR_QMP);
    end(&f);
}

static void test_the_end_of_half_a_line(void **state)
{
    static const struct peer_step script[] = {
        { PEER_SEND_RAW, "hal", 0 },
        { PEER_END, NULL, 0 },
    };
    struct fixture f;

    begin(&f, script, SMALL);
    expect_failure(&f, 5000, ERROR_PROTOCOL_ERROR_QMP);
    end(&f);
}

/* Empty lines are passed over: they must not let the deadline pass too. */
static void test_a_flood_of_nothing(void **state)
{
    static const struct peer_step script[] = {
        { PEER_FLOOD, "", 0 },
    };
    struct fixture f;

    begin(&f, script, SMALL);
    expect_failure(&f, 100, ERROR_TIMEDOUT);
    end(&f);
}

/* A peer that does not read, and then hangs up: no signal, no hanging. */
static void test_sending(void **state)
{
    static const struct peer_step script[] = {
        { PEER_SLEEP, NULL, 300 },
        { PEER_END, NULL, 0 },
    };
    size_t len = 8u << 20;
    char *text = malloc(len);
    int64_t started = deadline_now_ms();
    struct fixture f;
    int rc;

    memset(text, 'x', len);
    begin(&f, script, SMALL);
    rc = qmp_transport_send(f.t, text, len, deadline_after(50), &f.diag);
    assert_int_equal(rc, ERROR_TIMEDOUT);
    end(&f);

    begin(&f, script, SMALL);
    rc = qmp_transport_send(f.t, text, len, deadline_after(5000), &f.diag);
    assert_int_equal(rc, ERROR_PROTOCOL_ERROR_QMP);
    end(&f);
    assert_took_less(started, 4000);
    free(text);
}

static void test_descriptor_flags(void **state)
{
    int fds[2], r, rc;
    struct qmp_transport *t;

    r = socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    assert_int_equal(r, 0);
    rc = qmp_transport_adopt(fds[0], SMALL, &t, NULL);
    assert_int_equal(rc, 0);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    qmp_transport_free(t);
    close(fds[1]);

    assert_int_equal(qmp_transport_adopt(-1, SMALL, &t, NULL), ERROR_FAIL);
}

static void test_connecting(void **state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char directory[] = "/tmp/xls-transport.XXXXXX", path[128], longer[256];
    struct qmp_transport *t = NULL, *queued[3] = { NULL, NULL, NULL };
    struct diag diag;
    int64_t started;
    int fd, r, rc, i;

    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/socket", directory);
    rc = qmp_transport_connect(path, SMALL, deadline_after(100), &t, &diag);
    assert_int_equal(rc, ERROR_NOTFOUND);
    memset(longer, 'x', sizeof(longer));
    longer[255] = 0;
    rc = qmp_transport_connect(longer, SMALL, deadline_after(100), &t, &diag);
    assert_int_equal(rc, ERROR_INVAL);

    strcpy(addr.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    assert_int_equal(r, 0);
    rc = qmp_transport_connect(path, SMALL, deadline_after(100), &t, &diag);
    assert_int_equal(rc, ERROR_NOTFOUND);       /* nobody listens */

    r = listen(fd, 0);
    assert_int_equal(r, 0);
    started = deadline_now_ms();
    for (i = 0, rc = 0; i < 3 && !rc; i++)
        rc = qmp_transport_connect(path, SMALL, deadline_after(200), &queued[i],
                                   &diag);
    assert_int_equal(rc, ERROR_TIMEDOUT);       /* its queue is full */
    assert_took_less(started, 3000);
    for (i = 0; i < 3; i++)
        qmp_transport_free(queued[i]);
    close(fd);
    assert_null(t);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_half_a_line_is_kept),
        cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_a_long_line),
        cmocka_unit_test(test_no_line_ends),
        cmocka_unit_test(test_the_end_of_half_a_line),
        cmocka_unit_test(test_a_flood_of_nothing),
        cmocka_unit_test(test_sending),
        cmocka_unit_test(test_descriptor_flags),
        cmocka_unit_test(test_connecting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
