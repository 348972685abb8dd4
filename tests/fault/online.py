#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each system call and each exchange with QEMU's monitor of each verb on a
running domain, gone wrong: the whole xl, a real QEMU with its real qdisks, a
guest that writes all the time, and Xen played (played_xen.c).

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
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "interop"))
import faults
import qcow2
from offline import DONE, NEEDS_RECOVERY, NOT_CHANGED, ROLLED_BACK
from rig import libxl_client, qemu, writer as writers
from rig.proxy import Proxy
from rig.rig import Rig
from world import ALONE, Wrong, tool

NAME = "online"
EXCHANGES = ("refuse", "hang-up", "lose-answer", "garble", "truncate", "late")
LATE = 1.5

Point = collections.namedtuple("Point", "verb fault")


class PlayedXen:
    """What Xen and libxl would say of the rig's domain, and do to it."""

    def __init__(self, rig, path, config):
        self.rig, self.config = rig, config
        self.paused = self.suspended = False
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                try:
                    client.sendall(self.answer(
                        client.recv(1024).decode()).encode() or b"\0")
                except OSError:
                    pass                # it has been killed

    def stopped(self):
        return self.paused or self.suspended

    def _change(self, paused, suspended):
        was = self.stopped()
        self.paused, self.suspended = paused, suspended
        if self.stopped() and not was:
            self.rig.writer.pause()
        elif was and not self.stopped():
            self.rig.writer.unpause()
        return "ok"

    def answer(self, line):
        what, _, argument = line.partition(" ")
        if what == "domid":
            return str(qemu.DOMID) if argument == NAME else ""
        if what == "list":
            return str(qemu.DOMID)
        if argument != str(qemu.DOMID):
            return ""
        with self.lock:
            return {
                "name": lambda: NAME,
                "info": lambda: "%s %d %d" % (
                    libxl_client.UUID, self.paused, self.suspended),
                "config": lambda: self.config,
                "pause": lambda: self._change(True, self.suspended),
                "unpause": lambda: self._change(False, self.suspended),
                "suspend": lambda: self._change(self.paused, True),
                "resume": lambda: self._change(self.paused, False),
            }.get(what, lambda: "")()


class Monitor(Proxy):
    """Two more ways of going wrong."""

    def _spoil(self, client, answer, fault):
        if fault == "truncate":
            client.sendall(answer[:len(answer) // 2])
            return False
        if fault == "late":
            time.sleep(LATE)
        client.sendall(answer)
        return True


class Host:
    """A domain with two disks, and all of xl for it."""

    def __init__(self, programs, folder):
        self.xl, self.preload, shim, verify = programs
        self.verify = tool(verify)
        self.folder = folder
        self.state = os.path.join(folder, "state", NAME)
        self.rig = Rig(shim, None, formats=["qcow2", "qcow2"])
        self.rig.__enter__()
        self.images = self.rig.directory
        self.base = {d.vdev: d.path for d in self.rig.disks}
        self.own = set(os.listdir(self.images)) | {"content.raw"}
        self.proxy_dir = tempfile.mkdtemp(prefix="mon.", dir=folder)
        self.config = os.path.join(
            self.rig.lib_dir, "userdata-d.%d.%s.libxl-json" % (
                qemu.DOMID, libxl_client.UUID))
        self._store()
        self.xen = PlayedXen(self.rig, os.path.join(self.proxy_dir, "xen"),
                             self.config)
        self.monitor = Monitor(self.proxy_dir, self.rig.run_dir)
        self.rig.start_writer()
        self.rig.writer.fill()
        self.instants = {}

    def _store(self):
        disks = []
        for d in self.rig.disks:
            disks.append({"vdev": d.vdev, "pdev_path": d.path,
                          "format": "qcow2", "backend": "qdisk",
                          "readwrite": 1})
            node = "/libxl/%d/device/vbd/%d" % (qemu.DOMID, d.number)
            self.rig.xenstored.store.write(
                node + "/backend", "/local/domain/0/backend/qdisk/%d/%d" % (
                    qemu.DOMID, d.number))
            self.rig.xenstored.store.write(node + "/params",
                                           "qcow2:" + d.path)
        with open(self.config, "w") as f:
            json.dump({"c_info": {"type": "pv", "name": NAME,
                                  "uuid": libxl_client.UUID},
                       "b_info": {"max_memkb": 1024, "target_memkb": 1024,
                                  "type.pv": {}}, "disks": disks}, f)

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
            self.monitor.close()
            self.rig.__exit__(None, None, None)
            shutil.rmtree(self.state, ignore_errors=True)

    # ---- doing ----

    def command(self, *argv, fault=None, log=None, exchange=None):
        """exchange: (number, fault) of the monitor."""
        env = dict(os.environ, XL_SNAPSHOT_NO_GUARD="1",
                   PLAYED_XEN=os.path.join(self.proxy_dir, "xen"),
                   PLAYED_RUN_DIR=self.proxy_dir,
                   PLAYED_LIB_DIR=self.rig.lib_dir,
                   XENSTORED_PATH=self.rig.environment["XENSTORED_PATH"])
        command = ALONE + [self.xl, *argv]
        self.monitor.fail(*(exchange or (None, None)))
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
            self.hit = len(self.monitor.seen) >= exchange[0]
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
                "suspended" if self.xen.suspended else "paused"))
        end, enough = time.monotonic() + 20, self.rig.writer.answered + 3
        while self.rig.writer.answered < enough:
            if self.rig.writer.error or time.monotonic() > end:
                raise Wrong("the guest's writes are not answered: %s" %
                            self.rig.writer.error)
            time.sleep(0.005)

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
        with open(self.config) as f:
            text = f.read().rstrip("\0")
        for disk in json.loads(text)["disks"]:
            if disk["pdev_path"] != self.active(disk["vdev"]):
                raise Wrong("libxl's configuration names %s, not %s" % (
                    disk["pdev_path"], self.active(disk["vdev"])))
        for d in self.rig.disks:
            for node in ("/local/domain/0/backend/qdisk/%d/%d/params",
                         "/libxl/%d/device/vbd/%d/params"):
                value = self.rig.xenstored.store.read(
                    node % (qemu.DOMID, d.number))
                if value != "qcow2:" + self.active(d.vdev):
                    raise Wrong("xenstore has %s" % value)
        # libxl's lock files stay where one could not be locked; it makes
        # nothing of them.
        left = [n for n in os.listdir(self.rig.lib_dir)
                if n != os.path.basename(self.config) and
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
        named = {(d["path"], d["handle"]["format.qcow2"]["name"])
                 for s in chain.get("snapshots", []) for d in s["disks"]
                 if d["treatment"] == "internal"}
        named |= {(d["path"], d["handle"]["format.qcow2"]["name"])
                  for d in chain.get("leftovers", [])}
        for path in known:
            for name in qcow2.Image(path).names():
                if (path, name) not in named:
                    raise Wrong("%s has a snapshot %s that nobody knows" % (
                        path, name))

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
                self.instants[s["name"]] = last
            elif self.instants[s["name"]] != last:
                raise Wrong("%s held writes up to %d, and now up to %d" % (
                    s["name"], self.instants[s["name"]], last))
        for name in set(self.instants) - self.names():
            del self.instants[name]


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
    "delete-internal": ([["snapshot-create", "--disk-only", NAME, "new"]],
                        ["snapshot-delete", NAME, "new"]),
    "delete-active": (BASE, ["snapshot-delete", NAME, "first"]),
    "delete-middle": (BASE + [SECOND], ["snapshot-delete", NAME, "first"]),
    "delete-all": (BASE + [SECOND], ["snapshot-delete", "--children", NAME,
                                     "first"]),
}


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
        for argv in self.verb[0]:
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

    def run(self):
        host = self.host
        self.prepare()
        fault, _, number = self.point.fault.partition("!")
        least = host.rig.writer.answered
        done = host.command(*self.verb[1], **(
            {"exchange": (int(number), fault)} if number
            else {"fault": fault}))
        self.status = done.returncode
        hit = host.hit
        self.said.append("%d: %s" % (done.returncode, done.stdout.strip()))
        self.check_status(done)
        if self.status not in (NEEDS_RECOVERY, 137):
            host.check_guest()
            host.check_files(whole=False)
        recovery = host.command("snapshot-recover", NAME)
        self.said.append("recover: %d: %s" % (recovery.returncode,
                                              recovery.stdout.strip()))
        if recovery.returncode not in (0, 3):
            raise Wrong("snapshot-recover: exit status %d" %
                        recovery.returncode)
        self.check(least)
        return hit

    def check_status(self, done):
        names, before, after = self.host.names(), self.before, self.after()
        status = self.status
        if status not in (DONE, *NOT_CHANGED, ROLLED_BACK, NEEDS_RECOVERY, 137):
            raise Wrong("exit status %d" % status)
        if status and status != 137 and "xl: " not in done.stdout:
            raise Wrong("no message")
        if status == DONE and names != after:
            raise Wrong("0, but there are %s" % sorted(names))
        if status in (*NOT_CHANGED, ROLLED_BACK) and names != before:
            raise Wrong("%d, but there are %s" % (status, sorted(names)))
        if status and faults.is_harmless(self.point.fault):
            raise Wrong("that should not have made it fail")

    def check(self, least):
        host = self.host
        if host.names() not in (self.before, self.after()):
            raise Wrong("there are %s" % sorted(host.names()))
        if host.rig.qemu is None or not host.rig.qemu.alive():
            raise Wrong("QEMU has ended: %s" % host.rig.qemu.said())
        host.check_guest()
        host.check_qemu()
        host.check_stored()
        host.check_files()
        host.check_snapshots(least, host.rig.writer.answered)


# ---- all of them ----

def points_of(host, verb):
    trial = Trial(host, Point(verb, "none"))
    trial.prepare()
    least = host.rig.writer.answered
    log = os.path.join(host.folder, "calls")
    done = host.command(*trial.verb[1], log=log)
    exchanges = len(host.monitor.seen)
    if done.returncode:
        raise Wrong("%s: %d: %s" % (verb, done.returncode, done.stdout))
    trial.check(least)
    if host.names() != trial.after():
        raise Wrong("%s: there are %s" % (verb, sorted(host.names())))
    calls = faults.parse(log)
    points = [Point(verb, "%s@%s:%d" % (fault, call.name, call.number))
              for call, fault in faults.of_program(calls)
              if call.kind != "look"]
    points += [Point(verb, "%s!%d" % (fault, number))
               for number in range(1, exchanges + 1) for fault in EXCHANGES]
    return len(calls), exchanges, points


# A domain is worn out after so many: images grow, and the end is to be looked
# at now and then.
WEAR = 40

# So many of the verbs in a run that is not --all.
SAMPLE_VERBS = 3


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
        trial = Trial(self.need(), point)
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
        if host.xen.stopped():
            host.rig.writer.unpause()
        host.xen.close()
        host.monitor.close()
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
        calls, exchanges, its = points_of(run.need(), verb)
        print("fault: %-24s %4d calls, %3d exchanges, %4d points" % (
            verb, calls, exchanges, len(its)), flush=True)
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
