# SPDX-License-Identifier: LGPL-2.1-or-later

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/json
TESTS += tests/unit/json
tests_unit_json_SOURCES = tests/unit/json.c \
	$(JSON_SOURCES) \
	tests/idl/fail_alloc.c tests/idl/fail_alloc.h
tests_unit_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_json_LDFLAGS = $(AM_LDFLAGS) $(fail_alloc_ldflags)
tests_unit_json_LDADD = $(CMOCKA_LIBS) $(YAJL_LIBS)
endif
