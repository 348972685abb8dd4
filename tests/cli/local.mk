# SPDX-License-Identifier: LGPL-2.1-or-later
# The command line: the real one above a manage/, a libxl and a system's xl
# that answer what the tests tell them to.
check_PROGRAMS += tests/cli/xl tests/cli/xl-not-there tests/cli/xl-itself

cli_sources = \
	xl/main.c \
	xl/test_hooks.c \
	manage/clock.c \
	manage/loss_list.c \
	tests/cli/fake_libxl.c \
	tests/cli/fake_manage.c \
	tests/cli/fake_start.c
cli_cppflags = $(AM_CPPFLAGS) -USYSTEM_XL -UXEN_CONFIG_DIR -DENABLE_TEST_HOOKS=1
cli_libs = libxlapp.la libchain.la libtypes.la $(XEN_LIBS)

tests_cli_xl_SOURCES = $(cli_sources)
tests_cli_xl_CPPFLAGS = $(cli_cppflags) \
	-DSYSTEM_XL='"$(abs_srcdir)/tests/cli/system-xl"' \
	-DXEN_CONFIG_DIR='"$(abs_builddir)/tests/cli/config.d"'
tests_cli_xl_LDADD = $(cli_libs)

tests_cli_xl_not_there_SOURCES = $(cli_sources)
tests_cli_xl_not_there_CPPFLAGS = $(cli_cppflags) \
	-DSYSTEM_XL='"/nonexistent/xl"' -DXEN_CONFIG_DIR='"/nonexistent"'
tests_cli_xl_not_there_LDADD = $(cli_libs)

tests_cli_xl_itself_SOURCES = $(cli_sources)
tests_cli_xl_itself_CPPFLAGS = $(cli_cppflags) \
	-DSYSTEM_XL='"$(abs_builddir)/tests/cli/xl-itself"' \
	-DXEN_CONFIG_DIR='"/nonexistent"'
tests_cli_xl_itself_LDADD = $(cli_libs)

if HAVE_CMOCKA
check_PROGRAMS += tests/cli/test_text
tests_cli_test_text_SOURCES = tests/cli/test_text.c
tests_cli_test_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_cli_test_text_LDADD = libxlapp.la $(CMOCKA_LIBS)
TESTS += tests/cli/test_text
endif

cli_scripts = \
	tests/cli/change.sh \
	tests/cli/clock.sh \
	tests/cli/clone.sh \
	tests/cli/diff.sh \
	tests/cli/columns.sh \
	tests/cli/completion.sh \
	tests/cli/configuration.sh \
	tests/cli/exit-codes.sh \
	tests/cli/filters.sh \
	tests/cli/help.sh \
	tests/cli/hostile-text.sh \
	tests/cli/large.sh \
	tests/cli/list.sh \
	tests/cli/losses.sh \
	tests/cli/man.sh \
	tests/cli/no-xen.sh \
	tests/cli/options.sh \
	tests/cli/pass-through.sh \
	tests/cli/port.sh \
	tests/cli/progress.sh \
	tests/cli/recover.sh \
	tests/cli/verify.sh \
	tests/cli/signals.sh \
	tests/cli/system-disks.sh
TESTS += $(cli_scripts)
EXTRA_DIST += $(cli_scripts) tests/cli/lib.sh tests/cli/system-xl
