# SPDX-License-Identifier: LGPL-2.1-or-later
"""Another client of the monitor, which keeps to libxl's protocol.

Take the lock file, look whether it is still the one at its path, connect,
talk, disconnect, remove the file, unlock.
"""
import contextlib
import fcntl
import os

from . import qemu

UUID = '5e7a1c9e-0000-4000-8000-00000000beef'


def lock_path(lib_dir):
    return os.path.join(lib_dir, 'userdata-l.%d.%s.qmp-socket-lock' % (qemu.DOMID, UUID))


@contextlib.contextmanager
def locked(lib_dir):
    path = lock_path(lib_dir)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(fd, fcntl.LOCK_EX)      # libxl waits too, in a child
        try:
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                break
        except FileNotFoundError:
            pass
        os.close(fd)
    try:
        yield
    finally:
        os.unlink(path)
        os.close(fd)


def session(run_dir, lib_dir, *commands):
    """Run the commands as one session of libxl; returns their results."""
    with locked(lib_dir):
        qmp = qemu.Qmp(qemu.monitor_path(run_dir), timeout=10)
        try:
            return [qmp.command(*command) for command in commands]
        finally:
            qmp.close()
