# SPDX-License-Identifier: LGPL-2.1-or-later
# Power cuts: the scripts are run in dom0 by tools/powercut. Here only the drive
# that loses what was not flushed is tested.
TESTS += tests/power/test-volatile.py
EXTRA_DIST += tests/power/test-volatile.py tests/power/common.py \
	tests/power/off.py tests/power/running.py
