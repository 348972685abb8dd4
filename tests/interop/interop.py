# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the interop tests share: where things are, and what to expect."""
import os
import shutil
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
BUILD = os.path.join(os.environ['builddir'], 'tests', 'interop')
PROBE = os.path.join(BUILD, 'qdisk-probe')
SNAPSHOT_PROBE = os.path.join(BUILD, 'snapshot-probe')
SHIM = os.path.join(BUILD, '.libs', 'xenshim.so')

# The probe's exit status is a libxl error without its sign.
(FAIL, INVAL, TIMEDOUT, NOT_READY, NOTFOUND, PROTOCOL_ERROR_QMP,
 QMP_GENERIC_ERROR, ABORTED) = 3, 6, 9, 11, 23, 26, 28, 22


class Case(unittest.TestCase):
    longMessage = True

    def probe_ok(self, rig, *arguments):
        run = rig.probe(*arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def probe_fails(self, rig, status, words, *arguments):
        """It must fail in this way, and say so in one line with these words."""
        run = rig.probe(*arguments)
        self.assertEqual(run.returncode, status, run.stderr)
        self.assertRegex(run.stderr, words)
        self.assertEqual(run.stderr.count('\n'), 1, run.stderr)
        self.assertEqual(run.stdout, '')

    def names(self, rig, pair):
        """The names of a disk's snapshots, as QEMU tells them."""
        return [line.split(' ', 1)[1]
                for line in self.probe_ok(rig, 'list', pair).splitlines()]

    def within(self, seconds, started):
        self.assertLess(time.monotonic() - started, seconds)

    def directory(self):
        path = tempfile.mkdtemp(prefix='xls-interop.')
        self.addCleanup(shutil.rmtree, path)
        return path


def main():
    """As unittest's, but a test that did not run has failed."""
    program = unittest.main(exit=False, verbosity=2)
    if not program.result.testsRun or program.result.skipped:
        sys.exit('some tests did not run')
    sys.exit(not program.result.wasSuccessful())
