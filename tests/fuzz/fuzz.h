/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzing the readers of what others may have made. Each target is a function as
 * libFuzzer wants it:
 *
 *   clang -fsanitize=fuzzer,address,undefined ... tests/fuzz/image.c memory/... (.c)
 *
 * and with driver.c, which knows no coverage but needs no clang, a test: it changes
 * what the target gives it to begin with, FUZZ_RUNS times (SEED=N repeats).
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For the driver: something sound, *data_r malloc'd. */
void fuzz_begin_with(unsigned *seed, uint8_t **data_r, size_t *size_r);

#endif
