# SPDX-License-Identifier: LGPL-2.1-or-later
# The library's parts that need neither Xen nor QEMU.
if HAVE_CMOCKA
library_tests = \
	tests/unit/test-disk-argument \
	tests/unit/test-disk-path \
	tests/unit/test-domain-clock \
	tests/unit/test-domain-config \
	tests/unit/test-domain-facts \
	tests/unit/test-memory \
	tests/unit/test-nbd-client \
	tests/unit/test-plan \
	tests/unit/test-quiesce
check_PROGRAMS += $(library_tests)
TESTS += $(library_tests)
endif

tests_unit_test_disk_argument_SOURCES = tests/unit/test-disk-argument.c
tests_unit_test_disk_argument_LDADD = libxlapp.la libchain.la libtypes.la \
	$(XEN_LIBS) $(CMOCKA_LIBS)
tests_unit_test_disk_path_SOURCES = tests/unit/test-disk-path.c \
	tests/unit/fake_store.c tests/unit/fake_store.h \
	tests/qmp/scratch.c tests/qmp/scratch.h
tests_unit_test_disk_path_CFLAGS = $(AM_CFLAGS)
tests_unit_test_disk_path_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_disk_path_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=flock
tests_unit_test_domain_clock_SOURCES = tests/unit/test-domain-clock.c \
	tests/qmp/peer.c tests/qmp/peer.h
tests_unit_test_domain_clock_CFLAGS = $(AM_CFLAGS)	# objects of its own
tests_unit_test_domain_clock_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=libxl_retrieve_domain_configuration
tests_unit_test_domain_clock_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_domain_config_SOURCES = tests/unit/test-domain-config.c
tests_unit_test_domain_config_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_domain_facts_SOURCES = tests/unit/test-domain-facts.c \
	tests/qmp/scratch.c tests/qmp/scratch.h
tests_unit_test_domain_facts_CFLAGS = $(AM_CFLAGS)	# objects of its own
tests_unit_test_domain_facts_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_memory_SOURCES = tests/unit/test-memory.c
tests_unit_test_memory_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_nbd_client_SOURCES = tests/unit/test-nbd-client.c
tests_unit_test_nbd_client_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_plan_SOURCES = tests/unit/test-plan.c
tests_unit_test_plan_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_unit_test_quiesce_SOURCES = tests/unit/test-quiesce.c \
	tests/qmp/peer.c tests/qmp/peer.h
tests_unit_test_quiesce_CFLAGS = $(AM_CFLAGS)	# objects of its own
tests_unit_test_quiesce_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=libxl_retrieve_domain_configuration
tests_unit_test_quiesce_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
