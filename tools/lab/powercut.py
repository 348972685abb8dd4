# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cut the machine's power in the middle of what it does, over and over.

A round is one boot on the drive that the last one left. A script in dom0
(tests/power/) recovers, compares all that is there with what it
knows, does this and that, says through the folder it shares with us that it
is about to do something to be interrupted (`armed`), and does it. Some time
later, drawn at random, the machine is killed, and its drive loses what it
likes of what was not flushed (volatile.py). The last round is not interrupted
but deletes all snapshots, and stops the machine in an orderly way.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time

from . import boot, build, slot, tree
from .cli import _environment, _out_folder
from .common import (EXIT_PREPARE, LabError, RELEASES, parse_size, say,
                     scratch_folder)
from .process import Interrupted, catch_signals
from .session import Session
from .volatile import VolatileDrive

_SCRIPTS = {"off": "tests/power/off.py", "running": "tests/power/running.py"}
_DRIVE_BYTES = 4 << 30
# Two at a time, on a host with two.
_PROCESSORS = 1
_PATIENCE = 600         # a round that takes longer hangs


def _parser():
    p = argparse.ArgumentParser(
        prog="powercut", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=12, metavar="N",
                   help="cuts while the domain is off (default: %(default)s)")
    p.add_argument("--running", type=int, default=4, metavar="N",
                   help="cuts while it runs (default: %(default)s)")
    p.add_argument("--seed", type=int,
                   default=random.SystemRandom().randrange(1 << 32),
                   help="what is done, and when about the power fails; the "
                   "moments themselves differ each time")
    p.add_argument("--release", choices=sorted(RELEASES), default="bookworm")
    p.add_argument("--without-fsync", action="store_true",
                   help="have our program's fsync do nothing, to see that "
                   "this finds it")
    p.add_argument("--out", metavar="DIR", help="where logs and, after a "
                   "failure, the drive go (default: a new folder in the cache)")
    return p


class _Moment:
    """When the power fails: at a certain request to the drive, or at a certain
    time after the script said that it begins; and soon after the command
    ended, should neither have come."""

    def __init__(self, folder, drive, rng):
        self._armed = os.path.join(folder, "armed")
        self._acknowledged = os.path.join(folder, "acknowledged")
        self._drive = drive
        self._rng = rng
        self._at = None
        self.what = None

    def __call__(self):
        if self.what is None:
            if not os.path.exists(self._armed):
                return False
            self._begin()
        if self._drive.fell.is_set():
            return True
        if self._at is None and os.path.exists(self._acknowledged):
            self._at = time.monotonic() + self._rng.random()
        return self._at is not None and time.monotonic() >= self._at

    def _begin(self):
        with open(self._armed, encoding="utf-8") as f:
            self.what = json.load(f)
        # A little longer than it takes: what has been said to be done must
        # stay done.
        share = self._rng.random() * 1.2
        if self._rng.random() < 0.5:
            self._drive.arm(int(share * self.what["requests"]))
        else:
            self._at = time.monotonic() + share * self.what["seconds"]


class _Counts:
    def __init__(self):
        self.cuts = {}
        self.acknowledged = self.lost = self.kept = self.flushes = 0

    def add(self, what, acknowledged, cache):
        self.cuts[what] = self.cuts.get(what, 0) + 1
        self.acknowledged += acknowledged
        self.lost += cache.lost
        self.kept += cache.kept
        self.flushes += cache.flushes

    def __str__(self):
        return "%d cuts (%s), %d of them after the command had ended; " \
            "%d sectors lost, %d not flushed but there, %d flushes" % (
                sum(self.cuts.values()),
                ", ".join("%d %s" % (n, w) for w, n in
                          sorted(self.cuts.items())),
                self.acknowledged, self.lost, self.kept, self.flushes)


class PowerCut:
    def __init__(self, options, out, scratch):
        self._options = options
        self._out = out
        self._scratch = scratch
        self._rng = random.Random(options.seed)
        self._counts = _Counts()
        self._root = tree.obtain(options.release)
        self._images = boot.obtain(options.release, self._root)
        self._installed = build.obtain(
            options.release, self._root,
            copy_to=os.path.join(scratch, "installed"))

    def kind(self, kind, rounds):
        """All rounds of one kind, on a drive of their own. Returns 0, or what
        the script that found something wrong ended with."""
        folder = os.path.join(self._out, "power")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        drive = VolatileDrive(os.path.join(self._out, kind + ".drive"),
                              os.path.join(self._scratch, "drive.sock"),
                              _DRIVE_BYTES, random.Random(self._rng.random()))
        for n in range(rounds + 1):
            argv = [_SCRIPTS[kind], str(self._rng.randrange(1 << 32))]
            status = self._round(kind, "%d/%d" % (n + 1, rounds), argv, folder,
                                 drive, n == rounds)
            if status:
                return status
        os.unlink(drive.medium)
        return 0

    def _round(self, kind, number, argv, folder, drive, last):
        armed = os.path.join(folder, "armed")
        acknowledged = os.path.join(folder, "acknowledged")
        for path in (armed, acknowledged):
            if os.path.exists(path):
                os.unlink(path)
        moment = None if last else _Moment(folder, drive, self._rng)
        console = os.path.join(self._out, "console.log")
        if os.path.exists(console):
            os.replace(console, console + ".1")
        if last:
            argv = argv + ["--last"]
        drive.start()
        try:
            status = self._boot(argv, drive, moment)
        finally:
            cut = drive.finish()
        if last or status is not None:
            if not status and not last:
                raise LabError("%s %s: the script ended by itself"
                               % (kind, number))
            return status
        if not cut:
            raise LabError("the machine was killed and yet said good-bye")
        done = os.path.exists(acknowledged)
        self._counts.add(moment.what["verb"], done, drive.cache)
        say("%s %s: cut during %s%s; %d sectors lost, %d kept"
            % (kind, number, moment.what["command"],
               " (it had ended)" if done else "", drive.cache.lost,
               drive.cache.kept))
        return 0

    def _boot(self, argv, drive, moment):
        options = self._options
        environment = dict(_environment(self._session_options(), drive))
        if options.without_fsync:
            environment["POWER_WITHOUT_FSYNC"] = "yes"
        deadline = time.monotonic() + _PATIENCE
        with Session(self._out, self._images, self._root, self._installed,
                     deadline, 300, environment, drive=drive,
                     processors=_PROCESSORS) as session:
            session.wait_ready()
            return session.run(argv, sys.stdout.buffer, moment)

    def _session_options(self):
        return argparse.Namespace(release=self._options.release, type="pv",
                                  env=[])

    def run(self):
        print("powercut: seed %d, %d rounds off, %d running" % (
            self._options.seed, self._options.rounds, self._options.running),
            flush=True)
        began = time.monotonic()
        status = 0
        for kind, rounds in (("off", self._options.rounds),
                             ("running", self._options.running)):
            if rounds and not status:
                status = self.kind(kind, rounds)
        print("powercut: %s; %s, in %d s" % (
            "something is wrong" if status else "all right", self._counts,
            time.monotonic() - began), flush=True)
        return status


def main(argv):
    options = _parser().parse_args(argv)
    catch_signals()
    scratch = None
    try:
        out = _out_folder(options.out)
        scratch = scratch_folder()
        cut = PowerCut(options, out, scratch)
        say("logs: %s" % out)
        with slot.take(_PROCESSORS):
            return cut.run()
    except LabError as e:
        say(str(e))
        return e.code
    except OSError as e:
        say(str(e))
        return EXIT_PREPARE
    except Interrupted as e:
        say("ended by signal %d" % e.signum)
        return 128 + e.signum
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
