/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cmocka with the headers that it wants before it. */
#ifndef TESTS_QMP_CMOCKA_ALL_H
#define TESTS_QMP_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libxl/deadline.h"

/* Did it end in bounded time? started_ms is deadline_now_ms() from before. */
#define assert_took_less(started_ms, ms) \
    assert_true(deadline_now_ms() - (started_ms) < (ms))

#endif
