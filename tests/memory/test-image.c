/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams into images and back: whatever was saved comes out again, or nothing
 * does. SEED=N repeats a run.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "memory/feed.h"
#include "memory/intake.h"
#include "memory/merge.h"
#include "tests/memory/guest.h"

#define MAX_CHAIN 24u

static struct work_pool *pool;
static unsigned seed;

static int begin(void **state)
{
    const char *given = getenv("SEED");

    seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL) ^ (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    return work_pool_start(&pool);
}

static int end(void **state)
{
    work_pool_stop(pool);
    return 0;
}

static int temporary(void)
{
    char name[] = "/tmp/memory-image-XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    return fd;
}

/* ---- saving ---- */

struct save {
    uint64_t limit;             /* of memory for pages */
    int level;
    struct memory_file parents[MAX_CHAIN];
    unsigned num_parents;
};

static void name_image(uint8_t uuid[16], int fd)
{
    memset(uuid, 0, 16);
    uuid[0] = 1;
    uuid[15] = (uint8_t)fd;
}

static int write_stream(int fd, const struct bytes *stream)
{
    size_t done = 0, part;
    ssize_t r;

    while (done < stream->len) {
        part = stream->len - done;
        if (part > 100000) part = 100000;
        r = write(fd, stream->data + done, part);
        if (r < 0) return errno;
        done += (size_t)r;
    }
    return 0;
}

static int save(const struct bytes *stream, const struct save *how, int fd,
                uint64_t memory, struct intake_result *result,
                struct diag *diag)
{
    struct intake_args args = {
        .fd = fd, .memory_bytes = memory, .limit = how->limit,
    };
    struct intake_image_args image = { .level = how->level, .pool = pool };
    struct memory_chain *parent = NULL;
    struct intake *in;
    int pipe_fd, rc;

    name_image(image.uuid, fd);
    assert_int_equal(intake_start(&args, &in, &pipe_fd), 0);
    assert_int_equal(write_stream(pipe_fd, stream), 0);
    rc = intake_end(in, diag);
    if (!rc && how->num_parents)
        rc = memory_chain_open(how->parents, how->num_parents, false, pool, &parent,
                               diag);
    image.parent = parent;
    if (!rc) rc = intake_image(in, &image, result, diag);
    memory_chain_close(parent);
    intake_free(in);
    return rc;
}

static void must_save(const struct bytes *stream, const struct save *how, int fd,
                      uint64_t memory, struct intake_result *result)
{
    struct diag diag = { "" };
    int rc = save(stream, how, fd, memory, result, &diag);

    if (rc) print_error("%s\n", diag.text);
    assert_int_equal(rc, 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), result->bytes);
}

/* ---- restoring ---- */

struct restoring {
    int fd;
    struct bytes bytes;
};

static void *collect(void *arg)
{
    struct restoring *r = arg;
    uint8_t buf[8192];
    ssize_t got;

    while ((got = read(r->fd, buf, sizeof(buf))) > 0)
        bytes_add(&r->bytes, buf, (size_t)got);
    return NULL;
}

static int restore(const struct memory_file *files, unsigned num,
                   struct bytes *stream, struct diag *diag)
{
    struct memory_chain *chain;
    struct restoring r = { 0 };
    pthread_t thread;
    uint64_t sent;
    int fds[2], rc;

    rc = memory_chain_open(files, num, false, pool, &chain, diag);
    if (rc) return rc;
    assert_int_equal(pipe(fds), 0);
    r.fd = fds[0];
    pthread_create(&thread, NULL, collect, &r);
    rc = memory_feed(chain, fds[1], &sent, diag);
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
    memory_chain_close(chain);
    if (!rc) assert_int_equal(sent, r.bytes.len);
    *stream = r.bytes;
    return rc;
}

/* The same guest, and the same rest around its pages. */
static void check_restored(const struct bytes *saved, const struct bytes *restored,
                           const struct guest *guest)
{
    struct bytes rest_a = { 0 }, rest_b = { 0 };
    size_t at_a = 0, at_b = 0;
    struct guest a, b;

    assert_true(guest_restore(saved, guest->num, &a, &rest_a, &at_a));
    assert_true(guest_restore(restored, guest->num, &b, &rest_b, &at_b));
    assert_true(guest_equal(&a, &b));
    assert_memory_equal(a.type, guest->type, guest->num);
    assert_int_equal(rest_a.len, rest_b.len);
    assert_memory_equal(rest_a.data, rest_b.data, rest_a.len);
    assert_int_equal(at_a, at_b);
    assert_true(restored->len <= saved->len);
    guest_free(&a);
    guest_free(&b);
    bytes_free(&rest_a);
    bytes_free(&rest_b);
}

/* By tools/memory-verify, which has nothing of our code. */
static void check_independently(const struct memory_file *files, unsigned num)
{
    const char *srcdir = getenv("srcdir");
    char command[2048];
    int len;
    unsigned i;

    len = snprintf(command, sizeof(command), "%s/tools/memory-verify",
                   srcdir ? srcdir : ".");
    for (i = 0; i < num; i++)
        len += snprintf(command + len, sizeof(command) - (size_t)len,
                        " /proc/%d/fd/%d", (int)getpid(), files[i].fd);
    assert_int_equal(system(command), 0);
}

static void round_trip(uint64_t pages, const struct guest_stream *stream,
                       const struct save *how)
{
    struct bytes saved = { 0 }, restored = { 0 };
    struct intake_result result;
    struct memory_file file = { temporary(), "image" };
    struct diag diag = { "" };
    struct guest guest;

    guest_make(&guest, pages, &seed);
    guest_save(&guest, stream, &saved, &seed);
    must_save(&saved, how, file.fd, pages * GUEST_PAGE, &result);
    assert_true(result.whole);
    assert_int_equal(restore(&file, 1, &restored, &diag), 0);
    check_restored(&saved, &restored, &guest);
    check_independently(&file, 1);
    assert_true(result.bytes <= saved.len + saved.len / 100 + 4096);
    close(file.fd);
    guest_free(&guest);
    bytes_free(&saved);
    bytes_free(&restored);
}

static void test_round_trips(void **state)
{
    static const uint64_t sizes[] = { 0, 1, 2, 511, 1024, 5000 };
    static const uint64_t limits[] = { 1u << 30, 0, 4u << 20 };
    unsigned i, k;

    for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        for (k = 0; k < 3; k++) {
            struct guest_stream stream = {
                .rounds = k, .rest = i == 5 ? 9000000 : 1000 + i,
            };
            struct save how = { .limit = limits[(i + k) % 3], .level = (int)k };

            round_trip(sizes[i], &stream, &how);
        }
}

/* More than one chunk of memory, several blocks, and most of it put aside. */
static void test_little_memory(void **state)
{
    const struct guest_stream stream = { .rounds = 2, .rest = 5000 };
    struct save how = { .limit = 6u << 20, .level = 1 };

    round_trip(8000, &stream, &how);
    how.level = 0;
    how.limit = 0;
    round_trip(8000, &stream, &how);
}

static void merge(const struct memory_file *files, unsigned num, int fd)
{
    struct memory_chain *chain;
    struct diag diag = { "" };
    uint64_t bytes;

    assert_int_equal(memory_chain_open(files, num, true, pool, &chain, &diag), 0);
    assert_int_equal(memory_merge(chain, fd, 1, pool, &bytes, &diag), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), bytes);
    memory_chain_close(chain);
}

/* Some of them become one, in the middle, at the bottom, all: what builds on them,
 * and they themselves, are what they were. files[0] is the newest. */
static void check_merges(const struct memory_file *files, unsigned num,
                         const struct guest *guest, const struct bytes *saved)
{
    static const unsigned parts[][2] = { { 3, 2 }, { 5, 6 }, { 0, 4 }, { 17, 3 },
                                         { 0, 20 } };
    struct memory_file list[MAX_CHAIN];
    struct bytes restored = { 0 };
    struct diag diag = { "" };
    unsigned i, from, part, left;

    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        from = parts[i][0];
        part = parts[i][1];
        left = num - part + 1;
        memcpy(list, files, from * sizeof(*list));
        memcpy(list + from + 1, files + from + part,
               (num - from - part) * sizeof(*list));
        list[from] = (struct memory_file){ temporary(), "merged" };
        merge(files + from, part, list[from].fd);
        check_independently(list, left);
        assert_int_equal(restore(list, left, &restored, &diag), 0);
        check_restored(&saved[num - 1], &restored, &guest[num - 1]);
        bytes_free(&restored);
        assert_int_equal(restore(list + from, left - from, &restored, &diag), 0);
        check_restored(&saved[num - 1 - from], &restored, &guest[num - 1 - from]);
        bytes_free(&restored);
        close(list[from].fd);
    }
}

/* An image, and others that build on it. */
static void test_differences(void **state)
{
    const struct guest_stream stream = { .rest = 1000 };
    struct save how = { .limit = 1u << 30, .level = 1 };
    struct bytes saved[MAX_CHAIN] = { { 0 } }, restored = { 0 };
    struct guest guest[MAX_CHAIN];
    struct memory_file files[MAX_CHAIN];
    struct intake_result result;
    struct diag diag = { "" };
    unsigned i, num = 20;
    uint64_t first = 0;

    for (i = 0; i < num; i++) {
        if (i) {
            guest_copy(&guest[i], &guest[i - 1]);
            guest_dirty(&guest[i], 50, &seed);
        } else {
            guest_make(&guest[i], 4000, &seed);
        }
        guest_save(&guest[i], &stream, &saved[i], &seed);
        files[num - 1 - i] = (struct memory_file){ temporary(), "image" };
        how.num_parents = i;
        memcpy(how.parents, &files[num - i], i * sizeof(*files));
        must_save(&saved[i], &how, files[num - 1 - i].fd, 4000 * GUEST_PAGE,
                  &result);
        if (!i) first = result.bytes;
        else assert_true(result.bytes < first / 8);
    }
    check_independently(files, num);
    for (i = 0; i < num; i++) {
        assert_int_equal(restore(&files[num - 1 - i], i + 1, &restored, &diag), 0);
        check_restored(&saved[i], &restored, &guest[i]);
        bytes_free(&restored);
    }
    check_merges(files, num, guest, saved);
    /* One too few, one too many, and the wrong one. */
    assert_int_equal(restore(files, num - 1, &restored, &diag), ERROR_BADFAIL);
    assert_int_equal(restore(files + 1, num - 2, &restored, &diag), ERROR_BADFAIL);
    assert_int_equal(restore(files + num - 1, 1, &restored, &diag), 0);
    bytes_free(&restored);
    files[1] = files[2];
    assert_int_equal(restore(files, num, &restored, &diag), ERROR_BADFAIL);
    for (i = 0; i < num; i++) {
        if (i != 1) close(files[i].fd);
        guest_free(&guest[i]);
        bytes_free(&saved[i]);
    }
}

/* ---- streams that are not as they should be ---- */

/* What is not understood goes through as it is, with the pages before it in
 * their last state. */
static void test_unknown_records(void **state)
{
    static const uint32_t types[] = { 0x13, 0xd, 0xe, 0x7fffffff };
    struct save how = { .limit = 1u << 30, .level = 1 };
    struct bytes saved, restored;
    struct intake_result result;
    struct diag diag = { "" };
    struct guest guest;
    unsigned i;

    guest_make(&guest, 3000, &seed);
    for (i = 0; i < 5; i++) {
        struct guest_stream stream = { .rounds = 1, .rest = 100, .pages_after = true };
        struct memory_file file = { temporary(), "image" };
        struct bytes rest = { 0 };
        struct guest again;
        size_t at;

        /* The last one is optional: it may come between pages. */
        stream.extra = i < 4 ? types[i] : 0x80000001u;
        memset(&saved, 0, sizeof(saved));
        guest_save(&guest, &stream, &saved, &seed);
        must_save(&saved, &how, file.fd, 3000 * GUEST_PAGE, &result);
        assert_int_equal(result.whole, i == 4);
        assert_int_equal(restore(&file, 1, &restored, &diag), 0);
        assert_true(guest_restore(&restored, guest.num, &again, &rest, &at));
        assert_true(guest_equal(&again, &guest));
        if (i == 4) check_restored(&saved, &restored, &guest);
        guest_free(&again);
        bytes_free(&rest);
        bytes_free(&saved);
        bytes_free(&restored);
        close(file.fd);
    }
    guest_free(&guest);
}

/* Of what is no stream of libxl's at all, every byte. */
static void test_no_stream(void **state)
{
    struct save how = { .limit = 1u << 20, .level = 1 };
    struct memory_file file = { temporary(), "image" };
    struct bytes saved = { 0 }, restored = { 0 };
    struct intake_result result;
    struct diag diag = { "" };
    size_t i;

    for (i = 0; i < 70u << 20; i += 4096) {
        bytes_add(&saved, NULL, 4096);
        memcpy(saved.data + i, &i, sizeof(i));
    }
    must_save(&saved, &how, file.fd, 4096, &result);
    assert_false(result.whole);
    assert_int_equal(restore(&file, 1, &restored, &diag), 0);
    assert_int_equal(restored.len, saved.len);
    assert_memory_equal(restored.data, saved.data, saved.len);
    bytes_free(&saved);
    bytes_free(&restored);
    close(file.fd);
}

/* Cut short anywhere, it is broken; and bytes that change lead to no harm. */
static void test_broken_streams(void **state)
{
    const struct guest_stream stream = { .rest = 50 };
    struct save how = { .limit = 1u << 20, .level = 1 };
    struct intake_result result;
    struct bytes saved = { 0 };
    struct guest guest;
    size_t whole, i;

    guest_make(&guest, 6, &seed);
    guest_save(&guest, &stream, &saved, &seed);
    whole = saved.len;
    for (i = 0; i < whole; i += i > 100 && i + 200 < whole ? 97 : 1) {
        int fd = temporary();
        struct diag diag = { "" };

        saved.len = i;
        assert_int_equal(save(&saved, &how, fd, 6 * GUEST_PAGE, &result, &diag),
                         ERROR_INVAL);
        assert_true(*diag.text);
        close(fd);
    }
    saved.len = whole;
    for (i = 0; i < whole; i += i > 400 && i + 400 < whole ? 61 : 1) {
        int fd = temporary();
        struct diag diag = { "" };

        saved.data[i] ^= 1u << (i & 7);
        (void)save(&saved, &how, fd, 6 * GUEST_PAGE, &result, &diag);
        saved.data[i] ^= 1u << (i & 7);
        close(fd);
    }
    guest_free(&guest);
    bytes_free(&saved);
}

/* The same frame several times in one record. */
static void test_repeated_in_a_record(void **state)
{
    uint64_t limits[] = { 0, 1u << 30 };
    unsigned i, k;

    for (i = 0; i < 2; i++) {
        struct memory_pages_args args = { .limit = limits[i] };
        struct stream_frame frames[6] = { { 7, 0 }, { 7, 0 }, { 7, 0 }, { 8, 0 },
                                          { 8, 0xf }, { 7, 0 } };
        struct iovec iov[6];
        struct memory_pages *pages;
        struct diag diag = { "" };
        const void *data;
        uint64_t pfn = 0;
        uint8_t seen;

        args.spill_fd = temporary();
        assert_int_equal(memory_pages_alloc(&args, &pages), 0);
        for (k = 0; k < 2; k++) {
            assert_int_equal(memory_pages_place(pages, frames, 6, iov, &diag), 0);
            memset(iov[0].iov_base, 1, 4096);
            memset(iov[1].iov_base, 0, 4096);
            memset(iov[2].iov_base, 0, 4096);
            memset(iov[3].iov_base, 9, 4096);
            memset(iov[4].iov_base, 3 + (int)k, 4096);
            assert_int_equal(memory_pages_placed(pages, frames, 6, &diag), 0);
        }
        assert_int_equal(memory_pages_next(pages, &pfn, &seen, &data, &diag), 0);
        assert_int_equal(pfn, 7);
        assert_int_equal(seen, memory_state(MEMORY_DATA, 0));
        assert_int_equal(*(const uint8_t *)data, 4);
        pfn++;
        assert_int_equal(memory_pages_next(pages, &pfn, &seen, &data, &diag), 0);
        assert_int_equal(seen, memory_state(MEMORY_BARE, 0xf));
        assert_int_equal(memory_pages_totals(pages).pages, 2);
        memory_pages_free(pages);
        close(args.spill_fd);
    }
}

/* ---- images that are not as they should be ---- */

/* An error, whether or not it is opened; nothing else. */
static void must_be_noticed(int fd, const char *what, size_t at)
{
    struct memory_file file = { fd, "image" };
    struct bytes stream = { 0 };
    struct diag diag = { "" };
    int rc = restore(&file, 1, &stream, &diag);

    if (rc != ERROR_BADFAIL && rc != ERROR_INVAL) {
        print_error("%s at %zu: %d\n", what, at, rc);
        assert_int_equal(rc, ERROR_BADFAIL);
    }
    assert_true(strstr(diag.text, "image"));
    bytes_free(&stream);
}

/* With every byte changed, one at a time, and cut at every length. */
static void test_damaged_images(void **state)
{
    const struct guest_stream stream = { .rest = 50 };
    struct save how = { .limit = 1u << 30, .level = 1 };
    struct memory_file file = { temporary(), "image" };
    struct bytes saved = { 0 };
    struct intake_result result;
    struct guest guest;
    uint8_t byte, other;
    int cut;
    off_t i;

    guest_make(&guest, 8, &seed);
    /* Small, or this would take long. */
    for (i = 0; i < 8; i++)
        memset(guest.memory + (size_t)i * GUEST_PAGE + 100, 'x', GUEST_PAGE - 100);
    guest_save(&guest, &stream, &saved, &seed);
    must_save(&saved, &how, file.fd, 8 * GUEST_PAGE, &result);
    for (i = 0; i < (off_t)result.bytes; i++) {
        assert_int_equal(pread(file.fd, &byte, 1, i), 1);
        other = byte ^ (uint8_t)(1u << (i & 7));
        assert_int_equal(pwrite(file.fd, &other, 1, i), 1);
        must_be_noticed(file.fd, "changed", (size_t)i);
        assert_int_equal(pwrite(file.fd, &byte, 1, i), 1);
    }
    cut = temporary();
    for (i = 0; i < (off_t)result.bytes; i++) {
        must_be_noticed(cut, "cut", (size_t)i);
        assert_int_equal(pread(file.fd, &byte, 1, i), 1);
        assert_int_equal(pwrite(cut, &byte, 1, i), 1);
    }
    byte = 0;
    assert_int_equal(pwrite(file.fd, &byte, 1, (off_t)result.bytes), 1);
    must_be_noticed(file.fd, "longer", result.bytes);
    close(cut);
    close(file.fd);
    guest_free(&guest);
    bytes_free(&saved);
}

static void test_full_disk(void **state)
{
    const struct guest_stream stream = { .rest = 50 };
    struct save how = { .limit = 1u << 30 };
    struct rlimit old, little;
    struct bytes saved = { 0 };
    struct intake_result result;
    struct guest guest;
    rlim_t size;

    guest_make(&guest, 4000, &seed);
    guest_save(&guest, &stream, &saved, &seed);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    for (size = 0; size < 8u << 20; size = size * 3 + 50) {
        struct diag diag = { "" };
        int fd = temporary();

        little = (struct rlimit){ size, old.rlim_max };
        setrlimit(RLIMIT_FSIZE, &little);
        assert_int_equal(save(&saved, &how, fd, 4000 * GUEST_PAGE, &result,
                              &diag), ERROR_FAIL);
        assert_true(strstr(diag.text, "memory image"));
        setrlimit(RLIMIT_FSIZE, &old);
        close(fd);
    }
    /* Nor is there room for what does not fit into memory. */
    how.limit = 0;
    little = (struct rlimit){ 1u << 20, old.rlim_max };
    setrlimit(RLIMIT_FSIZE, &little);
    size = (rlim_t)temporary();
    assert_int_equal(save(&saved, &how, (int)size, 4000 * GUEST_PAGE, &result,
                          &(struct diag){ "" }), ERROR_FAIL);
    setrlimit(RLIMIT_FSIZE, &old);
    close((int)size);
    guest_free(&guest);
    bytes_free(&saved);
}

/* Who restores goes away in the middle. */
static void test_nobody_listens(void **state)
{
    const struct guest_stream stream = { .rest = 50 };
    struct save how = { .limit = 1u << 30, .level = 1 };
    struct memory_file file = { temporary(), "image" };
    struct bytes saved = { 0 };
    struct intake_result result;
    struct memory_chain *chain;
    struct diag diag = { "" };
    struct guest guest;
    uint64_t sent;
    int fds[2];

    guest_make(&guest, 4000, &seed);
    guest_save(&guest, &stream, &saved, &seed);
    must_save(&saved, &how, file.fd, 4000 * GUEST_PAGE, &result);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(memory_chain_open(&file, 1, false, pool, &chain, &diag), 0);
    assert_int_equal(memory_feed(chain, fds[1], &sent, &diag), ERROR_FAIL);
    assert_true(strstr(diag.text, "gave up"));
    memory_chain_close(chain);
    close(fds[1]);
    close(file.fd);
    guest_free(&guest);
    bytes_free(&saved);
}

/* Somebody gives up: with nothing, and in the middle. */
static void test_given_up(void **state)
{
    struct intake_args args = { .memory_bytes = 1u << 20, .limit = 1u << 20 };
    struct intake *in;
    int pipe_fd;

    args.fd = temporary();
    assert_int_equal(intake_start(&args, &in, &pipe_fd), 0);
    intake_free(in);
    assert_int_equal(intake_start(&args, &in, &pipe_fd), 0);
    assert_int_equal(write(pipe_fd, "LibxlFmt", 8), 8);
    intake_free(in);
    intake_free(NULL);
    close(args.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_little_memory),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_unknown_records),
        cmocka_unit_test(test_no_stream),
        cmocka_unit_test(test_broken_streams),
        cmocka_unit_test(test_repeated_in_a_record),
        cmocka_unit_test(test_damaged_images),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_given_up),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
