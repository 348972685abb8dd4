# SPDX-License-Identifier: LGPL-2.1-or-later
"""A rig whose disks take external snapshots, by the library's own calls
(snapshot_probe.c)."""
import os
import subprocess

import interop
from rig import libxl_client, qemu, writer
from rig.rig import Rig


class External(interop.Case):
    """Each disk's present image and format are in self.image."""

    def start(self, formats):
        self.rig = Rig(interop.SHIM, interop.PROBE, formats=formats)
        self.rig.__enter__()
        self.addCleanup(self.rig.__exit__, None, None, None)
        self.image = [(disk.path, disk.format) for disk in self.rig.disks]
        self.said = []
        self.run_dir = self.rig.run_dir

    def path(self, name):
        return os.path.join(self.rig.directory, name)

    def disk(self, index, snapshot=None):
        path, fmt = self.image[index]
        spec = '%s=%s=%s' % (self.rig.disks[index].vdev, fmt, path)
        return spec + '=' + snapshot if snapshot else spec

    def overlay(self, index, name, fmt='qcow2', how='new'):
        return self.disk(index, '%s:%s:%s' % (how, fmt, self.path('%s.%d' % (name, index))))

    def all_external(self, name):
        return [self.overlay(index, name) for index in range(len(self.image))]

    def advance(self, name, disks=None):
        """The overlays are the images now."""
        for index in range(len(self.image)) if disks is None else disks:
            self.image[index] = (self.path('%s.%d' % (name, index)), 'qcow2')

    def processes(self):
        """Ours, as a /proc of their own: of others on the machine the library
        rightly says that it cannot tell what they have open."""
        path = os.path.join(self.directory(), 'proc')
        os.mkdir(path)
        for pid in [os.getpid()] + ([self.rig.qemu.process.pid] if self.rig.qemu else []):
            os.symlink('/proc/%d' % pid, os.path.join(path, str(pid)))
        return path

    def run_probe(self, *arguments, running=True, **environment):
        """Plays libxl: the guest is paused when the library says so."""
        command = [interop.SNAPSHOT_PROBE, self.run_dir, self.rig.lib_dir,
                   str(qemu.DOMID) if running else '-', libxl_client.UUID] + list(arguments)
        probe = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True,
                                 env=dict(os.environ, PROBE_ASK='1', PROBE_PROC=self.processes(),
                                          **environment))
        self.said, paused = [], False
        for line in probe.stdout:
            line = line.rstrip('\n')
            self.said.append(line)
            if line == 'pause' and self.rig.writer:
                self.rig.writer.pause()
                self.least = self.rig.writer.answered
                paused = True
            elif line == 'unpause' and self.rig.writer:
                self.rig.writer.unpause()
                paused = False
            elif line == 'hook':
                self.while_stopped()
            elif line not in ('pause', 'unpause') and not line.startswith('path '):
                continue
            probe.stdin.write('\n')
            probe.stdin.flush()
        errors = probe.stderr.read()
        probe.stdin.close(), probe.stdout.close(), probe.stderr.close()
        status = probe.wait()
        if paused and not environment.get('PROBE_PAUSE_FAILS'):
            self.rig.writer.unpause()
            if not environment.get('PROBE_DIES_AT'):    # else it cannot help it
                self.fail('the guest was left paused: ' + errors)
        return status, errors

    def while_stopped(self):
        """A hook is at work."""

    def ok(self, *arguments, **more):
        status, errors = self.run_probe(*arguments, **more)
        self.assertEqual(status, 0, errors)
        return self.said

    def refused(self, expected, words, *arguments, **more):
        status, errors = self.run_probe(*arguments, **more)
        self.assertEqual(status, expected, errors)
        self.assertRegex(errors, words)
        self.assertEqual(errors.count('\n'), 1, errors)

    def contents(self, images):
        raw, contents = self.path('content.raw'), []
        for path, fmt in images:
            qemu.qemu_img('convert', '-f', fmt, '-O', 'raw', path, raw)
            with open(raw, 'rb') as content:
                contents.append(content.read(writer.BLOCKS * writer.BLOCK))
        return contents

    def nodes(self):
        return [node['node-name']
                for node in self.rig.qemu.qmp.command('query-named-block-nodes', {'flat': True})]

    def nothing_left(self, name):
        self.assertFalse([n for n in os.listdir(self.rig.directory) if n.startswith(name)])
        used = [path for path, _ in self.image]
        for node in self.rig.qemu.qmp.command('query-named-block-nodes', {'flat': True}):
            if node['node-name'].startswith('xls-'):
                self.assertIn(node['file'], used)
        self.assertEqual(os.listdir(self.rig.lib_dir), [])
