# SPDX-License-Identifier: LGPL-2.1-or-later
"""The IDL compiler. What the language means is written in idl/README.md."""
