# SPDX-License-Identifier: LGPL-2.1-or-later
# Run in dom0 by tools/xenlab, not by make check: they need the real Xen.
EXTRA_DIST += \
	tests/system/active.sh \
	tests/system/bad-input.sh \
	tests/system/block-job.sh \
	tests/system/clock.sh \
	tests/system/clone.sh \
	tests/system/diff.sh \
	tests/system/disk-only.sh \
	tests/system/external.sh \
	tests/system/hotplug.sh \
	tests/system/kill.sh \
	tests/system/monitor.sh \
	tests/system/lib.sh \
	tests/system/manual.sh \
	tests/system/memory.sh \
	tests/system/migrate.sh \
	tests/system/offline.sh \
	tests/system/path_probe.c \
	tests/system/paths.sh \
	tests/system/quiesce.sh \
	tests/system/records.sh \
	tests/system/reboot.sh \
	tests/system/revert.sh \
	tests/system/selftest.sh \
	tests/system/together.sh \
	tests/system/tree.sh
EXTRA_DIST += .shellcheckrc tools/check tools/demo tools/quickstart \
	tests/static/cppcheck tests/static/layers tests/static/licence \
	tests/static/python tests/static/shell
