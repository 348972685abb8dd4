# SPDX-License-Identifier: LGPL-2.1-or-later
# Watching a domain's end, without a hypervisor.
if HAVE_CMOCKA

watch_tests = \
	tests/unit/watch-child \
	tests/unit/watch-lock \
	tests/unit/watch-monitor \
	tests/unit/watch-plan \
	tests/unit/watch-scan \
	tests/unit/watch-start
check_PROGRAMS += $(watch_tests)
TESTS += $(watch_tests)

watch_test_libs = libxlwatch.la $(XEN_LIBS) $(CMOCKA_LIBS)

tests_unit_watch_child_SOURCES = tests/unit/watch-child.c
tests_unit_watch_child_LDADD = $(watch_test_libs)
tests_unit_watch_lock_SOURCES = tests/unit/watch-lock.c
tests_unit_watch_lock_LDADD = $(watch_test_libs)
tests_unit_watch_monitor_SOURCES = tests/unit/watch-monitor.c \
	tests/unit/fake_xen.c tests/unit/fake_xen.h
tests_unit_watch_monitor_LDADD = $(watch_test_libs)
tests_unit_watch_plan_SOURCES = tests/unit/watch-plan.c
tests_unit_watch_plan_LDADD = $(watch_test_libs)
tests_unit_watch_scan_SOURCES = tests/unit/watch-scan.c
tests_unit_watch_scan_LDADD = $(watch_test_libs)

tests_unit_watch_start_SOURCES = tests/unit/watch-start.c \
	tests/unit/fake_xen.c tests/unit/fake_xen.h
tests_unit_watch_start_LDADD = $(watch_test_libs)

endif
