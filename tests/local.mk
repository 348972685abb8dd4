# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/cli/local.mk
include tests/idl/local.mk
include tests/unit/local.mk
include tests/unit/library.mk
include tests/unit/manage.mk
include tests/unit/watch.mk
include tests/qmp/local.mk
include tests/chain/local.mk
include tests/hooks/local.mk
include tests/interop/local.mk
include tests/fuzz/local.mk
include tests/memory/local.mk
include tests/manage/local.mk
include tests/system/local.mk
include tests/bench/local.mk
include tests/valgrind.mk
