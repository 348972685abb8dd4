#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make C types and their functions from a schema: see README.md here."""

import os
import sys

sys.dont_write_bytecode = True      # the source tree may be read-only
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from compiler.main import main      # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
