# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that are replaced whole, and only when they change."""

import os


def write_if_different(path, text):
    """Leave an equal file alone, so that make rebuilds nothing for it."""
    data = text.encode('utf-8')
    try:
        with open(path, 'rb') as f:
            if f.read() == data: return False
    except FileNotFoundError:
        pass
    new = '%s.%d.new' % (path, os.getpid())
    try:
        with open(new, 'wb') as f: f.write(data)
        os.replace(new, path)
    except OSError:
        try:
            os.unlink(new)
        except OSError:
            pass
        raise
    return True
