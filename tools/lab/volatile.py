# SPDX-License-Identifier: LGPL-2.1-or-later
"""A drive with a volatile write cache, to have the power cut.

QEMU writes to a file through the host's page cache, which outlives QEMU: a
machine that is killed on such a drive loses nothing, and finds no missing
fsync. This drive keeps what is written in its own memory until the machine
flushes it, and when the power is cut, of what was not flushed it loses what it
likes, one sector at a time.

It is served to QEMU as a network block device (NBD) on a Unix socket. The model:

- A sector (512 bytes) is written wholly or not at all; a larger write may be torn.
- What was written before a flush, or with FUA, is durable when that is answered.
- Of everything else each sector may be lost or not, whatever its order; and
  where a sector was written more than once, an older write may be what is left.
- Like a real one the cache has a bound: when it is full, a part of it reaches the
  medium.

The power can also be cut at a chosen request: arm() says how many writes and
flushes from now. The drive then stops in its tracks, and the machine is to be
killed.

What it does not model: sectors that go bad, flushes that lie, writes that
land in a wrong place.
"""

import os
import socket
import struct
import threading

SECTOR = 512
CACHE_SECTORS = (96 << 20) // SECTOR

# ---- the drive ----


class VolatileCache:
    """The cache before a medium, which is a file. Not for several threads."""

    def __init__(self, medium, rng, limit=CACHE_SECTORS):
        self._fd = os.open(medium, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size // SECTOR * SECTOR
        self._rng = rng
        self._limit = limit
        self._dirty = {}        # sector: bytes
        self.flushes = self.lost = self.kept = 0

    def close(self):
        os.close(self._fd)

    def _destage(self, sectors):
        """To the medium, in runs of neighbours."""
        run, first = [], None
        for n in sorted(sectors):
            if first is not None and n != first + len(run):
                os.pwrite(self._fd, b"".join(run), first * SECTOR)
                run, first = [], None
            if first is None:
                first = n
            run.append(self._dirty.pop(n))
        if run:
            os.pwrite(self._fd, b"".join(run), first * SECTOR)

    def read(self, offset, length):
        data = os.pread(self._fd, length, offset)
        first, count = offset // SECTOR, length // SECTOR
        found = [n for n in range(first, first + count) if n in self._dirty] \
            if count < len(self._dirty) else \
            [n for n in self._dirty if first <= n < first + count]
        if found:
            data = bytearray(data)
            for n in found:
                at = n * SECTOR - offset
                data[at:at + SECTOR] = self._dirty[n]
        return bytes(data)

    def write(self, offset, data, durable=False):
        first, count = offset // SECTOR, len(data) // SECTOR
        sectors = range(first, first + count)
        # The drive may have put the older one on the medium before.
        self._destage([n for n in sectors if n in self._dirty
                       and self._rng.random() < 0.5])
        for n in sectors:
            at = (n - first) * SECTOR
            self._dirty[n] = data[at:at + SECTOR]
        if durable:
            self._destage(sectors)
        elif len(self._dirty) > self._limit:
            self._destage([n for n in self._dirty if self._rng.random() < 0.5])

    def flush(self):
        self.flushes += 1
        self._destage(list(self._dirty))

    def cut(self):
        """The power fails. All that was not flushed is lost, or all of it is
        there after all, or of each sector a coin decides."""
        chance = self._rng.choice([0, 1, self._rng.random()])
        kept = [n for n in self._dirty if self._rng.random() < chance]
        self.kept, self.lost = len(kept), len(self._dirty) - len(kept)
        self._destage(kept)
        self._dirty.clear()


# ---- NBD, the part of it that QEMU's client needs ----

_MAGIC, _OPTION_MAGIC = b"NBDMAGIC", b"IHAVEOPT"
_REPLY_MAGIC = 0x3e889045565a9
_REQUEST_MAGIC, _ANSWER_MAGIC = 0x25609513, 0x67446698
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_OPT_EXPORT_NAME, _OPT_ABORT, _OPT_INFO, _OPT_GO = 1, 2, 6, 7
_REP_ACK, _REP_INFO, _REP_UNSUPPORTED = 1, 3, 0x80000001
_INFO_EXPORT, _INFO_BLOCK_SIZE = 0, 3
_FLAGS = 1 | 1 << 2 | 1 << 3        # has flags, sends FLUSH, sends FUA
_READ, _WRITE, _DISCONNECT, _FLUSH = range(4)
_FUA = 1
_EINVAL, _ENOTSUP = 22, 95
_MOST = 32 << 20


class _Gone(Exception):
    """The other side hung up."""


class VolatileDrive:
    """Serve one machine. What Machine wants of a drive is create() and
    arguments(); start() comes before the machine, and finish() after its end:
    a machine that did not say good-bye had its power cut."""

    def __init__(self, medium, path, size, rng):
        self.medium, self.path, self.size = medium, path, size
        self._rng = rng
        self.cache = None
        self._listener = self._thread = None
        self._clean = False
        self._failure = None
        self._left = None               # requests until the power fails
        self.fell = threading.Event()   # it has, by itself

    def create(self):
        if not os.path.exists(self.medium):
            with open(self.medium, "wb") as f:
                f.truncate(self.size)

    def arguments(self):
        return ["-drive", "if=none,id=data,format=raw,cache=writeback,"
                "file.driver=nbd,file.server.type=unix,file.server.path="
                + self.path.replace(",", ",,"),
                "-device", "virtio-blk-pci,drive=data,write-cache=on"]

    def start(self):
        self.create()
        self.cache = VolatileCache(self.medium, self._rng)
        self._clean = False
        self._left = None
        self.fell.clear()
        if os.path.exists(self.path):
            os.unlink(self.path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def arm(self, requests):
        self._left = requests

    def finish(self):
        """After the machine's end. Returns whether the power was cut."""
        if not self._thread:
            return False
        # A machine that never came leaves accept waiting.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        self._listener.close()
        os.unlink(self.path)
        self._thread = None
        if self._clean:
            self.cache.flush()
        else:
            self.cache.cut()
        self.cache.close()
        if self._failure:
            raise self._failure
        return not self._clean

    # ---- one connection ----

    def _serve(self):
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        with peer:
            try:
                if self._negotiate(peer):
                    self._transmit(peer)
            except (_Gone, ConnectionError):
                pass
            except Exception as e:      # pylint: disable=broad-except
                self._failure = e       # raised where somebody sees it

    @staticmethod
    def _exactly(peer, size):
        data = bytearray()
        while len(data) < size:
            more = peer.recv(size - len(data))
            if not more:
                raise _Gone()
            data += more
        return bytes(data)

    def _negotiate(self, peer):
        peer.sendall(_MAGIC + _OPTION_MAGIC
                     + struct.pack(">H", _FIXED_NEWSTYLE | _NO_ZEROES))
        self._exactly(peer, 4)
        while True:
            head = self._exactly(peer, 16)
            option, length = struct.unpack(">II", head[8:])
            if head[:8] != _OPTION_MAGIC or length > 65536:
                raise _Gone()
            self._exactly(peer, length)
            if option == _OPT_EXPORT_NAME:
                peer.sendall(struct.pack(">QH", self.cache.size, _FLAGS))
                return True
            if option in (_OPT_INFO, _OPT_GO):
                self._reply(peer, option, _REP_INFO, struct.pack(
                    ">HQH", _INFO_EXPORT, self.cache.size, _FLAGS))
                self._reply(peer, option, _REP_INFO, struct.pack(
                    ">HIII", _INFO_BLOCK_SIZE, SECTOR, 4096, _MOST))
                self._reply(peer, option, _REP_ACK)
                if option == _OPT_GO:
                    return True
            elif option == _OPT_ABORT:
                self._reply(peer, option, _REP_ACK)
                return False
            else:
                self._reply(peer, option, _REP_UNSUPPORTED)

    @staticmethod
    def _reply(peer, option, kind, data=b""):
        peer.sendall(struct.pack(">QIII", _REPLY_MAGIC, option, kind,
                                 len(data)) + data)

    def _transmit(self, peer):
        while True:
            magic, flags, command, cookie, offset, length = struct.unpack(
                ">IHHQQI", self._exactly(peer, 28))
            if magic != _REQUEST_MAGIC:
                raise _Gone()
            if command == _DISCONNECT:
                self._clean = True
                return
            if command in (_WRITE, _FLUSH) and self._left is not None:
                self._left -= 1
                if self._left < 0:
                    self.fell.set()
                    while peer.recv(65536):     # until the machine is dead
                        pass
                    return
            error, data = self._obey(peer, flags, command, offset, length)
            peer.sendall(struct.pack(">IIQ", _ANSWER_MAGIC, error, cookie)
                         + data)

    def _obey(self, peer, flags, command, offset, length):
        if command == _FLUSH:
            self.cache.flush()
            return 0, b""
        if command not in (_READ, _WRITE):
            return _ENOTSUP, b""
        if length > _MOST:
            raise _Gone()
        data = self._exactly(peer, length) if command == _WRITE else b""
        if offset % SECTOR or length % SECTOR or \
                offset + length > self.cache.size:
            return _EINVAL, b""
        if command == _READ:
            return 0, self.cache.read(offset, length)
        self.cache.write(offset, data, durable=bool(flags & _FUA))
        return 0, b""
