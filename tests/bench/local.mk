# SPDX-License-Identifier: LGPL-2.1-or-later
# Figures, not tests. bench.sh runs in the lab: see there.
EXTRA_DIST += tests/bench/bench.sh tests/bench/debian-drive \
	tests/bench/debian.sh tests/bench/disks.py

.PHONY: bench-disks
bench-disks: tests/interop/qdisk-probe$(EXEEXT) \
		tests/interop/snapshot-probe$(EXEEXT) \
		tests/interop/merge-probe$(EXEEXT) tests/interop/xenshim.la
	@$(AM_TESTS_ENVIRONMENT) "$$PYTHON" -B "$$srcdir/tests/bench/disks.py"

# bench-memory STREAM=FILE: of xl save's, or of snapshot-export --xl's.
memory_benches = tests/bench/memory-bench tests/bench/memory-chain-bench
EXTRA_PROGRAMS += $(memory_benches)
tests_bench_memory_bench_SOURCES = tests/bench/memory_bench.c \
	tests/bench/stream.c tests/bench/stream.h
tests_bench_memory_bench_LDADD = libsnapshotparts.la
tests_bench_memory_chain_bench_SOURCES = tests/bench/memory_chain_bench.c \
	tests/bench/stream.c tests/bench/stream.h
tests_bench_memory_chain_bench_LDADD = libsnapshotparts.la
.PHONY: bench-memory
bench-memory: tests/bench/memory-bench$(EXEEXT) \
		tests/bench/memory-chain-bench$(EXEEXT)
	tests/bench/memory-bench$(EXEEXT) "$(STREAM)"
	tests/bench/memory-chain-bench$(EXEEXT) "$(STREAM)"
