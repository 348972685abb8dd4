# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU processes, and a small client for their monitors.

Every QEMU gets the two monitors that libxl gives it: qmp-libxl-1, which is
left to the clients under test, and qmp-libxenstat-1, which the rig uses.
"""
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time

DOMID = 1


class MissingTool(Exception):
    """The test cannot run here; that is a failure, not a skip."""


def tool(variable, default):
    """A command, as a list: from the environment, or the default."""
    command = shlex.split(os.environ.get(variable, default))
    if not shutil.which(command[0]):
        raise MissingTool('%s is not installed (or set %s)' % (command[0], variable))
    return command


def xen_qemu():
    return tool('XEN_QEMU', '/usr/libexec/xen-qemu-system-i386')


def storage_daemon():
    return tool('QEMU_STORAGE_DAEMON', 'qemu-storage-daemon')


def qemu_img(*arguments):
    run = subprocess.run(tool('QEMU_IMG', 'qemu-img') + [str(a) for a in arguments],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        raise RuntimeError('qemu-img %s: %s' % (' '.join(map(str, arguments)), run.stderr))
    return run.stdout


def monitor_path(run_dir, which='libxl', domid=DOMID):
    return os.path.join(run_dir, 'qmp-%s-%d' % (which, domid))


class QmpError(Exception):
    pass


class Qmp:
    """Connects, negotiates, and then runs one command at a time."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.lines = self.socket.makefile('rb')
        try:
            self.socket.settimeout(timeout)
            self.socket.connect(path)
            self.greeting = self._receive()
            self.command('qmp_capabilities')
        except BaseException:
            self.close()
            raise

    def _receive(self):
        line = self.lines.readline()
        if not line:
            raise QmpError('QEMU closed its monitor')
        return json.loads(line)

    def exchange(self, name, arguments=None):
        """The whole reply, error or not."""
        message = {'execute': name}
        if arguments:
            message['arguments'] = arguments
        self.socket.sendall(json.dumps(message).encode() + b'\n')
        while True:
            reply = self._receive()
            # A second greeting can come when the first was for a client that left.
            if 'event' not in reply and 'QMP' not in reply:
                return reply

    def command(self, name, arguments=None):
        reply = self.exchange(name, arguments)
        if 'error' in reply:
            raise QmpError('%s: %s' % (name, reply['error']))
        return reply['return']

    def close(self):
        self.lines.close()
        self.socket.close()


class Process:
    """A QEMU until it is closed. What it says goes to log."""

    def __init__(self, command, run_dir, log, environment=None, domid=DOMID):
        self.run_dir = run_dir
        self.monitor = monitor_path(run_dir, 'libxenstat', domid)
        self.qmp = None
        self.log = open(log, 'w+')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT,
                                        env=dict(os.environ, **(environment or {})))
        try:
            self.qmp = self._connect()
        except BaseException:
            self.kill()
            raise

    def _connect(self, timeout=20):
        end = time.monotonic() + timeout
        while True:
            try:
                return Qmp(self.monitor)
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise QmpError('QEMU did not start: ' + self.said())
                time.sleep(0.02)

    def said(self):
        with open(self.log.name) as log:
            return log.read()

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """SIGSTOP: a QEMU that hangs."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        if self.qmp:
            self.qmp.close()
        self.log.close()

    def close(self, timeout=20):
        """End it in good order; raises if it had crashed or does not end."""
        try:
            if not self.alive():
                raise QmpError('QEMU had ended: %d %s' % (self.process.returncode, self.said()))
            self.qmp.command('quit')
            self.process.wait(timeout)
            if self.process.returncode:
                raise QmpError('QEMU: %d %s' % (self.process.returncode, self.said()))
        finally:
            self.kill()


def xenpv(run_dir, log, environment, domid=DOMID):
    command = xen_qemu() + [
        '-xen-domid', str(domid), '-xen-attach', '-machine', 'xenpv', '-m', '64',
        '-no-shutdown', '-nodefaults', '-no-user-config', '-name', 'rig', '-nographic']
    for which in ('libxl', 'libxenstat'):
        command += ['-chardev', 'socket,id=%s-cmd,path=%s,server=on,wait=off'
                    % (which, monitor_path(run_dir, which, domid)),
                    '-mon', 'chardev=%s-cmd,mode=control' % which]
    return Process(command, run_dir, log, environment, domid)


def start_storage_daemon(run_dir, log, arguments):
    command = storage_daemon() + list(arguments)
    for which in ('libxl', 'libxenstat'):
        command += ['--chardev', 'socket,id=%s-cmd,path=%s,server=on,wait=off'
                    % (which, monitor_path(run_dir, which)),
                    '--monitor', 'chardev=%s-cmd' % which]
    return Process(command, run_dir, log)
