# SPDX-License-Identifier: LGPL-2.1-or-later
"""A xenstore daemon, as small as libxenstore and QEMU allow.

It speaks the wire protocol over a unix socket, from a thread of this process,
so that the rest of the rig reads and writes the store directly. There are no
permissions, and a transaction is no more than a number: QEMU is the only
client, and nothing here depends on isolation.
"""
import os
import selectors
import socket
import struct
import threading

HEADER = struct.Struct('<IIII')     # type, request id, transaction id, length

(DEBUG, DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, TRANSACTION_START,
 TRANSACTION_END, INTRODUCE, RELEASE, GET_DOMAIN_PATH, WRITE, MKDIR, RM,
 SET_PERMS, WATCH_EVENT, ERROR) = range(17)

HOME = '/local/domain/0'            # what relative paths are relative to


class Refused(Exception):
    """Becomes an error reply; its text is the name of an errno."""


def absolute(path):
    if path.startswith('@'):
        return path
    if not path.startswith('/'):
        path = HOME + '/' + path
    return path.rstrip('/')


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.received = b''

    def send(self, kind, request, transaction, payload):
        header = HEADER.pack(kind, request, transaction, len(payload))
        try:
            self.sock.sendall(header + payload)
        except OSError:
            pass                    # its end is noticed when it is read

    def messages(self):
        """Whole messages among what was received, each once."""
        while len(self.received) >= HEADER.size:
            kind, request, transaction, length = HEADER.unpack_from(self.received)
            end = HEADER.size + length
            if len(self.received) < end:
                return
            payload = self.received[HEADER.size:end]
            self.received = self.received[end:]
            yield kind, request, transaction, payload


class Store:
    """The tree, its watches, and what can be asked of it."""

    def __init__(self):
        self.lock = threading.RLock()
        self.values = {}            # absolute path -> bytes
        self.watches = []           # (client, absolute path, path as given, token)
        self.transactions = 0

    # What the rig itself uses.

    def read(self, path, default=None):
        with self.lock:
            value = self.values.get(absolute(path))
            return default if value is None else value.decode()

    def write(self, path, value):
        self._write(absolute(path), str(value).encode())

    def remove(self, path):
        with self.lock:
            path = absolute(path)
            for each in [p for p in self.values
                         if p == path or p.startswith(path + '/')]:
                del self.values[each]
            self._fire(path)

    def drop_client(self, client):
        with self.lock:
            self.watches = [w for w in self.watches if w[0] is not client]

    def _write(self, path, value):
        with self.lock:
            parent = path.rpartition('/')[0]
            while parent and parent not in self.values:
                self.values[parent] = b''
                parent = parent.rpartition('/')[0]
            self.values[path] = value
            self._fire(path)

    def _fire(self, path):
        for client, watched, given, token in list(self.watches):
            if path != watched and not path.startswith(watched + '/'):
                continue
            shown = path if given.startswith('/') else path[len(HOME) + 1:]
            client.send(WATCH_EVENT, 0, 0, shown.encode() + b'\0' + token + b'\0')

    # One method for each message of the protocol.

    def handle(self, client, kind, payload):
        """The reply's payload; Refused for an error."""
        arguments = payload.split(b'\0')
        path = absolute(arguments[0].decode())
        operations = {
            DIRECTORY: lambda: self._directory(path),
            READ: lambda: self._existing(path),
            GET_PERMS: lambda: b'n0\0',
            WATCH: lambda: self._watch(client, path, arguments),
            UNWATCH: lambda: self._unwatch(client, path, arguments),
            TRANSACTION_START: self._transaction,
            GET_DOMAIN_PATH: lambda: b'/local/domain/' + arguments[0] + b'\0',
            WRITE: lambda: self._write(path, payload[len(arguments[0]) + 1:]),
            MKDIR: lambda: self._mkdir(path),
            RM: lambda: self._existing(path) is not None and self.remove(path),
            TRANSACTION_END: lambda: None,
            SET_PERMS: lambda: None,
            INTRODUCE: lambda: None,
            RELEASE: lambda: None,
        }
        if kind not in operations:
            raise Refused('ENOSYS')
        with self.lock:
            result = operations[kind]()
        return b'OK\0' if result is None else result

    def _existing(self, path):
        if path not in self.values:
            raise Refused('ENOENT')
        return self.values[path]

    def _directory(self, path):
        self._existing(path)
        start = path + '/'
        children = sorted(p[len(start):] for p in self.values
                          if p.startswith(start) and '/' not in p[len(start):])
        return b''.join(child.encode() + b'\0' for child in children)

    def _mkdir(self, path):
        if path not in self.values:
            self._write(path, b'')

    def _watch(self, client, path, arguments):
        given, token = arguments[0].decode(), arguments[1]
        self.watches.append((client, path, given, token))
        client.send(WATCH_EVENT, 0, 0, arguments[0] + b'\0' + token + b'\0')

    def _unwatch(self, client, path, arguments):
        for watch in self.watches:
            if watch[0] is client and watch[1] == path and watch[3] == arguments[1]:
                self.watches.remove(watch)
                return
        raise Refused('ENOENT')

    def _transaction(self):
        self.transactions += 1
        return b'%d\0' % self.transactions


class Daemon:
    """Serves a Store on a unix socket until it is closed."""

    def __init__(self, path):
        self.path = path
        self.store = Store()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.wake_r, self.wake_w = os.pipe()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.wake_r, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._serve, name='xenstore')
        self.thread.start()

    def close(self):
        os.write(self.wake_w, b'x')
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            if isinstance(key.data, Client):
                key.data.sock.close()
        self.selector.close()
        self.listener.close()
        os.close(self.wake_r)
        os.close(self.wake_w)

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj == self.wake_r:
                    return
                if key.data is None:
                    self._accept()
                else:
                    self._receive(key.data)

    def _accept(self):
        sock, _ = self.listener.accept()
        self.selector.register(sock, selectors.EVENT_READ, Client(sock))

    def _receive(self, client):
        try:
            data = client.sock.recv(65536)
        except OSError:
            data = b''
        if not data:
            self.selector.unregister(client.sock)
            self.store.drop_client(client)
            client.sock.close()
            return
        client.received += data
        for kind, request, transaction, payload in client.messages():
            self._answer(client, kind, request, transaction, payload)

    def _answer(self, client, kind, request, transaction, payload):
        try:
            reply = self.store.handle(client, kind, payload)
        except Refused as refusal:
            kind, reply = ERROR, str(refusal).encode() + b'\0'
        client.send(kind, request, transaction, reply)
