# SPDX-License-Identifier: LGPL-2.1-or-later
# The monitor client and the offline tools, without QEMU and without Xen.
check_LTLIBRARIES += libqmp.la libqmptest.la
libqmp_la_SOURCES = $(QMP_SOURCES) $(JSON_SOURCES)
libqmp_la_LIBADD = $(XEN_LIBS) $(YAJL_LIBS)

libqmptest_la_SOURCES = \
	tests/qmp/cmocka_all.h \
	tests/qmp/data.c tests/qmp/data.h \
	tests/qmp/peer.c tests/qmp/peer.h \
	tests/qmp/scratch.c tests/qmp/scratch.h
libqmptest_la_LIBADD = libqmp.la

qmp_test_libs = libqmptest.la $(CMOCKA_LIBS)

qmp_tests = \
	tests/qmp/test-block-graph \
	tests/qmp/test-child \
	tests/qmp/test-guest-agent \
	tests/qmp/test-image-users \
	tests/qmp/test-live-merge \
	tests/qmp/test-merge \
	tests/qmp/test-monitor \
	tests/qmp/test-no-memory \
	tests/qmp/test-pull-plan \
	tests/qmp/test-qemu-img \
	tests/qmp/test-qemu-img-overlay \
	tests/qmp/test-qmp-block \
	tests/qmp/test-qmp-client \
	tests/qmp/test-qmp-fuzz \
	tests/qmp/test-qmp-overlay \
	tests/qmp/test-qmp-transport \
	tests/qmp/test-vdev
check_PROGRAMS += $(qmp_tests)
TESTS += $(qmp_tests)

tests_qmp_test_block_graph_LDADD = $(qmp_test_libs)
tests_qmp_test_child_LDADD = $(qmp_test_libs)
tests_qmp_test_guest_agent_LDADD = $(qmp_test_libs)
tests_qmp_test_image_users_LDADD = $(qmp_test_libs)
tests_qmp_test_live_merge_SOURCES = tests/qmp/test-live-merge.c \
	tests/qmp/model_qemu.c tests/qmp/model_qemu.h
tests_qmp_test_live_merge_LDADD = $(qmp_test_libs)
tests_qmp_test_live_merge_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=qmp_client_execute,--wrap=nanosleep
tests_qmp_test_merge_LDADD = $(qmp_test_libs)
tests_qmp_test_monitor_LDADD = $(qmp_test_libs)
tests_qmp_test_monitor_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=flock
tests_qmp_test_no_memory_LDADD = $(qmp_test_libs)
tests_qmp_test_no_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
tests_qmp_test_pull_plan_LDADD = $(qmp_test_libs)
tests_qmp_test_qemu_img_LDADD = $(qmp_test_libs)
tests_qmp_test_qemu_img_overlay_LDADD = $(qmp_test_libs)
tests_qmp_test_qmp_block_LDADD = $(qmp_test_libs)
tests_qmp_test_qmp_client_LDADD = $(qmp_test_libs)
tests_qmp_test_qmp_fuzz_LDADD = $(qmp_test_libs)
tests_qmp_test_qmp_overlay_LDADD = $(qmp_test_libs)
tests_qmp_test_qmp_transport_LDADD = $(qmp_test_libs)
tests_qmp_test_vdev_LDADD = $(qmp_test_libs)

EXTRA_DIST += tests/data/qmp
