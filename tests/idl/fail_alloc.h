/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make an allocation fail. A program that uses this is linked with
 * -Wl,--wrap=malloc, and the same for calloc, realloc and strdup, so that
 * every call from its own objects comes through here.
 */
#ifndef XLS_TESTS_FAIL_ALLOC_H
#define XLS_TESTS_FAIL_ALLOC_H

#include <stdbool.h>

/* From now on n allocations work, and then one does not. */
void fail_alloc_at(long n);
/* All work again. Whether one failed. */
bool fail_alloc_end(void);

#endif
