#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The monitor client on QEMU's storage daemon: no Xen disks, nodes by name."""
import os
import subprocess

import interop
from rig import libxl_client, qemu


class StorageDaemon:
    """Two qcow2 images and a raw one, as nodes xvda-qcow2, xvdb-qcow2, xvdc-raw."""

    def __init__(self, directory):
        self.run_dir = self.lib_dir = directory
        self.paths = []
        arguments = []
        for vdev, fmt in (('xvda', 'qcow2'), ('xvdb', 'qcow2'), ('xvdc', 'raw')):
            path = os.path.join(directory, vdev + '.' + fmt)
            qemu.qemu_img('create', '-q', '-f', fmt, path, '16M')
            self.paths.append(path)
            arguments += ['--blockdev', 'driver=%s,node-name=%s-%s,file.driver=file,'
                          'file.filename=%s' % (fmt, vdev, fmt, path)]
        self.process = qemu.start_storage_daemon(directory, os.path.join(directory, 'log'),
                                                 arguments)

    def pairs(self):
        return ['xvda=' + self.paths[0], 'xvdb=' + self.paths[1]]

    def probe(self, *arguments):
        command = [interop.PROBE, self.run_dir, self.lib_dir, str(qemu.DOMID), libxl_client.UUID]
        return subprocess.run(command + list(arguments), stdout=-1, stderr=-1, text=True,
                              timeout=60)


class Transactions(interop.Case):
    def setUp(self):
        self.daemon = StorageDaemon(self.directory())
        self.addCleanup(self.daemon.process.close)

    def test_the_greeting_tells_the_version(self):
        told = qemu.Qmp(qemu.monitor_path(self.daemon.run_dir))
        version = told.greeting['QMP']['version']['qemu']
        told.close()
        expected = '%(major)d.%(minor)d.%(micro)d' % version
        self.assertEqual(self.probe_ok(self.daemon, 'version'), '%s %s\n' % (expected, expected))

    def test_create_list_delete(self):
        for name in ('one', 'two', 'three'):
            self.probe_ok(self.daemon, 'create', name, *self.daemon.pairs())
        self.probe_ok(self.daemon, 'delete', 'two', *self.daemon.pairs())
        for pair in self.daemon.pairs():
            self.assertEqual(self.names(self.daemon, pair), ['one', 'three'])
        self.probe_fails(self.daemon, interop.NOTFOUND, 'no such snapshot', 'delete', 'two',
                         *self.daemon.pairs())

    def test_a_duplicate_is_refused_and_undone(self):
        self.probe_ok(self.daemon, 'create', 'one', self.daemon.pairs()[1])
        self.probe_fails(self.daemon, interop.QMP_GENERIC_ERROR, "'one' already exists",
                         'create', 'one', *self.daemon.pairs())
        self.assertEqual(self.names(self.daemon, self.daemon.pairs()[0]), [])

    def test_the_last_of_three_fails(self):
        self.probe_fails(self.daemon, interop.QMP_GENERIC_ERROR, 'does not support', 'raw-create',
                         'one', 'xvda-qcow2', 'xvdb-qcow2', 'xvdc-raw')
        self.probe_fails(self.daemon, interop.QMP_GENERIC_ERROR, 'Cannot find', 'raw-create',
                         'one', 'xvda-qcow2', 'xvdb-qcow2', 'nobody')
        for pair in self.daemon.pairs():
            self.assertEqual(self.names(self.daemon, pair), [])

    def test_a_refused_command_leaves_the_monitor_usable(self):
        for _ in range(3):
            self.probe_fails(self.daemon, interop.QMP_GENERIC_ERROR, 'Cannot find', 'raw-create',
                             'one', 'nobody')
        self.probe_ok(self.daemon, 'create', 'one', *self.daemon.pairs())

    def test_what_is_not_there_in_a_storage_daemon(self):
        run = self.daemon.probe('status')
        self.assertEqual(run.returncode, 29, run.stderr)    # command not found


if __name__ == '__main__':
    interop.main()
