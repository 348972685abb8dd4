/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the environment can ask for at the named points of an operation, in
 * builds made with --enable-test-hooks; nothing in others:
 *
 *   XL_SNAPSHOT_STOP_AT=POINT        kill this process there, with SIGKILL
 *   XL_SNAPSHOT_TRACE_POINTS=FILE    append each point's name to FILE
 */
#ifndef XL_TEST_HOOKS_H
#define XL_TEST_HOOKS_H

void test_hooks_reached(const char *point);

#endif
