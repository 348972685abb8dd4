/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the environment can ask for at the named points of an operation, in
 * builds made with --enable-test-hooks; nothing in others:
 *
 *   XL_SNAPSHOT_STOP_AT=POINT        kill this process there, with SIGKILL
 *   XL_SNAPSHOT_TRACE_POINTS=FILE    append each point's name to FILE
 *   XL_SNAPSHOT_NO_GUARD=1           start no guard, as if it were killed, too
 */
#ifndef XL_TEST_HOOKS_H
#define XL_TEST_HOOKS_H

#include <stdbool.h>

void test_hooks_reached(const char *point);

bool test_hooks_guarded(void);

/* A guard does not stop where its master did. */
void test_hooks_forget(void);

#endif
