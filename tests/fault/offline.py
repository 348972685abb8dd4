#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each system call of each verb, once for each way in which it may go wrong:
the whole xl on a domain that is off, over real images.

After each: what xl said is true. With 0 it was done, wholly; with any other
status but "needs recovery" everything is as it was, wholly; after that, and
after a kill, the next command (snapshot-recover, or another) makes it one of
the two. Every snapshot's disks and the present's hold what they held, bit by
bit; no file and no snapshot in an image is left that nobody knows, no journal,
no lock; and the next command works.

Without --all, so many points as --points says, chosen by the seed, that is
printed. --only "VERB FAULT", as printed with a failure, does that one again.
"""
import argparse
import collections
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import faults
import verbs
import world as worlds
from world import Wrong

Point = collections.namedtuple("Point", "verb fault child")

# MANAGE_... as exit statuses
DONE, NOT_CHANGED, ROLLED_BACK, NEEDS_RECOVERY = 0, (1, 2, 3, 4, 5, 6), 7, 8
DAMAGED = 9


class Prepared:
    """A verb's condition before and after, and the calls on the way."""

    def __init__(self, world, verb):
        if not os.path.exists(os.path.join(world.saved, verb.begin)):
            world.clear()
            verbs.CONDITIONS[verb.begin](world)
            world.look(world.cross_check)
            world.save(verb.begin)
        world.restore(verb.begin)
        self.before = None if verb.pending else world.look()
        # As when a record is lost.
        self.known = [] if verb.pending else world.offences()
        self.export = verb.file and verb.file.replace("FOLDER", world.folder)
        forget(self.export)
        log = world.path("calls")
        done = world.command(*verb.arguments(world), log=log)
        if done.status:
            raise Wrong("%s: exit status %d: %s" % (verb.name, done.status,
                                                    done.output))
        self.calls = faults.parse(log)
        self.after = world.look(world.cross_check)
        self.after = world.look()
        self.hidden = len(world.hidden())
        if world.offences():
            raise Wrong("%s: %s" % (verb.name, world.offences()))


def forget(path):
    if path and os.path.exists(path):
        os.unlink(path)


def of_children(world, verb, prepared):
    """The points in the programs that it starts."""
    points = []
    world.restore(verb.begin)
    forget(prepared.export)
    log = world.path("calls")
    world.command(*verb.arguments(world), child="all", log=log)
    for number in range(1, 1 + sum(c.kind == "start" for c in prepared.calls)):
        its = "%s.%d" % (log, number)
        if not os.path.exists(its):
            continue
        for call in faults.parse(its):
            points += [Point(verb.name, "%s@%s:%d" % (f, call.name,
                                                      call.number), number)
                       for f in faults.of_child(call)]
        os.unlink(its)
    return points


def points_of(world, verb, children):
    prepared = Prepared(world, verb)
    points = [Point(verb.name, "%s@%s:%d" % (fault, call.name, call.number), 0)
              for call, fault in faults.of_program(prepared.calls)]
    return prepared, points + (of_children(world, verb, prepared)
                               if children else [])


# ---- one point ----

def differences(now, wanted):
    return "; ".join("%s: %s instead of %s" % (
        key, json.dumps(now[key]), json.dumps(wanted[key]))
        for key in wanted if now[key] != wanted[key])


class Trial:
    def __init__(self, world, verb, prepared, point):
        self.world, self.verb, self.prepared = world, verb, prepared
        self.point = point
        self.said = []

    def run(self):
        """What xl came to; Wrong if it, or what it left, is not right."""
        world, prepared = self.world, self.prepared
        world.restore(self.verb.begin)
        forget(prepared.export)
        self.done = world.command(*self.verb.arguments(world),
                                  fault=self.point.fault,
                                  child=self.point.child)
        self.said.append("%d: %s" % (self.done.status,
                                     self.done.output.strip()))
        if not self.done.hit:
            return self.done
        if self.done.status == DAMAGED:
            self.check_damaged()
            return self.done
        self.check_status()
        self.check_harmless()
        allowed = self.allowed()
        if not self.done.killed and self.done.status != NEEDS_RECOVERY and \
                not self.verb.pending:
            self.must_be(allowed, "at once")
        self.check_export()
        if not self.recover():
            return self.done
        self.must_be(allowed, "after recovery")
        offences = [o for o in world.offences() if o not in prepared.known]
        if offences:
            raise Wrong("after recovery: " + "; ".join(offences))
        if len(world.hidden()) > prepared.hidden and \
                world.look() == prepared.after:
            raise Wrong("images were not merged: %s" % sorted(world.hidden()))
        return self.done

    def check_status(self):
        done = self.done
        if done.killed:
            if not self.point.fault.startswith("kill"):
                raise Wrong("it was killed")
            return
        if self.point.fault.startswith("kill") and not self.point.child:
            raise Wrong("it was not killed")
        if done.status not in (DONE, *NOT_CHANGED, ROLLED_BACK,
                               NEEDS_RECOVERY):
            raise Wrong("exit status %d" % done.status)
        if done.status and len(done.errors) < 1:
            raise Wrong("not one message")
        if done.status and "no known reason" in done.output:
            raise Wrong("a failure without a reason")

    def check_damaged(self):
        """QEMU could not flush an image, and frees what it may need still
        (docs/design/crash-safety.md). It is so, and it was told."""
        if not self.point.child or "EIO@fdatasync" not in self.point.fault:
            raise Wrong("it says that an image is damaged")
        images = [os.path.join(self.world.images, name)
                  for name in os.listdir(self.world.images)]
        checks = [subprocess.run(["qemu-img", "check", "-q", path],
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, check=False)
                  for path in images]
        if not any(check.returncode == 2 for check in checks):
            raise Wrong("no image is damaged")

    def check_harmless(self):
        if faults.is_harmless(self.point.fault) and self.done.status and \
                not self.point.child:
            raise Wrong("that should not have made it fail")

    def allowed(self):
        status, prepared = self.done.status, self.prepared
        if self.verb.pending or status == DONE:
            return [prepared.after]
        if status in NOT_CHANGED or status == ROLLED_BACK:
            said_so = ", of what is the present, was taken" in self.done.output
            return self.on_the_way() if said_so else [prepared.before]
        return [prepared.before, prepared.after] + self.on_the_way()

    def on_the_way(self):
        """A revert that keeps the present is two steps."""
        if self.verb.name != "revert-undo":
            return []
        new = set(self.prepared.after["nodes"]) - \
            set(self.prepared.before["nodes"])
        middle = dict(self.prepared.before,
                      nodes=self.prepared.after["nodes"], current=new.pop())
        return [middle]

    def must_be(self, allowed, when):
        now = self.normal(self.world.look())
        if now not in [self.normal(a) for a in allowed]:
            raise Wrong("%s: %s" % (when, " / ".join(
                differences(now, self.normal(a)) for a in allowed)))
        journal = os.path.join(self.world.state, "journal.json")
        if os.path.exists(journal):
            raise Wrong("%s: a journal is left" % when)

    def normal(self, look):
        """The undo snapshot is called by the time."""
        text = json.dumps(look, sort_keys=True)
        for name in look["nodes"]:
            if name.startswith("undo-"):
                text = text.replace(name, "undo-now")
        return json.loads(text)

    def check_export(self):
        """There only when it is whole."""
        path = self.prepared.export
        if not path:
            return
        folder = os.path.dirname(path)
        strays = [n for n in os.listdir(folder) if n.startswith(".out.tar")]
        if strays and not self.done.killed:
            raise Wrong("%s are left" % strays)
        for name in strays:
            os.unlink(os.path.join(folder, name))
        if os.path.exists(path):
            worlds.run("tar", "-tf", path)
        elif self.done.status == 0:
            raise Wrong("there is no file")

    def recover(self):
        """By snapshot-recover, or by some other command on the way. False: done, but
        an image is damaged."""
        world = self.world
        if random.random() < 0.5 and world.chain() and not self.verb.pending:
            other = world.command("snapshot-rename", "@", "nobody", "else")
            self.said.append("rename: %d: %s" % (other.status,
                                                 other.output.strip()))
            if other.status != 3:
                raise Wrong("the next command: exit status %d" % other.status)
            if os.path.exists(os.path.join(world.state, "journal.json")):
                raise Wrong("the next command left the journal")
        recovery = world.command("snapshot-recover", "@")
        self.said.append("recover: %d: %s" % (recovery.status,
                                              recovery.output.strip()))
        if recovery.status == DAMAGED:
            self.check_damaged()
            return False
        if recovery.status not in ((0,) if world.chain() else (0, 3)):
            raise Wrong("snapshot-recover: exit status %d" % recovery.status)
        return True


# ---- all of them ----

state = {}

# So many of the verbs in a run that is not --all.
SAMPLE_VERBS = 10


def begin(programs, folder, numbers):
    with numbers.get_lock():
        numbers.value += 1
        domain = "fault%d" % numbers.value
    state["world"] = worlds.World(programs, folder, domain)
    state["prepared"] = {}


def tally(verb):
    prepared, points = points_of(state["world"], verbs.BY_NAME[verb],
                                 children=True)
    return verb, len(prepared.calls), points


def attempt(point):
    world, verb = state["world"], verbs.BY_NAME[point.verb]
    try:
        if point.verb not in state["prepared"]:
            state["prepared"][point.verb] = Prepared(world, verb)
        trial = Trial(world, verb, state["prepared"][point.verb], point)
    except (Wrong, subprocess.SubprocessError, OSError) as error:
        return point, None, "cannot begin: %s" % error, []
    try:
        done = trial.run()
        return point, done.status if done.hit else None, None, trial.said
    except Wrong as error:
        return point, trial.done.status, str(error), trial.said
    except Exception:
        return point, None, traceback.format_exc(), trial.said


def spelled(point):
    return "%s %s%s" % (point.verb, point.fault,
                        "/%d" % point.child if point.child else "")


def parse_point(text):
    verb, fault = text.split(" ")
    fault, _, child = fault.partition("/")
    return Point(verb, fault, int(child or 0))


def pick(points, num, rng):
    """At random, but from each verb, and of each its rarer kinds, too."""
    by_kind = collections.defaultdict(list)
    for point in points:
        by_kind[point.verb, point.fault.split("@")[0],
                bool(point.child)].append(point)
    groups = list(by_kind.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    picked = []
    while len(picked) < num and any(groups):
        picked += [group.pop() for group in groups if group]
    return picked[:num]


@contextlib.contextmanager
def scratch(link):
    """In memory, if it can be: nothing here is about the power."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = tempfile.mkdtemp(prefix="xl-fault.", dir=memory)
    try:
        os.mkdir(os.path.join(folder, "state"))
        if os.path.islink(link):
            os.unlink(link)
        os.symlink(folder, link)
        yield folder
    finally:
        shutil.rmtree(folder)
        if os.path.islink(link):
            os.unlink(link)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--xl", default="tests/fault/xl")
    parser.add_argument("--preload", default="tests/fault/.libs/preload.so")
    parser.add_argument("--verify", required=True)
    parser.add_argument("--scratch", default="tests/fault/scratch",
                        help="that xl's SNAPSHOT_DIR is \"state\" in it")
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--verb", action="append", help="only this one")
    parser.add_argument("--only", action="append", type=parse_point)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--log", help="a line of JSON for each point")
    parser.add_argument("--seconds", type=float, default=1e9,
                        help="begin no point after that")
    args = parser.parse_args()
    random.seed(args.seed)
    print("fault: offline, seed %d" % args.seed, flush=True)
    with scratch(args.scratch) as folder:
        return carry_out(args, folder)


def carry_out(args, folder):
    programs = (os.path.abspath(args.xl), os.path.abspath(args.preload),
                args.verify)
    began = time.monotonic()
    counts = {}
    names = args.verb or [v.name for v in verbs.VERBS]
    if not args.verb and not args.all:
        # To count the calls of all of them takes as long as to try some.
        names = sorted(random.Random(args.seed).sample(names, SAMPLE_VERBS))
    with multiprocessing.Pool(args.jobs, begin, (
            programs, folder, multiprocessing.Value("i", 0))) as pool:
        if args.only:
            points = args.only
        else:
            points = []
            for verb, calls, its in pool.imap(tally, names):
                counts[verb] = [calls, len(its), 0]
                points += its
            total = len(points)
            points = points if args.all else \
                pick(points, args.points, random.Random(args.seed))
            print("fault: %d verbs, %d points, of which %d now" % (
                len(names), total, len(points)), flush=True)
        if args.only or args.verb:
            found = []
        else:
            found = [parse_point(" ".join(case))
                     for case in faults.cases("offline")]
        points = found + [p for p in points if p not in found]
        # So that a worker stays with a condition, but all have to do.
        points.sort(key=lambda point: names.index(point.verb)
                    if point.verb in names else 0)
        statuses, failures, missed, done = collections.Counter(), 0, 0, 0
        log = open(args.log, "w") if args.log else None
        for point, status, wrong, said in pool.imap_unordered(
                attempt, points, chunksize=8):
            done += 1
            if status is None and not wrong and point in found:
                wrong = "this case is not reached any more"
            if log:
                log.write(json.dumps([spelled(point), status, wrong, said])
                          + "\n")
                log.flush()
            if wrong:
                failures += 1
                print("FAILED: --only '%s': %s" % (spelled(point), wrong))
                for line in said:
                    print("    " + line.replace("\n", "\n    "))
                sys.stdout.flush()
            elif status is None:
                missed += 1
            else:
                statuses[status] += 1
                counts.setdefault(point.verb, [0, 0, 0])[2] += 1
            if args.only:
                print(point, status, wrong, said)
            if time.monotonic() - began > args.seconds:
                break
    for verb, (calls, its, tried) in counts.items():
        if args.all or args.verb:
            print("fault: %-34s %4d calls, %4d points, %4d right" % (
                verb, calls, its, tried))
    print("fault: %d right (%s), %d not reached, %d wrong; %.0f s" % (
        sum(statuses.values()), ", ".join(
            "%d %s" % (n, "killed" if s == 137 else "status %d" % s)
            for s, n in sorted(statuses.items())), missed, failures,
        time.monotonic() - began))
    return 1 if failures or not sum(statuses.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
