/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory images that build on each other, read as one: random ones, sound or
 * with holes, against a table that is looked up from the top down. SEED=N
 * repeats a run.
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

#include "memory/chain.h"
#include "memory/writer.h"

#define MOST_IMAGES 6
/* More than one block has, now and then. */
#define MOST_PAGES 3000u

static struct work_pool *pool;
static unsigned seed;

/* What each image has of each page frame; [0] is the newest. */
static uint8_t table[MOST_IMAGES][MOST_PAGES];
static unsigned num_images, lengths[MOST_IMAGES];

static unsigned dice(unsigned sides)
{
    return (unsigned)rand_r(&seed) % sides;
}

static uint8_t random_state(unsigned image, bool part, bool sound)
{
    static const enum memory_kind kinds[] = {
        MEMORY_DATA, MEMORY_ZERO, MEMORY_PARENT, MEMORY_PARENT, MEMORY_PARENT,
        MEMORY_BARE, MEMORY_ABSENT
    };
    unsigned num = sound ? 5 : 7;
    enum memory_kind kind = kinds[dice(num)];

    if (kind == MEMORY_PARENT && image + 1 == num_images && !part)
        kind = MEMORY_DATA;
    if (kind == MEMORY_ABSENT) return 0;
    return memory_state(kind, kind == MEMORY_BARE ? 0xf : dice(3));
}

/* In runs of one state. With sound, each page has an owner. */
static void make_table(bool part, bool sound)
{
    unsigned i, pfn, run;
    uint8_t state;

    memset(table, 0, sizeof(table));
    for (i = 0; i < num_images; i++) {
        lengths[i] = sound ? MOST_PAGES : 1 + dice(MOST_PAGES);
        for (pfn = 0; pfn < lengths[i]; ) {
            state = random_state(i, part, sound);
            for (run = 1 + dice(dice(2) ? 5 : 900); run && pfn < lengths[i];
                 run--)
                table[i][pfn++] = state;
        }
    }
}

static void fill(unsigned image, unsigned pfn, unsigned page[MEMORY_PAGE_BYTES / 4])
{
    unsigned i;

    for (i = 0; i < MEMORY_PAGE_BYTES / 4; i++) page[i] = image * 1000000 + pfn;
}

static int write_image(unsigned i, bool part)
{
    struct memory_header header = { .depth = num_images - 1 - i + part };
    unsigned page[MEMORY_PAGE_BYTES / 4], pfn;
    char name[] = "/tmp/memory-chain-XXXXXX";
    struct memory_writer *w;
    uint64_t bytes;
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    header.uuid[0] = (uint8_t)(i + 1);
    if (header.depth) header.parent[0] = (uint8_t)(i + 2);
    assert_int_equal(memory_writer_start(fd, UINT64_MAX, &header, 1, pool, &w,
                                         NULL), 0);
    for (pfn = 0; pfn < lengths[i]; pfn++) {
        if (!table[i][pfn]) continue;
        fill(i, pfn, page);
        assert_int_equal(memory_writer_page(w, pfn, table[i][pfn], page, NULL), 0);
    }
    assert_int_equal(memory_writer_finish(w, 0, &bytes, NULL), 0);
    memory_writer_free(w);
    return fd;
}

enum found { OWNER, BELOW, MISSING };

static enum found look_up(unsigned pfn, bool part, unsigned *image_r)
{
    unsigned i;

    for (i = 0; i < num_images; i++) {
        *image_r = i;
        switch (memory_state_kind(table[i][pfn])) {
        case MEMORY_PARENT: continue;
        case MEMORY_DATA:
        case MEMORY_ZERO: return OWNER;
        default: return i ? MISSING : OWNER;
        }
    }
    return part ? BELOW : MISSING;
}

static void assert_page(const struct memory_page *page, unsigned pfn,
                        enum found found, unsigned image)
{
    unsigned wanted[MEMORY_PAGE_BYTES / 4];
    uint8_t kind = memory_state_kind(page->state);

    assert_int_equal(page->pfn, pfn);
    assert_int_equal(memory_state_type(page->state),
                     memory_state_type(table[0][pfn]));
    if (found == BELOW) {
        assert_int_equal(kind, MEMORY_PARENT);
        return;
    }
    assert_int_equal(kind, memory_state_kind(table[image][pfn]));
    if (kind != MEMORY_DATA) return;
    fill(image, pfn, wanted);
    assert_memory_equal(page->data, wanted, sizeof(wanted));
}

/* true: to its end; false: as far as a page that nobody has. */
static bool read_all(struct memory_chain *chain, bool part)
{
    struct diag diag = { "" };
    struct memory_page page;
    unsigned pfn, image = 0;
    char wanted[40];
    enum found found;
    bool more;

    memory_chain_rewind(chain);
    for (pfn = 0; pfn < lengths[0]; pfn++) {
        if (!table[0][pfn]) continue;
        found = look_up(pfn, part, &image);
        if (found == MISSING) {
            assert_int_equal(memory_chain_next(chain, &page, &more, &diag),
                             ERROR_BADFAIL);
            snprintf(wanted, sizeof(wanted), "page frame %x is in none", pfn);
            assert_non_null(strstr(diag.text, wanted));
            return false;
        }
        assert_int_equal(memory_chain_next(chain, &page, &more, &diag), 0);
        assert_true(more);
        assert_page(&page, pfn, found, image);
    }
    assert_int_equal(memory_chain_next(chain, &page, &more, &diag), 0);
    assert_false(more);
    return true;
}

static bool one(bool part, bool sound)
{
    struct memory_file files[MOST_IMAGES];
    struct memory_chain *chain;
    unsigned i;
    bool whole;

    num_images = 1 + dice(MOST_IMAGES);
    make_table(part, sound);
    for (i = 0; i < num_images; i++)
        files[i] = (struct memory_file){ write_image(i, part), "image" };
    assert_int_equal(memory_chain_open(files, num_images, part, pool, &chain,
                                       NULL), 0);
    whole = read_all(chain, part);
    /* and once more, from the beginning */
    assert_int_equal(read_all(chain, part), whole);
    memory_chain_close(chain);
    for (i = 0; i < num_images; i++) close(files[i].fd);
    return whole;
}

static void test_random(void **state)
{
    const char *given = getenv("SEED");
    unsigned round, whole = 0;
    unsigned rounds = getenv("UNDER_VALGRIND") ? 20 : 200;

    seed = given ? (unsigned)atoi(given)
                 : (unsigned)time(NULL) ^ (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    for (round = 0; round < rounds; round++) {
        assert_true(one(false, true));
        assert_true(one(true, true));
        whole += one(round % 2, false);
    }
    print_message("%u of %u with holes could be read\n", whole, rounds);
    assert_true(whole < rounds);
}

static int begin(void **state)
{
    return work_pool_start(&pool);
}

static int end(void **state)
{
    work_pool_stop(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

    return cmocka_run_group_tests(tests, begin, end);
}
