#!/usr/bin/python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A round of power cuts with a domain that is off: the random walk of
tests/walk, on the real xl and libxl. Its model is kept on the host; the step that
the power cut short is taken once more by the model, which finds out from
the chain whether it has happened, and the contents of all disks must agree.

    off.py SEED [--last]
"""

import argparse
import os
import sys

import common

sys.path.insert(0, os.path.join(common.TOP, "tests/walk"))

import walk as walking              # noqa: E402

walking.MOST_SNAPSHOTS = 6
walking.Wrong = common.Wrong
DOMAIN = walking.DOMAIN
KEPT = ("model", "counts", "serial", "last", "pace")


class PowerWalk(walking.Walk):
    def __init__(self, seed):
        super().__init__(argparse.Namespace(xl=common.XL, seed=seed,
                                            no_kills=True), common.IMAGES)
        self.xl = common.XL
        self.state = os.path.join(common.STATE, DOMAIN)
        self.scratch = "/var/tmp/scratch.raw"
        self.config = "/data/walk.cfg"
        self.pace = common.Pace()
        self.mode = "free"
        self.verb = None

    # ---- from boot to boot ----

    def pack(self, step=None):
        return {**{name: getattr(self, name) for name in KEPT},
                "random": self.random.getstate(), "step": step}

    def unpack(self, packed):
        for name in KEPT:
            setattr(self, name, packed[name])
        self.random.setstate(packed["random"])

    def prepare(self):
        for vdev in self.vdevs:
            common.run("qemu-img", "create", "-q", "-f", "qcow2",
                       self.base[vdev], str(walking.SIZE))
        disks = ", ".join("'format=qcow2,backendtype=qdisk,vdev=%s,access=rw,"
                          "target=%s'" % item for item in self.base.items())
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("name = '%s'\ntype = 'pv'\nmemory = 64\n"
                    "kernel = '/usr/lib/xenlab/guest/vmlinux'\n"
                    "disk = [%s]\n" % (DOMAIN, disks))
        common.run("sync")

    # ---- instead of the walk's ----

    def check_files(self, chain):
        common.check_chain(DOMAIN)
        common.check_images(chain, self.base.values())

    def recover(self):
        said = common.recover(DOMAIN)
        self.last += ", recovered (%s)" % said
        return said

    def snapshot_command(self, *argv):
        self.last = " ".join(argv)
        if self.mode == "replay":
            return common.was_acknowledged()
        verb = argv[0].replace("snapshot-", "")
        if self.mode == "cut":
            self.pace.arm(verb, self.last)
        self.pace.begin()
        common.run(self.xl, *argv, env=common.environment())
        if self.mode == "cut":
            common.acknowledge()
            common.sleep_until_the_end()
        self.pace.end(verb)
        return True

    # ---- steps ----

    def choose(self):
        steps = [self.step_create] * 4
        if self.model.snapshots:
            steps += [self.step_revert] * 4 + [self.step_delete] * 4 + \
                [self.step_rename]
        return self.random.choice(steps).__name__

    def writes(self):
        for _ in range(self.random.randint(1, 2)):
            self.step_write()

    def free_step(self):
        self.writes()
        getattr(self, self.choose())()

    def cut_step(self):
        """Does not come back, unless the step was to do nothing."""
        self.writes()
        self.mode = "cut"
        step = self.choose()
        common.forget_acknowledged()
        common.remember(self.pack(step))
        getattr(self, step)()

    def resume(self, packed, rng, last):
        """After the power cut: what has become of the step?"""
        self.unpack(packed)
        if not (last or common.was_acknowledged()) and rng.random() < 0.25:
            # It fails again, while what it has done is put right.
            self.pace.arm("recover", "recovery from " + packed["step"])
            self.recover()
            common.acknowledge(command=False)
            common.sleep_until_the_end()
        self.mode = "replay"
        getattr(self, packed["step"])()
        self.mode = "free"
        self.check()
        print("off: %s: right" % self.last, flush=True)


def script(rng, last):
    common.mount_all()
    walk = PowerWalk(rng.randrange(1 << 32))
    packed = common.remembered()
    if packed is None:
        walk.prepare()
    elif packed["step"]:
        walk.resume(packed, rng, last)
    common.check_file_systems()
    if last:
        walk.finish()
        return
    for _ in range(rng.randint(0, 2)):
        walk.free_step()
    while True:
        walk.cut_step()


if __name__ == "__main__":
    sys.exit(common.main(script))
