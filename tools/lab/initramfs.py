# SPDX-License-Identifier: LGPL-2.1-or-later
"""Initramfs images: a writer of the cpio "newc" format, and kernel modules."""

import gzip
import lzma
import os
import stat

from .common import LabError
from .process import capture


class Image:
    """A cpio archive being collected in memory. Paths are relative to /."""

    def __init__(self):
        self._parts = []
        self._seen = set()
        self._inode = 0

    def _entry(self, path, mode, data=b"", rdev=(0, 0)):
        self._inode += 1
        name = path.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                  rdev[0], rdev[1], len(name), 0)
        header = b"070701" + b"".join(b"%08X" % f for f in fields)
        for blob in (header + name, data):
            self._parts.append(blob + b"\0" * (-len(blob) % 4))

    def directory(self, path):
        if path and path not in self._seen:
            self.directory(os.path.dirname(path))
            self._seen.add(path)
            self._entry(path, stat.S_IFDIR | 0o755)

    def file(self, path, data, mode=0o644):
        self.directory(os.path.dirname(path))
        self._entry(path, stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        self.directory(os.path.dirname(path))
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def console(self):
        """The kernel opens this for init before anything is mounted."""
        self.directory("dev")
        self._entry("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))

    def write(self, path):
        self._entry("TRAILER!!!", 0)
        with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as f:
            f.write(b"".join(self._parts))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def _unpacked(path):
    data = read(path)
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".gz"):
        return gzip.decompress(data)
    if not path.endswith(".ko"):
        raise LabError("unknown kind of kernel module: %s" % path)
    return data


def add_modules(image, tree, kernel, names, order_name="order"):
    """Put the modules and all that they need under /modules, with the order to
    load them in /modules/ORDER_NAME."""
    order = []
    for name in names:
        listing = capture(["chroot", tree, "modprobe", "-S", kernel,
                           "--show-depends", name], "modprobe %s" % name)
        for line in listing.splitlines():
            words = line.split()
            if words[0] == "insmod" and words[1] not in order:
                order.append(words[1])
    for path in order:
        base = os.path.basename(path).split(".ko")[0] + ".ko"
        image.file("modules/" + base, _unpacked(tree + path))
    text = "".join("/modules/%s.ko\n" % os.path.basename(p).split(".ko")[0]
                   for p in order)
    image.file("modules/" + order_name, text.encode())
