# SPDX-License-Identifier: LGPL-2.1-or-later
# The C tests once more, under valgrind. Scripts are left out: what they start
# is started by the C tests, too, and shells have leaks of their own. The
# others left out are too long under it (minutes each), and run under the
# sanitizers. With UNDER_VALGRIND set some make fewer rounds.
VALGRIND_LEFT_OUT = %.sh %.py tests/chain/test-plug tests/chain/test-fault \
	$(fuzz_tests)
VALGRIND = valgrind --quiet --leak-check=full --error-exitcode=99 \
	--child-silent-after-fork=yes

check-valgrind: $(BUILT_SOURCES) $(check_PROGRAMS)
	UNDER_VALGRIND=1 $(MAKE) $(AM_MAKEFLAGS) check \
		TESTS='$(filter-out $(VALGRIND_LEFT_OUT),$(TESTS))' \
		LOG_COMPILER='$(LIBTOOL)' \
		AM_LOG_FLAGS='--mode=execute $(VALGRIND)'
.PHONY: check-valgrind
