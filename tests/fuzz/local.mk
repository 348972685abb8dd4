# SPDX-License-Identifier: LGPL-2.1-or-later
fuzz_tests = tests/fuzz/image tests/fuzz/stream
check_PROGRAMS += $(fuzz_tests)
TESTS += $(fuzz_tests)

tests_fuzz_image_SOURCES = tests/fuzz/image.c tests/fuzz/driver.c \
	tests/fuzz/fuzz.h
tests_fuzz_image_LDADD = libsnapshotparts.la
tests_fuzz_stream_SOURCES = tests/fuzz/stream.c tests/fuzz/driver.c \
	tests/fuzz/fuzz.h tests/memory/guest.c tests/memory/guest.h
tests_fuzz_stream_LDADD = libsnapshotparts.la
