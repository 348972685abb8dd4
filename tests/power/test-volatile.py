#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The drive that loses what was not flushed: it keeps what it must keep, and
loses what it may lose. A drive that lost nothing would make every power cut a
success."""

import os
import random
import socket
import struct
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tools"))

from lab.volatile import SECTOR, VolatileCache, VolatileDrive  # noqa: E402

SIZE = 64 * SECTOR
SEEDS = range(60)


def sectors(byte, count=1):
    return bytes([byte]) * (SECTOR * count)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="volatile.")
        self.medium = os.path.join(self.folder.name, "medium")

    def tearDown(self):
        self.folder.cleanup()

    def blank(self):
        with open(self.medium, "wb") as f:
            f.truncate(SIZE)

    def left(self):
        with open(self.medium, "rb") as f:
            data = f.read()
        return [data[at] for at in range(0, SIZE, SECTOR)
                if data[at:at + SECTOR] == data[at:at + 1] * SECTOR]


class Cache(Folder):
    def after_cuts(self, deed, limit=1 << 20):
        """What the medium holds after the deed and a cut, for many seeds."""
        found = []
        for seed in SEEDS:
            self.blank()
            cache = VolatileCache(self.medium, random.Random(seed), limit)
            deed(cache)
            cache.cut()
            cache.close()
            found.append(self.left())
            self.assertEqual(len(found[-1]), SIZE // SECTOR, "a torn sector")
        return found

    def test_what_is_flushed_stays(self):
        def deed(cache):
            cache.write(0, sectors(1, 8))
            cache.flush()
            cache.write(8 * SECTOR, sectors(2, 8))
        for left in self.after_cuts(deed):
            self.assertEqual(left[:8], [1] * 8)

    def test_fua_stays(self):
        def deed(cache):
            cache.write(0, sectors(1, 8), durable=True)
        for left in self.after_cuts(deed):
            self.assertEqual(left[:8], [1] * 8)

    def test_the_rest_may_be_lost_or_torn_or_there(self):
        def deed(cache):
            cache.write(0, sectors(1, 8))
        counts = {sum(left[:8]) for left in self.after_cuts(deed)}
        self.assertIn(0, counts)
        self.assertIn(8, counts)
        self.assertTrue(counts - {0, 8}, "never torn")

    def test_the_order_does_not_count(self):
        def deed(cache):
            cache.write(0, sectors(1))
            cache.write(SECTOR, sectors(2))
        found = {tuple(left[:2]) for left in self.after_cuts(deed)}
        self.assertEqual(found, {(0, 0), (1, 0), (0, 2), (1, 2)})

    def test_an_older_write_may_be_what_is_left(self):
        def deed(cache):
            for byte in 1, 2, 3:
                cache.write(0, sectors(byte))
        found = {left[0] for left in self.after_cuts(deed)}
        self.assertEqual(found, {0, 1, 2, 3})

    def test_a_flushed_write_is_not_undone_by_an_older_one(self):
        def deed(cache):
            cache.write(0, sectors(1))
            cache.write(0, sectors(2))
            cache.flush()
        self.assertEqual({left[0] for left in self.after_cuts(deed)}, {2})

    def test_the_newest_is_read(self):
        self.blank()
        cache = VolatileCache(self.medium, random.Random(1))
        cache.write(0, sectors(1, 4))
        cache.flush()
        cache.write(SECTOR, sectors(2))
        cache.write(SECTOR, sectors(3))
        self.assertEqual(cache.read(0, 3 * SECTOR),
                         sectors(1) + sectors(3) + sectors(1))
        self.assertEqual(cache.read(SECTOR, SECTOR), sectors(3))
        cache.close()

    def test_it_is_bounded(self):
        def deed(cache):
            for n in range(64):
                cache.write(n * SECTOR, sectors(1))
        found = self.after_cuts(deed, limit=8)
        self.assertGreater(min(sum(left) for left in found), 32)


class Served(Folder):
    def setUp(self):
        super().setUp()
        self.drive = VolatileDrive(
            self.medium, os.path.join(self.folder.name, "s"), SIZE,
            random.Random(5))
        self.drive.start()
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.settimeout(20)
        self.peer.connect(self.drive.path)
        self.assertEqual(self.get(18)[:16], b"NBDMAGICIHAVEOPT")
        self.peer.sendall(struct.pack(">I", 3))
        # An option that it does not have, then the one that it has.
        for option in 8, 7:
            self.peer.sendall(b"IHAVEOPT" + struct.pack(">II", option, 6)
                              + bytes(6))
        kinds = []
        while not kinds or kinds[-1] != 1:
            _, option, kind, length = struct.unpack(">QIII", self.get(20))
            kinds.append(kind)
            data = self.get(length)
            if kind == 3 and data[:2] == b"\0\0":
                self.assertEqual(struct.unpack(">Q", data[2:10])[0], SIZE)
        self.assertEqual(kinds[0], 0x80000001)

    def tearDown(self):
        self.peer.close()
        self.drive.finish()
        super().tearDown()

    def get(self, size):
        data = b""
        while len(data) < size:
            more = self.peer.recv(size - len(data))
            self.assertTrue(more, "it hung up")
            data += more
        return data

    def ask(self, command, offset=0, data=b"", length=None, flags=0):
        self.peer.sendall(struct.pack(
            ">IHHQQI", 0x25609513, flags, command, 77, offset,
            len(data) if length is None else length) + data)

    def answer(self, length=0):
        _, error, cookie = struct.unpack(">IIQ", self.get(16))
        self.assertEqual(cookie, 77)
        return error, self.get(length)

    def test_a_good_bye_loses_nothing(self):
        self.ask(1, 0, sectors(1, 4))
        self.assertEqual(self.answer(), (0, b""))
        self.ask(0, 0, length=SECTOR)
        self.assertEqual(self.answer(SECTOR), (0, sectors(1)))
        self.ask(2)
        self.assertFalse(self.drive.finish())
        self.assertEqual(self.left()[:4], [1] * 4)

    def test_without_one_the_power_was_cut(self):
        self.ask(1, 0, sectors(1, 4))
        self.answer()
        self.ask(3)
        self.answer()
        self.ask(1, 4 * SECTOR, sectors(2, 60))
        self.answer()
        self.peer.close()
        self.assertTrue(self.drive.finish())
        self.assertEqual(self.left()[:4], [1] * 4)
        self.assertEqual(self.drive.cache.lost + self.drive.cache.kept, 60)

    def test_it_falls_at_the_chosen_request(self):
        self.drive.arm(2)
        for byte in 1, 2, 3:
            self.ask(1, 0, sectors(byte), flags=1)
        self.answer()
        self.answer()
        self.assertTrue(self.drive.fell.wait(20))
        self.peer.close()
        self.assertTrue(self.drive.finish())
        self.assertEqual(self.left()[0], 2)

    def test_what_makes_no_sense_is_refused(self):
        self.ask(1, SIZE, sectors(1))
        self.assertEqual(self.answer()[0], 22)
        self.ask(0, 1, length=SECTOR)
        self.assertEqual(self.answer()[0], 22)
        self.ask(4, 0)
        self.assertEqual(self.answer()[0], 95)


if __name__ == "__main__":
    unittest.main()
