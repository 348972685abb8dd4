/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "libxl/memory_stage.h"

#define MIB (1u << 20)

static uint64_t seen;

static void count(void *user, uint64_t bytes, uint64_t estimate)
{
    assert_true(bytes >= seen);
    seen = bytes;
}

static int temporary(void)
{
    char name[] = "/tmp/memory-stage-XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    return fd;
}

/* A pattern in which every place can be told from every other. */
static void fill(unsigned char *p, size_t len, uint64_t at)
{
    size_t i;

    for (i = 0; i < len; i++, at++) p[i] = (at * 2654435761u) >> 13;
}

static int feed(int fd, uint64_t total, size_t piece)
{
    unsigned char *buf = malloc(piece);
    uint64_t done;
    size_t part, off;
    ssize_t r;

    for (done = 0; done < total; done += part) {
        part = total - done < piece ? total - done : piece;
        fill(buf, part, done);
        for (off = 0; off < part; off += r) {
            r = write(fd, buf + off, part - off);
            if (r < 0) {
                free(buf);
                return errno;
            }
        }
    }
    free(buf);
    return 0;
}

static void check_file(int fd, uint64_t total)
{
    static unsigned char got[65536], want[65536];
    uint64_t done;
    ssize_t r;

    assert_int_equal(lseek(fd, 0, SEEK_END), total);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    for (done = 0; done < total; done += r) {
        r = read(fd, got, sizeof(got));
        assert_true(r > 0);
        fill(want, r, done);
        assert_memory_equal(got, want, r);
    }
}

static void through_with(uint64_t total, size_t piece, uint64_t buffer,
                         uint64_t ready, bool hold)
{
    struct memory_stage_args args = {
        .out_fd = temporary(), .buffer = buffer, .estimate = total,
        .ready = ready, .hold = hold, .progress = count,
    };
    struct memory_stage *stage;
    uint64_t bytes = 0;
    int fd, errnoval = 0;

    seen = 0;
    assert_int_equal(memory_stage_start(&args, &stage, &fd), 0);
    assert_int_equal(feed(fd, total, piece), 0);
    assert_int_equal(memory_stage_finish(stage, &bytes, &errnoval), 0);
    assert_int_equal(bytes, total);
    assert_int_equal(seen, total);
    check_file(args.out_fd, total);
    close(args.out_fd);
}

static void through(uint64_t total, size_t piece, uint64_t buffer)
{
    through_with(total, piece, buffer, 0, false);
    through_with(total, piece, buffer, buffer, false);
    through_with(total, piece, buffer, 0, true);
    through_with(total, piece, buffer, buffer, true);
}

static void everything_arrives(void **state)
{
    through(0, 1, MIB);
    through(1, 1, MIB);
    through(MIB, MIB, MIB);
    through(MIB + 1, 4096, MIB);
    through(37 * MIB + 17, 12345, 4 * MIB);
}

/* A buffer below one chunk still has to let things through. */
static void tiny_buffer(void **state)
{
    through(5 * MIB, 65536, 1);
}

/* What is held back is written at the end, and not before as long as it fits. */
static void held_back(void **state)
{
    struct memory_stage_args args = {
        .out_fd = temporary(), .buffer = 4 * MIB, .ready = 4 * MIB,
        .hold = true,
    };
    struct memory_stage *stage;
    uint64_t bytes = 0;
    int fd, errnoval = 0;

    assert_int_equal(memory_stage_start(&args, &stage, &fd), 0);
    assert_int_equal(feed(fd, 3 * MIB, MIB), 0);
    usleep(100000);
    assert_int_equal(lseek(args.out_fd, 0, SEEK_END), 0);
    assert_int_equal(memory_stage_finish(stage, &bytes, &errnoval), 0);
    assert_int_equal(bytes, 3 * MIB);
    check_file(args.out_fd, 3 * MIB);
    close(args.out_fd);
}

/* A full disk is told, and whoever writes to the pipe is not left hanging. */
static void disk_full(void **state)
{
    struct memory_stage_args args = {
        .out_fd = open("/dev/full", O_WRONLY), .buffer = 4 * MIB,
    };
    struct memory_stage *stage;
    uint64_t bytes = 77;
    int fd, errnoval = 0;

    assert_int_equal(memory_stage_start(&args, &stage, &fd), 0);
    assert_int_equal(feed(fd, 64 * MIB, MIB), 0);
    assert_int_equal(memory_stage_finish(stage, &bytes, &errnoval),
                     ERROR_FAIL);
    assert_int_equal(errnoval, ENOSPC);
    assert_int_equal(bytes, 77);
    close(args.out_fd);
}

/* A disk that takes nothing more: abort must not wait for it to be read. */
static void abort_discards(void **state)
{
    struct memory_stage_args args = { .buffer = 8 * MIB };
    struct memory_stage *stage;
    int fd;

    args.out_fd = temporary();
    assert_int_equal(memory_stage_start(&args, &stage, &fd), 0);
    assert_int_equal(feed(fd, 3 * MIB, MIB), 0);
    memory_stage_abort(stage);
    memory_stage_abort(NULL);
    close(args.out_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives),
        cmocka_unit_test(tiny_buffer),
        cmocka_unit_test(held_back),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(abort_discards),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
