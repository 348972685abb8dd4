# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's end of one virtual block device: xenstore states, ring, I/O.

One page is the ring, RING_SIZE pages behind it hold the data of one request
each. Requests have one segment. The layout is the protocol's x86_64-abi one
(xen/include/public/io/blkif.h, ring.h).
"""
import ctypes
import mmap
import os
import select
import struct
import time

PAGE = 4096
SECTOR = 512
RING_SIZE = 32
PAGES_PER_DISK = 1 + RING_SIZE

RING_HEADER = 64
ENTRY = 112
REQUEST = struct.Struct('<BBHIQQ')      # operation, segments, handle, -, id, sector
SEGMENT = struct.Struct('<IBBH')        # grant, first sector, last sector, -
RESPONSE = struct.Struct('<QBBh')       # id, operation, -, status

OP_READ, OP_WRITE, OP_FLUSH = 0, 1, 3
INITIALISING, INIT_WAIT, INITIALISED, CONNECTED, CLOSING, CLOSED = range(1, 7)


class Stuck(Exception):
    """QEMU did not do its part in time."""


def make_event_channel(directory, port):
    for side in ('backend', 'frontend'):
        os.mkfifo(os.path.join(directory, 'evtchn.%d.%s' % (port, side)), 0o600)


class Frontend:
    def __init__(self, directory, store, index, number, domid):
        self.store = store
        self.number = number
        self.belong_to(domid)
        self.first_page = 1 + index * PAGES_PER_DISK
        self.port = 100 + index
        self.offset = self.first_page * PAGE
        with open(os.path.join(directory, 'grants'), 'r+b') as grants:
            self.memory = mmap.mmap(grants.fileno(), 0)
        make_event_channel(directory, self.port)
        self.to_backend = self._open_channel(directory, 'backend')
        self.from_backend = self._open_channel(directory, 'frontend')
        # The indices are shared with QEMU: each store must be one access.
        index_at = lambda n: ctypes.c_uint32.from_buffer(self.memory, self.offset + 4 * n)
        self.req_prod, self.req_event, self.rsp_prod, self.rsp_event = map(index_at, range(4))
        self._reset()

    def belong_to(self, domid):
        """Also later: the guest goes on as another domain, as after a restore."""
        self.frontend = '/local/domain/%d/device/vbd/%d' % (domid, self.number)
        self.backend = '/local/domain/0/backend/qdisk/%d/%d' % (domid, self.number)

    def _open_channel(self, directory, side):
        path = os.path.join(directory, 'evtchn.%d.%s' % (self.port, side))
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def _reset(self):
        self.memory[self.offset:self.offset + PAGE] = bytes(PAGE)
        self.req_event.value = self.rsp_event.value = 1
        self.produced = self.consumed = 0
        self.free = list(range(RING_SIZE))
        self.pending = {}                   # id -> (operation, bytes)
        self.abandoned = False              # nobody will answer any more

    def close(self):
        for index in ('req_prod', 'req_event', 'rsp_prod', 'rsp_event'):
            delattr(self, index)            # they keep the mapping alive
        self.memory.close()
        os.close(self.to_backend)
        os.close(self.from_backend)

    # Connecting, as blkfront does it.

    def _await_backend(self, states, timeout):
        end = time.monotonic() + timeout
        while True:
            state = self.store.read(self.backend + '/state')
            if state in [s if s is None else str(s) for s in states]:
                return
            if time.monotonic() > end:
                raise Stuck('backend %d is in state %s, not %s' % (self.number, state, states))
            time.sleep(0.005)

    def connect(self, timeout=10):
        """The first time the backend waits for us; after a disconnect it stays
        closed until we come back."""
        self._await_backend([INIT_WAIT, CLOSED], timeout)
        self._reset()
        for key, value in (('ring-ref', self.first_page), ('event-channel', self.port),
                           ('protocol', 'x86_64-abi'), ('state', INITIALISED)):
            self.store.write(self.frontend + '/' + key, value)
        self._await_backend([CONNECTED], timeout)
        self.store.write(self.frontend + '/state', CONNECTED)

    def disconnect(self, timeout=10):
        self.store.write(self.frontend + '/state', CLOSING)
        self._await_backend([CLOSING, CLOSED], timeout)
        self.store.write(self.frontend + '/state', CLOSED)
        self._await_backend([CLOSED], timeout)

    def leave(self, timeout=10):
        """For good: the backend removes what it has of the device."""
        self.store.write(self.frontend + '/state', CLOSING)
        self._await_backend([CLOSING, CLOSED, None], timeout)
        self.store.write(self.frontend + '/state', CLOSED)
        self._await_backend([None], timeout)

    # I/O.

    def submit(self, operation, sector, data=None, size=PAGE):
        """Put one request on the ring; returns its id."""
        slot = self.free.pop()
        page = self.first_page + 1 + slot
        if data is not None:
            size = len(data)
            self.memory[page * PAGE:page * PAGE + size] = data
        segments = 0 if operation == OP_FLUSH else 1
        at = self.offset + RING_HEADER + self.produced % RING_SIZE * ENTRY
        REQUEST.pack_into(self.memory, at, operation, segments, self.number & 0xffff, 0,
                          slot, sector)
        SEGMENT.pack_into(self.memory, at + REQUEST.size, page, 0, size // SECTOR - 1, 0)
        self.produced += 1
        self.pending[slot] = (operation, size)
        self.req_prod.value = self.produced & 0xffffffff
        self._notify()
        return slot

    def _notify(self):
        try:
            os.write(self.to_backend, b'x')
        except BlockingIOError:
            pass                            # an event is waiting there already

    def _take_responses(self):
        responses = []
        while self.consumed & 0xffffffff != self.rsp_prod.value:
            at = self.offset + RING_HEADER + self.consumed % RING_SIZE * ENTRY
            slot, _, _, status = RESPONSE.unpack_from(self.memory, at)
            self.consumed += 1
            operation, size = self.pending.pop(slot)
            page = (self.first_page + 1 + slot) * PAGE
            data = self.memory[page:page + size] if operation == OP_READ else None
            self.free.append(slot)
            responses.append((slot, status, data))
        return responses

    def reap(self, timeout=30):
        """Wait for responses: a list of (id, status, data of a read)."""
        end = time.monotonic() + timeout
        while True:
            responses = self._take_responses()
            self.rsp_event.value = (self.consumed + 1) & 0xffffffff
            if responses:
                return responses
            if self.consumed & 0xffffffff != self.rsp_prod.value:
                continue                    # it came just before we asked for an event
            left = end - time.monotonic()
            if left <= 0 or self.abandoned:
                raise Stuck('disk %d does not answer' % self.number)
            ready, _, _ = select.select([self.from_backend], [], [], min(left, 0.1))
            if ready:
                os.read(self.from_backend, 4096)

    def _one(self, *request, **kwargs):
        self.submit(*request, **kwargs)
        (_, status, data), = self.reap()
        if status:
            raise IOError('disk %d: request %r failed: %d' % (self.number, request[:2], status))
        return data

    def read(self, sector, size=PAGE):
        return self._one(OP_READ, sector, size=size)

    def write(self, sector, data):
        self._one(OP_WRITE, sector, data)

    def flush(self):
        self._one(OP_FLUSH, 0)
