# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs on a running domain, and what must hold after each of them, gone
wrong or not."""
import collections

import faults

from offline import DONE, NEEDS_RECOVERY, NOT_CHANGED, ROLLED_BACK
from played import LIES
from running import NAME
from world import Wrong

Point = collections.namedtuple("Point", "verb fault")

EXCHANGES = ("refuse", "hang-up", "lose-answer", "garble", "truncate", "late")

STILL_FROZEN = "THE GUEST'S FILE SYSTEMS MAY STILL BE FROZEN"

# ---- verbs ----

# A verb: what is there before (in its order), and the command itself.
BASE = [["snapshot-create", "--disk-only", "--external", NAME, "first"]]
SECOND = ["snapshot-create", "--disk-only", "--external", NAME, "second"]
VERBS = {
    "create-internal": ([], ["snapshot-create", "--disk-only", NAME, "new"]),
    "create-external": ([], ["snapshot-create", "--disk-only", "--external",
                             NAME, "new"]),
    "create-mixed": ([], ["snapshot-create", "--disk-only", "--diskspec",
                          "xvdb,snapshot=external", NAME, "new"]),
    "create-memory": ([], ["snapshot-create", NAME, "new"]),
    "create-memory-external": ([], ["snapshot-create", "--external", NAME,
                                    "new"]),
    "create-memory-second": ([["snapshot-create", NAME, "first"]],
                             ["snapshot-create", NAME, "new"]),
    "delete-memory": ([["snapshot-create", NAME, name]
                       for name in ("first", "second", "third")],
                      ["snapshot-delete", NAME, "second"]),
    "create-quiesced": ([], ["snapshot-create", "--disk-only", "--quiesce",
                             NAME, "new"]),
    "create-quiesced-external": ([], ["snapshot-create", "--disk-only",
                                      "--external", "--quiesce", NAME, "new"]),
    "delete-internal": ([["snapshot-create", "--disk-only", NAME, "new"]],
                        ["snapshot-delete", NAME, "new"]),
    "delete-active": (BASE, ["snapshot-delete", NAME, "first"]),
    "delete-middle": (BASE + [SECOND], ["snapshot-delete", NAME, "first"]),
    "delete-all": (BASE + [SECOND], ["snapshot-delete", "--children", NAME,
                                     "first"]),
}

# There is always something after the snapshot that is gone back to.
GOAL = ["snapshot-create", NAME, "goal"]
GOAL_EXTERNAL = ["snapshot-create", "--external", NAME, "goal"]
GOAL_DISKS = ["snapshot-create", "--disk-only", "--external", NAME, "goal"]
LATER = ["snapshot-create", "--disk-only", "--external", NAME, "later"]
BACK = ["snapshot-revert", NAME, "goal"]
VERBS.update({
    "revert-internal": ([GOAL], BACK),
    "revert-external": ([GOAL_EXTERNAL, LATER], BACK),
    "revert-copy": ([GOAL, LATER], BACK),
    "revert-boot": ([GOAL_DISKS], ["snapshot-revert", "--running", NAME,
                                   "goal"]),
    "revert-off": ([GOAL_DISKS, LATER], BACK),
    "revert-undo": ([GOAL_EXTERNAL], ["snapshot-revert", "--undo", NAME,
                                      "goal"]),
})

# A revert that was killed at that point.
CUTS = {
    "recover-revert-" + point: ([GOAL_EXTERNAL, LATER, BACK],
                                ["snapshot-recover", NAME])
    for point in ("destroyed", "applied", "restored", "published")
}
VERBS.update(CUTS)


class Trial:
    def __init__(self, host, point):
        self.host, self.point = host, point
        self.verb = VERBS[point.verb]
        self.said = []

    def prepare(self):
        """Back to no snapshot at all, and then to what the verb needs."""
        host = self.host
        for name in sorted(host.names()):
            host.ok("snapshot-delete", NAME, name)
        host.instants.clear()
        self.make(self.verb[0])

    def make(self, commands):
        host = self.host
        for argv in commands:
            least = host.rig.writer.answered
            host.ok(*argv)
            host.check_snapshots(least, host.rig.writer.answered)
        self.before = host.names()

    def after(self):
        gone = self.before if "--children" in self.verb[1] else \
            {self.verb[1][-1]}
        if self.verb[1][0] == "snapshot-delete":
            return self.before - gone
        return self.before | {self.verb[1][-1]}

    def exchanges(self):
        """What may go wrong in those of the command that has just ended."""
        talked = [(how, len(self.host.xen.monitor.seen)) for how in EXCHANGES]
        talked += [("agent:" + how, len(self.host.agent.seen))
                   for how in EXCHANGES]
        found = ["%s!%d" % (how, number) for how, most in talked
                 for number in range(1, most + 1)]
        for number, what in enumerate(self.host.xen.seen, 1):
            found.append("xen:refuse!%d" % number)
            if what in LIES:
                found.append("xen:lie!%d" % number)
        return found

    def unspoilt(self, log):
        """Without a fault: those that there are between us and others."""
        host = self.host
        self.prepare()
        least = host.answered()
        done = host.command(*self.verb[1], log=log)
        exchanges = self.exchanges()
        self.status = done.returncode
        if done.returncode:
            raise Wrong("%s: %d: %s" % (self.point.verb, done.returncode,
                                        done.stdout))
        self.check_truth(done)
        self.check_at_once()
        self.check(least)
        return exchanges

    def run(self):
        host = self.host
        self.prepare()
        fault, _, number = self.point.fault.partition("!")
        least = host.answered()
        done = host.command(*self.verb[1], **(
            {"exchange": (int(number), fault)} if number
            else {"fault": fault}))
        self.status = done.returncode
        hit = host.hit
        self.said.append("%d: %s" % (done.returncode, done.stdout.strip()))
        self.check_status(done)
        if self.status != 137 and STILL_FROZEN in done.stdout:
            host.ok("snapshot-thaw", NAME)
        if self.status not in (NEEDS_RECOVERY, 137):
            self.check_at_once()
        recovery = host.command("snapshot-recover", NAME)
        self.said.append("recover: %d: %s" % (recovery.returncode,
                                              recovery.stdout.strip()))
        if recovery.returncode not in (0, 3):
            raise Wrong("snapshot-recover: exit status %d" %
                        recovery.returncode)
        self.check(least)
        return hit

    def check_at_once(self):
        self.host.check_guest()
        self.host.check_files(whole=False)

    def check_status(self, done):
        status = self.status
        if status not in (DONE, *NOT_CHANGED, ROLLED_BACK, NEEDS_RECOVERY, 137):
            raise Wrong("exit status %d" % status)
        if status and status != 137 and "xl: " not in done.stdout:
            raise Wrong("no message")
        self.check_truth(done)
        if faults.is_harmless(self.point.fault) and status:
            raise Wrong("that should not have made it fail")

    def check_truth(self, done):
        names, before, after = self.host.names(), self.before, self.after()
        status = self.status
        if status == DONE and names != after:
            raise Wrong("0, but there are %s" % sorted(names))
        if status in (*NOT_CHANGED, ROLLED_BACK) and names != before:
            raise Wrong("%d, but there are %s" % (status, sorted(names)))

    def check(self, least):
        host = self.host
        if host.xen.wrong:
            raise Wrong(host.xen.wrong)
        if host.names() not in (self.before, self.after()):
            raise Wrong("there are %s" % sorted(host.names()))
        if host.rig.qemu is None or not host.rig.qemu.alive():
            raise Wrong("QEMU has ended: %s" % host.rig.qemu.said())
        host.check_guest()
        host.check_qemu()
        host.check_stored()
        host.check_files()
        host.check_snapshots(least, self.most())

    def most(self):
        """The last write that the command may have seen."""
        return self.host.rig.writer.answered


# ---- going back ----

KEPT = ", of what is the present, was taken before that, and stays"
CANNOT_START = "it is off now, and snapshot-revert may be tried again"


class RevertTrial(Trial):
    """The domain is as it was, or wholly back: another one, on the images of
    "goal". One that could not be started is off, and said to be; the same once
    more brings it up. The present is kept wholly, or not."""

    def prepare(self):
        super().prepare()
        host = self.host
        host.check_guest()          # and some writes later
        self.chain, self.domid = host.chain(), host.xen.domid
        self.undo = "--undo" in self.verb[1]
        self.off = self.point.verb == "revert-off"

    def kept(self):
        return self.host.names() - self.before

    def after(self):
        return self.before | self.kept()

    def most(self):
        return super().most() if self.host.xen.domid == self.domid else \
            self.host.xen.answered

    def check_truth(self, done):
        self.off = self.off or CANNOT_START in done.stdout
        if len(self.kept()) > self.undo:
            raise Wrong("there are %s" % sorted(self.host.names()))
        if self.status == DONE:
            if len(self.kept()) < self.undo:
                raise Wrong("0, but the present was not kept")
            self.check_back()
        elif self.status != 137:
            if self.kept() and KEPT not in done.stdout:
                raise Wrong("nobody was told of %s" % self.kept())
            if CANNOT_START in done.stdout:
                self.check_back()
            elif self.status != NEEDS_RECOVERY:
                self.check_as_before()

    def check_at_once(self):
        if self.host.xen.domid:
            super().check_at_once()
        else:
            self.host.check_files(whole=False)

    def check_as_before(self):
        host, chain = self.host, self.host.chain()
        if host.xen.domid != self.domid:
            raise Wrong("the domain is another")
        if self.kept():
            return                  # check_qemu sees to its overlays
        for what in "current", "active", "images":
            if chain.get(what) != self.chain.get(what):
                raise Wrong("%s was %s, and is %s" % (
                    what, self.chain.get(what), chain.get(what)))

    def check_back(self):
        host, chain = self.host, self.host.chain()
        goal = host.instants["goal"]
        if host.xen.domid == self.domid:
            raise Wrong("the domain is the same")
        if host.xen.domid is None and not self.off:
            raise Wrong("the domain is off")
        began = host.xen.begun if host.xen.domid else host.check_instant(
            [host.content(host.active(d.vdev)) for d in host.rig.disks])
        if began != goal:
            raise Wrong("its disks held writes up to %d, not %d" % (began,
                                                                    goal))
        names = {s["serial"]: s["name"] for s in chain["snapshots"]}
        if names.get(chain.get("current")) != "goal":
            raise Wrong("the current snapshot is %s" % names.get(
                chain.get("current")))

    def check(self, least):
        host = self.host
        if host.xen.wrong:
            raise Wrong(host.xen.wrong)
        if host.xen.domid == self.domid:
            self.check_as_before()
        else:
            self.check_back()
        if host.xen.domid is None:
            host.check_files()
            host.ok("snapshot-revert", "--running", NAME, "goal")
            self.check_back()
        super().check(least)


class CutTrial(RevertTrial):
    """One that was killed when the domain was gone: there is one way only."""

    def make(self, commands):
        super().make(commands[:-1])
        self.first = commands[-1]

    def prepare(self):
        super().prepare()
        point = "revert:" + self.point.verb.rpartition("-")[2]
        done = self.host.command(*self.first, stop_at=point)
        if done.returncode != 137:
            raise Wrong("it does not come to %s: %s" % (point, done.stdout))

    def check_truth(self, done):
        self.off = CANNOT_START in done.stdout
        if self.status == DONE or self.off:
            self.check_back()

    def check_at_once(self):
        if self.status == DONE:
            super().check_at_once()

    def check(self, least):
        self.check_back()
        super().check(least)


def of(host, point):
    kind = CutTrial if point.verb in CUTS else \
        RevertTrial if point.verb.startswith("revert-") else Trial
    return kind(host, point)
