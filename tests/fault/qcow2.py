# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a qcow2 or raw image holds, now or in an internal snapshot.

As much of the format as qemu-img uses by itself: no compression, no
encryption, no external data file. It is here because thousands of images are
read, and starting qemu-img for each takes longer than all the rest.
"""
import os
import struct

MAGIC = b"QFI\xfb"
OFFSET = 0x00fffffffffffe00
ZERO, COMPRESSED = 1, 1 << 62


class Broken(Exception):
    """No such snapshot, or nothing that can be read."""


class Image:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        self.path = path
        self.qcow2 = self.data[:4] == MAGIC
        if not self.qcow2:
            self.size = len(self.data)
            return
        (backing, length, bits, self.size, _, self.l1_size, self.l1, _, _,
         self.snapshots, self.table) = struct.unpack_from(
             ">QIIQIIQQIIQ", self.data, 8)
        self.cluster = 1 << bits
        self.backing = os.path.join(
            os.path.dirname(path),
            self.data[backing:backing + length].decode()) if backing else None

    def names(self):
        """{name: (its L1 table, its number of entries)} of the snapshots."""
        found, at = {}, self.table
        for _ in range(self.snapshots if self.qcow2 else 0):
            l1, size, id_len, name_len = struct.unpack_from(">QIHH", self.data,
                                                            at)
            extra, = struct.unpack_from(">I", self.data, at + 36)
            at += 40 + extra + id_len
            name = self.data[at:at + name_len].decode()
            if name in found:
                raise Broken("%s has two snapshots %s" % (self.path, name))
            found[name] = l1, size
            at += name_len + 7
            at -= at % 8
        return found

    def content(self, snapshot=None):
        if not self.qcow2:
            return self.data
        l1, entries = self.l1, self.l1_size
        if snapshot is not None:
            if snapshot not in self.names():
                raise Broken("%s has no snapshot %s" % (self.path, snapshot))
            l1, entries = self.names()[snapshot]
        below = Image(self.backing).content() if self.backing else b""
        content = bytearray(below[:self.size].ljust(self.size, b"\0"))
        each = self.cluster // 8
        for i in range(entries):
            table = struct.unpack_from(">Q", self.data, l1 + 8 * i)[0] & OFFSET
            if not table:
                continue
            for k, entry in enumerate(struct.unpack_from(
                    ">%dQ" % each, self.data.ljust(table + self.cluster, b"\0"),
                    table)):
                at = (i * each + k) * self.cluster
                if entry and at < self.size:
                    self._cluster(entry, content, at)
        return bytes(content)

    def _cluster(self, entry, content, at):
        length = min(self.cluster, self.size - at)
        if entry & COMPRESSED:
            raise Broken("%s is compressed" % self.path)
        data = b"" if entry & ZERO else \
            self.data[entry & OFFSET:(entry & OFFSET) + length]
        if entry & ZERO or entry & OFFSET:
            content[at:at + length] = data.ljust(length, b"\0")
