# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests that need QEMU: make check-interop. XEN_QEMU, QEMU_STORAGE_DAEMON and
# QEMU_IMG in the environment choose another one than the system's.
EXTRA_PROGRAMS += tests/interop/qdisk-probe
tests_interop_qdisk_probe_SOURCES = tests/interop/qdisk_probe.c
tests_interop_qdisk_probe_LDADD = libqmp.la $(XEN_LIBS)

# The same with the whole library, and libxl played.
EXTRA_PROGRAMS += tests/interop/snapshot-probe
tests_interop_snapshot_probe_SOURCES = tests/interop/snapshot_probe.c
tests_interop_snapshot_probe_LDADD = libsnapshotparts.la $(XEN_LIBS) $(YAJL_LIBS)
tests_interop_snapshot_probe_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=image_users_wait
EXTRA_PROGRAMS += tests/interop/merge-probe
tests_interop_merge_probe_SOURCES = tests/interop/merge_probe.c
tests_interop_merge_probe_LDADD = libqmp.la $(XEN_LIBS)

EXTRA_PROGRAMS += tests/interop/compare-probe
tests_interop_compare_probe_SOURCES = tests/interop/compare_probe.c
tests_interop_compare_probe_LDADD = libsnapshotparts.la $(XEN_LIBS) $(YAJL_LIBS)

interop_programs = tests/interop/test-qemu-img$(EXEEXT) \
	tests/interop/test-extract$(EXEEXT)
EXTRA_PROGRAMS += tests/interop/test-qemu-img tests/interop/test-extract
tests_interop_test_extract_LDADD = libqmptest.la libsnapshotparts.la \
	$(CMOCKA_LIBS)
tests_interop_test_qemu_img_LDADD = libqmptest.la $(CMOCKA_LIBS)

# Loaded into QEMU, so never with the sanitizers' run-time library.
check_LTLIBRARIES += tests/interop/xenshim.la
tests_interop_xenshim_la_SOURCES = tests/interop/rig/shim.c
tests_interop_xenshim_la_CFLAGS = -std=gnu11 $(WARN_CFLAGS) $(XEN_CFLAGS)
tests_interop_xenshim_la_LDFLAGS = -module -avoid-version -shared \
	-rpath /nowhere

interop_rig = \
	tests/interop/external.py \
	tests/interop/interop.py \
	tests/interop/rig/__init__.py \
	tests/interop/rig/blkfront.py \
	tests/interop/rig/libxl_client.py \
	tests/interop/rig/proxy.py \
	tests/interop/rig/qemu.py \
	tests/interop/rig/rig.py \
	tests/interop/rig/writer.py \
	tests/interop/rig/xenstore.py
interop_scripts = \
	tests/interop/test-compare.py \
	tests/interop/test-storage-daemon.py \
	tests/interop/test-merge-offline.py \
	tests/interop/test-merge-live.py \
	tests/interop/test-qdisk.py \
	tests/interop/test-external.py \
	tests/interop/test-hotplug.py \
	tests/interop/test-internal.py \
	tests/interop/test-monitor-sharing.py \
	tests/interop/test-pull.py
EXTRA_DIST += $(interop_rig) $(interop_scripts) \
	tests/interop/README.md tests/interop/record.py

# One after the other: they measure time-outs, and QEMU is not small. A test
# that cannot run (a tool is missing) fails like any other.
.PHONY: check-interop
check-interop: tests/interop/qdisk-probe$(EXEEXT) \
		tests/interop/snapshot-probe$(EXEEXT) \
		tests/interop/merge-probe$(EXEEXT) \
		tests/interop/compare-probe$(EXEEXT) \
		tests/interop/xenshim.la $(interop_programs)
	@for tool in sh qemu-io; do command -v $$tool >/dev/null || \
	    { echo "check-interop: $$tool is not installed"; exit 1; }; done; \
	$(AM_TESTS_ENVIRONMENT) passed=0; failed=0; \
	for t in $(interop_programs) $(interop_scripts); do \
	    echo "== $$t"; \
	    case $$t in \
	    *.py) "$$PYTHON" -B "$$srcdir/$$t" ;; \
	    *) "./$$t" ;; \
	    esac && passed=$$((passed + 1)) || failed=$$((failed + 1)); \
	done; \
	echo "check-interop: $$passed passed, $$failed failed"; \
	test $$failed = 0
CLEANFILES += $(interop_programs) tests/interop/qdisk-probe$(EXEEXT) \
	tests/interop/snapshot-probe$(EXEEXT) \
	tests/interop/merge-probe$(EXEEXT) \
	tests/interop/compare-probe$(EXEEXT)
