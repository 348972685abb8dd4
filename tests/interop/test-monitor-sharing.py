#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The monitor serves one client at a time, and libxl wants it as we do."""
import os
import signal
import threading
import time

import interop
from rig import libxl_client, qemu
from rig.rig import Rig


class LibxlLoop(threading.Thread):
    """libxl's client, over and over, until told to end."""

    def __init__(self, rig):
        super().__init__(name='libxl')
        self.rig = rig
        self.sessions = 0
        self.longest = 0.0
        self.error = None
        self.ending = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.ending.wait(0.001):
                started = time.monotonic()
                libxl_client.session(self.rig.run_dir, self.rig.lib_dir, ('query-status',))
                self.longest = max(self.longest, time.monotonic() - started)
                self.sessions += 1
        except Exception as error:
            self.error = error

    def end(self):
        self.ending.set()
        self.join()
        if self.error:
            raise self.error


class Sharing(interop.Case):
    def setUp(self):
        self.rig = Rig(interop.SHIM, interop.PROBE, 2)
        self.rig.__enter__()
        self.addCleanup(self.rig.__exit__, None, None, None)

    def short_probe(self, milliseconds, *arguments):
        command = self.rig.probe_command(*arguments)
        environment = dict(os.environ, PROBE_TIMEOUT_MS=str(milliseconds))
        return qemu.subprocess.run(command, env=environment, stdout=-1, stderr=-1, text=True,
                                   timeout=30)

    def hold(self):
        """A probe that has the monitor, and keeps it."""
        probe = self.rig.start_probe('hold')
        self.assertEqual(probe.stdout.readline(), 'holding\n')
        return probe

    def end(self, probe):
        probe.send_signal(signal.SIGKILL)
        probe.communicate()

    def usable(self):
        self.probe_ok(self.rig, 'lookup', *self.rig.pairs())
        libxl_client.session(self.rig.run_dir, self.rig.lib_dir, ('query-status',))

    def test_neither_hangs_nor_fails(self):
        self.rig.start_writer()
        libxl = LibxlLoop(self.rig)
        for n in range(20):
            self.probe_ok(self.rig, 'create', 's%d' % n, *self.rig.pairs())
        libxl.end()
        self.assertGreater(libxl.sessions, 20)
        self.assertLess(libxl.longest, 10)  # as long as libxl itself would wait
        self.assertEqual(len(self.names(self.rig, self.rig.pairs()[0])), 20)
        self.assertEqual(os.listdir(self.rig.lib_dir), [])

    def test_two_of_ours(self):
        probes = [self.rig.start_probe('create', 'p%d' % n, *self.rig.pairs()) for n in range(6)]
        for probe in probes:
            _, said = probe.communicate(timeout=60)
            self.assertEqual(probe.returncode, 0, said)
        self.assertEqual(sorted(self.names(self.rig, self.rig.pairs()[1])),
                         ['p%d' % n for n in range(6)])

    def test_libxl_keeps_the_lock(self):
        with libxl_client.locked(self.rig.lib_dir):
            started = time.monotonic()
            run = self.short_probe(500, 'version')
            self.assertEqual(run.returncode, interop.TIMEDOUT, run.stderr)
            self.assertRegex(run.stderr, 'in use.*try again')
            self.within(5, started)
        self.usable()

    def test_somebody_without_the_lock(self):
        """It has the monitor, so QEMU does not greet us."""
        intruder = qemu.Qmp(qemu.monitor_path(self.rig.run_dir))
        started = time.monotonic()
        run = self.short_probe(500, 'version')
        self.assertEqual(run.returncode, interop.TIMEDOUT, run.stderr)
        self.assertRegex(run.stderr, 'another client')
        self.within(5, started)
        intruder.close()
        self.usable()

    def test_a_killed_holder(self):
        for _ in range(5):
            probe = self.hold()
            self.assertIsNone(probe.poll())
            self.end(probe)
            self.usable()

    def test_killed_at_any_moment(self):
        self.rig.start_writer()
        for n in range(40):
            probe = self.rig.start_probe('create', 'k%02d' % n, *self.rig.pairs())
            time.sleep(n * 0.0015)
            self.end(probe)
            self.usable()
        first, second = (self.names(self.rig, pair) for pair in self.rig.pairs())
        self.assertEqual(first, second)     # each of them is on both or on none

    def test_a_lock_file_that_was_left_behind(self):
        with open(libxl_client.lock_path(self.rig.lib_dir), 'w'):
            pass
        self.usable()

    def test_a_qemu_that_hangs(self):
        self.rig.qemu.stop()
        try:
            started = time.monotonic()
            run = self.short_probe(500, 'version')
            self.assertEqual(run.returncode, interop.TIMEDOUT, run.stderr)
            self.within(5, started)
        finally:
            self.rig.qemu.go_on()
        self.usable()

    def test_a_qemu_that_is_gone(self):
        self.rig.crash_qemu()
        self.probe_fails(self.rig, interop.NOTFOUND, 'no QEMU listens', 'version')
        os.unlink(qemu.monitor_path(self.rig.run_dir))
        self.probe_fails(self.rig, interop.NOTFOUND, 'no QEMU listens', 'version')

    def test_a_qemu_that_dies_meanwhile(self):
        probe = self.hold()
        self.rig.crash_qemu()
        _, said = probe.communicate(timeout=10)     # goes on, with a command
        self.assertEqual(probe.returncode, interop.PROTOCOL_ERROR_QMP, said)
        self.assertRegex(said, 'has closed its monitor')
        self.assertEqual(os.listdir(self.rig.lib_dir), [])


if __name__ == '__main__':
    interop.main()
