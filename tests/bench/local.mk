# SPDX-License-Identifier: LGPL-2.1-or-later
# Figures, not tests. bench.sh runs in the lab: see there.
EXTRA_DIST += tests/bench/bench.sh tests/bench/disks.py

.PHONY: bench-disks
bench-disks: tests/interop/qdisk-probe$(EXEEXT) \
		tests/interop/snapshot-probe$(EXEEXT) \
		tests/interop/merge-probe$(EXEEXT) tests/interop/xenshim.la
	@$(AM_TESTS_ENVIRONMENT) "$$PYTHON" -B "$$srcdir/tests/bench/disks.py"

# bench-memory STREAM=FILE: of xl save's, or of snapshot-export --xl's.
EXTRA_PROGRAMS += tests/bench/memory-bench
tests_bench_memory_bench_SOURCES = tests/bench/memory_bench.c
tests_bench_memory_bench_LDADD = libsnapshotparts.la
.PHONY: bench-memory
bench-memory: tests/bench/memory-bench$(EXEEXT)
	tests/bench/memory-bench$(EXEEXT) "$(STREAM)"
