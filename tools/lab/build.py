# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiling the project inside the tree."""

from .common import LabError


def obtain(release, tree, source=None):
    raise LabError("the build inside the tree is not written yet: --no-build")
