# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many machines may run at once on this host.

Each emulated processor wants one of the host's. When they get less, they spend
what there is on waiting for each other (Xen and dom0 spin for locks whose holder
does not run), and libxl's own time limits (10 s for an answer of its QEMU) end in
failures that say nothing about what is tested. So a run waits until there is
room for it.
"""

import contextlib
import fcntl
import os
import time

from .common import LabError, EXIT_USAGE, cache_dir, say


def _slots():
    text = os.environ.get("XENLAB_SLOTS")
    if text is None:
        return os.cpu_count() or 1
    if not text.isdigit() or int(text) == 0:
        raise LabError("XENLAB_SLOTS is not a number: '%s'" % text, EXIT_USAGE)
    return int(text)


def _try(wanted, stack):
    """So many of them, or none."""
    held = 0
    for n in range(_slots()):
        if held == wanted:
            break
        f = stack.enter_context(
            open(os.path.join(cache_dir(), "slot-%d.lock" % n), "a"))
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held += 1
    return held == wanted


def take(processors):
    """Wait for free slots, one for each processor of a machine, or all there
    are. They are held until what is returned is closed."""
    wanted = min(processors, _slots())
    waiting = False
    while True:
        with contextlib.ExitStack() as stack:
            if _try(wanted, stack):
                return stack.pop_all()
        if not waiting:
            say("waiting for another xenlab's machine to end")
            waiting = True
        time.sleep(0.5)
