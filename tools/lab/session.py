# SPDX-License-Identifier: LGPL-2.1-or-later
"""One boot and the scripts run in it.

Host and dom0 talk through a folder, OUT/.spool, which dom0 has on a writable
9p share (as /xenlab/.spool). Neither side ever sees half a thing:

    ready       dom0: up, looking for work
    N/run       host: the N-th job, an executable, there by rename
    N/output    dom0: what it prints, stdout and stderr in order, as it comes
    N/status    dom0: its exit status, there by rename, after all output
    stop        host: no more jobs
    down        dom0: the drive is unmounted

OUT/logs is dom0's /var/log/xen itself, so that logs outlive a crash.
"""

import os
import shlex
import shutil
import time

from .common import (EXIT_MACHINE, EXIT_TIMEOUT, LAB_DIR, LabError, SOURCE_DIR,
                     say, scratch_folder, tail)
from .machine import Machine

_POLL_SECONDS = 0.05
_STOP_SECONDS = 60
_DISK_BYTES = 16 << 30      # sparse; what dom0 writes is freed at the end
_HELPERS = {"dom0/boot": "usr/lib/xenlab/boot",
            "dom0/labguest.py": "usr/lib/xenlab/labguest.py"}


class Session:
    """A booted lab. Use with `with`: leaving it stops the machine, always."""

    def __init__(self, out, boot, tree, installed, deadline, boot_timeout,
                 environment, **machine):
        self.out = out
        self.console = os.path.join(out, "console.log")
        self._spool = os.path.join(out, ".spool")
        self._disk = os.path.join(out, ".scratch.img")
        self._deadline = deadline
        self._boot_timeout = boot_timeout
        self._environment = environment
        self._jobs = 0
        self._machine = None
        self._up = False
        # A Unix socket's path is short: not under OUT, which the user names.
        self._scratch = scratch_folder()
        try:
            shutil.rmtree(self._spool, ignore_errors=True)
            os.makedirs(self._spool)
            overlay = self._lay_over(boot, installed)
            shares = {"root": (tree, False), "overlay": (overlay, False),
                      "src": (SOURCE_DIR, False), "out": (out, True)}
            with open(self._disk, "wb") as f:
                f.truncate(_DISK_BYTES)
            self._machine = Machine(boot, shares, self._scratch, self.console,
                                    self._disk, **machine)
        except BaseException:
            self._release()
            raise

    def _lay_over(self, boot, installed):
        """The files on top of the tree, copied: neither a rebuild nor an edit
        may change them under a running dom0."""
        overlay = os.path.join(self._scratch, "overlay")
        if installed:
            shutil.copytree(installed, overlay, symlinks=True)
        helpers = [(os.path.join(LAB_DIR, source), target)
                   for source, target in _HELPERS.items()]
        helpers.append((os.path.join(boot, "labguest"), "usr/bin/labguest"))
        for source, target in helpers:
            path = os.path.join(overlay, target)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(source, path)
            os.chmod(path, 0o755)
        guest = os.path.join(overlay, "usr/lib/xenlab/guest")
        os.mkdir(guest)
        for name in ("vmlinuz", "vmlinux", "guest.img", "agent.img"):
            shutil.copy(os.path.join(boot, name), guest)
        return overlay

    def __enter__(self):
        return self

    def __exit__(self, kind, value, _traceback):
        if isinstance(value, LabError) and value.code == EXIT_MACHINE:
            say("the end of %s:\n%s" % (self.console, tail(self.console)))
        try:
            # Not after a signal or a time-out: those end it at once.
            if self._up and kind is None:
                self._stop_cleanly()
        finally:
            self._release()

    def _release(self):
        if self._machine:
            self._machine.stop()
        if os.path.exists(self._disk):
            os.unlink(self._disk)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _stop_cleanly(self):
        self._put("stop", b"")
        limit = time.monotonic() + _STOP_SECONDS
        down = os.path.join(self._spool, "down")
        while not os.path.exists(down):
            self._machine.check_alive()
            if time.monotonic() > limit:
                say("dom0 did not stop in %d s; ended hard" % _STOP_SECONDS)
                return
            time.sleep(_POLL_SECONDS)

    def _put(self, name, data, mode=0o644):
        path = os.path.join(self._spool, name)
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)

    def wait_ready(self):
        start = time.monotonic()
        while not os.path.exists(os.path.join(self._spool, "ready")):
            self._machine.check_alive()
            if time.monotonic() - start > self._boot_timeout:
                raise LabError("dom0 was not up in %d s" % self._boot_timeout,
                               EXIT_MACHINE)
            self._check_deadline()
            time.sleep(_POLL_SECONDS)
        self._up = True
        say("dom0 is up after %.0f s" % (time.monotonic() - start))

    def _check_deadline(self):
        if time.monotonic() > self._deadline:
            raise LabError("the time limit of the run was reached", EXIT_TIMEOUT)

    def _command(self, argv, folder):
        """The job's command: a file of the project runs in place (so that it
        finds its neighbours), any other file is copied, and a bare name which
        is no file is a command of dom0."""
        script = argv[0]
        path = os.path.realpath(script)
        if not os.path.isfile(path):
            if "/" in script:
                raise LabError("no such script: %s" % script)
            return argv
        if not os.access(path, os.X_OK):
            raise LabError("not executable: %s" % script)
        relative = os.path.relpath(path, SOURCE_DIR)
        if not relative.startswith(".."):
            return [os.path.join("/src", relative)] + argv[1:]
        shutil.copy(path, folder)
        return ["/xenlab/.spool/%d/%s" % (self._jobs, os.path.basename(path))
                ] + argv[1:]

    def run(self, argv, output, power_fails=None):
        """Run one script in dom0, copying what it prints to the binary stream
        as it comes. Returns its exit status. Once power_fails() is true the
        machine is killed as it stands, and None is returned."""
        self._jobs += 1
        folder = os.path.join(self._spool, str(self._jobs))
        os.mkdir(folder)
        lines = ["#!/bin/bash", "mkdir -p /var/tmp/job-%d" % self._jobs,
                 "cd /var/tmp/job-%d || exit" % self._jobs]
        for name, value in self._environment.items():
            lines.append("export %s=%s" % (name, shlex.quote(value)))
        lines.append("exec " + " ".join(map(shlex.quote,
                                            self._command(argv, folder))))
        self._put("%d/run" % self._jobs,
                  os.fsencode("\n".join(lines) + "\n"), 0o755)
        return self._follow(folder, output, power_fails or (lambda: False))

    def _follow(self, folder, output, power_fails):
        path = os.path.join(folder, "output")
        status = os.path.join(folder, "status")
        stream = None
        try:
            while True:
                # Looked at before the output, or its end could be missed.
                done = os.path.exists(status)
                if stream is None and os.path.exists(path):
                    stream = open(path, "rb")
                if stream:
                    shutil.copyfileobj(stream, output)
                    output.flush()
                if done:
                    with open(status, "rb") as f:
                        return int(f.read())
                if power_fails():
                    self._up = False
                    self._machine.kill()
                    return None
                self._machine.check_alive()
                self._check_deadline()
                time.sleep(_POLL_SECONDS)
        finally:
            if stream:
                shutil.copyfileobj(stream, output)
                output.flush()
                stream.close()

    def attach(self):
        say("dom0's console; Ctrl-] leaves it and stops the machine")
        self._machine.attach()
        print()
        # Who types poweroff there has stopped it, and means no failure.
        self._up = self._machine.alive()
