# SPDX-License-Identifier: LGPL-2.1-or-later
TESTS += tests/hooks/lvm-thin.sh
EXTRA_DIST += tests/hooks/fake-lvm tests/hooks/lvm-thin.sh
