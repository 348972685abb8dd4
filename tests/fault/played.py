# SPDX-License-Identifier: LGPL-2.1-or-later
"""Xen and libxl, as far as they concern the rig's one domain: what
played_xen.c, in xl, and system-xl ask goes to the socket of PLAYED_XEN.

The domain may be destroyed and made anew. Its QEMU is the rig's, its guest the
rig's writer; a domain has a number, and a memory, which is the number of the
last write that the guest knows to be done.
"""
import contextlib
import glob
import json
import os
import socket
import threading
import time

import qcow2
from rig import libxl_client, writer as writers
from rig.proxy import Proxy
from world import Wrong

LATE = 1.5

# What is asked of libxl and changes something; and what it may have done
# although it says that it failed, for there is more to do after that.
CHANGES = ("pause", "unpause", "suspend", "resume", "destroy", "build",
           "start", "create", "watch")
LIES = ("unpause", "suspend", "resume", "destroy")


class Monitor(Proxy):
    """Two more ways of going wrong; and the domain may get another QEMU."""

    def move(self, domid):
        """The same faults, and the count of what was seen goes on."""
        moved = Monitor(self.run_dir, os.path.dirname(self.real), domid)
        moved.seen, moved.messages = self.seen, self.messages
        moved.faults = self.faults
        return moved

    def close(self):
        super().close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def _spoil(self, client, answer, fault):
        if fault == "truncate":
            client.sendall(answer[:len(answer) // 2])
            return False
        if fault == "late":
            time.sleep(LATE)
        client.sendall(answer)
        return True


class PlayedXen:
    """What Xen and libxl would say of the rig's domain, and do to it."""

    def __init__(self, rig, folder, config):
        """config: the domain's, as libxl would have stored it."""
        self.rig, self.name = rig, config["c_info"]["name"]
        self.domid = self.last_domid = rig.domid
        self.paused = self.suspended = self.frozen = False
        self.remembered = -1    # what the memory was saved with
        self.froze_at = -1      # with one more, if that was under way
        self.answered = -1      # of the domain before, when it ended
        self.begun = None       # what the disks held when it was started
        self.wrong = None       # that no command may bring about
        self.fail(None, None)
        self._store(json.dumps(config))
        self.monitor = Monitor(folder, rig.run_dir, self.domid)
        self.lock = threading.Lock()
        self.path = os.path.join(folder, "xen")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def fail(self, at, fault):
        """The at-th change from now on: "refuse", or "lie": it is done, and
        reported as failed."""
        self.seen, self.at, self.fault = [], at, fault

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        self.monitor.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                try:
                    client.sendall(self.answer(
                        client.recv(1 << 16).decode()).encode() or b"\0")
                except OSError:
                    pass                # it has been killed

    def answer(self, line):
        what, _, argument = line.partition(" ")
        with self.lock:
            fault = None
            if what in CHANGES:
                self.seen.append(what)
                fault = self.fault if len(self.seen) == self.at else None
            try:
                answer = "" if fault == "refuse" else \
                    self._answer(what, argument)
                return "" if fault == "lie" else answer
            except Exception as error:
                self.wrong = "%s: %s: %s" % (what, type(error).__name__, error)
                return ""

    def _answer(self, what, argument):
        if what == "domid":
            return str(self.domid or "") if argument == self.name else ""
        if what == "list":
            return str(self.domid or "")
        if what == "build":
            return self._build(argument)
        if what == "create":
            return self._create(argument)
        number, _, argument = argument.partition(" ")
        if number != str(self.domid):
            return ""
        return {
            "name": lambda: self.name,
            "info": lambda: "%s %d %d" % (
                libxl_client.UUID, self.paused, self.suspended),
            "config": lambda: self.config,
            "pause": lambda: self._change(paused=True),
            "unpause": lambda: self._change(paused=False),
            "suspend": self._suspend,
            "memory": lambda: str(self.remembered),
            "resume": lambda: self._change(suspended=False),
            "destroy": self._destroy,
            "start": lambda: self._start(int(argument)),
            "watch": lambda: "ok",
        }.get(what, lambda: "")()

    # ---- a domain that is there ----

    def stopped(self):
        return self.paused or self.suspended or self.frozen

    def _change(self, **what):
        was, writer = self.stopped(), self.rig.writer
        vars(self).update(what)
        if writer is None and not self.stopped():
            self.rig.start_writer()     # it has never run
        elif writer and self.stopped() and not was:
            writer.pause()
        elif writer and was and not self.stopped():
            writer.unpause()
        return "ok"

    def _suspend(self):
        self._change(suspended=True)
        self.remembered = self.rig.writer.answered
        return "ok"

    def freeze(self):
        """The guest's file systems, by itself."""
        with self.lock:
            self._change(frozen=True)
            self.froze_at = self.rig.writer.answered

    def thaw(self):
        with self.lock:
            self._change(frozen=False)

    def _destroy(self):
        """As libxl: nothing of it is left, and nothing is asked of QEMU."""
        process, writer = self.rig.qemu, self.rig.writer
        if process:
            process.kill()
            if writer and self.stopped():
                writer.unpause()        # to its end: nobody hears it any more
            self.rig.crash_qemu()
        if writer:
            self.answered = writer.answered
        for tree in ("/local/domain/0/backend/qdisk/%d", "/local/domain/%d",
                     "/libxl/%d"):
            self.rig.xenstored.store.remove(tree % self.domid)
        for path in glob.glob(os.path.join(
                self.rig.lib_dir, "userdata-?.%d.*" % self.domid)):
            os.unlink(path)
        self.monitor.close()
        self.domid = None
        return "ok"

    # ---- a new one ----

    def _store(self, config):
        """libxl's own notes of a domain."""
        self.config = os.path.join(
            self.rig.lib_dir, "userdata-d.%d.%s.libxl-json" % (
                self.domid, libxl_client.UUID))
        with open(self.config, "w") as f:
            f.write(config)
        for d in self.rig.disks:
            node = "/libxl/%d/device/vbd/%d" % (self.domid, d.number)
            for key, value in (
                    ("backend", "/local/domain/0/backend/qdisk/%d/%d" % (
                        self.domid, d.number)),
                    ("params", "qcow2:" + d.path)):
                self.rig.xenstored.store.write("%s/%s" % (node, key), value)

    def _build(self, config):
        """Paused, and without devices yet."""
        its = json.loads(config)
        if self.domid or its["c_info"]["name"] != self.name or \
                its["c_info"]["uuid"] != libxl_client.UUID:
            return ""
        paths = {d["vdev"]: d["pdev_path"] for d in its["disks"]}
        for disk in self.rig.disks:
            disk.path = paths[disk.vdev]
        self.last_domid += 1
        self.domid, self.paused = self.last_domid, True
        self.suspended = self.frozen = False
        self._store(config)
        return str(self.domid)

    def _start(self, knows=None):
        """Its devices. knows: the last write that is done by what is in its
        memory; None: it boots, and finds that out."""
        self.begun = last = writers.check(
            [qcow2.Image(d.path).content()[:writers.BLOCKS * writers.BLOCK]
             for d in self.rig.disks])
        # One more may have been under way, and is made again.
        if knows is not None and last not in (knows, knows + 1):
            raise Wrong("the memory knows of writes up to %d, the disks hold"
                        " them up to %d" % (knows, last))
        self.rig.next_write = 1 + (last if knows is None else knows)
        self.rig.start_qemu(self.domid)
        self.monitor = self.monitor.move(self.domid)
        return "ok"

    def _create(self, config):
        domid = self._build(config)
        return domid if domid and self._start() == "ok" else ""
