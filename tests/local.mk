# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/idl/local.mk
include tests/unit/local.mk
