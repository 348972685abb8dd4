/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "tests/idl/fail_alloc.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

static long remaining;
static bool armed, failed;

void fail_alloc_at(long n)
{
    remaining = n;
    armed = true;
    failed = false;
}

bool fail_alloc_end(void)
{
    armed = false;
    return failed;
}

static bool now(void)
{
    if (!armed || remaining-- > 0) return false;
    armed = false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return now() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = __wrap_malloc(size);

    return copy ? memcpy(copy, s, size) : NULL;
}
