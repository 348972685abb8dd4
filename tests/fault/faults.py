# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which faults make sense at which call: see preload.c."""
import collections
import os
import re

Call = collections.namedtuple("Call", "kind name number detail")

# What a call that only looks may fail with; by default EIO.
LOOKS = {
    "open": ["EMFILE", "EIO"], "openat": ["EMFILE"], "opendir": ["EMFILE"],
    "fdopendir": ["ENOMEM"], "pipe2": ["EMFILE"], "fcntl": ["EMFILE"],
    "memfd_create": ["EMFILE"], "socket": ["EMFILE"], "stat": ["EACCES"],
    "lstat": ["EACCES"], "access": ["EACCES"], "read": ["EIO", "EINTR"],
    "pread": ["EIO", "EINTR"], "poll": ["EINTR", "ENOMEM"],
    "waitpid": ["EINTR"],
}
GROWS = {"open": ["ENOSPC"], "mkdir": ["ENOSPC"], "write": ["ENOSPC", "EINTR"],
         "pwrite": ["ENOSPC"], "ftruncate": ["ENOSPC"]}
SYNCS = ("fsync", "fdatasync")
MOVES = ("read", "pread", "write", "pwrite", "send", "recv", "splice",
         "copy_file_range")
# Not to be noticed: the call is made again, or goes on where it stopped.
HARMLESS = ("EINTR", "short", "delay")


def parse(log):
    """The calls that a program made, in their order."""
    calls = []
    with open(log) as f:
        for line in f:
            kind, name, number, detail = line.rstrip("\n").split("\t")
            calls.append(Call(kind, name, int(number), detail))
    return calls


def thinned(calls):
    """Without what only repeats: the same look again and again, as when all
    of /proc and all loop devices are gone through, is one loop; its first and
    second turn will do."""
    kept, turns = [], collections.Counter()
    for call in calls:
        if call.kind != "look":
            turns.clear()
        key = call.name, re.sub(r"\d+", "", call.detail)
        turns[key] += 1
        if turns[key] <= 2:
            kept.append(call)
    return kept


def of_call(call):
    """The faults of one call, as preload.c's FAULT without the place.

    Killed before a change is killed after the one before it, so only the
    first has "kill" (of_program); and what is killed after an fsync is what is
    killed before it: this is not about the power."""
    if call.kind == "look":
        faults = ["fail:" + e for e in LOOKS.get(call.name, ["EIO"])]
    elif call.kind in ("grow", "change"):
        faults = ["fail:" + e for e in GROWS.get(call.name, ["EIO"])]
        faults += ["lie:EIO", "dead:EROFS"]
        if call.kind == "grow":
            faults.append("full:ENOSPC")
        if call.name not in SYNCS:
            faults.append("killed")
    elif call.kind == "lock":
        faults = ["fail:EINTR", "fail:ENOLCK", "killed"]
    elif call.kind == "talk":
        faults = ["fail:ECONNRESET", "killed"]
    else:
        faults = ["fail:EAGAIN", "killed"]
    if call.name in MOVES:
        faults.append("short")
    return faults


def of_program(calls):
    """[(call, fault)...] of all of them."""
    changes = [c for c in calls if c.kind != "look"][:1]
    return [(call, "kill") for call in changes] + \
        [(call, fault) for call in thinned(calls) for fault in of_call(call)]


def of_child(call):
    """Of a call of a program that ours has started: what it does to a file."""
    if call.kind not in ("grow", "change"):
        return []
    if call.name in SYNCS:
        return ["fail:EIO"]
    return ["fail:ENOSPC" if call.kind == "grow" else "fail:EIO", "killed"]


def is_harmless(fault):
    return any(word in fault for word in HARMLESS)


def cases(which):
    """What was found before: [(verb, fault)...]."""
    with open(os.path.join(os.path.dirname(__file__), "cases")) as f:
        lines = [line.split() for line in f if not line.startswith("#")]
    return [tuple(line[1:]) for line in lines if line[0] == which]
