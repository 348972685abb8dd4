# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the scripts of a power cut share. They run in dom0, as tools/powercut
tells them; what they must know after the cut they write to the host."""

import json
import os
import pickle
import random
import re
import subprocess
import sys
import time

DATA = "/data"
IMAGES = "/images/disks"
STATE = "/var/lib/xen/snapshots"
OUT = os.path.join(os.environ.get("XENLAB_OUT", "/nowhere"), "power")
XL = "xl"
TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))


class Wrong(Exception):
    """What is there is not what must be there."""


def run(*argv, **kwargs):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **kwargs)
    if done.returncode:
        raise Wrong("exit status %d of %s:\n%s" % (
            done.returncode, " ".join(argv), done.stdout))
    return done.stdout


# ---- the machine ----

def _mount_images():
    """The images have a file system of their own, as they have with many a user:
    one journal for them and for the snapshots' records would bring a rename
    to the disk with the next fsync of whatever."""
    disk = os.path.join(DATA, "images.ext4")
    if not os.path.exists(disk):
        with open(disk + ".new", "wb") as f:
            f.truncate(1 << 30)
        run("mkfs.ext4", "-q", "-F", disk + ".new")
        run("sync")
        os.rename(disk + ".new", disk)
        run("sync")
    os.makedirs(os.path.dirname(IMAGES), exist_ok=True)
    run("mount", "-o", "loop,noatime,noauto_da_alloc", disk,
        os.path.dirname(IMAGES))
    os.makedirs(IMAGES, exist_ok=True)


def mount_all(*folders):
    """What has to survive is on the drive. Without auto_da_alloc, by which ext4
    helps out those who rename a file that they have not synced."""
    run("mount", "-o", "remount,noauto_da_alloc", DATA)
    for name in ("/var/lib/xen",) + folders:
        kept = DATA + "/" + name.strip("/").replace("/", "-")
        os.makedirs(kept, exist_ok=True)
        os.makedirs(name, exist_ok=True)
        run("mount", "--bind", kept, name)
    _mount_images()
    check_file_systems()


def check_file_systems():
    """They are sound, or the drive has lost what it had promised to keep."""
    said = run("dmesg")
    wrong = [line for line in said.splitlines()
             if re.search(r"EXT4-fs (error|warning)|I/O error|corrupt", line)]
    if wrong:
        raise Wrong("the file system is damaged: %s" % "; ".join(wrong[:3]))


def environment():
    """For our xl. With POWER_WITHOUT_FSYNC it has no fsync, nor have the
    programs that it starts."""
    env = dict(os.environ)
    if env.get("POWER_WITHOUT_FSYNC"):
        library = "/tmp/nosync.so"
        if not os.path.exists(library):
            source = "int fsync(int fd) { (void)fd; return 0; }\n" \
                     "int fdatasync(int fd) { (void)fd; return 0; }\n"
            run("sh", "-c", "printf '%s' \"$1\" | gcc -shared -fPIC -x c - "
                "-o " + library, "sh", source)
        env["LD_PRELOAD"] = library
    return env


# ---- the host ----

def _put(name, data):
    path = os.path.join(OUT, name)
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.rename(path + ".new", path)


def remember(state):
    _put("state", pickle.dumps(state))


def remembered():
    """What the round before knew, or None at the first."""
    try:
        with open(os.path.join(OUT, "state"), "rb") as f:
            return pickle.load(f)
    except FileNotFoundError:
        return None


def acknowledge(command=True):
    """The command (or else a recovery) has ended. The first file is the host's,
    and of this round; the second is ours, and of the command, which a recovery
    that was interrupted leaves in doubt."""
    if command:
        _put("ended", b"")
    _put("acknowledged", b"")


def was_acknowledged():
    """Had the interrupted command ended?"""
    return os.path.exists(os.path.join(OUT, "ended"))


def forget_acknowledged():
    if was_acknowledged():
        os.unlink(os.path.join(OUT, "ended"))


def sleep_until_the_end():
    while True:
        time.sleep(60)


# ---- how long things take ----

def _requests():
    """Writes and flushes that the drive has been asked for."""
    with open("/sys/block/vdb/stat", encoding="ascii") as f:
        fields = [int(word) for word in f.read().split()]
    return fields[4] + (fields[15] if len(fields) > 15 else 0)


class Pace:
    """How long each verb takes, in seconds and in requests to the drive."""

    def __init__(self):
        self._known = {}
        self._began = None

    def begin(self):
        self._began = time.monotonic(), _requests()

    def end(self, verb):
        seconds = time.monotonic() - self._began[0]
        requests = _requests() - self._began[1]
        old = self._known.get(verb, (seconds, requests))
        self._known[verb] = ((old[0] + seconds) / 2, (old[1] + requests) / 2)

    def arm(self, verb, command):
        seconds, requests = self._known.get(verb, (4, 120))
        _put("armed", json.dumps({"verb": verb, "command": command,
                                  "seconds": seconds,
                                  "requests": max(10, requests)}).encode())


# ---- checking ----

def chain_of(domain):
    try:
        with open("%s/%s/chain.json" % (STATE, domain), encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def check_chain(domain):
    folder = os.path.join(STATE, domain)
    if os.path.exists(folder):
        run(sys.executable, "-B", os.path.join(TOP, "tools/chain-verify"),
            folder)
    if os.path.exists(os.path.join(folder, "journal.json")):
        raise Wrong("a journal is left")


def check_images(chain, base):
    """No image is damaged, none is missing, none belongs to nobody. Returns in how
    many clusters are lost: QEMU counts them before it uses them."""
    known = {image["path"] for image in chain.get("images", [])} | set(base)
    there = {os.path.join(IMAGES, name) for name in os.listdir(IMAGES)}
    if known != there:
        raise Wrong("%s belong to nobody, %s are missing" % (
            sorted(there - known), sorted(known - there)))
    leaking = 0
    for path in sorted(known):
        done = subprocess.run(["qemu-img", "check", "-U", "-q", path],
                              stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        leaking += done.returncode == 3
        if done.returncode not in (0, 3):
            raise Wrong("%s is damaged:\n%s" % (path, done.stdout))
    return leaking


def recover(domain):
    """What snapshot-recover says of it."""
    done = subprocess.run([XL, "snapshot-recover", domain], env=environment(),
                          stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # 3: no snapshots yet.
    if done.returncode not in (0, 3):
        raise Wrong("snapshot-recover: exit status %d:\n%s" % (
            done.returncode, done.stdout))
    return done.stdout.strip()


def main(script):
    """script(random numbers of this round, is it the last?)"""
    last = "--last" in sys.argv[2:]
    try:
        script(random.Random(int(sys.argv[1])), last)
    except (Wrong, subprocess.CalledProcessError) as e:
        print("power: %s" % e, flush=True)
        print(getattr(e, "output", None) or "")
        return 1
    return 0
