# SPDX-License-Identifier: LGPL-2.1-or-later

idl_runtime_sources = idl/runtime.c idl/runtime.h \
	$(JSON_SOURCES)

# So that a chosen allocation fails (fail_alloc.h).
fail_alloc_ldflags = -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc -Wl,--wrap=strdup
fail_alloc_sources = tests/idl/fail_alloc.c tests/idl/fail_alloc.h

constructs_files = \
	tests/idl/_constructs.h \
	tests/idl/_constructs_json.h \
	tests/idl/_constructs.c \
	tests/idl/_constructs_test.c
BUILT_SOURCES += tests/idl/_constructs.h tests/idl/_constructs_json.h
CLEANFILES += $(constructs_files) tests/idl/_constructs.stamp \
	tests/idl/_libxl_snapshot_types_test.c tests/idl/_chain_types_test.c

$(constructs_files): tests/idl/_constructs.stamp
	@test -f $@ || { rm -f $<; $(MAKE) $(AM_MAKEFLAGS) $<; }

tests/idl/_constructs.stamp: tests/idl/ok/constructs.idl $(idlc_files)
	@$(MKDIR_P) tests/idl
	$(AM_V_GEN)$(IDLC) $(srcdir)/tests/idl/ok/constructs.idl --base . \
		--include libxl.h --include tests/idl/builtins.h \
		--export IDLT_EXPORT \
		--header tests/idl/_constructs.h \
		--json-header tests/idl/_constructs_json.h \
		--source tests/idl/_constructs.c \
		--test tests/idl/_constructs_test.c
	@touch $@

# Random round trips of every type of a schema. They take a new seed at each
# run and print it: XLS_TESTIDL_SEED=... repeats one.
check_PROGRAMS += tests/idl/libxl_snapshot_types_random \
	tests/idl/chain_types_random tests/idl/constructs_random
TESTS += tests/idl/libxl_snapshot_types_random \
	tests/idl/chain_types_random tests/idl/constructs_random

random_cppflags = $(AM_CPPFLAGS) -DXLS_TESTIDL_FAIL_ALLOC
random_ldflags = $(AM_LDFLAGS) $(fail_alloc_ldflags)
random_ldadd = $(YAJL_LIBS) $(XEN_LIBS)

nodist_tests_idl_libxl_snapshot_types_random_SOURCES = \
	tests/idl/_libxl_snapshot_types_test.c \
	libxl/_libxl_snapshot_types.c
tests_idl_libxl_snapshot_types_random_SOURCES = \
	$(idl_runtime_sources) $(fail_alloc_sources)
tests_idl_libxl_snapshot_types_random_CPPFLAGS = $(random_cppflags)
tests_idl_libxl_snapshot_types_random_LDFLAGS = $(random_ldflags)
tests_idl_libxl_snapshot_types_random_LDADD = $(random_ldadd)

nodist_tests_idl_chain_types_random_SOURCES = \
	tests/idl/_chain_types_test.c \
	chain/_chain_types.c libxl/_libxl_snapshot_types.c
tests_idl_chain_types_random_SOURCES = \
	$(idl_runtime_sources) $(fail_alloc_sources)
tests_idl_chain_types_random_CPPFLAGS = $(random_cppflags)
tests_idl_chain_types_random_LDFLAGS = $(random_ldflags)
tests_idl_chain_types_random_LDADD = $(random_ldadd)

nodist_tests_idl_constructs_random_SOURCES = \
	tests/idl/_constructs_test.c tests/idl/_constructs.c
tests_idl_constructs_random_SOURCES = \
	tests/idl/builtins.c tests/idl/builtins.h \
	$(idl_runtime_sources) $(fail_alloc_sources)
tests_idl_constructs_random_CPPFLAGS = $(random_cppflags)
tests_idl_constructs_random_LDFLAGS = $(random_ldflags)
tests_idl_constructs_random_LDADD = $(random_ldadd)

tests/idl/_libxl_snapshot_types_test.c: libxl/_libxl_snapshot_types.stamp
	@$(MKDIR_P) tests/idl
	$(AM_V_GEN)$(IDLC) $(srcdir)/libxl/libxl_snapshot_types.idl --base . \
		--export LIBXL_SNAPSHOT_EXPORT \
		--header libxl/_libxl_snapshot_types.h \
		--json-header libxl/_libxl_snapshot_types_json.h \
		--test $@
	@touch $@

tests/idl/_chain_types_test.c: chain/_chain_types.stamp
	@$(MKDIR_P) tests/idl
	$(AM_V_GEN)$(IDLC) $(srcdir)/chain/chain_types.idl --base . \
		--header chain/_chain_types.h \
		--json-header chain/_chain_types_json.h \
		--test $@
	@touch $@

if HAVE_CMOCKA
check_PROGRAMS += tests/idl/hostile_json
TESTS += tests/idl/hostile_json
nodist_tests_idl_hostile_json_SOURCES = \
	tests/idl/_constructs.c
tests_idl_hostile_json_SOURCES = tests/idl/hostile_json.c \
	tests/idl/builtins.c tests/idl/builtins.h $(idl_runtime_sources)
tests_idl_hostile_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_idl_hostile_json_LDADD = $(CMOCKA_LIBS) $(YAJL_LIBS) $(XEN_LIBS)
endif

# The language itself: schemas to accept and to refuse, and what is made.
TESTS += tests/idl/schemas.py
EXTRA_DIST += tests/idl/schemas.py tests/idl/ok tests/idl/bad
