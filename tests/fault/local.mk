# SPDX-License-Identifier: LGPL-2.1-or-later
# Each system call of each verb, gone wrong in each way: preload.c, offline.py.
EXTRA_PROGRAMS += tests/fault/xl
tests_fault_xl_SOURCES = xl/main.c tests/walk/no_domains.c
tests_fault_xl_CPPFLAGS = $(AM_CPPFLAGS) -USYSTEM_XL -USNAPSHOT_DIR \
	-DSYSTEM_XL='"$(abs_srcdir)/tests/walk/system-xl"' \
	-DSNAPSHOT_DIR='"$(abs_builddir)/tests/fault/scratch/state"'
tests_fault_xl_LDADD = libxlapp.la libxlwatch.la libmanage.la libchain.la \
	libxlsnapshot.la libtypes.la $(XEN_LIBS)
# The program itself, not a script that runs it.
tests_fault_xl_LDFLAGS = $(AM_LDFLAGS) -no-install

# Loaded into programs, so never with the sanitizers' run-time library, and
# with the C library's plain calls.
check_LTLIBRARIES += tests/fault/preload.la
tests_fault_preload_la_SOURCES = tests/fault/preload.c
tests_fault_preload_la_CFLAGS = -std=gnu11 $(WARN_CFLAGS) $(AX_THREADS_CFLAGS) \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0
tests_fault_preload_la_LDFLAGS = -module -avoid-version -shared \
	-rpath /nowhere
EXTRA_DIST += tests/fault/cases tests/fault/faults.py tests/fault/offline.py \
	tests/fault/qcow2.py tests/fault/verbs.py tests/fault/world.py

# The same of a domain that runs: a real QEMU with its real qdisks, a guest
# that writes all the time, and Xen played.
EXTRA_PROGRAMS += tests/fault/xl-online
tests_fault_xl_online_SOURCES = xl/main.c tests/fault/played_xen.c
tests_fault_xl_online_CPPFLAGS = $(AM_CPPFLAGS) -USYSTEM_XL -USNAPSHOT_DIR \
	-DSYSTEM_XL='"$(abs_srcdir)/tests/fault/system-xl"' \
	-DSNAPSHOT_DIR='"$(abs_builddir)/tests/fault/scratch/state"'
tests_fault_xl_online_LDADD = $(tests_fault_xl_LDADD)
tests_fault_xl_online_LDFLAGS = $(AM_LDFLAGS) -no-install \
	-Wl,--wrap=libxl_snapshot_ctx_alloc,--wrap=watch_start_monitor
EXTRA_DIST += tests/fault/agent.py tests/fault/online.py \
	tests/fault/played.py \
	tests/fault/running.py tests/fault/system-xl tests/fault/trials.py

# FAULT_ALL=1: every point, which takes hours. FAULT_SEED=1: the same again.
# FAULT_POINTS=30: so many of each half, besides the cases.
.PHONY: check-fault
check-fault: tests/fault/xl$(EXEEXT) tests/fault/xl-online$(EXEEXT) \
		tests/fault/preload.la tests/interop/xenshim.la
	@$(AM_TESTS_ENVIRONMENT) failed=0; \
	for t in offline online; do \
	    "$$PYTHON" -B "$$srcdir/tests/fault/$$t.py" \
		--verify "$$srcdir/tools/chain-verify" \
		$${FAULT_ALL:+--all} $${FAULT_SEED:+--seed $$FAULT_SEED} \
		$${FAULT_POINTS:+--points $$FAULT_POINTS} || \
		failed=1; \
	done; test $$failed = 0
CLEANFILES += tests/fault/xl$(EXEEXT) tests/fault/xl-online$(EXEEXT)
