# SPDX-License-Identifier: LGPL-2.1-or-later
# Figures, not tests. bench.sh runs in the lab: see there.
EXTRA_DIST += tests/bench/bench.sh tests/bench/disks.py

.PHONY: bench-disks
bench-disks: tests/interop/qdisk-probe$(EXEEXT) \
		tests/interop/snapshot-probe$(EXEEXT) \
		tests/interop/merge-probe$(EXEEXT) tests/interop/xenshim.la
	@$(AM_TESTS_ENVIRONMENT) "$$PYTHON" -B "$$srcdir/tests/bench/disks.py"
