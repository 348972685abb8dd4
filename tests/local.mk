# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/unit/library.mk
include tests/qmp/local.mk
include tests/interop/local.mk
