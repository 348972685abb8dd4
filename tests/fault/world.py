# SPDX-License-Identifier: LGPL-2.1-or-later
"""One domain that is off, with real images and the whole of xl, as often as it
is needed in the same condition."""
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess

import qcow2

# With a /proc of its own, where it can look into every process, as it must to
# know that nobody has an image open; and what it starts dies with it.
# The shell is there because the first process cannot be killed from within.
ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
         "sh", "-c", '"$@"; exit $?', "sh"]

VDEVS = ("xvda", "xvdb")
BLOCKS, SPACING, BLOCK = 10, 65536, 4096
UUID = "12345678-1234-1234-1234-123456789abc"

# What a program that was killed in the middle of replacing a file leaves, and
# snapshot-recover removes.
TEMPORARY = re.compile(r"\.json(\.prev|\.bad)?\.tmp(\.[A-Za-z0-9]{6})?$")


class Wrong(Exception):
    """Something is not as it must be."""


def tool(path):
    """A Python program without an ending, as a module."""
    loader = importlib.machinery.SourceFileLoader(
        os.path.basename(path).replace("-", "_"), path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def run(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise Wrong("%s: exit status %d: %s" % (" ".join(argv),
                                                done.returncode, done.stdout))
    return done.stdout


class Done:
    def __init__(self, status, output, hit):
        self.status, self.output, self.hit = status, output, hit
        self.killed = status == 137

    @property
    def errors(self):
        return [line for line in self.output.splitlines()
                if line.startswith("xl: ")]


class World:
    def __init__(self, programs, folder, domain):
        self.xl, self.preload, verify = programs
        self.verify = tool(verify)
        self.domain = domain
        self.folder = os.path.join(folder, domain)
        self.images = os.path.join(self.folder, "images")
        self.state = os.path.join(folder, "state", domain)
        self.saved = os.path.join(self.folder, "saved")
        self.config = os.path.join(self.folder, "config")
        self.base = {v: os.path.join(self.images, v + ".qcow2") for v in VDEVS}
        self.hashes = {}
        os.makedirs(self.images)
        os.makedirs(self.saved)
        disks = [{"vdev": v, "pdev_path": self.base[v], "format": "qcow2",
                  "backend": "qdisk", "readwrite": 1} for v in VDEVS]
        with open(self.config, "w") as f:
            json.dump({"c_info": {"type": "pv", "name": domain, "uuid": UUID},
                       "b_info": {"max_memkb": 65536, "target_memkb": 65536,
                                  "type.pv": {}}, "disks": disks}, f)
        self.prepared = None        # an overlay made by somebody else
        self.bytes = 0

    # ---- conditions ----

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def clear(self):
        for folder in self.images, self.state:
            shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(self.images)

    def save(self, name):
        where = os.path.join(self.saved, name)
        shutil.copytree(self.images, os.path.join(where, "images"))
        if os.path.exists(self.state):
            shutil.copytree(self.state, os.path.join(where, "state"))

    def restore(self, name):
        where = os.path.join(self.saved, name)
        self.clear()
        os.rmdir(self.images)
        shutil.copytree(os.path.join(where, "images"), self.images)
        if os.path.exists(os.path.join(where, "state")):
            shutil.copytree(os.path.join(where, "state"), self.state)
        path = os.path.join(self.images, "prepared.qcow2")
        self.prepared = path if os.path.exists(path) else None

    # ---- doing ----

    def command(self, *argv, fault=None, child=None, log=None, stdin=None,
                env=()):
        """Run xl. fault: FAULT of the preload; child: of the so-many-th
        program that it starts. log: of its calls; with a fault, whether it
        came to it."""
        own = dict(os.environ, XL_SNAPSHOT_NO_GUARD="1", **dict(env))
        argv = [a.replace("@", self.domain) for a in argv]
        command = ALONE + [self.xl] + argv
        if fault or log:
            log = log or self.path("log")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(log)
            extra = ["LD_PRELOAD=" + self.preload, "FAULT_LOG=" + log,
                     "FAULT_IN=" + os.path.basename(self.xl)]
            if fault:
                extra.append("FAULT=" + fault)
            if child:
                extra.append("FAULT_CHILD=%s" % child)
            command = ALONE + ["env"] + extra + [self.xl] + argv
        with open(stdin or os.devnull) as f:
            done = subprocess.run(command, stdin=f, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env=own,
                                  timeout=120)
        hit = bool(log) and os.path.exists(log) and os.path.getsize(log) > 0
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"),
                    hit)

    def ok(self, *argv, **more):
        done = self.command(*argv, **more)
        if done.status:
            raise Wrong("%s: exit status %d: %s" % (
                " ".join(argv), done.status, done.output))
        return done

    def write(self, vdev, *blocks):
        """Other bytes each time."""
        self.bytes = self.bytes % 255 + 1
        commands = []
        for block in blocks:
            commands += ["-c", "write -q -P %d %d %d" % (
                self.bytes, block * SPACING, BLOCK)]
        run("qemu-io", "-f", "qcow2", *commands, self.active(vdev))

    # ---- looking ----

    def chain(self):
        try:
            with open(os.path.join(self.state, "chain.json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return {}

    def active(self, vdev):
        for disk in self.chain().get("active", []):
            if disk["vdev"] == vdev:
                return disk["path"]
        return self.base[vdev]

    def content(self, path, snapshot=None):
        try:
            data = qcow2.Image(path).content(snapshot)
        except (OSError, qcow2.Broken) as error:
            raise Wrong("cannot read %s: %s" % (path, error))
        return hashlib.sha1(data).hexdigest()

    def cross_check(self, path, snapshot=None):
        """Does our reader see what qemu-img sees?"""
        raw = self.path("raw")
        option = ["-l", "snapshot.name=" + snapshot] if snapshot else []
        run("qemu-img", "convert", "-f", "qcow2", *option, "-O", "raw", path,
            raw)
        with open(raw, "rb") as f:
            if f.read() != qcow2.Image(path).content(snapshot):
                raise Wrong("qcow2.py reads %s otherwise than qemu-img" % path)

    def disks_of(self, snapshot):
        for disk in snapshot["disks"]:
            if disk["treatment"] in ("internal", "external"):
                inside = disk["handle"]["format.qcow2"]["name"] \
                    if disk["treatment"] == "internal" else None
                yield disk["vdev"], disk["treatment"], disk["path"], inside

    def look(self, reader=None):
        """All that matters of the condition it is in, to be compared."""
        reader = reader or self.content
        chain = self.chain()
        names = {s["serial"]: s["name"] for s in chain.get("snapshots", [])}
        nodes = {}
        for s in chain.get("snapshots", []):
            nodes[s["name"]] = {
                "parent": names.get(s.get("parent", 0)),
                "description": s.get("description"),
                "disks": {v: (how, reader(path, inside)) for v, how, path,
                          inside in self.disks_of(s)},
            }
        return {
            "nodes": nodes,
            "current": names.get(chain.get("current", 0)),
            "present": {v: reader(self.active(v)) for v in VDEVS},
            # A name that cannot be looked at is another's.
            "clones": {os.path.basename(p).replace("-2.", "."): reader(p)
                       for p in self.clones()},
        }

    def clones(self):
        """The images of a clone, which is always called twin."""
        return [os.path.join(self.images, name)
                for name in sorted(os.listdir(self.images))
                if name.startswith("twin-")]

    def hidden(self):
        """Images of ours that neither a snapshot nor a disk names."""
        chain = self.chain()
        named = {d["path"] for d in chain.get("active", [])}
        named |= {d["path"] for s in chain.get("snapshots", [])
                  for d in s["disks"] if "path" in d}
        return {i["path"] for i in chain.get("images", [])} - named

    def offences(self):
        """What is there and should not be, and the other way round."""
        said = []
        chain = self.chain()
        known = {i["path"] for i in chain.get("images", [])} | \
            {path for s in chain.get("snapshots", [])
             for _, _, path, _ in self.disks_of(s)} | \
            set(self.base.values()) | set(self.clones())
        if self.prepared:
            known.add(self.prepared)
        for name in os.listdir(self.images):
            path = os.path.join(self.images, name)
            if path not in known:
                said.append("%s belongs to nobody" % path)
        said += ["%s is missing" % path for path in known
                 if not os.path.exists(path)]
        # Handed over, or left: nobody has written to it.
        if self.prepared and os.path.exists(self.prepared) and \
                self.content(self.prepared) != \
                self.content(self.active("xvda")):
            said.append("%s is another than the disk" % self.prepared)
        if os.path.exists(os.path.join(self.state, "journal.json")):
            said.append("a journal is left")
        if chain:
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                self.verify.main([self.state])
            said += text.getvalue().splitlines()
        elif os.path.exists(self.state):
            said += ["%s is left" % n for n in os.listdir(self.state)
                     if n != "lock"]
        said += self.stray_snapshots(chain)
        return said

    def stray_snapshots(self, chain):
        """In the images, but in neither the chain nor its leftovers."""
        named = {(path, inside) for s in chain.get("snapshots", [])
                 for _, how, path, inside in self.disks_of(s) if inside}
        named |= {(d["path"], d["handle"]["format.qcow2"]["name"])
                  for d in chain.get("leftovers", [])}
        said = []
        for name in os.listdir(self.images):
            path = os.path.join(self.images, name)
            if os.path.getsize(path):
                said += ["%s holds a snapshot %s that nobody knows" % (path, n)
                         for n in qcow2.Image(path).names()
                         if (path, n) not in named and n[0] != "q"]
        return said
