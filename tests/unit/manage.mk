# SPDX-License-Identifier: LGPL-2.1-or-later
# What reads of manage/: files alone, no hypervisor.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-sizes
TESTS += tests/unit/test-sizes
endif

tests_unit_test_sizes_SOURCES = tests/unit/test-sizes.c \
	tests/chain/util.c tests/chain/util.h
tests_unit_test_sizes_LDADD = libmanage.la libchain.la libsnapshotparts.la \
	libtypes.la $(XEN_LIBS) $(YAJL_LIBS) $(CMOCKA_LIBS)
