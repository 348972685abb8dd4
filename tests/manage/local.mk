# SPDX-License-Identifier: LGPL-2.1-or-later
# Operations on chains and real images, without a hypervisor. They need
# qemu-img, and so are a part of check-interop.
manage_host = tests/manage/host.c tests/manage/host.h
manage_test_libs = libmanage.la libchain.la libsnapshotparts.la libtypes.la \
	$(XEN_LIBS) $(YAJL_LIBS) $(CMOCKA_LIBS)

interop_programs += \
	tests/manage/test-adopt$(EXEEXT) \
	tests/manage/test-clone$(EXEEXT) \
	tests/manage/test-manual$(EXEEXT) \
	tests/manage/test-mend$(EXEEXT) \
	tests/manage/test-port$(EXEEXT) \
	tests/manage/test-preflight$(EXEEXT) \
	tests/manage/test-redefine$(EXEEXT) \
	tests/manage/test-refusals$(EXEEXT)
EXTRA_PROGRAMS += tests/manage/test-adopt tests/manage/test-clone \
	tests/manage/test-manual \
	tests/manage/test-mend tests/manage/test-port \
	tests/manage/test-preflight \
	tests/manage/test-redefine tests/manage/test-refusals
manage_test_ldflags = $(AM_LDFLAGS) -Wl,--wrap=image_users_wait
tests_manage_test_port_LDFLAGS = $(manage_test_ldflags)
tests_manage_test_redefine_LDFLAGS = $(manage_test_ldflags)
tests_manage_test_port_SOURCES = tests/manage/test-port.c $(manage_host)
tests_manage_test_port_LDADD = $(manage_test_libs) $(ARCHIVE_LIBS)
tests_manage_test_redefine_SOURCES = tests/manage/test-redefine.c $(manage_host)
tests_manage_test_redefine_LDADD = $(manage_test_libs)
tests_manage_test_manual_LDFLAGS = $(manage_test_ldflags)
tests_manage_test_manual_SOURCES = tests/manage/test-manual.c $(manage_host)
tests_manage_test_manual_LDADD = $(manage_test_libs)
tests_manage_test_adopt_LDFLAGS = $(manage_test_ldflags)
tests_manage_test_clone_LDFLAGS = $(manage_test_ldflags)
tests_manage_test_clone_SOURCES = tests/manage/test-clone.c $(manage_host)
tests_manage_test_clone_LDADD = $(manage_test_libs)
tests_manage_test_adopt_SOURCES = tests/manage/test-adopt.c $(manage_host)
tests_manage_test_adopt_LDADD = $(manage_test_libs)
# A volume has as much room as the test says.
tests_manage_test_preflight_LDFLAGS = $(manage_test_ldflags) \
	-Wl,--wrap=statvfs
tests_manage_test_preflight_SOURCES = tests/manage/test-preflight.c \
	$(manage_host)
tests_manage_test_preflight_LDADD = $(manage_test_libs) $(ARCHIVE_LIBS)
tests_manage_test_refusals_LDFLAGS = $(manage_test_ldflags)
tests_manage_test_refusals_SOURCES = tests/manage/test-refusals.c \
	$(manage_host)
tests_manage_test_refusals_LDADD = $(manage_test_libs) $(ARCHIVE_LIBS)
tests_manage_test_mend_LDFLAGS = $(manage_test_ldflags)
tests_manage_test_mend_SOURCES = tests/manage/test-mend.c $(manage_host)
tests_manage_test_mend_LDADD = $(manage_test_libs)
