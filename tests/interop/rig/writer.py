# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that writes all the time, in an order that can be checked.

Write number K goes to disk K % N, block (K // N) % BLOCKS, and is issued only
when write K - 1 has been answered. At any one instant the disks together
therefore hold a prefix of all writes: if K is the highest number found
anywhere, every block holds the last write up to K that went to it. A snapshot
of several disks that is not of one instant, or that lost a write, breaks that.
"""
import struct
import threading
import time

BLOCK = 4096
BLOCKS = 256
MARK = struct.Struct('<8sQQ')       # magic, number, number again at the end


def block_data(number):
    head = MARK.pack(b'xlswrite', number, ~number & 0xffffffffffffffff)
    return head + struct.pack('<Q', number) * ((BLOCK - len(head)) // 8)


def place(number, disks):
    return number % disks, number // disks % BLOCKS


class Inconsistent(Exception):
    """The disks do not hold a prefix of the writes."""


def _number_in(data, where):
    if data == bytes(BLOCK):
        return None
    magic, number, _ = MARK.unpack_from(data)
    if magic != b'xlswrite' or data != block_data(number):
        raise Inconsistent('%s: torn or foreign data' % where)
    return number


def check(images):
    """images: each disk's content as bytes. Returns the last write's number
    (-1 if there was none); raises Inconsistent."""
    found = {}
    for disk, content in enumerate(images):
        for block in range(BLOCKS):
            number = _number_in(content[block * BLOCK:(block + 1) * BLOCK],
                                'disk %d block %d' % (disk, block))
            if number is not None:
                found[disk, block] = number
    last = max(found.values(), default=-1)
    expected = {}
    for number in range(max(0, last + 1 - BLOCKS * len(images)), last + 1):
        expected[place(number, len(images))] = number
    for at in set(found) | set(expected):
        if found.get(at) != expected.get(at):
            raise Inconsistent('disk %d block %d holds write %s, not %s; the last is %d'
                               % (*at, found.get(at), expected.get(at), last))
    return last


def check_kept(images, flushed):
    """After QEMU was killed: each block holds a write that is no older than the
    last flush. Those after it may be lost, each for itself: where a qcow2 image
    has them is in QEMU's memory alone until the guest flushes."""
    least = {}
    for number in range(max(0, flushed + 1 - BLOCKS * len(images)), flushed + 1):
        least[place(number, len(images))] = number
    for disk, content in enumerate(images):
        for block in range(BLOCKS):
            number = _number_in(content[block * BLOCK:(block + 1) * BLOCK],
                                'disk %d block %d' % (disk, block))
            wanted = least.get((disk, block))
            if number is not None and place(number, len(images)) != (disk, block):
                raise Inconsistent('disk %d block %d holds write %d, which is another\'s'
                                   % (disk, block, number))
            if wanted is not None and (number is None or number < wanted):
                raise Inconsistent('disk %d block %d holds write %s, although write %d was flushed'
                                   % (disk, block, number, wanted))


FLUSH_EVERY = 64


class Writer:
    """Writes from a thread of its own until stopped, from number first on; with
    flushing, it flushes now and then."""

    def __init__(self, frontends, first=0):
        self.frontends = frontends
        self.first = first
        self.answered = first - 1   # the last write that QEMU has answered
        self.flushing = False
        self.flushed = -1           # the last one before a flush was answered
        self.running = threading.Lock()     # held by whoever pauses the guest
        self.stopping = False
        self.error = None
        self.thread = threading.Thread(target=self._run, name='writer')

    def start(self):
        self.thread.start()
        return self

    def _run(self):
        try:
            while not self.stopping:
                self._write(self.answered + 1)
                if self.flushing and not self.answered % FLUSH_EVERY:
                    self._flush()
        except Exception as error:          # for whoever joins the thread
            self.error = error

    def _write(self, number):
        disk, block = place(number, len(self.frontends))
        frontend = self.frontends[disk]
        with self.running:
            frontend.submit(1, block * BLOCK // 512, block_data(number))
        (_, status, _), = frontend.reap()
        if status:
            raise IOError('write %d to disk %d failed: %d' % (number, disk, status))
        self.answered = number

    def _flush(self):
        for frontend in self.frontends:
            frontend.flush()
        self.flushed = self.answered

    def pause(self):
        """As the hypervisor pauses a domain: no new request is made; one that
        is on the ring may still be served."""
        self.running.acquire()

    def unpause(self):
        self.running.release()

    def fill(self):
        """Wait until every block has been written since the start. What an
        earlier writer left, on disks that lost some of it, is then gone."""
        while self.answered < self.first + BLOCKS * len(self.frontends):
            if self.error:
                raise self.error
            time.sleep(0.01)

    def stop(self):
        self.stopping = True
        self.thread.join()
        if self.error:
            raise self.error
