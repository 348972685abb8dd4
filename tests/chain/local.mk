# SPDX-License-Identifier: LGPL-2.1-or-later
# The chain needs nothing but a compiler, Python and cmocka.
if HAVE_CMOCKA

chain_tests = \
	tests/chain/test-fault \
	tests/chain/test-images \
	tests/chain/test-images-random \
	tests/chain/test-filter \
	tests/chain/test-lock \
	tests/chain/test-memories \
	tests/chain/test-model \
	tests/chain/test-name \
	tests/chain/test-nomem \
	tests/chain/test-plug \
	tests/chain/test-random \
	tests/chain/test-store
check_PROGRAMS += $(chain_tests)
TESTS += $(chain_tests)

# What all of them need beside libchain.la.
check_LTLIBRARIES += tests/chain/libsupport.la
tests_chain_libsupport_la_SOURCES = \
	tests/chain/util.c tests/chain/util.h \
	idl/runtime.c $(JSON_SOURCES)
nodist_tests_chain_libsupport_la_SOURCES = libxl/_libxl_snapshot_types.c
tests_chain_libsupport_la_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)

chain_test_libs = tests/chain/libsupport.la libchain.la \
	$(XEN_LIBS) $(YAJL_LIBS) $(CMOCKA_LIBS)

tests_chain_test_images_SOURCES = tests/chain/test-images.c
tests_chain_test_images_LDADD = $(chain_test_libs)
tests_chain_test_images_random_SOURCES = tests/chain/test-images-random.c
tests_chain_test_images_random_LDADD = $(chain_test_libs)
tests_chain_test_filter_SOURCES = tests/chain/test-filter.c
tests_chain_test_filter_LDADD = $(chain_test_libs)
tests_chain_test_lock_SOURCES = tests/chain/test-lock.c
tests_chain_test_lock_LDADD = $(chain_test_libs)
tests_chain_test_memories_SOURCES = tests/chain/test-memories.c
tests_chain_test_memories_LDADD = $(chain_test_libs)
tests_chain_test_model_SOURCES = tests/chain/test-model.c
tests_chain_test_model_LDADD = $(chain_test_libs)
tests_chain_test_name_SOURCES = tests/chain/test-name.c
tests_chain_test_name_LDADD = $(chain_test_libs)
tests_chain_test_random_SOURCES = tests/chain/test-random.c
tests_chain_test_random_LDADD = $(chain_test_libs)
tests_chain_test_store_SOURCES = tests/chain/test-store.c
tests_chain_test_store_LDADD = $(chain_test_libs)

tests_chain_test_nomem_SOURCES = tests/chain/test-nomem.c
tests_chain_test_nomem_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup \
	-Wl,--wrap=strndup,--wrap=asprintf
tests_chain_test_nomem_LDADD = $(chain_test_libs)

# The system calls that change files go through tests/chain/disk.c.
chain_disk_sources = \
	tests/chain/disk.c tests/chain/disk.h \
	tests/chain/disk_record.c tests/chain/disk_record.h \
	tests/chain/flows.c tests/chain/flows.h
chain_disk_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=open,--wrap=openat,--wrap=mkostemp,--wrap=write \
	-Wl,--wrap=fsync,--wrap=rename,--wrap=link,--wrap=unlink \
	-Wl,--wrap=unlinkat,--wrap=mkdir,--wrap=rmdir

tests_chain_test_fault_SOURCES = tests/chain/test-fault.c $(chain_disk_sources)
tests_chain_test_fault_LDFLAGS = $(chain_disk_ldflags)
tests_chain_test_fault_LDADD = $(chain_test_libs)

tests_chain_test_plug_SOURCES = tests/chain/test-plug.c $(chain_disk_sources)
tests_chain_test_plug_LDFLAGS = $(chain_disk_ldflags)
tests_chain_test_plug_LDADD = $(chain_test_libs)

# What we write and refuse, against what the independent checker says of it.
check_PROGRAMS += tests/chain/chain-tool
tests_chain_chain_tool_SOURCES = tests/chain/chain-tool.c
tests_chain_chain_tool_LDADD = $(chain_test_libs)
TESTS += tests/chain/test-verify.py

endif

EXTRA_DIST += tests/chain/test-verify.py tools/chain-verify \
	docs/format/chain.md
