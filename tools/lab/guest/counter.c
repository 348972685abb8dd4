/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The counting guest: a witness that RAM and disks are of one instant.
 *
 * Each tick it raises a count in RAM and writes the same count to the first
 * block of every disk, one disk after the other, each write acknowledged by the
 * disk before the next. So at any instant, with c the count in RAM:
 *
 *     c >= disk 1 >= disk 2 >= ... >= disk N >= c - 1
 *
 * Before each write it reads the block back and compares all of it with what
 * was acknowledged last. No read is ever under way together with a write of the
 * same block: a write that is cut off by a snapshot is issued again by blkfront
 * after the restore, and acknowledged before the program goes on. So the
 * comparison is strict, and a disk that is older or newer than the RAM
 * beside it shows at the first tick. The same holds for a larger region,
 * a chunk at a time, of which RAM has a copy and a checksum.
 *
 * It publishes what it knows in xenstore (data/lab/state) and obeys
 * data/lab/command. It is process 1 of the guest.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "counter.h"

#define GAP_MS      5

struct options opt = { .disks = 1, .region_mb = 4, .hz = 20 };
unsigned long long boot_id;
_Atomic unsigned long long count, verified, churned;
_Atomic unsigned max_gap_ms;
_Atomic bool gaps_wanted;

static unsigned bad;
static char why[128] = "-";
static pthread_mutex_t why_lock = PTHREAD_MUTEX_INITIALIZER;

void sleep_ms(unsigned ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

    nanosleep(&t, NULL);
}

/* The first reason is kept: later ones follow from it. */
void complain(const char *format, ...)
{
    va_list ap;

    pthread_mutex_lock(&why_lock);
    if (!bad) {
        va_start(ap, format);
        vsnprintf(why, sizeof(why), format, ap);
        va_end(ap);
        printf("lab: bad: %s\n", why);
    }
    bad++;
    pthread_mutex_unlock(&why_lock);
}

unsigned complaints(char *reason, size_t size)
{
    unsigned n;

    pthread_mutex_lock(&why_lock);
    n = bad;
    snprintf(reason, size, "%s", why);
    pthread_mutex_unlock(&why_lock);
    return n;
}

void *aligned(size_t size)
{
    void *p;

    if (posix_memalign(&p, BLOCK, size)) {
        puts("lab: out of memory");
        exit(1);
    }
    memset(p, 0, size);
    return p;
}

uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

void fill(unsigned char *buffer, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t v = mix(seed + i);

        memcpy(buffer + i, &v, 8);
    }
}

static void *counting(void *unused)
{
    for (;;) {
        sleep_ms(opt.idle ? 1000 : 1000 / opt.hz);
        count++;
        if (!opt.idle)
            tick_disks();
    }
    return unused;
}

/* Dirty the asked-for memory over and over, about once a second. */
static void *churning(void *unused)
{
    size_t size = (size_t)opt.churn_mb << 20;
    unsigned char *memory = aligned(size);

    for (;;) {
        for (size_t at = 0; at < size; at += BLOCK) {
            fill(memory + at, 64, mix(churned) + at);
            if (at % (size / 16 / BLOCK * BLOCK + BLOCK) == 0)
                sleep_ms(50);
        }
        churned++;
    }
    return unused;
}

/*
 * The longest time for which this guest stood still since it was asked to
 * watch, by the processor's own counter: the kernel's clocks leave a suspension
 * out.
 */
static void *watching_gaps(void *unused)
{
    struct timespec a, b;
    unsigned long long start, last, now, per_ms;

    clock_gettime(CLOCK_MONOTONIC, &a);
    start = __rdtsc();
    sleep_ms(500);
    clock_gettime(CLOCK_MONOTONIC, &b);
    last = __rdtsc();
    per_ms = (last - start) * 1000 /
             ((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
    if (!per_ms)
        return unused;
    for (;;) {
        /* Looking costs an emulated processor a tenth of itself. */
        if (!gaps_wanted) {
            sleep_ms(200);
            last = __rdtsc();
            continue;
        }
        sleep_ms(GAP_MS);
        now = __rdtsc();
        if (now > last && (now - last) / per_ms > max_gap_ms)
            max_gap_ms = (now - last) / per_ms;
        last = now;
    }
    return unused;
}

static void read_options(void)
{
    char line[2048] = "", *save = NULL;
    int fd = open("/proc/cmdline", O_RDONLY);

    if (fd >= 0) {
        ssize_t n = read(fd, line, sizeof(line) - 1);

        line[n > 0 ? n : 0] = 0;
        close(fd);
    }
    for (char *word = strtok_r(line, " \n", &save); word;
         word = strtok_r(NULL, " \n", &save)) {
        unsigned value;

        if (sscanf(word, "lab.disks=%u", &value) == 1 && value <= MAX_DISKS)
            opt.disks = value;
        else if (sscanf(word, "lab.churn=%u", &value) == 1)
            opt.churn_mb = value;
        else if (sscanf(word, "lab.region=%u", &value) == 1)
            opt.region_mb = value;
        else if (sscanf(word, "lab.hz=%u", &value) == 1 && value && value <= 200)
            opt.hz = value;
        else if (!strncmp(word, "lab.fs=", 7))
            opt.files = true;
        else if (!strcmp(word, "lab.idle"))
            opt.idle = true;
    }
}

static void start(void *(*thread)(void *))
{
    pthread_t id;

    if (pthread_create(&id, NULL, thread, NULL)) {
        puts("lab: no thread");
        exit(1);
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    read_options();
    if (getrandom(&boot_id, sizeof(boot_id), 0) != sizeof(boot_id))
        boot_id = __rdtsc();
    open_disks();
    printf("lab: boot=%016llx disks=%u\n", boot_id, opt.disks);
    start(counting);
    start(publishing);
    if (opt.churn_mb)
        start(churning);
    if (opt.files)
        start(writing_files);
    if (!opt.idle)
        start(watching_gaps);
    for (;;) {                  /* process 1 buries the kernel's helpers */
        if (wait(NULL) < 0)
            sleep_ms(1000);
    }
}
