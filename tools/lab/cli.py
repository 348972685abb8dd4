# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of tools/xenlab."""

import argparse
import os
import shutil
import sys
import time

from . import boot, build, slot, tree
from .common import (EXIT_PREPARE, LabError, RELEASES, cache_dir, parse_size,
                     say, scratch_folder)
from .machine import PROCESSORS, Drive
from .process import Interrupted, catch_signals
from .session import Session

_KEPT_RUNS = 10

_EXIT_CODES = """
exit status: that of the first script that failed, or 0; and the lab's own:
  2 usage, 123 the cache or the build could not be made, 124 time limit,
  125 Xen or dom0 crashed or never came up, 128+N ended by signal N
"""


def _parser():
    parser = argparse.ArgumentParser(
        prog="xenlab", description="Xen, dom0 and guests under QEMU.",
        epilog=_EXIT_CODES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, text, **kwargs):
        p = commands.add_parser(
            name, help=text, description=text, epilog=_EXIT_CODES,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)
        p.add_argument("--release", choices=sorted(RELEASES),
                       default="bookworm", help="Debian release (default: "
                       "%(default)s)")
        return p

    command("prepare", "make the cached tree, kernel and guest")
    p = command("build", "compile the project inside the tree")
    p.add_argument("--source", metavar="DIR", help="another source tree")

    run = command("run", "boot, run executables in dom0, stop",
                  usage="xenlab run [OPTION]... SCRIPT [ARG]... "
                  "[-- SCRIPT2 [ARG]...]...")
    shell = command("shell", "boot and give dom0's console to the terminal")
    for p in (run, shell):
        p.add_argument("--type", choices=["pv", "pvh", "hvm"], default="pv",
                       help="default type of guests (XENLAB_GUEST_TYPE), and "
                       "the CPU that it needs (default: %(default)s)")
        p.add_argument("--drive", metavar="FILE[,size=N][,bps-read=N]"
                                  "[,bps-write=N]",
                       help="a drive that outlives the machine, on /data")
        p.add_argument("--cpus", type=int, choices=[1, 2, 4],
                       default=PROCESSORS, help="processors of the machine; a "
                       "run waits until the host has as many that no other "
                       "machine uses (default: %(default)s)")
        p.add_argument("--mem", default="3G", metavar="SIZE",
                       help="memory of the machine (default: %(default)s)")
        p.add_argument("--dom0-mem", default="1536M", metavar="SIZE",
                       help="of which dom0 has (default: %(default)s)")
        p.add_argument("--boot-timeout", type=int, default=300, metavar="S",
                       help="for dom0 to come up (default: %(default)s)")
        p.add_argument("--out", metavar="DIR", help="where console.log, logs/ "
                       "and what scripts write to $XENLAB_OUT go (default: a "
                       "new folder under the cache)")
        p.add_argument("--no-build", action="store_true",
                       help="leave dom0 without our build")
        p.add_argument("--env", action="append", default=[],
                       metavar="NAME=VALUE", help="environment of the scripts")
    run.add_argument("--timeout", type=int, default=1800, metavar="S",
                     help="for everything after the build (default: "
                     "%(default)s)")
    run.add_argument("--reboot-between", action="store_true",
                     help="a new machine for each script")
    run.add_argument("--keep", action="store_true",
                     help="after the scripts, give dom0's console to the "
                     "terminal before stopping")
    run.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT")
    return parser


def _split(words):
    """SCRIPT ARG... -- SCRIPT2 ARG... -> a list of argument vectors."""
    groups = [[]]
    for word in words:
        if word == "--":
            groups.append([])
        else:
            groups[-1].append(word)
    groups = [g for g in groups if g]
    if not groups:
        raise LabError("no script was named", 2)
    return groups


def _out_folder(wanted):
    if wanted:
        os.makedirs(wanted, exist_ok=True)
        console = os.path.join(wanted, "console.log")
        if os.path.exists(console):
            os.unlink(console)
        return os.path.realpath(wanted)
    base = os.path.join(cache_dir(), "runs")
    os.makedirs(base, exist_ok=True)
    for old in sorted(os.listdir(base))[:-_KEPT_RUNS]:
        pid = old.rpartition("-")[2]
        if not os.path.exists("/proc/" + pid):
            shutil.rmtree(os.path.join(base, old), ignore_errors=True)
    path = os.path.join(base, "%s-%d" % (time.strftime("%Y%m%d-%H%M%S"),
                                         os.getpid()))
    os.mkdir(path)
    return os.path.realpath(path)


def _environment(options, drive):
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
           "XENLAB_OUT": "/xenlab", "XENLAB_SRC": "/src",
           "XENLAB_RELEASE": options.release,
           "XENLAB_GUEST_TYPE": options.type}
    if drive:
        env["XENLAB_DATA"] = "/data"
    for item in options.env:
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise LabError("not NAME=VALUE: '%s'" % item, 2)
        env[name] = value
    return env


def _boot_and_run(options, groups):
    drive = Drive(options.drive) if options.drive else None
    environment = _environment(options, drive)
    root = tree.obtain(options.release)
    images = boot.obtain(options.release, root)
    out = _out_folder(options.out)
    scratch = scratch_folder()
    try:
        installed = None
        if not options.no_build:
            installed = build.obtain(options.release, root,
                                     copy_to=os.path.join(scratch, "installed"))
        say("console log: %s/console.log" % out)
        with slot.take(options.cpus):
            return _boots(options, groups, out, images, root, installed,
                          environment, drive)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _boots(options, groups, out, images, root, installed, environment, drive):
    machine = {"memory": parse_size(options.mem) >> 20,
               "dom0_memory": parse_size(options.dom0_mem) >> 20,
               "processors": options.cpus}
    limit = getattr(options, "timeout", None)
    deadline = time.monotonic() + limit if limit else float("inf")
    boots = [[g] for g in groups] if getattr(options, "reboot_between", False) \
        else [groups]
    first_failure = 0
    for scripts in boots:
        with Session(out, images, root, installed, deadline,
                     options.boot_timeout, environment, drive=drive,
                     guest_type=options.type, **machine) as session:
            session.wait_ready()
            for argv in scripts:
                start = time.monotonic()
                status = session.run(argv, sys.stdout.buffer)
                say("%s: exit status %d after %.0f s"
                    % (argv[0], status, time.monotonic() - start))
                first_failure = first_failure or status
            if not scripts or options.command == "run" and options.keep:
                session.attach()
    return first_failure


def _run(options):
    if options.command == "prepare":
        boot.obtain(options.release, tree.obtain(options.release))
        return 0
    if options.command == "build":
        root = tree.obtain(options.release)
        print(build.obtain(options.release, root, options.source))
        return 0
    groups = _split(options.script) if options.command == "run" else []
    return _boot_and_run(options, groups)


def main(argv):
    options = _parser().parse_args(argv)
    catch_signals()
    try:
        return _run(options)
    except LabError as e:
        say(str(e))
        return e.code
    except OSError as e:
        say(str(e))
        return EXIT_PREPARE
    except Interrupted as e:
        say("ended by signal %d" % e.signum)
        return 128 + e.signum
