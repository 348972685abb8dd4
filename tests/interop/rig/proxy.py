# SPDX-License-Identifier: LGPL-2.1-or-later
"""A monitor between the library and QEMU that fails when it is told to.

    proxy = Proxy(directory, rig.run_dir)
    proxy.fail(7, 'lose-answer')        # the 7th command from now on
    ... a program with proxy.run_dir as its run-time directory ...
    proxy.seen                          # the commands, in order; .messages: whole
"""
import json
import socket
import threading

from . import qemu

# What becomes of a command: never carried out, or carried out all the same.
FAULTS = ('refuse', 'hang-up', 'lose-answer', 'garble')


class Proxy:
    def __init__(self, directory, run_dir, domid=qemu.DOMID):
        self.run_dir = directory
        self.real = qemu.monitor_path(run_dir, domid=domid)
        self.seen = []
        self.messages = []
        self.faults = {}
        self.before = lambda command: None      # called with each command's name
        self.path = qemu.monitor_path(directory, domid=domid)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.thread = threading.Thread(target=self._serve, name='proxy', daemon=True)
        self.thread.start()

    def fail(self, at, fault):
        """at: a command's place in the order, or its name; None: never."""
        self.seen, self.messages = [], []
        self.faults = {at: fault}

    def die(self):
        """From now on nobody listens. For before()."""
        self.listener.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass                        # it has died
        self.thread.join()
        self.listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.real)
                self._session(client, server)
            except (OSError, ValueError):
                pass                    # either side has gone
            finally:
                client.close()
                server.close()

    def _session(self, client, server):
        asked, said = client.makefile('rb'), server.makefile('rb')
        with asked, said:
            client.sendall(said.readline())
            for line in asked:
                if not line.strip():
                    continue
                message = json.loads(line)
                self.seen.append(message['execute'])
                self.messages.append(message)
                self.before(message['execute'])
                fault = self.faults.get(len(self.seen)) or self.faults.get(message['execute'])
                if fault == 'hang-up':
                    return
                if fault == 'refuse':
                    client.sendall(json.dumps({'id': message.get('id'), 'error': {
                        'class': 'GenericError', 'desc': 'not today'}}).encode() + b'\r\n')
                    continue
                server.sendall(line)
                while True:
                    answer = said.readline()
                    if not answer or b'"event"' not in answer[:200]:
                        break
                if fault == 'lose-answer' or not answer:
                    return
                if fault == 'garble':
                    client.sendall(b'{"return": }\r\n')
                    return
                if not self._spoil(client, answer, fault):
                    return

    def _spoil(self, client, answer, fault):
        """For more faults: pass the answer on, or False: hang up."""
        client.sendall(answer)
        return True
