# SPDX-License-Identifier: LGPL-2.1-or-later
"""Child processes that cannot outlive the lab, and signals as exceptions."""

import ctypes
import os
import signal
import subprocess

from .common import LabError, tail

_PR_SET_PDEATHSIG = 1
_URGENT = -10
_libc = ctypes.CDLL(None, use_errno=True)

# A command run under this prefix has its own mounts and process ids: when it
# ends, in whatever way, nothing that it mounted or started is left.
NAMESPACE = ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc", "--propagation", "private"]


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _hurry():
    """Where the kernel shares the processors among sessions first (autogroup),
    a process's own priority counts only within its session."""
    os.nice(_URGENT)
    try:
        with open("/proc/self/autogroup", "w") as f:
            f.write("%d" % _URGENT)
    except OSError:
        pass


def spawn(argv, urgent=False, **kwargs):
    """Start a child in its own session (the terminal's Ctrl-C is ours to
    handle) which the kernel kills should the lab itself be killed. An urgent
    one goes before the machine's other work, where that is permitted."""
    def prepare():
        _die_with_parent()
        if urgent and os.geteuid() == 0:
            _hurry()

    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(argv, start_new_session=True, preexec_fn=prepare,
                            **kwargs)


def reap(child, patience=10):
    """Ask the child to end, then insist."""
    if child.poll() is not None:
        return
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, signum)
        except ProcessLookupError:
            pass
        try:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def run_logged(argv, log, what, env=None):
    """Run a command to its end with all its output appended to a file."""
    with open(log, "ab") as f:
        try:
            child = spawn(argv, stdout=f, stderr=f, env=env)
        except OSError as e:
            raise LabError("%s: cannot run %s: %s" % (what, argv[0], e))
        try:
            status = child.wait()
        finally:
            reap(child)
    if status:
        raise LabError("%s failed (status %d); the end of %s:\n%s"
                       % (what, status, log, tail(log)))


def capture(argv, what):
    """The output of a short command."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as e:
        raise LabError("%s: cannot run %s: %s" % (what, argv[0], e))
    if done.returncode:
        raise LabError("%s failed: %s"
                       % (what, done.stderr.decode("utf-8", "replace").strip()))
    return done.stdout.decode("utf-8", "replace")


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived; unwinds through every finally."""

    def __init__(self, signum):
        super().__init__(signum)
        self.signum = signum


def catch_signals():
    def handler(signum, _frame):
        # A second signal must not cut the cleaning up short.
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        raise Interrupted(signum)

    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, handler)
