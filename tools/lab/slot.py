# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many machines may run at once on this host.

An emulated machine keeps two processors busy. When it gets less, libxl's own
time limits (10 s for an answer of its QEMU) end in failures that say
nothing about what is tested. So a run waits until there is room for it.
"""

import fcntl
import os
import time

from .common import LabError, EXIT_USAGE, cache_dir, say


def _slots():
    text = os.environ.get("XENLAB_SLOTS")
    if text is None:
        return max(1, (os.cpu_count() or 1) // 2)
    if not text.isdigit() or int(text) == 0:
        raise LabError("XENLAB_SLOTS is not a number: '%s'" % text, EXIT_USAGE)
    return int(text)


def take():
    """Wait for a free slot. It is held until the returned file is closed."""
    waiting = False
    count = _slots()
    while True:
        for n in range(count):
            f = open(os.path.join(cache_dir(), "slot-%d.lock" % n), "a")
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return f
            except BlockingIOError:
                f.close()
        if not waiting:
            say("waiting for another xenlab's machine to end")
            waiting = True
        time.sleep(0.5)
