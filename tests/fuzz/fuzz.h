/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzing the readers of what others may have made. Each target is a function as
 * libFuzzer wants it, in a file of its own. Two programs can be made of it:
 *
 *   - with clang's libFuzzer (configure --enable-fuzzing, or "make check-fuzz"
 *     anywhere), one that is led by what it covers;
 *   - with driver.c, which knows no coverage but needs no clang, a test: it runs
 *     what once found a fault (found/), and changes what the target gives it to
 *     begin with, FUZZ_RUNS times (SEED=N repeats).
 *
 * A fault is an abort, a sanitizer's report, a leak, or that it takes too long.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The target's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Something sound, as our own writers make it; *data_r malloc'd. */
void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r);

/*
 * In support.c, for libFuzzer and driver.c: with FUZZ_SEEDS=DIRECTORY in the
 * environment, writes FUZZ_NUM_SEEDS of those there, and ends the program.
 */
#define FUZZ_NUM_SEEDS 40
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A file without a name that holds this; it is to be closed. */
int fuzz_file(const void *data, size_t size);
/* The path of such a file, for who wants one. */
#define FUZZ_PATH_BYTES 40
void fuzz_path(int fd, char path[FUZZ_PATH_BYTES]);

#endif
