# SPDX-License-Identifier: LGPL-2.1-or-later
# What of manage/ needs files alone, or not even those, and no hypervisor.
if HAVE_CMOCKA
manage_tests = \
	tests/unit/test-clock \
	tests/unit/test-clone-config \
	tests/unit/test-config-diff \
	tests/unit/test-losses \
	tests/unit/test-predict \
	tests/unit/test-sizes
check_PROGRAMS += $(manage_tests)
TESTS += $(manage_tests)
endif

tests_unit_test_sizes_SOURCES = tests/unit/test-sizes.c \
	tests/chain/util.c tests/chain/util.h
tests_unit_test_sizes_LDADD = libmanage.la libchain.la libsnapshotparts.la \
	libtypes.la $(XEN_LIBS) $(YAJL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_clock_SOURCES = tests/unit/test-clock.c
tests_unit_test_clock_CFLAGS = $(AM_CFLAGS)	# objects of its own
tests_unit_test_clock_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=libxl_domain_info,--wrap=libxl_domain_clock_set
tests_unit_test_clock_LDADD = $(tests_unit_test_sizes_LDADD)
tests_unit_test_clone_config_SOURCES = tests/unit/test-clone-config.c
tests_unit_test_clone_config_LDADD = $(tests_unit_test_sizes_LDADD)
tests_unit_test_config_diff_SOURCES = tests/unit/test-config-diff.c
tests_unit_test_config_diff_LDADD = $(tests_unit_test_sizes_LDADD)
tests_unit_test_predict_SOURCES = tests/unit/test-predict.c \
	tests/chain/util.c tests/chain/util.h
tests_unit_test_predict_LDADD = $(tests_unit_test_sizes_LDADD)
tests_unit_test_losses_SOURCES = tests/unit/test-losses.c \
	tests/chain/util.c tests/chain/util.h
tests_unit_test_losses_LDADD = $(tests_unit_test_sizes_LDADD)
