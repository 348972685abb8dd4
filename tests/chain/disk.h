/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk that fails, and whose plug can be pulled.
 *
 * The tests that use this are linked with --wrap for the system calls by
 * which the chain's files are changed, so that each of them passes through
 * here. Off, they go to the system untouched.
 *
 * Faults: the N-th call fails, or it and all after it do, or the process is
 * gone before it.
 *
 * Recording: every call is carried out and noted. Afterwards any moment can
 * be rebuilt elsewhere as the disk might have been found had the plug been
 * pulled then. The model is harsher than file systems are:
 *  - what was written to a file since its last fsync may be there, be cut
 *    short, be zeros, or not be there at all;
 *  - of the changes to a directory since its last fsync, any may be there
 *    and any may not, in whatever order they were made;
 *  - fsync of a file says nothing about its name, fsync of a directory
 *    nothing about the directory's own name.
 */
#ifndef TESTS_CHAIN_DISK_H
#define TESTS_CHAIN_DISK_H

#include <stdbool.h>
#include <stddef.h>

/* ---- faults ---- */

enum disk_fault {
    DISK_FAIL_ONCE,     /* the N-th call fails */
    DISK_FAIL_FROM,     /* the N-th and all later ones fail */
    DISK_KILL,          /* SIGKILL instead of the N-th */
    DISK_STUTTER,       /* no failure: short writes, and EINTR now and then */
};

/* Counts from 1. */
void disk_fault_begin(enum disk_fault fault, unsigned int n, int errnum);
/* Whether the N-th call was reached. */
bool disk_fault_end(void);

/* ---- recording ---- */

/* Of a directory that exists, is empty and is durable. */
void disk_record_begin(const char *root);
/* A note to find a moment by: everything before it had returned. */
void disk_record_mark(const char *what);
void disk_record_end(void);
void disk_record_free(void);

/* Moments: 0, before the first call, to the number of calls and marks. */
size_t disk_moments(void);
/* The moment of the first mark of that name after another moment, or 0. */
size_t disk_moment_after(size_t moment, const char *what);
/* Whether a sync or the end comes next. However the disk may be found at some
 * moment, it may be found so at the next one of these, too. */
bool disk_is_before_sync(size_t moment);
/* How many ways there are to find the disk at a moment. */
size_t disk_variants(size_t moment);
/* Rebuilds one of them in an empty directory. */
void disk_rebuild(size_t moment, size_t variant, const char *dir);
/* What the last call before the moment was, for messages. */
const char *disk_describe(size_t moment);

#endif
