# SPDX-License-Identifier: LGPL-2.1-or-later
"""labguest: start counting guests in dom0 and read their counters.

The guest (guest/counter.c says how it works) publishes one line of name=value
words in its xenstore data/lab/state. Guests are always started by the system's
xl; what is tested acts on them afterwards.

This is the server: one interpreter that has all it needs answers each call in a
child of its own. labguest.c is what scenarios call.
"""

import argparse
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

SERVER = "/run/labguest"
XL = "/usr/sbin/xl"
GUEST = "/usr/lib/xenlab/guest"
HOME = "/var/lib/labguest"          # NAME/xl.cfg, and NAME/disks: image paths
XENBUS = "/dev/xen/xenbus"
RECORD = 128                        # bytes of text at the start of each disk
COMMANDS = ("poweroff", "reboot", "crash", "resetgap",
            "agent-start", "agent-kill", "agent-stop", "agent-continue")
CLOCK = "clock:"                    # and seconds, which may be negative
CHANNEL = "org.qemu.guest_agent.0"
XS_DIRECTORY, XS_READ, XS_WRITE, XS_ERROR = 1, 2, 11, 16


class Failure(Exception):
    pass


class Xenstore:
    """A client of xenstored by the kernel's device."""

    def __init__(self):
        self._fd = os.open(XENBUS, os.O_RDWR)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            more = os.read(self._fd, size - len(data))
            if not more:
                raise Failure("xenstore hung up")
            data += more
        return data

    def _ask(self, kind, payload):
        os.write(self._fd, struct.pack("<4I", kind, 0, 0, len(payload)) + payload)
        kind, _, _, length = struct.unpack("<4I", self._exactly(16))
        data = self._exactly(length)
        return None if kind == XS_ERROR else data

    def read(self, path):
        data = self._ask(XS_READ, path.encode() + b"\0")
        return None if data is None else data.decode()

    def write(self, path, value):
        if self._ask(XS_WRITE, path.encode() + b"\0" + value.encode()) is None:
            raise Failure("cannot write %s in xenstore" % path)

    def list(self, path):
        data = self._ask(XS_DIRECTORY, path.encode() + b"\0") or b""
        return [name.decode() for name in data.split(b"\0") if name]


def domid_of(store, name):
    """The newest domain of that name; None when there is none."""
    ids = [int(i) for i in store.list("/local/domain")
           if i != "0" and store.read("/local/domain/%s/name" % i) == name]
    return max(ids, default=None)


def state_of(store, name):
    """What the guest published, as a dictionary; None when nothing (yet)."""
    domid = domid_of(store, name)
    if domid is None:
        return None
    text = store.read("/local/domain/%d/data/lab/state" % domid)
    if not text:
        return None
    state = dict(word.partition("=")[::2] for word in text.split())
    state["domid"] = str(domid)
    return state


def run(*argv):
    try:
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as e:
        raise Failure("%s: exit status %d" % (" ".join(argv), e.returncode))


def home_of(name):
    return os.path.join(HOME, name)


def disks_of(name):
    try:
        with open(os.path.join(home_of(name), "disks")) as f:
            return f.read().splitlines()
    except FileNotFoundError:
        raise Failure("no guest was started under the name '%s'" % name)


# ---- start ----

def disk_line(path, image_format, index, backend="qdisk"):
    return ("format=%s,backendtype=%s,vdev=xvd%s,access=rw,target=%s"
            % (image_format, backend, chr(ord("a") + index), path))


def kernel_arguments(args):
    words = ["console=hvc0", "panic=1", "mitigations=off", "quiet",
             "sysrq_always_enabled",
             "lab.disks=%d" % (args.disks + len(args.phy)),
             "lab.region=%d" % args.region,
             "lab.hz=%d" % args.hz]
    if args.churn:
        words.append("lab.churn=%d" % args.churn)
    if args.idle:
        words.append("lab.idle")
    if args.agent:
        words.append("lab.fs=/dev/xvd%s"
                     % chr(ord("a") + args.disks + len(args.phy)))
    return " ".join(words)


def make_config(args, disks):
    lines = [
        'name = "%s"' % args.name,
        'type = "%s"' % args.type,
        # Its firmware loads and unpacks an HVM guest's kernel in the guest.
        'kernel = "%s/%s"' % (GUEST, "vmlinuz" if args.type == "hvm"
                              else "vmlinux"),
        'ramdisk = "%s/%s.img"' % (GUEST, "agent" if args.agent else "guest"),
        'extra = "%s"' % kernel_arguments(args),
        "memory = %d" % args.memory,
        "vcpus = 1",
        "disk = [" + ", ".join("'%s'" % d for d in disks + args.extra_disk)
        + "]",
    ]
    if args.type != "pv":
        # Xen does not trust the emulated TSC, and would emulate it once more:
        # more than half of all exits to Xen.
        lines += ['tsc_mode = "native"']
    if args.agent:
        # Xen 4.17's xl gives the first channel the number of the primary
        # console, and none is made for it: so that one is a spare.
        socket = os.path.join(home_of(args.name), "agent")
        lines.append('channel = [ "connection=socket,path=%s.spare,name=spare",'
                     ' "connection=socket,path=%s,name=%s" ]'
                     % (socket, socket, CHANNEL))
    if args.type == "hvm":
        lines += ['vga = "none"', "vnc = 0", 'serial = "pty"']
    return "\n".join(lines + args.extra_cfg) + "\n"


def make_disks(args):
    folder = args.disk_dir or home_of(args.name)
    os.makedirs(folder, exist_ok=True)
    paths = []
    for index in range(args.disks):
        path = os.path.join(folder, "%s-%d.%s" % (args.name, index, args.format))
        if not (args.reuse and os.path.exists(path)):
            run("qemu-img", "create", "-q", "-f", args.format, path,
                args.disk_size)
        paths.append(os.path.realpath(path))
    return paths


def make_files_disk(args):
    """A qcow2 image with an ext4 in it."""
    path = os.path.join(home_of(args.name), "files.qcow2")
    if not (args.reuse and os.path.exists(path)):
        run("truncate", "-s", "64M", path + ".raw")
        run("mkfs.ext4", "-q", "-F", path + ".raw")
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", path + ".raw",
            path)
        os.unlink(path + ".raw")
    return path


def cmd_start(args):
    args.memory = args.memory or (128 if args.agent else 96)
    args.type = args.type or os.environ.get("XENLAB_GUEST_TYPE", "pv")
    if domid_of(Xenstore(), args.name) is not None:
        raise Failure("a guest '%s' is there already" % args.name)
    home = home_of(args.name)
    os.makedirs(home, exist_ok=True)
    paths = make_disks(args)
    with open(os.path.join(home, "disks"), "w") as f:
        f.write("".join(p + "\n" for p in paths + args.phy))
    config = os.path.join(home, "xl.cfg")
    lines = [disk_line(p, args.format, i) for i, p in enumerate(paths)]
    lines += [disk_line(p, "raw", args.disks + i, "phy")
              for i, p in enumerate(args.phy)]
    if args.agent:
        lines.append(disk_line(make_files_disk(args), "qcow2", len(lines)))
    with open(config, "w") as f:
        f.write(make_config(args, lines))
    if args.no_create:
        return
    run(XL, "create", "-q", config)
    if not args.no_wait:
        wait(args.name, args.timeout)


# ---- counters ----

def wait(name, timeout, past=None, other_boot=None):
    """Until the guest counts: two different counts of one boot, the second
    above `past`, the boot another one than `other_boot`."""
    store = Xenstore()
    limit = time.monotonic() + timeout
    first = None
    while True:
        state = state_of(store, name)
        if state and state["boot"] != other_boot:
            count = int(state["count"])
            if first is None or first["boot"] != state["boot"]:
                first = state
            elif count > int(first["count"]) and count > (past or 0):
                return state
        if time.monotonic() > limit:
            raise Failure("guest '%s' does not count (last seen: %s)"
                          % (name, state))
        time.sleep(0.1)


def cmd_wait(args):
    wait(args.name, args.timeout, args.past, args.other_boot)


def cmd_gone(args):
    store = Xenstore()
    limit = time.monotonic() + args.timeout
    while domid_of(store, args.name) is not None:
        if time.monotonic() > limit:
            raise Failure("guest '%s' is still there" % args.name)
        time.sleep(0.1)


def cmd_counters(args):
    state = state_of(Xenstore(), args.name)
    if state is None:
        raise Failure("guest '%s' has published nothing" % args.name)
    if args.field:
        if args.field not in state:
            raise Failure("no such field: %s" % args.field)
        print(state[args.field])
    else:
        print(" ".join("%s=%s" % item for item in state.items()))


def cmd_clock(args):
    """The guest's clock against ours, both read when it publishes. It may have
    read its own up to a fraction of a second before it is seen here."""
    store = Xenstore()
    limit = time.monotonic() + args.timeout
    first = None
    while True:
        state = state_of(store, args.name)
        first = first or state
        now = time.clock_gettime({
            "realtime": time.CLOCK_REALTIME,
            "monotonic": time.CLOCK_MONOTONIC,
            "boottime": time.CLOCK_BOOTTIME}[args.field])
        if state and state["monotonic"] != first["monotonic"]:
            print(int(state[args.field]) - int(now * 1000))
            return
        if time.monotonic() > limit:
            raise Failure("guest '%s' publishes nothing" % args.name)
        time.sleep(0.02)


def cmd_healthy(args):
    """The guest counts, and never found RAM and disks at odds."""
    state = wait(args.name, args.timeout, args.past)
    if state["bad"] != "0":
        raise Failure("guest '%s': %s (%s times)"
                      % (args.name, state["why"], state["bad"]))


def record_on(image, snapshot):
    """The record at the start of a disk, whether or not a guest has it open."""
    with open(image, "rb") as f:
        kind = "qcow2" if f.read(4) == b"QFI\xfb" else "raw"
    argv = ["qemu-img", "dd", "-U", "-O", "raw"]
    if snapshot:
        if kind != "qcow2":
            raise Failure("%s: not a qcow2 image, has no snapshots" % image)
        argv = ["qemu-img", "convert", "-U", "-l", "snapshot.name=" + snapshot,
                "-O", "raw"]
    scratch = "/tmp/labguest-%d.raw" % os.getpid()
    try:
        if snapshot:
            run(*argv, "-f", kind, image, scratch)
        else:
            run(*argv, "-f", kind, "bs=4096", "count=1", "if=" + image,
                "of=" + scratch)
        with open(scratch, "rb") as f:
            text = f.read(RECORD)
    finally:
        if os.path.exists(scratch):
            os.unlink(scratch)
    words = text.split(b"\n")[0].decode("ascii", "replace").split()
    if not words or words[0] != "xenlab":
        raise Failure("%s: no guest has written to it" % image)
    return dict(word.partition("=")[::2] for word in words[1:])


def cmd_disk_counters(args):
    images = []
    for word in args.images:
        images += [word] if os.path.exists(word) else disks_of(word)
    for image in images:
        record = record_on(image, args.snapshot)
        print(record["count"] if args.count_only else
              "count=%s boot=%s image=%s" % (record["count"], record["boot"],
                                             image))


# ---- the rest ----

def cmd_command(args):
    store = Xenstore()
    domid = domid_of(store, args.name)
    if domid is None:
        raise Failure("no guest '%s'" % args.name)
    store.write("/local/domain/%d/data/lab/command" % domid, args.action)


def cmd_cfg(args):
    disks_of(args.name)
    print(os.path.join(home_of(args.name), "xl.cfg"))


def cmd_disks(args):
    print("\n".join(disks_of(args.name)))


def cmd_domid(args):
    domid = domid_of(Xenstore(), args.name)
    if domid is None:
        raise Failure("no guest '%s'" % args.name)
    print(domid)


def cmd_destroy(args):
    """The guest off, if it is on, and all its files gone; not its devices."""
    if domid_of(Xenstore(), args.name) is not None:
        run(XL, "destroy", args.name)
        cmd_gone(args)
    for path in disks_of(args.name):
        if os.path.isfile(path):
            os.unlink(path)
    shutil.rmtree(home_of(args.name))


def action(text):
    if text not in COMMANDS:
        if not text.startswith(CLOCK):
            raise argparse.ArgumentTypeError("not one of %s, %sSECONDS"
                                             % (", ".join(COMMANDS), CLOCK))
        int(text[len(CLOCK):])
    return text


def parser():
    p = argparse.ArgumentParser(prog="labguest", allow_abbrev=False,
                                description=__doc__)
    commands = p.add_subparsers(dest="command", required=True)

    def command(name, function, text, timeout=None):
        c = commands.add_parser(name, help=text, description=text,
                                allow_abbrev=False)
        c.set_defaults(function=function)
        if timeout:
            c.add_argument("--timeout", type=float, default=timeout)
        return c

    c = command("start", cmd_start, "make disks and a config, create the "
                "guest, wait until it counts", timeout=300)
    c.add_argument("-n", "--name", default="guest")
    c.add_argument("-t", "--type", choices=["pv", "pvh", "hvm"],
                   help="without it, what XENLAB_GUEST_TYPE says, or pv")
    c.add_argument("-d", "--disks", type=int, default=1)
    c.add_argument("-m", "--memory", type=int,
                   help="MiB; without it 96, or 128 with an agent, which that "
                   "does not start with")
    c.add_argument("--disk-size", default="64M")
    c.add_argument("--disk-dir", help="where the images go")
    c.add_argument("--format", choices=["qcow2", "raw"], default="qcow2")
    c.add_argument("--reuse", action="store_true",
                   help="keep images that exist already")
    c.add_argument("--extra-cfg", action="append", default=[], metavar="LINE")
    c.add_argument("--extra-disk", action="append", default=[], metavar="SPEC",
                   help="another disk, which the guest leaves alone")
    c.add_argument("--phy", action="append", default=[], metavar="DEVICE",
                   help="after those disks another one like them, on this "
                   "block device or raw file, served by the kernel")
    c.add_argument("--churn", type=int, default=0, metavar="MB",
                   help="memory to dirty all the time")
    c.add_argument("--region", type=int, default=4, metavar="MB",
                   help="checked region of each disk")
    c.add_argument("--hz", type=int, default=10, help="counts a second")
    c.add_argument("--idle", action="store_true",
                   help="count in RAM once a second, write to no disk")
    c.add_argument("--agent", action="store_true",
                   help="with a guest agent, and one more disk with a file "
                   "system that it can freeze")
    c.add_argument("--no-create", action="store_true",
                   help="only make the disks and the config")
    c.add_argument("--no-wait", action="store_true")

    c = command("clock", cmd_clock, "how many ms a clock of the guest's is "
                "ahead of dom0's, as of the middle of a moment", timeout=60)
    c.add_argument("name")
    c.add_argument("field", nargs="?", default="realtime",
                   choices=["realtime", "monotonic", "boottime"])

    c = command("wait", cmd_wait, "wait until the guest counts", timeout=120)
    c.add_argument("name")
    c.add_argument("--past", type=int, help="and is past this count")
    c.add_argument("--other-boot", metavar="ID",
                   help="and its boot id is not this one")

    c = command("gone", cmd_gone, "wait until no domain has the name",
                timeout=60)
    c.add_argument("name")

    c = command("counters", cmd_counters, "what the guest publishes")
    c.add_argument("name")
    c.add_argument("field", nargs="?", help="count, boot, bad, why, verified, "
                   "churned, maxgap, files, realtime, monotonic, boottime "
                   "(in ms), found or domid")

    c = command("healthy", cmd_healthy, "succeed if the guest counts and "
                "always found RAM and disks to agree", timeout=120)
    c.add_argument("name")
    c.add_argument("--past", type=int, help="and is past this count")

    c = command("disk-counters", cmd_disk_counters,
                "the counts on the disks, read from outside")
    c.add_argument("images", nargs="+", metavar="NAME|IMAGE")
    c.add_argument("--snapshot", help="in this internal snapshot")
    c.add_argument("-c", "--count-only", action="store_true")

    c = command("command", cmd_command, "tell the guest to do something")
    c.add_argument("name")
    c.add_argument("action", type=action, help=", ".join(COMMANDS) + ", or "
                   + CLOCK + "SECONDS, by which its wall clock is moved")

    for name, function, text in (
            ("cfg", cmd_cfg, "the path of the guest's xl.cfg"),
            ("disks", cmd_disks, "the paths of its images"),
            ("domid", cmd_domid, "its domain id")):
        command(name, function, text).add_argument("name")
    c = command("destroy", cmd_destroy, "destroy the guest and its files",
                timeout=60)
    c.add_argument("name")
    return p


def call(parse, argv):
    """One call; its exit status."""
    try:
        args = parse(argv)
        args.function(args)
        sys.stdout.flush()
    except (Failure, OSError) as e:
        print("labguest: %s" % e, file=sys.stderr)
        return 1
    except SystemExit as e:         # argparse's way to end
        return e.code or 0
    return 0


# ---- the server ----

def take_over(peer):
    """Be who called, as far as a call can tell; his arguments."""
    message, descriptors, _, _ = socket.recv_fds(peer, 1 << 20, 3)
    folder, count, *words = message.decode(errors="surrogateescape").split("\0")[:-1]
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=False)    # of the console's descriptor
    os.chdir(folder)
    count = int(count)
    os.environ.clear()
    os.environ.update(word.split("=", 1) for word in words[count:] if "=" in word)
    return words[:count]


def answer(peer, parse):
    status = call(parse, take_over(peer))
    peer.send(bytes([status]))


def serve():
    parse = parser().parse_args
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(SERVER)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        peer, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            try:
                answer(peer, parse)
            finally:
                os._exit(1)     # not into the loop, whatever it was
        peer.close()


if __name__ == "__main__":
    serve()
