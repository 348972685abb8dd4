# SPDX-License-Identifier: LGPL-2.1-or-later
# Watching a domain's end, without a hypervisor.
if HAVE_CMOCKA

watch_tests = \
	tests/unit/watch-child \
	tests/unit/watch-hook \
	tests/unit/watch-keep \
	tests/unit/watch-lock \
	tests/unit/watch-log \
	tests/unit/watch-monitor \
	tests/unit/watch-plan \
	tests/unit/watch-scan \
	tests/unit/watch-standby \
	tests/unit/watch-start
check_PROGRAMS += $(watch_tests)
TESTS += $(watch_tests)

watch_test_libs = libxlwatch.la libtypes.la $(XEN_LIBS) $(CMOCKA_LIBS)
fake_xen_files = tests/unit/fake_xen.c tests/unit/fake_xen.h
monitor_bench_files = $(fake_xen_files) \
	tests/unit/monitor_bench.c tests/unit/monitor_bench.h

tests_unit_watch_child_SOURCES = tests/unit/watch-child.c
tests_unit_watch_child_LDADD = $(watch_test_libs)
tests_unit_watch_hook_SOURCES = tests/unit/watch-hook.c
tests_unit_watch_hook_LDADD = $(watch_test_libs)
tests_unit_watch_keep_SOURCES = tests/unit/watch-keep.c $(fake_xen_files)
tests_unit_watch_keep_LDADD = $(watch_test_libs)
tests_unit_watch_lock_SOURCES = tests/unit/watch-lock.c
tests_unit_watch_lock_LDADD = $(watch_test_libs)
tests_unit_watch_log_SOURCES = tests/unit/watch-log.c
tests_unit_watch_log_LDADD = $(watch_test_libs)
tests_unit_watch_monitor_SOURCES = tests/unit/watch-monitor.c $(monitor_bench_files)
tests_unit_watch_monitor_LDADD = $(watch_test_libs)
tests_unit_watch_plan_SOURCES = tests/unit/watch-plan.c
tests_unit_watch_plan_LDADD = $(watch_test_libs)
tests_unit_watch_scan_SOURCES = tests/unit/watch-scan.c
tests_unit_watch_scan_LDADD = $(watch_test_libs)
tests_unit_watch_standby_SOURCES = tests/unit/watch-standby.c $(monitor_bench_files)
tests_unit_watch_standby_LDADD = $(watch_test_libs)
tests_unit_watch_start_SOURCES = tests/unit/watch-start.c $(fake_xen_files)
tests_unit_watch_start_LDADD = $(watch_test_libs)

endif
