#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A random walk over the snapshots of a domain that is off: the real xl, the
real libxl (which sees a host without domains), real qcow2 images and qemu-img.

Random writes, creates (internal, external, mixed, some disks left out),
reverts, deletes and renames are done side by side to the images and to a
model that is a few dictionaries. After every step each snapshot's disks, and
the present's, must hold what the model holds; no file may be left that nobody
needs; and now and then snapshot-diff must find between two of them just what
differs in the model. One step in four is killed (SIGKILL, no guard) at a random moment and
then recovered: it must have happened wholly or not at all.

The seed is printed; the same seed walks the same way, but for the moments of
the kills.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

DOMAIN = "walk"
BLOCKS, BLOCK, SPACING = 32, 4096, 65536
SIZE = BLOCKS * SPACING
MOST_SNAPSHOTS = 9

# With a /proc of its own, where it can look into every process, as it must to
# know that nobody has an image open; and what it starts dies with it.
ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


class Wrong(Exception):
    """The images and the model are at odds."""


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **kwargs).stdout


class Model:
    """What each disk holds: {vdev: {block: byte}}; and the tree."""

    def __init__(self, vdevs):
        self.present = {vdev: {} for vdev in vdevs}
        self.snapshots = {}         # name: {vdev: {block: byte}}
        self.parents = {}           # name: name or None
        self.current = None

    def create(self, name, excluded):
        self.snapshots[name] = {vdev: dict(content) for vdev, content
                                in self.present.items()
                                if vdev not in excluded}
        self.parents[name], self.current = self.current, name

    def revert(self, name):
        for vdev, content in self.snapshots[name].items():
            self.present[vdev] = dict(content)
        self.current = name

    def below(self, name):
        children = [n for n, parent in self.parents.items() if parent == name]
        return [d for child in children for d in [child] + self.below(child)]

    def delete(self, names):
        for name in names:
            parent = self.parents.pop(name)
            del self.snapshots[name]
            for other, its in self.parents.items():
                if its == name:
                    self.parents[other] = parent
            if self.current == name:
                self.current = parent

    def rename(self, old, new):
        self.snapshots[new] = self.snapshots.pop(old)
        self.parents[new] = self.parents.pop(old)
        for other, its in self.parents.items():
            if its == old:
                self.parents[other] = new
        if self.current == old:
            self.current = new


class Walk:
    def __init__(self, args, folder):
        self.xl = os.path.abspath(args.xl)
        self.random = random.Random(args.seed)
        self.kills = not args.no_kills
        self.folder = folder
        self.state = os.path.join(os.path.dirname(self.xl), "state", DOMAIN)
        self.vdevs = ["xvda", "xvdb"]
        self.base = {v: os.path.join(folder, v + ".qcow2") for v in self.vdevs}
        self.model = Model(self.vdevs)
        self.counts = {}
        self.last = "nothing"
        self.killed = 0
        self.suspect = False        # a kill may have left images in disorder
        self.serial = 0
        self.scratch = os.path.join(folder, "scratch.raw")
        self.config = os.path.join(folder, "config")

    # ---- the domain ----

    def prepare(self):
        shutil.rmtree(self.state, ignore_errors=True)
        for vdev in self.vdevs:
            run("qemu-img", "create", "-q", "-f", "qcow2", self.base[vdev],
                str(SIZE))
        disks = [{"vdev": v, "pdev_path": self.base[v], "format": "qcow2",
                  "backend": "qdisk", "readwrite": 1} for v in self.vdevs]
        with open(self.config, "w") as f:
            json.dump({"c_info": {"type": "pv", "name": DOMAIN,
                                  "uuid": "12345678-1234-1234-1234-123456789abc"},
                       "b_info": {"max_memkb": 65536, "target_memkb": 65536,
                                  "type.pv": {}},
                       "disks": disks}, f)

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

    # ---- looking ----

    def content(self, path, snapshot=None):
        argv = ["qemu-img", "convert", "-O", "raw", "-f", "qcow2"]
        if snapshot:
            argv += ["-l", "snapshot.name=" + snapshot]
        run(*argv, path, self.scratch)
        with open(self.scratch, "rb") as f:
            return f.read()

    @staticmethod
    def expected(content):
        data = bytearray(SIZE)
        for block, byte in content.items():
            at = block * SPACING
            data[at:at + BLOCK] = bytes([byte]) * BLOCK
        return bytes(data)

    def compare(self, what, content, path, snapshot=None):
        data, wanted = self.content(path, snapshot), self.expected(content)
        if data == wanted:
            return
        blocks = {at // SPACING for at in range(0, SIZE, BLOCK)
                  if data[at:at + BLOCK] != wanted[at:at + BLOCK]}
        raise Wrong("%s: %s differs in blocks %s" % (what, path, sorted(blocks)))

    def check(self):
        chain = self.chain()
        snapshots = {s["name"]: s for s in chain.get("snapshots", [])}
        if set(snapshots) != set(self.model.snapshots):
            raise Wrong("snapshots %s instead of %s" % (
                sorted(snapshots), sorted(self.model.snapshots)))
        names = {s["serial"]: s["name"] for s in snapshots.values()}
        current = names.get(chain.get("current", 0))
        if current != self.model.current:
            raise Wrong("current is %s, not %s" % (current, self.model.current))
        for vdev, content in self.model.present.items():
            self.compare("the present's " + vdev, content, self.active(vdev))
        for name, snapshot in snapshots.items():
            parent = names.get(snapshot.get("parent", 0))
            if parent != self.model.parents[name]:
                raise Wrong("the parent of %s is %s, not %s" % (
                    name, parent, self.model.parents[name]))
            for disk in snapshot["disks"]:
                if disk["treatment"] == "excluded":
                    continue
                inside = disk["handle"]["format.qcow2"]["name"] \
                    if disk["treatment"] == "internal" else None
                self.compare("%s's %s" % (name, disk["vdev"]),
                             self.model.snapshots[name][disk["vdev"]],
                             disk["path"], inside)
        self.check_files(chain)
        if self.suspect:
            self.check_images(chain)
            self.suspect = False

    def check_images(self, chain):
        """None is damaged by the kill. (Space may be lost: when a merge is
        cut short QEMU has counted clusters that it did not come to use.)"""
        for path in {i["path"] for i in chain.get("images", [])} | \
                set(self.base.values()):
            done = subprocess.run(["qemu-img", "check", path], text=True,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            if done.returncode not in (0, 3):
                raise Wrong("%s is damaged:\n%s" % (path, done.stdout))

    def check_files(self, chain):
        known = {i["path"] for i in chain.get("images", [])}
        known |= set(self.base.values()) | {self.scratch, self.config}
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if path not in known:
                raise Wrong("%s belongs to nobody" % path)
        for path in known - {self.scratch}:
            if not os.path.exists(path):
                raise Wrong("%s is missing" % path)
        if os.path.exists(os.path.join(self.state, "journal.json")):
            raise Wrong("a journal is left")

    @staticmethod
    def differing(a, b):
        """Bytes, of blocks; what was never written is zeroes."""
        return BLOCK * sum(a.get(i, 0) != b.get(i, 0) for i in range(BLOCKS))

    def check_diff(self):
        """Between two snapshots, or one and the present."""
        if not self.model.snapshots:
            return
        a = self.any_snapshot()
        b = self.random.choice([None, *sorted(self.model.snapshots)])
        then = self.model.snapshots[a]
        now = self.model.snapshots[b] if b else self.model.present
        argv = ["snapshot-diff", "--json", DOMAIN, a, *([b] if b else [])]
        done = subprocess.run([*ALONE, self.xl, *argv], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise Wrong("exit status %d of %s:\n%s%s" % (
                done.returncode, " ".join(argv), done.stdout, done.stderr))
        found = {d["vdev"]: d["changed_bytes"]
                 for d in json.loads(done.stdout)["disks"]}
        wanted = {v: self.differing(then[v], now[v])
                  if v in then and v in now else None for v in self.vdevs}
        if found != wanted:
            raise Wrong("%s: %s differ, not %s" % (" ".join(argv), found,
                                                   wanted))
        self.counts["diff"] = self.counts.get("diff", 0) + 1

    # ---- doing ----

    def snapshot_command(self, *argv):
        """Run it; now and then kill it. True: it ended by itself."""
        env = dict(os.environ, XL_SNAPSHOT_NO_GUARD="1")
        child = subprocess.Popen([*ALONE, self.xl, *argv], text=True, env=env,
                                 stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT,
                                 start_new_session=True)
        self.last = " ".join(argv)
        if self.kills and self.random.random() < 0.25:
            time.sleep(self.random.random() * 0.25)
            # qemu-img as well: the power fails, not only one program.
            os.killpg(child.pid, 9)
            child.communicate()
            if child.returncode == -9:
                self.killed += 1
                self.suspect = True
                self.last += " (killed)"
                return False
        else:
            output = child.communicate()[0]
            if child.returncode:
                raise Wrong("exit status %d of %s:\n%s" % (
                    child.returncode, " ".join(argv), output))
        return True

    def recover(self):
        if not self.chain() and not os.path.exists(self.state):
            return
        child = subprocess.run([*ALONE, self.xl, "snapshot-recover", DOMAIN],
                               stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if child.returncode not in (0, 3):
            raise Wrong("snapshot-recover: exit status %d:\n%s" % (
                child.returncode, child.stdout))
        self.last += ", recovered (%s)" % child.stdout.strip()

    def happened(self, *argv):
        """Did it happen, in the end? None: look for yourself."""
        if self.snapshot_command(*argv):
            return True
        self.recover()
        return None

    def names_now(self):
        return {s["name"] for s in self.chain().get("snapshots", [])}

    def step_write(self):
        vdev = self.random.choice(self.vdevs)
        commands = []
        for _ in range(self.random.randint(1, 4)):
            block = self.random.randrange(BLOCKS)
            byte = self.random.randrange(1, 256)
            commands += ["-c", "write -q -P %d %d %d" % (
                byte, block * SPACING, BLOCK)]
            self.model.present[vdev][block] = byte
        run("qemu-io", "-f", "qcow2", *commands, self.active(vdev))

    def step_create(self):
        if len(self.model.snapshots) >= MOST_SNAPSHOTS:
            return self.step_delete()
        self.serial += 1
        name = "s%d" % self.serial
        # Needed without a current snapshot to take it from.
        argv = ["snapshot-create", "--config", self.config]
        if self.random.random() < 0.6:
            argv.append("--external")
        excluded = set()
        for vdev in self.vdevs:
            kind = self.random.choice(
                [None, None, None, "internal", "external", "no"])
            if kind:
                argv += ["--diskspec", "%s,snapshot=%s" % (vdev, kind)]
            if kind == "no":
                excluded.add(vdev)
        if len(excluded) == len(self.vdevs):
            return "nothing"
        if self.happened(*argv, DOMAIN, name) or name in self.names_now():
            self.model.create(name, excluded)
        return "create"

    def any_snapshot(self):
        return self.random.choice(sorted(self.model.snapshots))

    def step_revert(self, name=None, undo=None):
        name = name or self.any_snapshot()
        argv = ["snapshot-revert", DOMAIN, name]
        if undo is None:
            undo = self.random.random() < 0.2 and \
                len(self.model.snapshots) < MOST_SNAPSHOTS
        before = set(self.model.snapshots)
        if undo:
            argv.insert(1, "--undo")
        happened = self.happened(*argv)
        for new in self.names_now() - before:
            self.model.create(new, set())
        if happened is None:
            # Went back, or never began: either is right, but wholly.
            current = self.model.current
            old = {v: dict(c) for v, c in self.model.present.items()}
            self.model.revert(name)
            try:
                self.check()
            except Wrong:
                self.model.present, self.model.current = old, current
        else:
            self.model.revert(name)
        return "revert"

    def step_delete(self):
        name = self.any_snapshot()
        doomed = [name]
        argv = ["snapshot-delete", DOMAIN, name]
        choice = self.random.random()
        if choice < 0.15:
            argv.insert(1, "--children")
            doomed = self.model.below(name)[::-1] + [name]
        elif choice < 0.25:
            doomed = self.model.below(name)[::-1]
            if not doomed:
                return "nothing"
            argv.insert(1, "--children-only")
        if self.happened(*argv) or name not in self.names_now() or \
                not set(doomed) & self.names_now():
            self.model.delete(doomed)
        return "delete"

    def step_rename(self):
        self.serial += 1
        old, new = self.any_snapshot(), "r%d" % self.serial
        if self.happened("snapshot-rename", DOMAIN, old, new) or \
                new in self.names_now():
            self.model.rename(old, new)
        return "rename"

    def step(self):
        for _ in range(self.random.randint(0, 2)):
            self.step_write()
        steps = [self.step_create] * 4
        if self.model.snapshots:
            steps += [self.step_revert] * 4 + [self.step_delete] * 3 + \
                [self.step_rename]
        what = self.random.choice(steps)()
        self.counts[what] = self.counts.get(what, 0) + 1
        self.check()
        if self.random.random() < 0.4:
            self.check_diff()

    def without_current(self):
        """Where chance seldom leads: the current snapshot is deleted, so that
        nothing tells what machine the domain is, and its present is kept."""
        kills, self.kills = self.kills, False
        argv = ["snapshot-create", "--config", self.config, DOMAIN]
        for name in "first", "second":
            self.step_write()
            self.snapshot_command(*argv, name)
            self.model.create(name, set())
        self.step_revert("first", undo=False)
        self.snapshot_command("snapshot-delete", DOMAIN, "first")
        self.model.delete(["first"])
        self.step_write()
        self.check()
        self.step_revert("second", undo=True)
        self.check()
        self.kills = kills

    def finish(self):
        """Without snapshots there is nothing but the disks' images: those of
        the beginning, and where an internal snapshot was copied out of one
        that others needed, the copy."""
        self.kills = False
        while self.model.snapshots:
            self.step_delete()
            self.check()
        self.recover()
        self.check()
        left = {os.path.join(self.folder, name)
                for name in os.listdir(self.folder)}
        left -= {self.scratch, self.config, *self.base.values()}
        left -= {self.active(vdev) for vdev in self.vdevs}
        if left:
            raise Wrong("images are left: %s" % sorted(left))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--xl", default="tests/walk/xl")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--no-kills", action="store_true")
    parser.add_argument("--keep", action="store_true",
                        help="leave the images where they are after a failure")
    args = parser.parse_args()
    print("walk: seed %d, %d steps" % (args.seed, args.steps), flush=True)
    folder = tempfile.mkdtemp(prefix="xl-walk.")
    walk = Walk(args, folder)
    began, done = time.monotonic(), 0
    try:
        walk.prepare()
        walk.without_current()
        for done in range(args.steps):
            walk.step()
        walk.finish()
    except (Wrong, subprocess.CalledProcessError) as e:
        print("walk: step %d, after %s: %s" % (done, walk.last, e), flush=True)
        if isinstance(e, subprocess.CalledProcessError):
            print(e.output)
        if args.keep:
            print("walk: %s and %s are left" % (folder, walk.state))
            folder = None
        return 1
    finally:
        if folder:
            shutil.rmtree(folder)
            shutil.rmtree(walk.state, ignore_errors=True)
    took = time.monotonic() - began
    print("walk: %s; %d killed and recovered; %.1f steps/s" % (
        ", ".join("%d %s" % (n, w) for w, n in sorted(walk.counts.items())),
        walk.killed, args.steps / took))
    return 0


if __name__ == "__main__":
    sys.exit(main())
