# SPDX-License-Identifier: LGPL-2.1-or-later
"""The agent in the guest, at its end of the channel, one client at a time."""
import json
import os
import socket
import threading
import time

LATE = 1.5


class Agent:
    """freeze(), thaw(): what becomes of the guest."""

    def __init__(self, path, freeze, thaw):
        self.path, self.freeze, self.thaw = path, freeze, thaw
        self.frozen = False
        self.fail(None, None)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def fail(self, at, fault):
        """The at-th command from now on."""
        self.seen, self.at, self.fault = [], at, fault

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                try:
                    while self._answer(client, lines.readline()):
                        pass
                except (OSError, ValueError):
                    pass            # it has gone, in the middle of a line

    def _answer(self, client, line):
        """False: that was the last one."""
        if not line:
            return False
        command = json.loads(line.lstrip(b"\xff"))
        self.seen.append(command["execute"])
        fault = self.fault if len(self.seen) == self.at else None
        if fault == "hang-up":
            return False
        if fault == "refuse":
            answer = {"error": {"class": "GenericError", "desc": "not today"}}
        else:
            answer = {"return": self._do(command)}
        if fault == "late":
            time.sleep(LATE)
        text = json.dumps(answer).encode() + b"\n"
        if command["execute"] == "guest-sync-delimited":
            text = b"\xff" + text
        if fault == "garble":
            text = b'{"return": }\n'
        if fault == "truncate":
            text = text[:len(text) // 2]
        if fault != "lose-answer":
            client.sendall(text)
        return fault not in ("lose-answer", "garble", "truncate")

    def _do(self, command):
        what = command["execute"]
        if what == "guest-sync-delimited":
            return command["arguments"]["id"]
        if what == "guest-fsfreeze-status":
            return "frozen" if self.frozen else "thawed"
        if what == "guest-fsfreeze-freeze" and not self.frozen:
            self.freeze()
            self.frozen = True
            return 1
        if what == "guest-fsfreeze-thaw" and self.frozen:
            self.thaw()
            self.frozen = False
            return 1
        return 0
