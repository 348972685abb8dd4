# SPDX-License-Identifier: LGPL-2.1-or-later
"""The outer machine: one QEMU process, and its serial console."""

import os
import re
import select
import socket
import sys
import termios
import tty

from .common import EXIT_MACHINE, LabError, parse_size
from .process import reap, spawn

_CPU = {"pv": "qemu64", "pvh": "qemu64,+npt", "hvm": "qemu64,+npt"}
# SMAP would crash a PV dom0; guests need no mitigations to be tested.
_XEN_ARGS = "console=com1 dom0_mem=%dM,max:%dM ucode=no spec-ctrl=no"
_DOM0_ARGS = "console=hvc0 panic=-1 oops=panic mitigations=off quiet"
_CRASH = re.compile(r"Kernel panic|Xen BUG|FATAL (TRAP|PAGE FAULT)|"
                    r"Panic on CPU|xenlab-(init|boot): .*")
_DETACH = b"\x1d"      # Ctrl-]


class Drive:
    """FILE[,size=N][,bps-read=N][,bps-write=N]: a raw image that dom0 mounts on
    /data."""

    def __init__(self, text):
        self.path, *options = text.split(",")
        self.size, self.limits = 4 << 30, []
        for option in options:
            key, _, value = option.partition("=")
            if key == "size":
                self.size = parse_size(value)
            elif key in ("bps-read", "bps-write"):
                self.limits.append((key, parse_size(value)))
            else:
                raise LabError("unknown option of --drive: '%s'" % option, 2)
        if not self.path:
            raise LabError("--drive needs a file", 2)

    def create(self):
        if not os.path.exists(self.path):
            with open(self.path, "wb") as f:
                f.truncate(self.size)

    def arguments(self):
        path = os.path.abspath(self.path).replace(",", ",,")
        drive = "if=none,id=data,format=raw,discard=unmap,file=" + path
        for key, value in self.limits:
            drive += ",throttling.%s=%d" % (key, value)
        return ["-drive", drive, "-device", "virtio-blk-pci,drive=data"]


PROCESSORS = 2


class Machine:
    """Xen and dom0 on an emulated PC. Its first disk is dom0's scratch space,
    its second the user's drive."""

    def __init__(self, boot, shares, scratch, console, disk, guest_type="pv",
                 memory=3072, dom0_memory=1536, processors=PROCESSORS,
                 drive=None):
        self.console = console
        self._socket = os.path.join(scratch, "console.sock")
        self._log = os.path.join(scratch, "qemu.log")
        kernel = os.path.join(boot, "vmlinux")
        image = os.path.join(boot, "dom0.img")
        argv = ["qemu-system-x86_64", "-accel", "tcg,thread=multi",
                "-cpu", _CPU[guest_type], "-smp", str(processors),
                "-m", str(memory),
                "-nodefaults", "-display", "none", "-no-reboot",
                "-chardev", "socket,id=con,path=%s,server=on,wait=off,"
                "logappend=on,logfile=%s" % (self._socket, console.replace(",", ",,")),
                "-serial", "chardev:con",
                "-kernel", os.path.join(boot, "xen"),
                "-append", _XEN_ARGS % (dom0_memory, dom0_memory),
                "-initrd", "%s %s,%s" % (kernel, _DOM0_ARGS, image)]
        for tag, (path, writable) in shares.items():
            argv += ["-virtfs", "local,path=%s,mount_tag=%s,id=%s,"
                     "security_model=none,multidevs=remap%s"
                     % (path.replace(",", ",,"), tag, tag,
                        "" if writable else ",readonly=on")]
        argv += ["-drive", "if=none,id=scratch,format=raw,discard=unmap,"
                 "cache=unsafe,file=" + disk.replace(",", ",,"),
                 "-device", "virtio-blk-pci,drive=scratch"]
        if drive:
            drive.create()
            argv += drive.arguments()
        with open(self._log, "wb") as log:
            try:
                # libxl's time limits are real time: a busy host must not
                # make them fail.
                self._child = spawn(argv, urgent=True, stdout=log, stderr=log)
            except OSError as e:
                raise LabError("cannot run QEMU: %s" % e)

    def alive(self):
        return self._child.poll() is None

    def check_alive(self):
        """Raise when QEMU has ended: on -no-reboot that is how a crash of Xen
        or of dom0 shows."""
        status = self._child.poll()
        if status is not None:
            raise LabError("the machine ended (QEMU's status %d): %s"
                           % (status, self._reason()), EXIT_MACHINE)

    def _reason(self):
        with open(self._log, "rb") as f:
            said = f.read().decode("utf-8", "replace").strip()
        if said:
            return said
        with open(self.console, "rb") as f:
            text = f.read().decode("utf-8", "replace")
        match = _CRASH.search(text)
        if not match:
            return "dom0 went down by itself"
        end = text.find("\n", match.start())
        return text[match.start():end if end > 0 else None].strip()

    def stop(self):
        reap(self._child)

    def kill(self):
        """As a power failure would end it: with no word to anybody."""
        self._child.kill()
        self._child.wait()

    def attach(self):
        """Put the terminal on dom0's console until Ctrl-], or the machine's
        end."""
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(self._socket)
        terminal = sys.stdin.fileno()
        saved = termios.tcgetattr(terminal) if os.isatty(terminal) else None
        try:
            if saved:
                tty.setraw(terminal)
            peer.sendall(b"\n")
            while True:
                ready, _, _ = select.select([terminal, peer], [], [])
                if peer in ready:
                    data = peer.recv(65536)
                    if not data:
                        return
                    os.write(1, data)
                if terminal in ready:
                    data = os.read(terminal, 4096)
                    if not data or _DETACH in data:
                        return
                    peer.sendall(data)
        finally:
            if saved:
                termios.tcsetattr(terminal, termios.TCSADRAIN, saved)
            peer.close()
