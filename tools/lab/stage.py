# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cached folders named after a hash of the recipe that made them.

A stage is built under a temporary name and renamed when it is whole, so a
folder with its final name can be trusted, whenever an earlier run was
interrupted. A changed recipe has another name: nothing is ever rebuilt in place
under a machine that uses it. Stages are locked shared while in use.
"""

import fcntl
import hashlib
import os
import subprocess
import time

from .common import LabError, release_dir, say

_UNUSED_SECONDS = 14 * 24 * 3600
_held = []      # open lock files: the locks last as long as this process


def recipe_hash(*parts):
    """Hash of strings and of the content of the files that parts name as
    ('file', path)."""
    h = hashlib.sha256()
    for part in parts:
        if isinstance(part, tuple):
            with open(part[1], "rb") as f:
                part = f.read()
        else:
            part = part.encode()
        h.update(b"%d:" % len(part) + part)
    return h.hexdigest()[:16]


def remove(path):
    """Remove a folder which may hold a whole Debian tree; stays off anything
    mounted in it."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", path], check=False)
    if os.path.lexists(path):
        raise LabError("cannot remove %s" % path)


def _lock(path, mode):
    f = open(path, "a")
    try:
        fcntl.flock(f, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        if mode == fcntl.LOCK_EX:
            say("waiting for another xenlab (%s)" % path)
        fcntl.flock(f, mode)
    return f


def obtain(release, name, digest, build):
    """The path of the stage, made by build(temporary_path) when missing."""
    base = release_dir(release)
    path = os.path.join(base, "%s-%s" % (name, digest))
    lock_path = "%s.lock" % path
    lock = _lock(lock_path, fcntl.LOCK_SH)
    if not os.path.isdir(path):
        fcntl.flock(lock, fcntl.LOCK_UN)
        lock = _lock(lock_path, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            temporary = path + ".partial"
            remove(temporary)
            say("preparing %s for %s" % (name, release))
            start = time.monotonic()
            os.makedirs(temporary)
            build(temporary)
            os.rename(temporary, path)
            say("%s is ready after %.0f s" % (name, time.monotonic() - start))
        fcntl.flock(lock, fcntl.LOCK_SH)
    os.utime(path)
    _held.append(lock)
    _prune(base, name, path)
    return path


def _prune(base, name, keep):
    for entry in os.listdir(base):
        path = os.path.join(base, entry)
        if (not entry.startswith(name + "-") or path == keep
                or not os.path.isdir(path)
                or time.time() - os.stat(path).st_mtime < _UNUSED_SECONDS):
            continue
        with open(path.replace(".partial", "") + ".lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            remove(path)
