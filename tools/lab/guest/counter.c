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
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define BLOCK       4096
#define CHUNK       65536
#define REGION_AT   (1 << 20)   /* where the larger region starts on a disk */
#define MAX_DISKS   24
#define PUBLISH_MS  50
#define GAP_MS      5

struct disk {
    int fd;
    unsigned char *last;        /* the block as it was acknowledged last */
    unsigned char *region;
    uint64_t *sums;             /* one for each chunk of region */
    unsigned long long found;   /* the count on the disk when we booted */
};

static struct options {
    unsigned disks, churn_mb, region_mb, hz;
    bool idle;
} opt = { .disks = 1, .region_mb = 4, .hz = 20 };

static struct disk disks[MAX_DISKS];
static unsigned long long boot_id;
static _Atomic unsigned long long count, verified, churned;
static _Atomic unsigned bad, max_gap_ms;
static char why[128] = "-";
static pthread_mutex_t why_lock = PTHREAD_MUTEX_INITIALIZER;

static void sleep_ms(unsigned ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

    nanosleep(&t, NULL);
}

/* The first reason is kept: later ones follow from it. */
__attribute__((format(printf, 1, 2)))
static void complain(const char *format, ...)
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

static void *aligned(size_t size)
{
    void *p;

    if (posix_memalign(&p, BLOCK, size)) {
        puts("lab: out of memory");
        exit(1);
    }
    memset(p, 0, size);
    return p;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

static void fill(unsigned char *buffer, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t v = mix(seed + i);

        memcpy(buffer + i, &v, 8);
    }
}

static uint64_t checksum(const unsigned char *buffer, size_t size)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i += 8) {
        uint64_t v;

        memcpy(&v, buffer + i, 8);
        sum = mix(sum ^ v);
    }
    return sum;
}

/* ---- the disks ---- */

/* Text first, so that it can be read from dom0 with head(1); then filling that
 * depends on the count, so that a torn write shows. */
static void make_record(unsigned char *block, unsigned index,
                        unsigned long long value)
{
    memset(block, 0, 128);
    snprintf((char *)block, 128, "xenlab boot=%016llx disk=%u count=%llu\n",
             boot_id, index, value);
    fill(block + 128, BLOCK - 128, value * MAX_DISKS + index);
}

static unsigned long long record_count(const unsigned char *block)
{
    char text[129];
    unsigned long long boot, value;
    unsigned index;

    memcpy(text, block, 128);
    text[128] = 0;
    if (sscanf(text, "xenlab boot=%llx disk=%u count=%llu",
               &boot, &index, &value) != 3)
        return 0;
    return value;
}

static bool write_at(unsigned index, const void *buffer, size_t size, off_t at)
{
    if (pwrite(disks[index].fd, buffer, size, at) == (ssize_t)size)
        return true;
    complain("disk%u:write:%s", index, strerrorname_np(errno));
    return false;
}

static bool read_at(unsigned index, void *buffer, size_t size, off_t at)
{
    if (pread(disks[index].fd, buffer, size, at) == (ssize_t)size)
        return true;
    complain("disk%u:read:%s", index, strerrorname_np(errno));
    return false;
}

static void tick_record(unsigned index, unsigned char *scratch)
{
    struct disk *d = &disks[index];

    if (read_at(index, scratch, BLOCK, 0) && memcmp(scratch, d->last, BLOCK))
        complain("disk%u:has-%llu:wants-%llu", index, record_count(scratch),
                 record_count(d->last));
    make_record(scratch, index, count);
    if (write_at(index, scratch, BLOCK, 0))
        memcpy(d->last, scratch, BLOCK);
}

static void renew_chunk(unsigned index, unsigned chunk)
{
    struct disk *d = &disks[index];
    unsigned char *copy = d->region + (size_t)chunk * CHUNK;

    fill(copy, CHUNK, mix(boot_id + count) + index);
    d->sums[chunk] = checksum(copy, CHUNK);
    write_at(index, copy, CHUNK, REGION_AT + (off_t)chunk * CHUNK);
}

static void tick_chunk(unsigned index, unsigned chunk, unsigned char *scratch)
{
    struct disk *d = &disks[index];
    unsigned char *copy = d->region + (size_t)chunk * CHUNK;

    if (checksum(copy, CHUNK) != d->sums[chunk])
        complain("ram:chunk-%u-of-disk%u", chunk, index);
    if (read_at(index, scratch, CHUNK, REGION_AT + (off_t)chunk * CHUNK) &&
        memcmp(scratch, copy, CHUNK))
        complain("disk%u:chunk-%u", index, chunk);
    renew_chunk(index, chunk);
    verified++;
}

static void open_disk(unsigned index, int fd)
{
    struct disk *d = &disks[index];
    unsigned chunks = opt.region_mb * (1048576 / CHUNK);

    d->fd = fd;
    d->last = aligned(BLOCK);
    d->region = aligned((size_t)chunks * CHUNK + BLOCK);
    d->sums = aligned((chunks + 1) * sizeof(*d->sums));
    read_at(index, d->last, BLOCK, 0);
    d->found = record_count(d->last);
    if (opt.idle)
        return;
    for (unsigned chunk = 0; chunk < chunks; chunk++)
        renew_chunk(index, chunk);
    make_record(d->last, index, 0);
    write_at(index, d->last, BLOCK, 0);
}

/* The first disks, in the order of their names, that can be written. */
static void open_disks(void)
{
    unsigned found = 0;

    for (unsigned tries = 0; tries < 600 && found < opt.disks; tries++) {
        int fds[MAX_DISKS];

        found = 0;
        for (char letter = 'a'; letter <= 'z' && found < opt.disks; letter++) {
            char path[] = "/dev/xvd?";
            int fd;

            path[8] = letter;
            fd = open(path, O_RDWR | O_DIRECT | O_SYNC | O_CLOEXEC);
            if (fd >= 0)
                fds[found++] = fd;
        }
        if (found == opt.disks) {
            for (unsigned i = 0; i < found; i++)
                open_disk(i, fds[i]);
            return;
        }
        for (unsigned i = 0; i < found; i++)
            close(fds[i]);
        sleep_ms(100);
    }
    if (opt.disks)
        complain("disks:%u-of-%u", found, opt.disks);
    opt.disks = 0;
}

static void *counting(void *unused)
{
    unsigned chunks = opt.region_mb * (1048576 / CHUNK);
    unsigned every = opt.hz / 5 ? opt.hz / 5 : 1;   /* five chunks a second */
    unsigned char *scratch = aligned(CHUNK);

    for (;;) {
        sleep_ms(opt.idle ? 1000 : 1000 / opt.hz);
        count++;
        if (opt.idle)
            continue;
        for (unsigned i = 0; i < opt.disks; i++)
            tick_record(i, scratch);
        if (!chunks || count % every)
            continue;
        for (unsigned i = 0; i < opt.disks; i++)
            tick_chunk(i, count / every % chunks, scratch);
    }
    return unused;
}

/* ---- memory ---- */

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
 * The longest time for which this guest stood still, by the processor's own
 * counter: the kernel's clocks leave a suspension out.
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
        sleep_ms(GAP_MS);
        now = __rdtsc();
        if (now > last && (now - last) / per_ms > max_gap_ms)
            max_gap_ms = (now - last) / per_ms;
        last = now;
    }
    return unused;
}

/* ---- xenstore ---- */

struct message {
    uint32_t type, request, transaction, length;
};

enum { XS_READ = 2, XS_WRITE = 11, XS_ERROR = 16, XS_RM = 13 };

static bool transfer(int fd, void *buffer, size_t size)
{
    unsigned char *p = buffer;

    while (size) {
        ssize_t n = read(fd, p, size);

        if (n <= 0)
            return false;
        p += n;
        size -= n;
    }
    return true;
}

/* One request; the reply's text goes to reply (at least 256 bytes). Returns
 * false on an error reply or a broken device. */
static bool xenstore(int fd, uint32_t type, const char *payload, size_t length,
                     char *reply)
{
    char buffer[sizeof(struct message) + 1024];
    struct message m = { .type = type, .length = length };

    memcpy(buffer, &m, sizeof(m));
    memcpy(buffer + sizeof(m), payload, length);
    if (write(fd, buffer, sizeof(m) + length) != (ssize_t)(sizeof(m) + length))
        return false;
    if (!transfer(fd, &m, sizeof(m)) || m.length > 255 ||
        !transfer(fd, reply, m.length))
        return false;
    reply[m.length] = 0;
    return m.type != XS_ERROR;
}

static void publish(int fd)
{
    static const char key[] = "data/lab/state";
    char payload[1024], reply[256];
    size_t n = sizeof(key);

    memcpy(payload, key, n);
    pthread_mutex_lock(&why_lock);
    n += snprintf(payload + n, sizeof(payload) - n,
                  "boot=%016llx count=%llu bad=%u why=%s verified=%llu "
                  "churned=%llu maxgap=%u found=", boot_id,
                  (unsigned long long)count, bad, why,
                  (unsigned long long)verified, (unsigned long long)churned,
                  max_gap_ms);
    pthread_mutex_unlock(&why_lock);
    for (unsigned i = 0; i < opt.disks; i++)
        n += snprintf(payload + n, sizeof(payload) - n, "%s%llu",
                      i ? "," : "", disks[i].found);
    xenstore(fd, XS_WRITE, payload, n, reply);
}

static void obey(int fd)
{
    static const char key[] = "data/lab/command";
    char command[256], reply[256];

    if (!xenstore(fd, XS_READ, key, sizeof(key), command))
        return;
    xenstore(fd, XS_RM, key, sizeof(key), reply);
    printf("lab: command: %s\n", command);
    if (!strcmp(command, "poweroff")) {
        reboot(RB_POWER_OFF);
    } else if (!strcmp(command, "reboot")) {
        reboot(RB_AUTOBOOT);
    } else if (!strcmp(command, "crash")) {
        int trigger = open("/proc/sysrq-trigger", O_WRONLY);

        if (trigger < 0 || write(trigger, "c", 1) != 1)
            complain("command:crash");
    } else if (!strcmp(command, "resetgap")) {
        max_gap_ms = 0;
    } else {
        complain("command:unknown");
    }
}

static void *publishing(void *unused)
{
    int fd = open("/dev/xen/xenbus", O_RDWR);

    if (fd < 0) {
        perror("lab: /dev/xen/xenbus");
        return unused;
    }
    for (unsigned n = 0; ; n++) {
        publish(fd);
        if (n % 2)
            obey(fd);
        sleep_ms(opt.idle ? 500 : PUBLISH_MS);
    }
    return unused;
}

/* ---- */

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
    if (!opt.idle)
        start(watching_gaps);
    for (;;) {                  /* process 1 buries the kernel's helpers */
        if (wait(NULL) < 0)
            sleep_ms(1000);
    }
}
