/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/test_hooks.h"

#ifdef ENABLE_TEST_HOOKS

void test_hooks_reached(const char *point)
{
    const char *trace = getenv("XL_SNAPSHOT_TRACE_POINTS");
    const char *stop = getenv("XL_SNAPSHOT_STOP_AT");
    FILE *f = trace ? fopen(trace, "ae") : NULL;

    if (f) {
        fprintf(f, "%s\n", point);
        fclose(f);
    }
    if (stop && !strcmp(stop, point)) raise(SIGKILL);
}

bool test_hooks_guarded(void)
{
    const char *no = getenv("XL_SNAPSHOT_NO_GUARD");

    return !no || !*no;
}

void test_hooks_forget(void)
{
    unsetenv("XL_SNAPSHOT_STOP_AT");
    unsetenv("XL_SNAPSHOT_TRACE_POINTS");
}

#else

void test_hooks_reached(const char *point)
{
    (void)point;
}

bool test_hooks_guarded(void)
{
    return true;
}

void test_hooks_forget(void)
{
}

#endif
