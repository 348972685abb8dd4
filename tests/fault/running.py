# SPDX-License-Identifier: LGPL-2.1-or-later
"""A running domain: a real QEMU with its real qdisks, a guest that writes all
the time, Xen played (played.py), and all of xl for it."""
import json
import os
import shutil
import subprocess
import tempfile
import time

import qcow2
from agent import Agent
from played import PlayedXen
from rig import libxl_client, writer as writers
from rig.rig import Rig
from world import ALONE, Wrong, tool

NAME = "online"


class Host:
    """A domain with two disks, and all of xl for it."""

    def __init__(self, programs, folder):
        self.xl, self.preload, shim, verify = programs
        self.verify = tool(verify)
        self.memory_verify = tool(os.path.join(os.path.dirname(verify),
                                               "memory-verify"))
        self.folder = folder
        self.state = os.path.join(folder, "state", NAME)
        self.rig = Rig(shim, None, formats=["qcow2", "qcow2"])
        self.rig.__enter__()
        self.images = self.rig.directory
        self.base = {d.vdev: d.path for d in self.rig.disks}
        self.own = set(os.listdir(self.images)) | {"content.raw"}
        self.proxy_dir = tempfile.mkdtemp(prefix="mon.", dir=folder)
        channel = os.path.join(self.proxy_dir, "agent")
        self.xen = PlayedXen(self.rig, self.proxy_dir, self._config(channel))
        self.agent = Agent(channel, self.xen.freeze, self.xen.thaw)
        self.rig.start_writer()
        self.rig.writer.fill()
        self.instants = {}

    def _config(self, channel):
        return {"c_info": {"type": "pv", "name": NAME,
                           "uuid": libxl_client.UUID},
                "b_info": {"max_memkb": 1024, "target_memkb": 1024,
                           "type.pv": {}},
                "disks": [{"vdev": d.vdev, "pdev_path": d.path,
                           "format": "qcow2", "backend": "qdisk",
                           "readwrite": 1} for d in self.rig.disks],
                "channels": [{"devid": 1, "name": "org.qemu.guest_agent.0",
                              "connection.socket": {"path": channel}}]}

    def close(self):
        """The guest ends; were its writes all there?"""
        active = [self.active(d.vdev) for d in self.rig.disks]
        try:
            answered = self.rig.writer.answered
            self.rig.shut_down()
            last = self.check_instant([self.content(p) for p in active])
            if last < answered:
                raise Wrong("the disks hold writes up to %d, not %d" % (
                    last, answered))
        finally:
            self.xen.close()
            self.agent.close()
            self.rig.__exit__(None, None, None)
            shutil.rmtree(self.state, ignore_errors=True)

    # ---- doing ----

    def peers(self):
        """Whom xl talks with."""
        return {"": self.xen.monitor, "agent": self.agent, "xen": self.xen}

    def command(self, *argv, fault=None, log=None, exchange=None,
                stop_at=None):
        """exchange: (number, fault) of the monitor; with "agent:" or "xen:"
        before the fault, of those."""
        env = dict(os.environ, XL_SNAPSHOT_NO_GUARD="1",
                   PLAYED_XEN=self.xen.path,
                   PLAYED_RUN_DIR=self.proxy_dir,
                   PLAYED_LIB_DIR=self.rig.lib_dir,
                   XENSTORED_PATH=self.rig.environment["XENSTORED_PATH"])
        if stop_at:
            env["XL_SNAPSHOT_STOP_AT"] = stop_at
        command = ALONE + [self.xl, *argv]
        number, how = exchange or (None, "")
        who, _, what = how.rpartition(":")
        for each in self.peers().values():
            each.fail(None, None)
        peer = self.peers()[who]
        peer.fail(number, what)
        if fault or log:
            log = log or os.path.join(self.folder, "log")
            if os.path.exists(log):
                os.unlink(log)
            extra = ["LD_PRELOAD=" + self.preload, "FAULT_LOG=" + log,
                     "FAULT_IN=" + os.path.basename(self.xl)]
            extra += ["FAULT=" + fault] if fault else []
            command = ALONE + ["env", *extra, self.xl, *argv]
        self.began = time.monotonic()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=180)
        self.hit = bool(log) and os.path.exists(log) and \
            os.path.getsize(log) > 0
        if exchange:
            self.hit = len(peer.seen) >= number
        return done

    def ok(self, *argv):
        done = self.command(*argv)
        if done.returncode:
            raise Wrong("%s: exit status %d: %s" % (
                " ".join(argv), done.returncode, done.stdout))
        return done

    # ---- looking ----

    def chain(self):
        try:
            with open(os.path.join(self.state, "chain.json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return {}

    def names(self):
        return {s["name"] for s in self.chain().get("snapshots", [])}

    def active(self, vdev):
        for disk in self.chain().get("active", []):
            if disk["vdev"] == vdev:
                return disk["path"]
        return self.base[vdev]

    @staticmethod
    def content(path, snapshot=None):
        try:
            data = qcow2.Image(path).content(snapshot)
        except (OSError, qcow2.Broken) as error:
            raise Wrong("cannot read %s: %s" % (path, error))
        return data[:writers.BLOCKS * writers.BLOCK]

    @staticmethod
    def check_instant(contents):
        try:
            return writers.check(contents)
        except writers.Inconsistent as error:
            raise Wrong("not of one instant: %s" % error)

    def check_guest(self):
        if self.xen.stopped():
            raise Wrong("the guest was left %s" % (
                "suspended" if self.xen.suspended else
                "frozen" if self.xen.frozen else "paused"))
        end, enough = time.monotonic() + 20, self.rig.writer.answered + 3
        while self.rig.writer.answered < enough:
            if self.rig.writer.error or time.monotonic() > end:
                raise Wrong("the guest's writes are not answered: %s" %
                            self.rig.writer.error)
            time.sleep(0.005)

    def answered(self):
        """The last write that is done, of the last guest that ran."""
        writer = self.rig.writer
        return writer.answered if writer else self.xen.answered

    def below(self, path):
        """That image, and those that it reads through to."""
        found = []
        while path:
            found.append(path)
            image = qcow2.Image(path)
            path = image.backing if image.qcow2 else None
        return found

    def check_qemu(self):
        qmp = self.rig.qemu.qmp
        for query in "query-jobs", "query-block-jobs":
            left = qmp.command(query)
            if left:
                raise Wrong("a job is left: %s" % left)
        used = {p for d in self.rig.disks for p in self.below(
            self.active(d.vdev))}
        nodes = qmp.command("query-named-block-nodes", {"flat": True})
        opened = {n["file"] for n in nodes if n["file"].startswith("/")}
        if opened != used:
            raise Wrong("QEMU has %s open, the chain has %s" % (
                sorted(opened - used), sorted(used - opened)))
        for n in nodes:
            if n["node-name"].startswith("xls-") and n["file"] not in used:
                raise Wrong("a node is left: %s" % n["node-name"])

    def check_stored(self):
        with open(self.xen.config) as f:
            text = f.read().rstrip("\0")
        for disk in json.loads(text)["disks"]:
            if disk["pdev_path"] != self.active(disk["vdev"]):
                raise Wrong("libxl's configuration names %s, not %s" % (
                    disk["pdev_path"], self.active(disk["vdev"])))
        for d in self.rig.disks:
            for node in ("/local/domain/0/backend/qdisk/%d/%d/params",
                         "/libxl/%d/device/vbd/%d/params"):
                value = self.rig.xenstored.store.read(
                    node % (self.xen.domid, d.number))
                if value != "qcow2:" + self.active(d.vdev):
                    raise Wrong("xenstore has %s" % value)
        # libxl's lock files stay where one could not be locked; it makes
        # nothing of them.
        left = [n for n in os.listdir(self.rig.lib_dir)
                if n != os.path.basename(self.xen.config) and
                not n.startswith("userdata-l.")]
        if left:
            raise Wrong("%s are left" % left)

    def check_files(self, whole=True):
        """whole: also what only snapshot-recover puts in order."""
        chain = self.chain()
        known = {i["path"] for i in chain.get("images", [])} | \
            set(self.base.values())
        for name in set(os.listdir(self.images)) - self.own:
            if os.path.join(self.images, name) not in known:
                raise Wrong("%s belongs to nobody" % name)
        if os.path.exists(os.path.join(self.state, "journal.json")):
            raise Wrong("a journal is left")
        if whole and chain and not self.verify.Directory(self.state).verify():
            raise Wrong("chain-verify is not content")
        if whole:
            self.check_needed(chain)
            self.check_memories(chain)
        named = {(d["path"], d["handle"]["format.qcow2"]["name"])
                 for s in chain.get("snapshots", []) for d in s["disks"]
                 if d["treatment"] == "internal"}
        named |= {(d["path"], d["handle"]["format.qcow2"]["name"])
                  for d in chain.get("leftovers", [])}
        for path in known:
            if not os.path.exists(path):
                if whole:
                    raise Wrong("%s is missing" % path)
                continue
            for name in qcow2.Image(path).names():
                if (path, name) not in named:
                    raise Wrong("%s has a snapshot %s that nobody knows" % (
                        path, name))

    def check_memories(self, chain):
        """Every image is sound, and what it builds on is there."""
        base = {s["serial"]: s.get("memory_base", 0)
                for s in chain.get("snapshots", [])}
        base.update((m["serial"], m.get("base", 0))
                    for m in chain.get("memories", []))
        for snapshot in chain.get("snapshots", []):
            serial, paths = snapshot["serial"], []
            while snapshot.get("memory") and serial:
                paths.append(os.path.join(self.state, "snap-%d" % serial,
                                          "memory"))
                serial = base.get(serial, 0)
            try:
                if paths:
                    self.memory_verify.check(paths, False)
            except (self.memory_verify.Wrong, OSError) as e:
                raise Wrong("the memory of %s: %s" % (snapshot["name"], e)) \
                    from e

    def check_needed(self, chain):
        tops = {self.active(d.vdev) for d in self.rig.disks} | {
            d["path"] for s in chain.get("snapshots", []) for d in s["disks"]}
        needed = {path for top in tops for path in self.below(top)}
        left = {i["path"] for i in chain.get("images", [])} - needed
        if left:
            raise Wrong("nobody needs %s any more" % sorted(left))

    def check_snapshots(self, least, most):
        """A new one is of an instant from least to most; one that was there
        is of the instant that it was of."""
        for s in self.chain().get("snapshots", []):
            contents = []
            for disk in s["disks"]:
                inside = disk["handle"]["format.qcow2"]["name"] \
                    if disk["treatment"] == "internal" else None
                contents.append(self.content(disk["path"], inside))
            last = self.check_instant(contents)
            if s["name"] not in self.instants:
                if not least - 1 <= last <= most + 1:
                    raise Wrong("%s holds writes up to %d, but was taken"
                                " between %d and %d" % (s["name"], last,
                                                        least, most))
                if s.get("quiesced") and not \
                        0 <= last - self.xen.froze_at <= 1:
                    raise Wrong("%s holds writes up to %d, but the guest was"
                                " frozen after %d" % (s["name"], last,
                                                      self.xen.froze_at))
                self.instants[s["name"]] = last
            elif self.instants[s["name"]] != last:
                raise Wrong("%s held writes up to %d, and now up to %d" % (
                    s["name"], self.instants[s["name"]], last))
        for name in set(self.instants) - self.names():
            del self.instants[name]
