#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""States of disks, compared by the library, must differ in just those places
in which whole copies of them do.

A disk is written to at random, by qemu-io: data, zeroes, compressed clusters,
discarded ones; it grows; between that its state is kept, as an internal
snapshot or under an overlay, in images of all sorts. Then pairs of states are
compared. COMPARE_SEED repeats a run, COMPARE_ROUNDS makes it longer.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile

UNIT = 4096
MIB = 1 << 20
QEMU_IMG = os.environ.get("QEMU_IMG", "qemu-img")
PROBE = os.path.join(os.environ.get("builddir", "."), "tests/interop/compare-probe")


class Wrong(Exception):
    """The library and the copies are at odds."""


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Wrong("%s: %s" % (" ".join(argv), done.stdout))
    return done.stdout


def compare(a, b):
    """(bytes of a, of b, changed, read)"""
    done = subprocess.run([PROBE, *a, *b], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise Wrong("%s %s: %s" % (a, b, done.stderr))
    return tuple(map(int, done.stdout.split()))


def differing(x, y):
    """As snapshot-diff counts: whole units, the last one as far as it goes."""
    size = max(len(x), len(y))
    x, y = x.ljust(size, b"\0"), y.ljust(size, b"\0")
    return sum(min(UNIT, size - at) for at in range(0, size, UNIT)
               if x[at:at + UNIT] != y[at:at + UNIT])


class Disk:
    def __init__(self, folder, rnd):
        self.folder, self.random = folder, rnd
        self.serial = 0
        self.states = {}            # (image, format, snapshot): content
        self.size = rnd.choice([1, 3, 5]) * MIB + rnd.choice([0, 0, 512, 2560])
        self.format = rnd.choice(["raw", "qcow2", "qcow2"])
        self.top = self.create(None)

    def create(self, below):
        self.serial += 1
        path = os.path.join(self.folder, "%d,x.img" % self.serial)
        options = []
        if below:
            options = ["-b", below, "-F", self.format]
            self.format = "qcow2"
        if self.format == "qcow2":
            cluster = self.random.choice([512, 4096, 65536, 65536, 262144])
            features = "cluster_size=%d" % cluster
            if cluster >= 16384 and self.random.random() < 0.4:
                features += ",extended_l2=on"
            options += ["-o", features]
            self.cluster = cluster
        run(QEMU_IMG, "create", "-q", "-f", self.format, *options, path, str(self.size))
        return path

    def write_compressed(self, at):
        """QEMU does not where there is something."""
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -q -c -P %d %d %d" % (
            self.random.randrange(256), at, self.cluster), self.top],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)

    def write(self):
        commands = []
        for _ in range(self.random.randint(1, 6)):
            at = self.random.randrange(self.size // 512) * 512
            length = min(self.random.choice([512, 4096, 12288, 70144, 300032]), self.size - at)
            kind = self.random.choice(["-P", "-P", "-P", "-z", "discard", "-c"])
            if kind == "-c" and self.format == "qcow2":
                at -= at % self.cluster
                if at + self.cluster <= self.size:
                    self.write_compressed(at)
            elif kind == "discard":
                commands += ["-c", "discard -q %d %d" % (at, length)]
            elif kind == "-z":
                commands += ["-c", "write -q -z %s %d %d" % (
                    self.random.choice(["", "-u"]), at, length)]
            else:
                commands += ["-c", "write -q -P %d %d %d" % (
                    self.random.randrange(256), at, length)]
        if commands:
            run("qemu-io", "-d", "unmap", "-f", self.format, *commands, self.top)

    def grow(self):
        # With internal snapshots in it some versions will not.
        if any(image == self.top for image, _, _ in self.states):
            return
        self.size += self.random.choice([512, 65536, MIB])
        run(QEMU_IMG, "resize", "-q", "-f", self.format, self.top, str(self.size))

    def content(self, state):
        image, form, name = state
        raw = os.path.join(self.folder, "raw")
        run(QEMU_IMG, "convert", "-O", "raw", "-f", form,
            *([] if name == "-" else ["-l", "snapshot.name=" + name]), image, raw)
        with open(raw, "rb") as f:
            return f.read()

    def keep(self):
        if self.format == "qcow2" and self.random.random() < 0.5:
            self.serial += 1
            state = self.top, "qcow2", "s%d" % self.serial
            run(QEMU_IMG, "snapshot", "-c", state[2], self.top)
        else:
            state = self.top, self.format, "-"
            self.top = self.create(self.top)
        self.states[state] = self.content(state)

    def check(self):
        present = self.top, self.format, "-"
        states = dict(self.states)
        states[present] = self.content(present)
        pairs = [(a, b) for a in states for b in states]
        for a, b in self.random.sample(pairs, min(len(pairs), 12)):
            wanted = len(states[a]), len(states[b]), differing(states[a], states[b])
            found = compare(a, b)
            if found[:3] != wanted:
                raise Wrong("%s against %s: %s, not %s" % (a, b, found[:3], wanted))


def test_random(folder, seed):
    rnd = random.Random(seed)
    disk = Disk(folder, rnd)
    for _ in range(rnd.randint(3, 7)):
        for _ in range(rnd.randint(0, 3)):
            disk.write()
        if rnd.random() < 0.2:
            disk.grow()
        disk.keep()
    disk.write()
    disk.check()


def test_little_is_read(folder):
    """What both have from the same place is not."""
    image = os.path.join(folder, "a.qcow2")
    over = os.path.join(folder, "b.qcow2")
    run(QEMU_IMG, "create", "-q", "-f", "qcow2", image, "64M")
    run("qemu-io", "-f", "qcow2", "-c", "write -q -P 1 0 64M", image)
    run(QEMU_IMG, "snapshot", "-c", "s1", image)
    run("qemu-io", "-f", "qcow2", "-c", "write -q -P 2 1M 4k", image)
    run(QEMU_IMG, "snapshot", "-c", "s2", image)
    run(QEMU_IMG, "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", over)
    run("qemu-io", "-f", "qcow2", "-c", "write -q -P 3 9M 4k", over)
    states = {"s1": (image, "qcow2", "s1"), "s2": (image, "qcow2", "s2"),
              "image": (image, "qcow2", "-"), "overlay": (over, "qcow2", "-")}
    for a, b, changed in (("s1", "s1", 0), ("s1", "s2", 1), ("s2", "image", 0),
                          ("image", "overlay", 1), ("overlay", "s1", 2),
                          ("overlay", "s2", 1)):
        found = compare(states[a], states[b])
        if found[2] != changed * UNIT:
            raise Wrong("%s to %s: %d bytes differ" % (a, b, found[2]))
        if found[3] > 2 * changed * 65536:
            raise Wrong("%s to %s: %d bytes were read" % (a, b, found[3]))


def test_failures(folder):
    image = os.path.join(folder, "a.qcow2")
    run(QEMU_IMG, "create", "-q", "-f", "qcow2", image, "1M")
    whole = image, "qcow2", "-"
    garbage = os.path.join(folder, "garbage")
    with open(garbage, "wb") as f:
        f.write(b"no image" * 512)
    lost = os.path.join(folder, "lost.qcow2")
    run(QEMU_IMG, "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", lost)
    for other, words in ((((image, "qcow2", "nothing")), "has no snapshot 'nothing'"),
                         ((image + "x", "qcow2", "-"), "cannot be read"),
                         ((garbage, "qcow2", "-"), "not in qcow2 format"),
                         (("a", "qcow2", "-"), "no image that could be read")):
        for pair in ((whole, other), (other, whole)):
            try:
                compare(*pair)
            except Wrong as wrong:
                if words not in str(wrong):
                    raise
            else:
                raise Wrong("%s was read" % (other,))
    os.rename(image, image + ".away")
    try:
        compare((lost, "qcow2", "-"), (lost, "qcow2", "-"))
    except Wrong:
        pass
    else:
        raise Wrong("an overlay on nothing was read")


def main():
    seed = int(os.environ.get("COMPARE_SEED", random.SystemRandom().randrange(1 << 32)))
    rounds = int(os.environ.get("COMPARE_ROUNDS", 12))
    print("compare: seed %d, %d rounds" % (seed, rounds), flush=True)
    tests = [(test_little_is_read, ()), (test_failures, ())]
    tests += [(test_random, (seed + i,)) for i in range(rounds)]
    for test, args in tests:
        folder = tempfile.mkdtemp(prefix="compare.")
        try:
            test(folder, *args)
        except Wrong as wrong:
            print("FAILED: %s%s: %s" % (test.__name__, args, wrong))
            return 1
        finally:
            shutil.rmtree(folder)
    print("compare: %d passed" % len(tests))
    return 0


sys.exit(main())
