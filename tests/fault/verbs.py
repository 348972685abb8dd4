# SPDX-License-Identifier: LGPL-2.1-or-later
"""The conditions that a domain is brought into, and what is done to it then.
"@" stands for the domain's name."""
import os

from world import VDEVS, Wrong, run


class Verb:
    """begin: the condition before it. pending: it is in the middle of
    something then, so that there is one way out only."""

    def __init__(self, name, begin, *argv, pending=False, file=None):
        self.name, self.begin, self.argv = name, begin, argv
        self.pending, self.file = pending, file

    def arguments(self, world):
        """FOLDER is the world's."""
        return [a.replace("FOLDER", world.folder) for a in self.argv]


# ---- conditions ----

def empty(world):
    for number, vdev in enumerate(VDEVS):
        run("qemu-img", "create", "-q", "-f", "qcow2", world.base[vdev],
            "640k")
        world.write(vdev, number, number + 1, 8)


def tree(world):
    """s1 (internal) - s2 (external) - s3 (mixed) - s4 (external)
                                    \\ s5 (internal) - the present"""
    empty(world)
    world.ok("snapshot-create", "--config", world.config, "@", "s1")
    world.write("xvda", 2)
    world.ok("snapshot-create", "--external", "@", "s2")
    world.write("xvda", 3)
    world.write("xvdb", 3)
    world.ok("snapshot-create", "--diskspec", "xvdb,snapshot=external", "@",
             "s3")
    world.write("xvdb", 4)
    world.ok("snapshot-create", "--external", "@", "s4")
    world.write("xvda", 5)
    world.ok("snapshot-revert", "@", "s2")
    world.write("xvda", 6)
    world.write("xvdb", 6)
    world.ok("snapshot-create", "@", "s5")
    world.write("xvda", 7, 8)


def line(world):
    """e1, e2, e3: each external, one after the other."""
    empty(world)
    for number in (1, 2, 3):
        world.ok("snapshot-create", "--external", "--config", world.config,
                 "@", "e%d" % number)
        # Merged downwards, and upwards.
        world.write("xvda", *range(number))
        world.write("xvdb", *range(8 - 3 * (3 - number), 9))


def prepared(world):
    """Somebody has made an overlay of xvda's image."""
    tree(world)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
        world.active("xvda"), os.path.join(world.images, "prepared.qcow2"))


def made(world):
    """Somebody has used qemu-img."""
    tree(world)
    for vdev in VDEVS:
        run("qemu-img", "snapshot", "-c", "q1", world.active(vdev))


def dumped(world):
    tree(world)
    with open(world.path("s5.json"), "w") as f:
        f.write(world.ok("snapshot-dump", "@", "s5").output)


def lost(world):
    """The record of s5 is gone; its disks are as they were."""
    dumped(world)
    world.ok("snapshot-delete", "--metadata", "@", "s5")


def exported(world):
    """Another host, with nothing but the file."""
    tree(world)
    if not os.path.exists(world.path("s5.tar")):
        world.ok("snapshot-export", "@", "s5", world.path("s5.tar"))
    world.clear()
    empty(world)


def cloned(world):
    tree(world)
    world.ok("snapshot-clone", "@", "s4", "twin")


def forsaken(world):
    """The clone is gone, and nobody has noticed yet."""
    cloned(world)
    world.ok("snapshot-delete", "@", "s4")
    for path in world.clones():
        os.unlink(path)


def cut(verb, point, then=None):
    def make(world):
        CONDITIONS[verb.begin](world)
        done = world.command(*verb.arguments(world),
                             env={"XL_SNAPSHOT_STOP_AT": point})
        if not done.killed:
            raise Wrong("%s does not come to %s: %s" % (verb.name, point,
                                                        done.output))
    return make


# ---- verbs ----

VERBS = [
    Verb("create-first", "empty", "snapshot-create", "--config",
         "FOLDER/config", "@", "new"),
    Verb("create-internal", "tree", "snapshot-create", "@", "new"),
    Verb("create-external", "tree", "snapshot-create", "--external",
         "--description", "two lines\nof text", "@", "new"),
    Verb("create-mixed", "tree", "snapshot-create", "--diskspec",
         "xvda,snapshot=external", "@", "new"),
    Verb("create-reuse", "prepared", "snapshot-create", "--diskspec",
         "xvda,snapshot=external,file=FOLDER/images/prepared.qcow2,reuse",
         "@", "new"),
    Verb("revert-in-place", "tree", "snapshot-revert", "@", "s5"),
    Verb("revert-overlay", "tree", "snapshot-revert", "@", "s4"),
    Verb("revert-mixed", "tree", "snapshot-revert", "@", "s3"),
    Verb("revert-copy", "tree", "snapshot-revert", "@", "s1"),
    Verb("revert-undo", "tree", "snapshot-revert", "--undo", "@", "s4"),
    Verb("delete-leaf", "tree", "snapshot-delete", "@", "s5"),
    Verb("delete-external-leaf", "tree", "snapshot-delete", "@", "s4"),
    Verb("delete-middle", "tree", "snapshot-delete", "@", "s3"),
    Verb("delete-forked", "tree", "snapshot-delete", "@", "s2"),
    Verb("delete-root", "tree", "snapshot-delete", "@", "s1"),
    Verb("delete-children", "tree", "snapshot-delete", "--children", "@",
         "s3"),
    Verb("delete-children-only", "tree", "snapshot-delete", "--children-only",
         "@", "s2"),
    Verb("delete-metadata", "tree", "snapshot-delete", "--metadata", "@",
         "s4"),
    Verb("delete-merge", "line", "snapshot-delete", "@", "e2"),
    Verb("delete-merge-active", "line", "snapshot-delete", "@", "e3"),
    Verb("delete-all", "line", "snapshot-delete", "--children", "@", "e1"),
    Verb("rename", "tree", "snapshot-rename", "@", "s3", "renamed"),
    Verb("redefine", "lost", "snapshot-redefine", "@", "FOLDER/s5.json"),
    Verb("adopt", "made", "snapshot-adopt", "@", "q1"),
    Verb("export", "tree", "snapshot-export", "@", "s3", "FOLDER/out.tar",
         file="FOLDER/out.tar"),
    Verb("import", "exported", "snapshot-import", "--name", "@", "--dir",
         "FOLDER/images", "FOLDER/s5.tar"),
    Verb("clone-overlay", "tree", "snapshot-clone", "@", "s4", "twin"),
    Verb("clone-copy", "tree", "snapshot-clone", "@", "s1", "twin"),
    Verb("delete-cloned", "cloned", "snapshot-delete", "@", "s4"),
    Verb("delete-clone-gone", "forsaken", "snapshot-delete", "@", "s5"),
]
BY_NAME = {verb.name: verb for verb in VERBS}

CUTS = [
    ("create-first", "create:taken"), ("create-external", "create:taken"),
    ("create-mixed", "create:publish"), ("revert-mixed", "revert:applied"),
    ("revert-copy", "revert:apply-xvda"), ("revert-overlay", "revert:settle"),
    ("delete-middle", "delete:published"), ("delete-merge", "merge:begin"),
    ("delete-merge-active", "merge:publish"), ("import", "import:named"),
    ("clone-overlay", "clone:made"), ("clone-overlay", "clone:published"),
    ("clone-copy", "clone:make-xvdb"),
]

CONDITIONS = {f.__name__: f
              for f in (empty, tree, line, prepared, made, dumped, lost,
                        exported, cloned, forsaken)}
for _verb, _point in CUTS:
    _name = "recover-%s-%s" % (_verb, _point.split(":")[1])
    CONDITIONS[_name] = cut(BY_NAME[_verb], _point)
    VERBS.append(Verb(_name, _name, "snapshot-recover", "@", pending=True))
BY_NAME = {verb.name: verb for verb in VERBS}
