# SPDX-License-Identifier: LGPL-2.1-or-later
"""tools/chain-verify and our own reader, on what we write and on a corpus of
bad chains: each must be refused by both, for the same place. What only the
checker can see (modes, payloads, leftovers) is refused by it alone."""

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile

VERIFY = os.path.join(os.environ["srcdir"], "tools/chain-verify")
TOOL = os.path.join(os.environ["builddir"], "tests/chain/chain-tool")
DISK = ("snapshots", 0, "disks", 0)
# of the third, which has one disk of every treatment
EXTERNAL = ("snapshots", 2, "disks", 1)
MANUAL = ("snapshots", 2, "disks", 2)
LEFTOVER = ("leftovers", 0)
# template <- data <- third, which is the image that xvdb has
TEMPLATE, DATA, THIRD = ("images", 0), ("images", 1), ("images", 2)
DEEP = 3000

failures = []


def run(*command):
    p = subprocess.run(command, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=300)
    return p.returncode, p.stdout.decode("utf-8", "replace")


def expect(case, truth, output):
    if not truth:
        failures.append(case)
        print("FAIL: %s: %s" % (case, output.strip()))


def set_at(*path):
    """path... value: sets a member; path... DROP removes it."""
    def change(tree):
        inner = tree
        for step in path[:-2]:
            inner = inner[step]
        if path[-1] is DROP:
            del inner[path[-2]]
        else:
            inner[path[-2]] = path[-1]
    return change


DROP = object()

# (what to do to a good chain of three, the place both must name)
TREES = [
    (set_at("version", 0), "version"),
    (set_at("version", 2), "version"),
    (set_at("version", "1"), "version"),
    (set_at("version", 1 << 70), ""),
    (set_at("version", DROP), "version"),
    (set_at("domain", DROP), "domain"),
    (set_at("domain", "other"), "domain"),
    (set_at("domain", "../guest"), "domain"),
    (set_at("domain", "a\u0085"), "domain"),
    (set_at("domain_uuid", "x"), "domain_uuid"),
    (set_at("domain_uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8\n"),
     "domain_uuid"),
    (set_at("next_serial", 3), "snapshots[2].serial"),
    (set_at("next_serial", 0), "serial"),
    (set_at("next_serial", -1), "next_serial"),
    (set_at("next_serial", 4.0), "next_serial"),
    (set_at("next_serial", True), "next_serial"),
    (set_at("next_serial", 1 << 64), ""),
    (set_at("current", 4), "current"),
    (set_at("current", None), "current"),
    (set_at("colour", "red"), "colour"),
    (set_at("snapshots", {}), "snapshots"),
    (set_at("snapshots", 0, []), "snapshots[0]"),
    (set_at("snapshots", 0, "colour", 1), "snapshots[0]"),
    (set_at("snapshots", 1, "serial", 1), "snapshots[1].serial"),
    (set_at("snapshots", 1, "serial", 0), "snapshots[1].serial"),
    (set_at("snapshots", 1, "parent", 9), "snapshots[1].parent"),
    (set_at("snapshots", 0, "parent", 1), "snapshots[0].parent"),
    (set_at("snapshots", 0, "parent", 2), "snapshots[0].parent"),
    (set_at("snapshots", 1, "name", "first"), "snapshots[1].name"),
    (set_at("snapshots", 1, "name", ""), "snapshots[1].name"),
    (set_at("snapshots", 1, "name", "1st"), "snapshots[1].name"),
    (set_at("snapshots", 1, "name", "n" * 101), "snapshots[1].name"),
    (set_at("snapshots", 1, "name", "n\n"), "snapshots[1].name"),
    (set_at("snapshots", 1, "name", 5), "snapshots[1].name"),
    (set_at("snapshots", 1, "name", DROP), "snapshots[1].name"),
    (set_at("snapshots", 1, "name", "a\0b"), ""),
    (set_at("snapshots", 1, "description", "\x1b[2J"),
     "snapshots[1].description"),
    (set_at("snapshots", 1, "description", "\u00e4" * 2049),
     "snapshots[1].description"),
    (set_at("snapshots", 1, "domain_uuid", ""), "snapshots[1].domain_uuid"),
    (set_at("snapshots", 1, "state", "flying"), "snapshots[1].state"),
    (set_at("snapshots", 1, "state", DROP), "snapshots[1].state"),
    (set_at("snapshots", 0, "state", "off"), "snapshots[0].memory"),
    (set_at("snapshots", 1, "state", "off"), "snapshots[1].quiesced"),
    (set_at("snapshots", 1, "memory", DROP), "snapshots[1].memory_bytes"),
    (set_at("snapshots", 1, "memory_sha256", "0" * 63),
     "snapshots[1].memory_sha256"),
    (set_at("snapshots", 1, "memory_sha256", "A" * 64),
     "snapshots[1].memory_sha256"),
    (set_at("snapshots", 2, "memory_sha256", "0" * 64),
     "snapshots[2].memory_"),
    (set_at("snapshots", 2, "live", True), "snapshots[2]."),
    (set_at("snapshots", 1, "disks", None), "snapshots[1].disks"),
    (set_at(*DISK, "vdev", DROP), "snapshots[0].disks[0].vdev"),
    (set_at(*DISK, "vdev", "xvdb"), "snapshots[0].disks[1].vdev"),
    (set_at(*DISK, "path", ""), "snapshots[0].disks[0].path"),
    (set_at(*DISK, "format", "raw"), "snapshots[0].disks[0]."),
    (set_at(*DISK, "format", "tape"), "snapshots[0].disks[0].format"),
    (set_at(*DISK, "treatment", DROP), "snapshots[0].disks[0].treatment"),
    (set_at(*DISK, "treatment", "skipped_cdrom"),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", DROP), "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", "format.qcow2", {}),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", "format.unknown", {}),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", {"format.vhd": {}}),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", {"format.qcow2": {"name": "x", "y": 1}}),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", {"format.raw": {}}),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", {"format.qed": {"name": "x"}}),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", "format.qcow2", "overlay", "path", "/o"),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", "format.qcow2", "overlay", "format", "qed"),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", "format.qcow2", "overlay", "reuse", True),
     "snapshots[0].disks[0].handle"),
    (set_at(*DISK, "handle", "format.qcow2", "overlay", "size", 1),
     "snapshots[0].disks[0].handle"),
    (set_at(*EXTERNAL, "handle", {"format.raw": {}}),
     "snapshots[2].disks[1].handle"),
    (set_at(*DISK, "date_nsec", 1 << 32), "snapshots[0].disks[0].date_nsec"),
    (set_at(*DISK, "date_sec", "now"), "snapshots[0].disks[0].date_sec"),
    (set_at(*DISK, "hook", "/bin/hook"), "snapshots[0].disks[0].hook"),
    (set_at("snapshots", 2, "quiesced", True), "snapshots[2].quiesced"),
    (set_at("snapshots", 1, "quiesced", 1), "snapshots[1].quiesced"),
    (set_at(*MANUAL, "hook", "hook"), "snapshots[2].disks[2].hook"),
    (set_at(*MANUAL, "hook", ""), "snapshots[2].disks[2].hook"),
    (set_at(*MANUAL, "treatment", "excluded"), "snapshots[2].disks[2].hook"),
    (set_at(*MANUAL, "handle", {"format.qcow2": {"name": "x"}}),
     "snapshots[2].disks[2].handle"),
    (set_at(*LEFTOVER, "treatment", "excluded"), "leftovers[0]."),
    (set_at(*LEFTOVER, "treatment", "internal"), "leftovers[0]."),
    (set_at(*LEFTOVER, "path", DROP), "leftovers[0].path"),
    (set_at(*LEFTOVER, "hook", DROP), "leftovers[0].hook"),
    (set_at(*LEFTOVER, "hook", "hook"), "leftovers[0].hook"),
    (set_at(*LEFTOVER, "id", ""), "leftovers[0].id"),
    (set_at(*LEFTOVER, "vdev", DROP), "leftovers[0].vdev"),
    (set_at(*EXTERNAL, "path", DROP), "snapshots[2].disks[1].path"),
    (set_at(*EXTERNAL, "path", "data.qcow2"), "snapshots[2].disks[1].path"),
    (set_at(*EXTERNAL, "path", "/srv/other"), "snapshots[2].disks[1].path"),
    (set_at(*EXTERNAL, "path", "/srv/data.third"),
     "snapshots[2].disks[1].path"),
    (set_at(*EXTERNAL, "format", "raw"), "snapshots[2].disks[1].format"),
    (set_at(*EXTERNAL, "handle", {"format.qcow2": {"name": "x"}}),
     "snapshots[2].disks[1].handle"),
    (set_at("images", {}), "images"),
    (set_at("images", []), "path"),
    (set_at(*DATA, "colour", 1), "images[1]"),
    (set_at(*DATA, "path", DROP), "images[1].path"),
    (set_at(*DATA, "path", "srv"), "images[1].path"),
    (set_at(*DATA, "path", "/srv/data.third"), "images[2].path"),
    (set_at(*DATA, "format", "unknown"), "images[1].format"),
    (set_at(*DATA, "format", "empty"), "images[1].format"),
    (set_at(*DATA, "format", "raw"), "images[1].backing"),
    (set_at(*DATA, "format", "qed"), "format"),
    (set_at(*DATA, "backing", ""), "images[1].backing"),
    (set_at(*DATA, "backing", "template.raw"), "images[1].backing"),
    (set_at(*DATA, "backing", "/srv/other"), "images[1].backing"),
    (set_at(*DATA, "backing", "/srv/data.qcow2"), "images[1].backing"),
    (set_at(*DATA, "backing", "/srv/data.third"), "images[1].backing"),
    (set_at(*DATA, "ours", "no"), "images[1].ours"),
    (set_at(*DATA, "was_disk", 1), "images[1].was_disk"),
    (set_at("active", 0, "vdev", DROP), "active[0].vdev"),
    (set_at("active", 0, "path", DROP), "active[0].path"),
    (set_at("active", 0, "path", "x"), "active[0].path"),
    (set_at("active", 0, "path", "/srv/other"), "active[0].path"),
    (set_at("active", 0, "format", "raw"), "active[0].format"),
    (set_at("active", 0, "format", DROP), "active[0].format"),
    (set_at("active", 0, "path", "/srv/data.qcow2"), "images[2].backing"),
    (set_at("active", [{"vdev": "xvdb", "path": "/srv/data.third",
                        "format": "qcow2"},
                       {"vdev": "xvdb", "path": "/srv/template.raw",
                        "format": "raw"}]), "active[1].vdev"),
    (set_at("active", [{"vdev": "xvdb", "path": "/srv/data.third",
                        "format": "qcow2"},
                       {"vdev": "xvdc", "path": "/srv/data.third",
                        "format": "qcow2"}]), "active[1].path"),
    (set_at("active", [{"vdev": "d%d" % i, "path": "/srv/%d" % i,
                        "format": "raw"} for i in range(257)]), "active"),
]

TEXTS = {
    "empty": b"",
    "not JSON": b"chain",
    "an array": b"[]",
    "two values": b"{} {}",
    "a duplicate": b'{"version": 1, "version": 1}',
    "not UTF-8": b'{"version": 1, "domain": "\xff"}',
    "not a number": b'{"version": NaN}',
    "deep": b'{"version": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a byte order mark": b'\xef\xbb\xbf{"version": 1}',
}

GOOD_JOURNAL = {"version": 1, "verb": "create", "step": "stopping",
                "snapshots": [{"serial": 4, "name": "fourth"}],
                "images": [{"path": "/srv/a", "format": "qcow2",
                            "backing": "/srv/frozen", "ours": True},
                           {"path": "/srv/b", "format": "qed"}],
                "active": [{"vdev": "xvda", "path": "/srv/a",
                            "format": "qcow2"},
                           {"vdev": "xvdb", "path": "/srv/b",
                            "format": "qed"}]}
JOURNALS = [
    (set_at("version", 2), "version"),
    (set_at("verb", DROP), "verb"),
    (set_at("verb", "dance"), "verb"),
    (set_at("step", "unknown"), "step"),
    (set_at("snapshots", []), "snapshots"),
    (set_at("snapshots", 0, "serial", DROP), "snapshots[0]"),
    (set_at("snapshots", 0, "name", "/"), "snapshots[0]"),
    (set_at("domain_uuid", "5"), "domain_uuid"),
    (set_at("domid", -1), "domid"),
    (set_at("when", 1), "when"),
    (set_at("images", 0, "path", "x"), "images[0].path"),
    (set_at("images", 0, "format", DROP), "images[0].format"),
    (set_at("images", 0, "backing", "x"), "images[0].backing"),
    (set_at("images", 1, "path", "/srv/a"), "images[1].path"),
    (set_at("active", 0, "vdev", ""), "active[0].vdev"),
    (set_at("active", 0, "path", None), "active[0].path"),
    (set_at("active", 1, "vdev", "xvda"), "active[1].vdev"),
    (set_at("active", 1, "path", "/srv/a"), "active[1].path"),
    (set_at("verb", "delete"), "images"),
]


class Scene:
    """A good chain of three, written by our code, to be spoilt."""

    def __init__(self, base):
        self.statedir = os.path.join(base, "state")
        self.good = os.path.join(base, "good")
        self.dir = os.path.join(self.statedir, "guest")
        status, output = run(TOOL, "write", self.statedir)
        expect("write", status == 0, output)
        os.rename(self.dir, self.good)
        with open(os.path.join(self.good, "chain.json")) as f:
            self.tree = json.load(f)

    def again(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.copytree(self.good, self.dir)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, data):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        with open(self.path(name), "wb") as f:
            f.write(data)
        os.chmod(self.path(name), 0o600)

    def note_sha256(self, i, sha256):
        with open(self.path("chain.json"), "rb") as f:
            tree = json.load(f)
        tree["snapshots"][i]["memory_sha256"] = sha256
        self.write("chain.json", tree)

    def compare(self, case, sound, place):
        """Both say the same."""
        for what, command in (("reader", (TOOL, "check", self.statedir)),
                              ("checker", (sys.executable, VERIFY, self.dir))):
            status, output = run(*command)
            expect("%s: %s" % (what, case), status == (0 if sound else 1),
                   "status %d: %s" % (status, output))
            expect("%s: %s, place" % (what, case), sound or place in output,
                   output)

    def checker_only(self, case, place):
        status, output = run(TOOL, "check", self.statedir)
        expect("reader: " + case, status == 0, output)
        status, output = run(sys.executable, VERIFY, self.dir)
        expect("checker: " + case, status == 1 and place in output, output)


def spoilt(good, change):
    bad = copy.deepcopy(good)
    change(bad)
    return bad


def test_trees(s):
    for i, (change, place) in enumerate(TREES):
        s.again()
        s.write("chain.json", spoilt(s.tree, change))
        s.compare("tree %d (%s)" % (i, place), False, place)
    for case, text in TEXTS.items():
        s.again()
        s.write("chain.json", text)
        s.compare(case, False, "chain.json")


def test_journals(s):
    s.again()
    s.write("journal.json", GOOD_JOURNAL)
    s.compare("a good journal", True, "")
    s.write("journal.json", dict(GOOD_JOURNAL, verb="delete", step="merging"))
    s.compare("a merging journal", True, "")
    s.write("journal.json", {"version": 1, "verb": "delete",
                             "step": "merging"})
    s.compare("a journal that only merges", True, "")
    for i, (change, place) in enumerate(JOURNALS):
        s.again()
        s.write("journal.json", spoilt(GOOD_JOURNAL, change))
        s.compare("journal %d (%s)" % (i, place), False, place)


def test_good(s):
    s.again()
    s.compare("as written", True, "")
    # spelt otherwise, and members that only say the default
    tree = copy.deepcopy(s.tree)
    tree["snapshots"].reverse()
    tree["images"].reverse()
    del tree["snapshots"][0]["disks"][0]["handle"]["format.qcow2"]["overlay"]
    tree["snapshots"][0].update(live=False, parent=1, description=None)
    tree["images"][1].update(ours=False, was_disk=False)
    tree["images"][2].update(backing=None)
    tree["current"] = 0
    s.write("chain.json", json.dumps(tree, ensure_ascii=True,
                                     indent=None).encode())
    s.compare("spelt otherwise", True, "")
    # nothing yet, and a first snapshot in flight
    shutil.rmtree(s.dir)
    os.mkdir(s.dir, 0o700)
    s.compare("empty", True, "")
    journal = copy.deepcopy(GOOD_JOURNAL)
    journal["snapshots"][0]["serial"] = 1
    s.write("journal.json", journal)
    os.mkdir(s.path("snap-1"), 0o700)
    s.compare("the first one in flight", True, "")


def test_directory(s):
    def spoil(case, place, change):
        s.again()
        change()
        s.checker_only(case, place)

    spoil("mode of a file", "chain.json: others may read",
          lambda: os.chmod(s.path("chain.json"), 0o644))
    spoil("mode of the directory", "others may look",
          lambda: os.chmod(s.dir, 0o755))
    spoil("mode of a payload", "snap-2: others may look",
          lambda: os.chmod(s.path("snap-2"), 0o750))
    spoil("no payload", "snap-2: there is none",
          lambda: shutil.rmtree(s.path("snap-2")))
    spoil("no config", "snap-3/config.json: there is none",
          lambda: os.unlink(s.path("snap-3/config.json")))
    spoil("bad config", "snap-3/config.json: not JSON",
          lambda: s.write("snap-3/config.json", b"{"))
    spoil("no memory", "snap-1/memory: there is none",
          lambda: os.unlink(s.path("snap-1/memory")))
    spoil("empty memory", "snap-1/memory: it is empty",
          lambda: s.write("snap-1/memory", b""))
    spoil("other memory", "snap-1/memory: its SHA-256 is not that",
          lambda: s.note_sha256(0, "0" * 64))
    spoil("too much memory", "snap-3/memory: it should not",
          lambda: s.write("snap-3/memory", b"x"))
    spoil("orphan", "snap-4: no snapshot has it",
          lambda: os.mkdir(s.path("snap-4"), 0o700))
    spoil("temporary", "chain.json.tmp.abc123: a temporary",
          lambda: s.write("chain.json.tmp.abc123", b""))
    spoil("bad previous", "chain.json.prev: not JSON",
          lambda: s.write("chain.json.prev", b"{"))
    # a change in flight may have a payload of its own
    s.again()
    s.write("journal.json", GOOD_JOURNAL)
    os.mkdir(s.path("snap-4"), 0o700)
    s.compare("in flight", True, "")


def main():
    with tempfile.TemporaryDirectory() as base:
        scene = Scene(base)
        test_good(scene)
        test_trees(scene)
        test_journals(scene)
        test_directory(scene)
    expect("usage", run(sys.executable, VERIFY)[0] == 2, "")
    expect("no directory", run(sys.executable, VERIFY, "/nonexistent")[0] == 1,
           "")
    print("%d failures" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
