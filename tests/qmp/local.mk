# SPDX-License-Identifier: LGPL-2.1-or-later
# The monitor client and the offline tools, without QEMU and without Xen.
check_LTLIBRARIES += libqmp.la libqmptest.la
libqmp_la_SOURCES = $(QMP_SOURCES) libxl/json.c libxl/json.h
libqmp_la_LIBADD = $(XEN_LIBS) $(YAJL_LIBS)

libqmptest_la_SOURCES = \
	tests/qmp/cmocka_all.h \
	tests/qmp/data.c tests/qmp/data.h \
	tests/qmp/peer.c tests/qmp/peer.h
libqmptest_la_LIBADD = libqmp.la

qmp_test_libs = libqmptest.la $(CMOCKA_LIBS)

qmp_tests = \
	tests/qmp/test-qmp-transport \
	tests/qmp/test-qmp-client \
	tests/qmp/test-qmp-fuzz
check_PROGRAMS += $(qmp_tests)
TESTS += $(qmp_tests)

tests_qmp_test_qmp_transport_LDADD = $(qmp_test_libs)
tests_qmp_test_qmp_client_LDADD = $(qmp_test_libs)
tests_qmp_test_qmp_fuzz_LDADD = $(qmp_test_libs)

EXTRA_DIST += tests/data/qmp
