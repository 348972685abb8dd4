# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiling the project inside the tree, incrementally.

Each source folder has its own build folder in the cache, so that several work
trees share one Debian tree. It holds a copy of the sources (what git knows or
would add: autoreconf writes beside them), the objects, and what was installed.
"""

import fcntl
import filecmp
import os
import shutil
import stat
import subprocess

from . import stage
from .common import LabError, SOURCE_DIR, release_dir, say
from .process import NAMESPACE, run_logged

CONFIGURE = ["--prefix=/usr/local", "--sysconfdir=/etc", "--localstatedir=/var",
             "--enable-developer", "--enable-test-hooks"]
_SCRIPT = """
set -e
cd /work/src
fresh=$1 jobs=$2
shift 2
if [ -n "$fresh" ] || [ ! -e configure ]; then autoreconf -fi; fi
mkdir -p ../obj
cd ../obj
if [ -n "$fresh" ] || [ ! -e Makefile ]; then ../src/configure "$@"; fi
make -j"$jobs"
rm -rf ../installed.new
make install DESTDIR=/work/installed.new
mkdir -p ../installed.new
"""
_ENTER = """
set -e
mount --bind "$1" "$2/work"
mount --rbind /dev "$2/dev"
mount -t proc proc "$2/proc"
tree=$2
shift 2
exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 sh -c "$@"
"""


def _listed(source):
    """The relative paths of the project's files."""
    git = subprocess.run(["git", "-C", source, "ls-files", "-z", "-c", "-o",
                          "--exclude-standard"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) \
        if os.path.exists(os.path.join(source, ".git")) else None
    if git and git.returncode == 0:
        names = os.fsdecode(git.stdout).split("\0")
    else:       # a release's tarball
        names = [os.path.relpath(os.path.join(folder, f), source)
                 for folder, _, files in os.walk(source) for f in files]
    return sorted({n for n in names
                   if n and os.path.isfile(os.path.join(source, n))})


def _stamp(source, names):
    """What tells that nothing has changed: names, sizes, times, modes."""
    lines = []
    for name in names:
        s = os.stat(os.path.join(source, name))
        lines.append("%s %d %d %o" % (name, s.st_size, s.st_mtime_ns,
                                      stat.S_IMODE(s.st_mode)))
    return "\n".join(lines)


def _rules(source, names):
    """Hash of the files from which configure and the Makefiles come."""
    chosen = [n for n in names
              if n == "configure.ac" or n.endswith((".am", ".mk", ".m4"))]
    return stage.recipe_hash(*CONFIGURE, _SCRIPT, *chosen,
                             *(("file", os.path.join(source, n))
                               for n in chosen))


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def _write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def _copy_sources(source, names, folder):
    """Make the copy equal, touching only what differs and leaving alone what
    the build has put beside it. A file's time becomes that of the copying, not
    of the original: a file from another branch may be older than the objects,
    and make must see it as changed."""
    target = os.path.join(folder, "src")
    manifest = os.path.join(folder, "manifest")
    for name in set(_read(manifest).split("\0")) - set(names) - {""}:
        if os.path.lexists(os.path.join(target, name)):
            os.unlink(os.path.join(target, name))
    # Before the copying: an interrupted copy must know what it made.
    _write(manifest, "\0".join(names))
    for name in names:
        old, new = os.path.join(source, name), os.path.join(target, name)
        here = os.stat(old)
        there = os.stat(new) if os.path.exists(new) else None
        if there and there.st_mode == here.st_mode and \
                filecmp.cmp(old, new, shallow=False):
            continue
        os.makedirs(os.path.dirname(new), exist_ok=True)
        shutil.copyfile(old, new)
        os.chmod(new, stat.S_IMODE(here.st_mode))


def obtain(release, tree, source=None, copy_to=None):
    """Build what is out of date. Returns the folder that `make install` filled,
    or fills copy_to with a copy that no later build changes."""
    source = os.path.realpath(source or SOURCE_DIR)
    if not os.path.exists(os.path.join(source, "configure.ac")):
        raise LabError("no configure.ac in %s" % source)
    folder = os.path.join(release_dir(release), "build", "%s-%s"
                          % (os.path.basename(source),
                             stage.recipe_hash(source)[:8]))
    os.makedirs(folder, exist_ok=True)
    installed = os.path.join(folder, "installed")
    with open(os.path.join(folder, "lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        names = _listed(source)
        stamp = "\n".join([os.path.basename(tree), _rules(source, names),
                           _stamp(source, names)])
        if _read(os.path.join(folder, "stamp")) != stamp:
            _build(release, tree, source, names, folder)
            _write(os.path.join(folder, "stamp"), stamp)
        if copy_to:
            shutil.copytree(installed, copy_to, symlinks=True)
            return copy_to
    return installed


def _build(release, tree, source, names, folder):
    say("building %s for %s" % (source, release))
    if os.path.exists(os.path.join(folder, "stamp")):
        os.unlink(os.path.join(folder, "stamp"))
    # Objects made in another tree are of no use in this one.
    tree_of = os.path.join(folder, "tree")
    if _read(tree_of) != os.path.basename(tree):
        for part in ("src", "obj", "manifest"):
            stage.remove(os.path.join(folder, part))
        _write(tree_of, os.path.basename(tree))
    os.makedirs(os.path.join(folder, "src"), exist_ok=True)
    _copy_sources(source, names, folder)
    rules = _rules(source, names)
    rules_of = os.path.join(folder, "rules")
    fresh = "" if _read(rules_of) == rules else "yes"
    log = os.path.join(folder, "build.log")
    open(log, "w").close()
    if os.path.exists(rules_of) and fresh:
        os.unlink(rules_of)
    run_logged(NAMESPACE + ["sh", "-c", _ENTER, "sh", folder, tree, _SCRIPT,
                            "sh", fresh, str(os.cpu_count() or 1)] + CONFIGURE,
               log, "the build")
    _write(rules_of, rules)
    installed = os.path.join(folder, "installed")
    stage.remove(installed)
    os.rename(installed + ".new", installed)
