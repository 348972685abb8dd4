# SPDX-License-Identifier: LGPL-2.1-or-later
fuzz_tests = \
	tests/fuzz/archive \
	tests/fuzz/chain \
	tests/fuzz/dump \
	tests/fuzz/image \
	tests/fuzz/qapi \
	tests/fuzz/qmp \
	tests/fuzz/stream

# With libFuzzer they are no tests, and have its main.
fuzz_common = tests/fuzz/fuzz.h tests/fuzz/support.c
if FUZZING
EXTRA_PROGRAMS += $(fuzz_tests)
else
check_PROGRAMS += $(fuzz_tests)
TESTS += $(fuzz_tests)
fuzz_common += tests/fuzz/driver.c
endif
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZ_LINK)
fuzz_record_libs = libmanage.la libchain.la libsnapshotparts.la libtypes.la \
	$(XEN_LIBS) $(YAJL_LIBS)

tests_fuzz_archive_SOURCES = tests/fuzz/archive.c tests/fuzz/samples.c \
	tests/fuzz/samples.h $(fuzz_common)
tests_fuzz_archive_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_archive_LDADD = $(fuzz_record_libs)
tests_fuzz_chain_SOURCES = tests/fuzz/chain.c tests/fuzz/samples.c \
	tests/fuzz/samples.h $(fuzz_common)
tests_fuzz_chain_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_chain_LDADD = libchain.la libtypes.la $(XEN_LIBS) $(YAJL_LIBS)
tests_fuzz_dump_SOURCES = tests/fuzz/dump.c tests/fuzz/samples.c \
	tests/fuzz/samples.h $(fuzz_common)
tests_fuzz_dump_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_dump_LDADD = $(fuzz_record_libs)
tests_fuzz_image_SOURCES = tests/fuzz/image.c $(fuzz_common)
tests_fuzz_image_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_image_LDADD = libsnapshotparts.la
tests_fuzz_qapi_SOURCES = tests/fuzz/qapi.c tests/qmp/data.c tests/qmp/data.h \
	$(fuzz_common)
tests_fuzz_qapi_CFLAGS = $(AM_CFLAGS)	# objects of its own
tests_fuzz_qapi_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_qapi_LDADD = libsnapshotparts.la
tests_fuzz_qmp_SOURCES = tests/fuzz/qmp.c tests/qmp/data.c tests/qmp/data.h \
	$(fuzz_common)
tests_fuzz_qmp_CFLAGS = $(AM_CFLAGS)	# objects of its own
tests_fuzz_qmp_LDFLAGS = $(fuzz_ldflags) \
	-Wl,--wrap=qmp_transport_send,--wrap=qmp_transport_receive
tests_fuzz_qmp_LDADD = libsnapshotparts.la
tests_fuzz_stream_SOURCES = tests/fuzz/stream.c tests/memory/guest.c \
	tests/memory/guest.h $(fuzz_common)
tests_fuzz_stream_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_stream_LDADD = libsnapshotparts.la

# Led by coverage, FUZZ_SECONDS each; what was learnt stays in FUZZ_CORPUS. In a
# build that is not for that, one is made beside it, with clang.
FUZZ_SECONDS = 8
FUZZ_CORPUS = $(abs_builddir)/corpus
EXTRA_DIST += tests/fuzz/run tests/fuzz/found
if FUZZING
fuzz-programs: $(BUILT_SOURCES)
	@$(MAKE) $(AM_MAKEFLAGS) $(fuzz_tests)
check-fuzz: fuzz-programs
	@$(AM_TESTS_ENVIRONMENT) FUZZ_SECONDS='$(FUZZ_SECONDS)' \
		FUZZ_CORPUS='$(FUZZ_CORPUS)' \
		$(SHELL) "$$srcdir/tests/fuzz/run" $(fuzz_tests)
else
check-fuzz:
	@$(MKDIR_P) fuzzing
	@test -f fuzzing/config.status || (cd fuzzing && \
		'$(abs_srcdir)/configure' -q --enable-fuzzing CC=clang)
	@$(MAKE) $(AM_MAKEFLAGS) -C fuzzing check-fuzz \
		FUZZ_SECONDS='$(FUZZ_SECONDS)' FUZZ_CORPUS='$(FUZZ_CORPUS)'
endif
distclean-local: distclean-fuzz
distclean-fuzz:
	-rm -rf fuzzing corpus
.PHONY: check-fuzz distclean-fuzz fuzz-programs
