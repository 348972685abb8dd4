# SPDX-License-Identifier: LGPL-2.1-or-later
# The library's parts that need neither Xen nor QEMU.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-memory-stage tests/unit/test-plan
TESTS += tests/unit/test-memory-stage tests/unit/test-plan
endif

tests_unit_test_memory_stage_SOURCES = tests/unit/test-memory-stage.c
tests_unit_test_memory_stage_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_plan_SOURCES = tests/unit/test-plan.c
tests_unit_test_plan_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
