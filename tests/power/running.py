#!/usr/bin/python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A round of power cuts with a guest that runs: the counting guest, whose RAM
knows what its disks must hold. After each, every snapshot's disks must be what
they were when it was made, bit by bit (their checksums are kept on the host); and
a snapshot with memory that is drawn at random is gone back to, where RAM and
disks have to agree.

    running.py SEED [--last]
"""

import hashlib
import os
import subprocess
import sys

import common
from common import IMAGES, Wrong, run

DOMAIN = "g"
HOME = "/var/lib/labguest"
MOST = 5
BASE = [os.path.join(IMAGES, "%s-%d.qcow2" % (DOMAIN, n)) for n in range(2)]
SCRATCH = "/var/tmp/content.raw"


def labguest(*argv):
    return run("labguest", *argv)


def content_sum(path, snapshot):
    """Of all that a disk holds, or that a snapshot inside its image holds."""
    argv = ["qemu-img", "convert", "-U", "-O", "raw"]
    if snapshot:
        argv += ["-l", "snapshot.name=" + snapshot]
    run(*argv, path, SCRATCH)
    with open(SCRATCH, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class Known:
    """What must be there: {snapshot: {vdev: sum}}, and which have memory."""

    def __init__(self):
        self.sums = {}
        self.memory = set()
        self.serial = 0
        self.pace = common.Pace()
        self.step = None            # (verb, its snapshot, others) in doubt

    # ---- looking ----

    @staticmethod
    def snapshots():
        chain = common.chain_of(DOMAIN)
        return {s["name"]: s for s in chain.get("snapshots", [])}

    @staticmethod
    def sums_of(snapshot):
        sums = {}
        for disk in snapshot["disks"]:
            if disk["treatment"] == "excluded":
                continue
            inside = disk["handle"]["format.qcow2"]["name"] \
                if disk["treatment"] == "internal" else None
            sums[disk["vdev"]] = content_sum(disk["path"], inside)
        return sums

    def learn(self, name):
        snapshot = self.snapshots()[name]
        self.sums[name] = self.sums_of(snapshot)
        if snapshot.get("memory"):
            self.memory.add(name)

    def forget(self, names):
        for name in names:
            self.sums.pop(name, None)
            self.memory.discard(name)

    def rename(self, old, new):
        self.sums[new] = self.sums.pop(old)
        if old in self.memory:
            self.memory.discard(old)
            self.memory.add(new)

    def check(self):
        there = self.snapshots()
        if set(there) != set(self.sums):
            raise Wrong("snapshots %s instead of %s" % (
                sorted(there), sorted(self.sums)))
        for name, snapshot in there.items():
            sums = self.sums_of(snapshot)
            for vdev, wanted in self.sums[name].items():
                if sums.get(vdev) != wanted:
                    raise Wrong("%s of %s is not what it was" % (vdev, name))
        common.check_chain(DOMAIN)
        common.check_images(common.chain_of(DOMAIN), BASE)

    # ---- after the cut ----

    def settle(self):
        """Has the interrupted step happened? What had ended has."""
        verb, name, others = self.step
        ended = common.was_acknowledged()
        there = set(self.snapshots())
        new = there - set(self.sums)
        if verb == "create" and ended and name not in there:
            raise Wrong("%s had been made, and is gone" % name)
        if verb == "delete" and (ended or name not in there):
            self.forget(others)
        if verb == "rename" and (ended or others[0] in there):
            self.rename(name, others[0])
        elif verb in ("create", "revert"):
            for other in new:
                self.learn(other)
        self.step = None

    # ---- doing ----

    def go(self, verb, name, others, *argv, cut=False):
        command = ["snapshot-" + verb, *argv]
        if cut:
            self.step = (verb, name, others)
            common.forget_acknowledged()
            common.remember(self)
            self.pace.arm(verb, " ".join(command))
        self.pace.begin()
        run(common.XL, *command, env=common.environment())
        if cut:
            common.acknowledge()
            common.sleep_until_the_end()
        self.pace.end(verb)

    def create(self, rng, cut, *options):
        self.serial += 1
        name = "s%d" % self.serial
        options = list(options)
        if not options:
            options += rng.choice([[], [], ["--disk-only"]])
            options += rng.choice([[], ["--external"], ["--external"], [
                "--external", "--diskspec", "xvda,snapshot=internal"]])
        self.go("create", name, [], *options, DOMAIN, name, cut=cut)
        self.learn(name)

    def revert(self, rng, cut, name=None):
        name = name or rng.choice(sorted(self.memory))
        undo = ["--undo"] if cut and rng.random() < 0.3 else []
        self.go("revert", name, [], *undo, DOMAIN, name, cut=cut)

    def delete(self, rng, cut):
        """One with memory stays, to go back to."""
        names = sorted(self.sums)
        if len(self.memory) == 1:
            names = [n for n in names if n not in self.memory]
        if not names:
            return self.create(rng, cut)
        name = rng.choice(names)
        self.go("delete", name, [name], DOMAIN, name, cut=cut)
        self.forget([name])
        return None

    def rename_one(self, rng, cut):
        self.serial += 1
        old, new = rng.choice(sorted(self.sums)), "r%d" % self.serial
        self.go("rename", old, [new], DOMAIN, old, new, cut=cut)
        self.rename(old, new)

    def any_step(self, rng, cut):
        steps = [self.create] * 4 + [self.delete] * 4 + [self.revert] * 3 + \
            [self.rename_one]
        if len(self.sums) >= MOST:
            steps = [self.delete]
        rng.choice(steps)(rng, cut)


def take_down():
    """The guest off: images that are in use cannot be checked."""
    run("/usr/sbin/xl", "destroy", DOMAIN)
    labguest("gone", DOMAIN)


def is_up():
    return subprocess.run(["labguest", "domid", DOMAIN], check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def bring_up(known, rng):
    """The guest, as it is after a power failure, or as a snapshot has it."""
    if rng.random() < 0.25 or not known.memory:
        print("running: the present boots", flush=True)
        run(common.XL, "create", "--active", "-q",
            os.path.join(HOME, DOMAIN, "xl.cfg"))
    else:
        name = rng.choice(sorted(known.memory))
        print("running: back to %s" % name, flush=True)
        known.revert(rng, False, name)
    labguest("wait", DOMAIN)
    labguest("healthy", DOMAIN)


def resume(known, rng, last):
    what = " ".join(str(word) for word in known.step[:2])
    if not (last or common.was_acknowledged()) and rng.random() < 0.25:
        known.pace.arm("recover", "recovery from " + what)
        common.recover(DOMAIN)
        common.acknowledge(command=False)
        common.sleep_until_the_end()
    if common.was_acknowledged():
        said = "had ended"
    else:
        said = common.recover(DOMAIN)
    if is_up():
        # A revert goes on, up to a guest that runs.
        labguest("healthy", DOMAIN)
        take_down()
    known.settle()
    known.check()
    print("running: %s (%s): right, %d snapshots" % (
        what, said, len(known.sums)), flush=True)


def script(rng, last):
    common.mount_all(HOME)
    known = common.remembered()
    if known is None:
        known = Known()
        labguest("start", "-n", DOMAIN, "-d", "2", "-m", "96", "--disk-size",
                 "16M", "--disk-dir", IMAGES)
        run("sync")
        known.create(rng, False, "--external")
    else:
        resume(known, rng, last)
        bring_up(known, rng)
    common.check_file_systems()
    if last:
        for name in sorted(known.sums):
            known.go("delete", name, [name], DOMAIN, name)
        known.forget(list(known.sums))
        labguest("healthy", DOMAIN)
        take_down()
        known.check()
        return
    for _ in range(rng.randint(0, 1)):
        known.any_step(rng, False)
    labguest("healthy", DOMAIN)
    known.any_step(rng, True)


if __name__ == "__main__":
    sys.exit(common.main(script))
