#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each system call and each exchange, with QEMU's monitor, libxl and the guest's
agent, of each verb on a running domain, gone wrong: the whole xl, a real QEMU
with its real qdisks, a guest that writes all the time, and Xen played
(played.py).

After each, and after snapshot-recover where xl says so or was killed: the guest
runs and its writes are answered; QEMU has no job, and no node of ours but those
of the images that it uses; it uses those that the chain names, and libxl's
stored configuration and xenstore name the same; no file is left that nobody
knows, no journal; each snapshot holds the disks of one instant between the
command's beginning and its end; and at the end the disks hold every write.

Calls that only look are left to offline.py, which goes through the same code.
Without --all, as many points as --points says, chosen by the seed. --only "VERB
FAULT", as printed, does that one again.
"""
import argparse
import collections
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "interop"))
import faults
import trials
from running import Host
from trials import VERBS, Point

def points_of(host, verb):
    log = os.path.join(host.folder, "calls")
    exchanged = trials.of(host, Point(verb, "none")).unspoilt(log)
    calls = faults.parse(log)
    points = [Point(verb, "%s@%s:%d" % (fault, call.name, call.number))
              for call, fault in faults.of_program(calls)
              if call.kind != "look"]
    points += [Point(verb, fault) for fault in exchanged]
    return len(calls), len(exchanged), points


# A domain is worn out after so many: images grow, and the end is to be looked
# at now and then.
WEAR = 40

# So many of the verbs in a run that is not --all.
SAMPLE_VERBS = 5


class Run:
    def __init__(self, args, programs, folder):
        self.args, self.programs, self.folder = args, programs, folder
        self.host, self.wear = None, 0
        self.found = []
        self.failures = self.missed = 0
        self.statuses = collections.Counter()

    def renew(self):
        """False: the domain did not end well."""
        host, self.host, self.wear = self.host, None, 0
        try:
            if host:
                host.close()
        except Exception as error:
            self.failures += 1
            print("FAILED: at the domain's end: %s" % error, flush=True)

    def need(self):
        if not self.host:
            self.host = Host(self.programs, self.folder)
        return self.host

    def attempt(self, point):
        trial = trials.of(self.need(), point)
        try:
            hit = trial.run()
        except Exception as error:
            self.failures += 1
            print("FAILED: --only '%s %s': %s: %s" % (
                *point, type(error).__name__, error))
            for line in trial.said:
                print("    " + line.replace("\n", "\n    "))
            sys.stdout.flush()
            self.abandon()
            return
        if not hit and point in self.found:
            self.failures += 1
            print("FAILED: %s %s is not reached any more" % point)
        elif hit:
            self.statuses[trial.status] += 1
        else:
            self.missed += 1
        self.wear += 1
        if self.wear >= WEAR:
            self.renew()

    def abandon(self):
        """Whatever state it is in."""
        host, self.host, self.wear = self.host, None, 0
        if host.xen.stopped() and host.rig.writer:
            host.rig.writer.unpause()
        host.xen.close()
        host.agent.close()
        if host.rig.qemu and not host.rig.qemu.alive():
            host.rig.crash_qemu()
        try:
            host.rig.__exit__(None, None, None)
        except Exception as error:
            print("    (and then: %s)" % error)
        shutil.rmtree(host.state, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--xl", default="tests/fault/xl-online")
    parser.add_argument("--preload", default="tests/fault/.libs/preload.so")
    parser.add_argument("--shim", default="tests/interop/.libs/xenshim.so")
    parser.add_argument("--scratch", default="tests/fault/scratch")
    parser.add_argument("--verify", required=True)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--verb", action="append", choices=list(VERBS))
    parser.add_argument("--only", action="append")
    args = parser.parse_args()
    from offline import scratch
    programs = tuple(map(os.path.abspath, (args.xl, args.preload, args.shim,
                                           args.verify)))
    rng = random.Random(args.seed)
    print("fault: online, seed %d" % args.seed, flush=True)
    with scratch(args.scratch) as folder:
        return carry_out(args, Run(args, programs, folder), rng)


def carry_out(args, run, rng):
    began = time.monotonic()
    points = [Point(*text.split(" ")) for text in args.only or []]
    names = args.verb or list(VERBS)
    if not args.verb and not args.all:
        names = rng.sample(names, SAMPLE_VERBS)
    for verb in [] if args.only else names:
        calls, exchanged, its = points_of(run.need(), verb)
        print("fault: %-24s %4d calls, %4d points, of which %4d in exchanges" % (
            verb, calls, len(its), exchanged), flush=True)
        points += its
    if not args.all and not args.only:
        groups = collections.defaultdict(list)
        for point in points:
            groups[point.verb, point.fault.split("@")[0].split("!")[0]].append(
                point)
        for group in groups.values():
            rng.shuffle(group)
        rest = list(groups.values())
        points = []
        while len(points) < args.points and rest:
            rng.shuffle(rest)
            points += [group.pop() for group in rest]
            rest = [group for group in rest if group]
        points = points[:args.points]
    if not args.only and not args.verb:
        run.found = [Point(*case) for case in faults.cases("online")]
    for point in run.found + [p for p in points if p not in run.found]:
        run.attempt(point)
    run.renew()
    print("fault: online: %d right (%s), %d not reached, %d wrong; %.0f s" % (
        sum(run.statuses.values()), ", ".join(
            "%d %s" % (n, "killed" if s == 137 else "status %d" % s)
            for s, n in sorted(run.statuses.items())), run.missed,
        run.failures, time.monotonic() - began))
    return 1 if run.failures or not sum(run.statuses.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
