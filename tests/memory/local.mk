# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
memory_tests = tests/memory/test-chain tests/memory/test-diff tests/memory/test-image
check_PROGRAMS += $(memory_tests)
TESTS += $(memory_tests)
endif

tests_memory_test_chain_SOURCES = tests/memory/test-chain.c
tests_memory_test_chain_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
tests_memory_test_image_SOURCES = tests/memory/test-image.c \
	tests/memory/guest.c tests/memory/guest.h
tests_memory_test_diff_SOURCES = tests/memory/test-diff.c \
	tests/memory/guest.c tests/memory/guest.h
tests_memory_test_diff_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
EXTRA_DIST += tools/memory-verify
tests_memory_test_image_LDADD = libsnapshotparts.la $(CMOCKA_LIBS)
