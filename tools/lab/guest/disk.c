/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's disks: one record each, and a larger region. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "counter.h"

#define CHUNK       65536
#define REGION_AT   (1 << 20)   /* where the larger region starts on a disk */

struct disk {
    int fd;
    unsigned char *last;        /* the block as it was acknowledged last */
    unsigned char *region;
    uint64_t *sums;             /* one for each chunk of region */
    unsigned long long found;   /* the count on the disk when we booted */
};

static struct disk disks[MAX_DISKS];

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
void open_disks(void)
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

unsigned long long found_on(unsigned index)
{
    return disks[index].found;
}

void tick_disks(void)
{
    static unsigned char scratch[CHUNK] __attribute__((aligned(BLOCK)));
    unsigned chunks = opt.region_mb * (1048576 / CHUNK);
    unsigned every = opt.hz / 5 ? opt.hz / 5 : 1;   /* five chunks a second */

    for (unsigned i = 0; i < opt.disks; i++)
        tick_record(i, scratch);
    if (!chunks || count % every)
        return;
    for (unsigned i = 0; i < opt.disks; i++)
        tick_chunk(i, count / every % chunks, scratch);
}
