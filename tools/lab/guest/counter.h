/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the counting guest share; counter.c says what it is for. */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK       4096
#define MAX_DISKS   24

struct options {
    unsigned disks, churn_mb, region_mb, hz;
    bool idle, files;
};

extern struct options opt;
extern unsigned long long boot_id;
extern _Atomic unsigned long long count, verified, churned;
extern _Atomic unsigned max_gap_ms;
extern _Atomic bool gaps_wanted;    /* since the first "resetgap" */

/* counter.c */
void sleep_ms(unsigned ms);
void *aligned(size_t size);
uint64_t mix(uint64_t x);
void fill(unsigned char *buffer, size_t size, uint64_t seed);

/* Note that something is wrong; the first reason is kept. */
__attribute__((format(printf, 1, 2)))
void complain(const char *format, ...);
/* How often complain was called, and the first reason in the caller's buffer. */
unsigned complaints(char *reason, size_t size);

/* disk.c */
void open_disks(void);
/* Check and write every disk, for the present count. */
void tick_disks(void);
/* The count that was on a disk at boot. */
unsigned long long found_on(unsigned index);

/* files.c: write files until the end. */
extern _Atomic unsigned long long files;
void *writing_files(void *unused);

/* xenstore.c: publish, and obey, until the end. */
void *publishing(void *unused);

#endif
