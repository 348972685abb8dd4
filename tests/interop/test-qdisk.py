#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The monitor client on the real xenpv qdisk, with a guest that writes."""
import interop
from rig import qemu, writer
from rig.rig import Rig


class Lookup(interop.Case):
    def found(self, rig, argument):
        return self.probe_ok(rig, 'lookup', argument).split()[-1]

    def test_every_disk_is_found(self):
        for disks in (1, 2, 8):
            with self.subTest(disks=disks), Rig(interop.SHIM, interop.PROBE, disks) as rig:
                said = self.probe_ok(rig, 'lookup', *rig.pairs())
                self.assertEqual(said.splitlines(), ['%s %s-qcow2' % (d.vdev, d.vdev)
                                                     for d in rig.disks])

    def test_a_disk_has_several_names(self):
        with Rig(interop.SHIM, interop.PROBE, 2) as rig:
            for name in ('xvdb', 'xvdb0', 'd1', 'd1p0', '51728'):
                pair = '%s=%s' % (name, rig.disks[1].path)
                self.assertEqual(self.found(rig, pair), 'xvdb-qcow2')

    def test_refusals(self):
        with Rig(interop.SHIM, interop.PROBE, formats=['qcow2', 'raw']) as rig:
            first, second = rig.disks
            self.probe_fails(rig, interop.NOTFOUND, 'xvdc.*does not serve it',
                             'lookup', 'xvdc=' + first.path)
            self.probe_fails(rig, interop.INVAL, 'not the image', 'lookup',
                             'xvda=' + second.path)
            self.probe_fails(rig, interop.INVAL, 'should be qcow2.*raw', 'lookup',
                             'xvdb=' + second.path)

    def test_after_an_overlay_the_name_is_not_the_top(self):
        with Rig(interop.SHIM, interop.PROBE) as rig:
            disk, = rig.disks
            overlay = disk.path + '.overlay'
            qemu.qemu_img('create', '-q', '-f', 'qcow2', '-b', disk.path, '-F', 'qcow2', overlay)
            rig.qemu.qmp.command('blockdev-add', {
                'driver': 'qcow2', 'node-name': 'top', 'backing': None,
                'file': {'driver': 'file', 'filename': overlay}})
            rig.qemu.qmp.command('blockdev-snapshot', {'node': 'xvda-qcow2', 'overlay': 'top'})
            self.assertEqual(self.found(rig, 'xvda=' + overlay), 'top')
            self.probe_fails(rig, interop.INVAL, 'not the image', 'lookup', 'xvda=' + disk.path)

    def test_a_second_writable_node_is_refused(self):
        """What an HVM guest has until its PV drivers are up."""
        with Rig(interop.SHIM, interop.PROBE) as rig:
            disk, = rig.disks
            rig.qemu.qmp.command('blockdev-add', {
                'driver': 'qcow2', 'node-name': 'emulated',
                'file': {'driver': 'file', 'locking': 'off', 'filename': disk.path}})
            self.probe_fails(rig, interop.NOT_READY, 'second time.*emulated', 'create', 's1',
                             *rig.pairs())
            rig.qemu.qmp.command('blockdev-del', {'node-name': 'emulated'})
            self.probe_ok(rig, 'create', 's1', *rig.pairs())

    def test_a_job_is_refused(self):
        with Rig(interop.SHIM, interop.PROBE) as rig:
            target = rig.disks[0].path + '.backup'
            qemu.qemu_img('create', '-q', '-f', 'qcow2', target, '16M')
            rig.frontends[0].write(0, bytes(4096))
            rig.qemu.qmp.command('blockdev-add', {
                'driver': 'qcow2', 'node-name': 'target',
                'file': {'driver': 'file', 'filename': target}})
            rig.qemu.qmp.command('blockdev-backup', {
                'job-id': 'job0', 'device': 'xvda-qcow2', 'target': 'target', 'sync': 'none',
                'auto-dismiss': False})
            self.probe_fails(rig, interop.NOT_READY, 'copy-before-write', 'lookup', *rig.pairs())
            rig.qemu.qmp.command('job-cancel', {'id': 'job0'})
            while rig.qemu.qmp.command('query-jobs')[0]['status'] != 'concluded':
                pass
            self.probe_fails(rig, interop.NOT_READY, 'job0.*concluded', 'lookup', *rig.pairs())
            rig.qemu.qmp.command('job-dismiss', {'id': 'job0'})
            self.probe_ok(rig, 'lookup', *rig.pairs())


class Snapshots(interop.Case):
    CYCLES = 12

    def take(self, rig, name):
        """A snapshot with the guest paused; the range of writes it may hold."""
        with rig.paused():
            least = rig.writer.answered
            self.probe_ok(rig, 'create', name, *rig.pairs())
        return least, least + 1         # one may have been on the ring

    def test_each_is_of_one_instant(self):
        for disks in (1, 3):
            with self.subTest(disks=disks), Rig(interop.SHIM, interop.PROBE, disks) as rig:
                rig.start_writer()
                taken = {'s%d' % n: self.take(rig, 's%d' % n) for n in range(self.CYCLES)}
                for name in ('s0', 's5', 's%d' % (self.CYCLES - 1)):
                    self.probe_ok(rig, 'delete', name, *rig.pairs())
                    del taken[name]
                for pair in rig.pairs():
                    self.assertEqual(self.names(rig, pair), list(taken))
                self.assertGreater(rig.writer.answered, max(taken.values())[1])
                rig.shut_down()
                for name, (least, most) in taken.items():
                    last = writer.check(rig.contents(name))
                    self.assertTrue(least <= last <= most, (name, least, last, most))
                writer.check(rig.contents())
                for disk in rig.disks:
                    qemu.qemu_img('check', '-q', disk.path)

    def test_two_instants_are_told_apart(self):
        """So that the check above means something."""
        with Rig(interop.SHIM, interop.PROBE, 2) as rig:
            rig.start_writer()
            rig.writer.fill()
            for pair in rig.pairs():
                self.probe_ok(rig, 'create', 's1', pair)
                between = rig.writer.answered + 100
                while rig.writer.answered < between:
                    pass
            rig.shut_down()
            self.assertRaises(writer.Inconsistent, writer.check, rig.contents('s1'))
            writer.check(rig.contents())

    def test_all_or_nothing(self):
        with Rig(interop.SHIM, interop.PROBE, formats=['qcow2', 'qcow2', 'raw']) as rig:
            rig.start_writer()
            with rig.paused():
                self.probe_fails(rig, interop.QMP_GENERIC_ERROR,
                                 'raw.*does not support internal snapshots', 'raw-create',
                                 's1', 'xvda-qcow2', 'xvdb-qcow2', 'xvdc-raw')
            for pair in rig.pairs()[:2]:
                self.assertEqual(self.names(rig, pair), [])

    def test_a_name_is_taken_once(self):
        with Rig(interop.SHIM, interop.PROBE, 2) as rig:
            self.probe_ok(rig, 'create', 's1', rig.pairs()[1])
            self.probe_fails(rig, interop.QMP_GENERIC_ERROR, "'s1' already exists",
                             'create', 's1', *rig.pairs())
            self.assertEqual(self.names(rig, rig.pairs()[0]), [])
            self.assertEqual(self.names(rig, rig.pairs()[1]), ['s1'])
            for name in ('1', '', 'a/b', 'a\nb', 'n' * 101):
                self.probe_fails(rig, interop.INVAL, 'cannot be a disk snapshot', 'create',
                                 name, *rig.pairs())
            self.probe_ok(rig, 'create', 'n' * 100, *rig.pairs())

    def test_many_snapshots_make_a_long_reply(self):
        with Rig(interop.SHIM, interop.PROBE) as rig:
            for n in range(400):
                rig.qemu.qmp.command('blockdev-snapshot-internal-sync',
                                     {'device': 'xvda-qcow2', 'name': 's%03d-%s' % (n, 'x' * 90)})
            self.assertEqual(len(self.names(rig, rig.pairs()[0])), 400)

    def test_they_outlive_qemu(self):
        with Rig(interop.SHIM, interop.PROBE, 2) as rig:
            for name in ('s0', 's1'):
                rig.start_writer()
                rig.writer.fill()
                least, most = self.take(rig, name)
                rig.crash_qemu()
                last = writer.check(rig.contents(name))
                self.assertTrue(least <= last <= most, (least, last, most))
                rig.start_qemu()
            for pair in rig.pairs():
                self.assertEqual(self.names(rig, pair), ['s0', 's1'])

    def test_the_guest_comes_and_goes(self):
        """Its disks move between threads as it connects and disconnects."""
        with Rig(interop.SHIM, interop.PROBE, 2) as rig:
            for n in range(3):
                for frontend in rig.frontends:
                    frontend.write(0, writer.block_data(n))
                self.probe_ok(rig, 'create', 's%d' % n, *rig.pairs())
                for frontend in rig.frontends:
                    frontend.disconnect()
                for frontend in rig.frontends:
                    frontend.connect()
            self.assertEqual(self.names(rig, rig.pairs()[0]), ['s0', 's1', 's2'])


if __name__ == '__main__':
    interop.main()
