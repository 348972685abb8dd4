# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every part of the lab shares: releases, places, messages, errors."""

import os
import shutil
import sys
import tempfile

LAB_DIR = os.path.dirname(os.path.realpath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(LAB_DIR))

# Debian release -> the version in the names of its Xen packages.
RELEASES = {"bookworm": "4.17", "trixie": "4.20"}

# The lab's own exit codes; a script's own status is passed through as it is.
EXIT_USAGE = 2
EXIT_PREPARE = 123      # the cache or the build could not be made
EXIT_TIMEOUT = 124      # the time limit of the whole run was reached
EXIT_MACHINE = 125      # Xen or dom0 crashed, or never came up


class LabError(Exception):
    """A failure with a message for the user and the lab's exit code."""

    def __init__(self, message, code=EXIT_PREPARE):
        super().__init__(message)
        self.code = code


def say(message):
    sys.stdout.flush()
    print("xenlab: " + message, file=sys.stderr, flush=True)


def cache_dir():
    explicit = os.environ.get("XENLAB_CACHE")
    if explicit:
        return os.path.abspath(explicit)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "xenlab")


def release_dir(release):
    path = os.path.join(cache_dir(), release)
    os.makedirs(path, exist_ok=True)
    return path


def scratch_folder():
    """A temporary folder with a short path (Unix sockets need one). Those of
    processes that were killed are removed on the way."""
    base = tempfile.gettempdir()
    for entry in os.listdir(base):
        words = entry.split("-")
        if (words[0] == "xenlab" and len(words) == 3 and words[1].isdigit()
                and not os.path.exists("/proc/" + words[1])):
            shutil.rmtree(os.path.join(base, entry), ignore_errors=True)
    return tempfile.mkdtemp(prefix="xenlab-%d-" % os.getpid())


def tail(path, lines=40):
    """The last lines of a log, for a message; never fails."""
    try:
        with open(path, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 65536))
            text = f.read().decode("utf-8", "replace")
    except OSError as e:
        return "(%s)" % e
    text = "".join(c for c in text if c in "\n\t" or c.isprintable())
    return "\n".join(text.splitlines()[-lines:])


def parse_size(text):
    """'50M' -> bytes; binary units."""
    units = {"K": 10, "M": 20, "G": 30, "T": 40}
    digits, shift = text, 0
    if text and text[-1].upper() in units:
        digits, shift = text[:-1], units[text[-1].upper()]
    if not digits.isdigit() or int(digits) == 0:
        raise LabError("not a size: '%s'" % text, EXIT_USAGE)
    return int(digits) << shift
