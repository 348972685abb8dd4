/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory images compared, against the guests that they are of, page by page.
 * SEED=N repeats a run.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxl.h>

#include "memory/diff.h"
#include "memory/intake.h"
#include "memory/merge.h"
#include "tests/memory/guest.h"

#define NUM_IMAGES 9
#define NUM_PAGES 3000u

/* A tree of them. */
static struct image {
    int fd, parent;             /* parent: -1: it is whole */
    struct guest guest;
} images[NUM_IMAGES];

static struct work_pool *pool;
static unsigned seed;

static int temporary(void)
{
    char name[] = "/tmp/memory-diff-XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    return fd;
}

static unsigned files_of(int i, struct memory_file *files)
{
    unsigned num = 0;

    for (; i >= 0; i = images[i].parent)
        files[num++] = (struct memory_file){ images[i].fd, "image" };
    return num;
}

static void write_all(int fd, const struct bytes *stream)
{
    size_t done = 0;
    ssize_t r;

    while (done < stream->len) {
        r = write(fd, stream->data + done, stream->len - done);
        assert_true(r > 0);
        done += (size_t)r;
    }
}

static void save(int i)
{
    const struct guest_stream stream = { .rest = 500 };
    struct intake_args args = {
        .fd = images[i].fd, .memory_bytes = NUM_PAGES * GUEST_PAGE,
        .limit = 1u << 30,
    };
    struct intake_image_args image = { .level = 1, .pool = pool };
    struct memory_file files[NUM_IMAGES];
    struct memory_chain *parent = NULL;
    struct intake_result result;
    struct bytes saved = { 0 };
    struct diag diag = { "" };
    struct intake *in;
    int pipe_fd;

    image.uuid[0] = 1;
    image.uuid[15] = (uint8_t)i;
    guest_save(&images[i].guest, &stream, &saved, &seed);
    assert_int_equal(intake_start(&args, &in, &pipe_fd), 0);
    write_all(pipe_fd, &saved);
    assert_int_equal(intake_end(in, &diag), 0);
    if (images[i].parent >= 0)
        assert_int_equal(memory_chain_open(files,
                                           files_of(images[i].parent, files),
                                           false, pool, &parent, &diag), 0);
    image.parent = parent;
    assert_int_equal(intake_image(in, &image, &result, &diag), 0);
    memory_chain_close(parent);
    intake_free(in);
    bytes_free(&saved);
}

/* The guest gives pages back, and gets others. */
static void balloon(struct guest *guest)
{
    static const uint8_t types[] = { GUEST_HOLE, 0, 0xf };
    unsigned i;
    uint64_t pfn;

    for (i = 0; i < 40; i++) {
        pfn = (unsigned)rand_r(&seed) % guest->num;
        guest->type[pfn] = types[(unsigned)rand_r(&seed) % 3];
        memset(guest->memory + pfn * GUEST_PAGE,
               guest->type[pfn] ? 0 : (int)(i % 3), GUEST_PAGE);
    }
}

static int begin(void **state)
{
    const char *given = getenv("SEED");
    int i;

    seed = given ? (unsigned)atoi(given)
                 : (unsigned)time(NULL) ^ (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    if (work_pool_start(&pool)) return -1;
    for (i = 0; i < NUM_IMAGES; i++) {
        struct image *image = &images[i];

        image->fd = temporary();
        image->parent = i ? (int)((unsigned)rand_r(&seed) % (unsigned)i) : -1;
        /* One that has nothing in common with those before, nor the last one
         * with it. */
        if (i == 5) image->parent = -1;
        if (i == 8) image->parent %= 5;
        if (image->parent < 0) {
            guest_make(&image->guest, NUM_PAGES, &seed);
        } else {
            guest_copy(&image->guest, &images[image->parent].guest);
            guest_dirty(&image->guest, 20, &seed);
            balloon(&image->guest);
        }
        save(i);
    }
    return 0;
}

static int end(void **state)
{
    int i;

    for (i = 0; i < NUM_IMAGES; i++) {
        close(images[i].fd);
        guest_free(&images[i].guest);
    }
    work_pool_stop(pool);
    return 0;
}

static bool has_page(const struct guest *guest, uint64_t pfn)
{
    return guest->type[pfn] != GUEST_HOLE && (guest->type[pfn] & 0xf) < 0xd;
}

static const uint8_t *page_of(const struct guest *guest, uint64_t pfn)
{
    return guest->memory + pfn * GUEST_PAGE;
}

static bool is_zero(const struct guest *guest, uint64_t pfn)
{
    static const uint8_t zeroes[GUEST_PAGE];

    return has_page(guest, pfn) &&
           !memcmp(page_of(guest, pfn), zeroes, GUEST_PAGE);
}

static struct memory_difference naive(const struct guest *a,
                                      const struct guest *b)
{
    struct memory_difference d = { 0 };
    uint64_t i;

    for (i = 0; i < a->num; i++) {
        bool in_a = has_page(a, i), in_b = has_page(b, i);

        d.pages_a += in_a;
        d.pages_b += in_b;
        d.zero_a += is_zero(a, i);
        d.zero_b += is_zero(b, i);
        d.only_a += in_a && !in_b;
        d.only_b += in_b && !in_a;
        d.changed += in_a && in_b &&
                     memcmp(page_of(a, i), page_of(b, i), GUEST_PAGE);
    }
    return d;
}

static int diff(int a, int b, struct memory_difference *found,
                struct diag *diag)
{
    struct memory_file files_a[NUM_IMAGES], files_b[NUM_IMAGES];

    return memory_diff(files_a, files_of(a, files_a), files_b,
                       files_of(b, files_b), pool, NULL, NULL, found, diag);
}

static void test_all_pairs(void **state)
{
    struct memory_difference found, wanted;
    struct diag diag = { "" };
    int a, b;

    for (a = 0; a < NUM_IMAGES; a++)
        for (b = 0; b < NUM_IMAGES; b++) {
            if (diff(a, b, &found, &diag)) fail_msg("%s", diag.text);
            wanted = naive(&images[a].guest, &images[b].guest);
            if (memcmp(&found, &wanted, sizeof(found)))
                fail_msg("%d to %d: %llu changed, not %llu; %llu, not %llu"
                         " alone in the first", a, b,
                         (unsigned long long)found.changed,
                         (unsigned long long)wanted.changed,
                         (unsigned long long)found.only_a,
                         (unsigned long long)wanted.only_a);
            if (a != b) assert_int_not_equal(found.changed, 0);
        }
}

/* Merged, an image is what it was, with the same UUID, and with less below. */
static void test_merged(void **state)
{
    struct memory_file files[NUM_IMAGES], merged, other[NUM_IMAGES];
    struct memory_difference found, wanted;
    struct memory_chain *chain;
    struct diag diag = { "" };
    uint64_t bytes;
    unsigned num = files_of(8, files);

    merged = (struct memory_file){ temporary(), "merged" };
    assert_int_equal(memory_chain_open(files, num, false, pool, &chain, &diag), 0);
    assert_int_equal(memory_merge(chain, merged.fd, 1, pool, &bytes, &diag), 0);
    memory_chain_close(chain);
    assert_int_equal(memory_diff(&merged, 1, other, files_of(3, other), pool,
                                 NULL, NULL, &found, &diag), 0);
    wanted = naive(&images[8].guest, &images[3].guest);
    assert_memory_equal(&found, &wanted, sizeof(found));
    close(merged.fd);
}

static void test_wrong_files(void **state)
{
    struct memory_file files[NUM_IMAGES], wrong[2];
    struct memory_difference found = { .changed = 7 };
    struct diag diag = { "" };
    unsigned num = files_of(8, files);
    int fd;

    /* What it builds on is another's. */
    wrong[0] = files[0];
    wrong[1] = (struct memory_file){ images[5].fd, "other" };
    assert_int_equal(memory_diff(wrong, 2, &wrong[1], 1, pool, NULL, NULL,
                                 &found, &diag), ERROR_BADFAIL);
    /* Something is missing at the end. */
    assert_int_equal(memory_diff(files, num - 1, &wrong[1], 1, pool, NULL,
                                 NULL, &found, &diag), ERROR_BADFAIL);
    fd = temporary();
    wrong[0] = (struct memory_file){ fd, "empty" };
    assert_int_equal(memory_diff(files, num, wrong, 1, pool, NULL, NULL,
                                 &found, &diag), ERROR_BADFAIL);
    assert_non_null(strstr(diag.text, "empty"));
    assert_int_equal(found.changed, 7);
    close(fd);
}

static bool at_once(void *user)
{
    ++*(int *)user;
    return true;
}

static void test_stopped(void **state)
{
    struct memory_file a[NUM_IMAGES], b[NUM_IMAGES];
    struct memory_difference found;
    struct diag diag = { "" };
    int asked = 0;

    assert_int_equal(memory_diff(a, files_of(8, a), b, files_of(5, b), pool,
                                 at_once, &asked, &found, &diag),
                     ERROR_ABORTED);
    assert_int_equal(asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pairs),
        cmocka_unit_test(test_merged),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_stopped),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
