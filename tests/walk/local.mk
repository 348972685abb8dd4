# SPDX-License-Identifier: LGPL-2.1-or-later
# A random walk of the whole program over real images of a domain that is off.
EXTRA_PROGRAMS += tests/walk/xl
tests_walk_xl_SOURCES = xl/main.c tests/walk/no_domains.c
tests_walk_xl_CPPFLAGS = $(AM_CPPFLAGS) -USYSTEM_XL -USNAPSHOT_DIR \
	-DSYSTEM_XL='"$(abs_srcdir)/tests/walk/system-xl"' \
	-DSNAPSHOT_DIR='"$(abs_builddir)/tests/walk/state"'
tests_walk_xl_LDADD = libxlapp.la libxlwatch.la libmanage.la libchain.la \
	libxlsnapshot.la libtypes.la $(XEN_LIBS)
EXTRA_DIST += tests/walk/system-xl tests/walk/walk.py

# WALK_STEPS=10000 WALK_SEED=1: a longer one, or the same again.
.PHONY: check-walk
check-walk: tests/walk/xl$(EXEEXT)
	@$(AM_TESTS_ENVIRONMENT) \
	"$$PYTHON" -B "$$srcdir/tests/walk/walk.py" --xl tests/walk/xl \
	    $${WALK_STEPS:+--steps $$WALK_STEPS} $${WALK_SEED:+--seed $$WALK_SEED}
CLEANFILES += tests/walk/xl$(EXEEXT)
