#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""External snapshots by the library's own calls, on the real qdisk."""
import json
import os
import shutil
import stat
import subprocess

import interop
from external import External
from rig import libxl_client, qemu, writer
from rig.proxy import FAULTS, Proxy

BADFAIL, DEVICE_EXISTS, NOPARAVIRT = 7, 17, 10


class Instants(External):
    CYCLES = 4

    def check_instants(self, formats):
        self.start(formats)
        self.rig.start_writer()
        self.rig.writer.fill()
        frozen = []
        for cycle in range(self.CYCLES):
            name = 'ov%d' % cycle
            self.ok('create', *self.all_external(name))
            frozen.append((self.least, list(self.image)))
            self.advance(name)
            self.assertEqual([s for s in self.said if s.startswith('path')],
                             ['path %s qcow2 %s' % (d.vdev, self.image[i][0])
                              for i, d in enumerate(self.rig.disks)])
            end = self.rig.writer.answered + 50
            while self.rig.writer.answered < end:
                pass
        for index, disk in enumerate(self.rig.disks):
            said = [line.split(' ') for line in self.ok('images', disk.vdev)]
            self.assertEqual([path for _, _, path in said],
                             [self.image[index][0]] +
                             [images[index][0] for _, images in reversed(frozen)])
            self.assertEqual([fmt for _, fmt, _ in said], ['qcow2'] * self.CYCLES +
                             [formats[index]])
            self.assertNotIn('-', [node for node, _, _ in said])
            self.assertLessEqual(max(len(node) for node, _, _ in said), 31)
        answered = self.rig.writer.answered
        self.rig.shut_down()
        for least, images in frozen:
            last = writer.check(self.contents(images))
            self.assertTrue(least <= last <= least + 1, (least, last))
        self.assertGreaterEqual(writer.check(self.contents(self.image)), answered)
        for path, fmt in self.image:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            qemu.qemu_img('check', '-q', path)

    def test_one_disk(self):
        self.check_instants(['qcow2'])

    def test_several_disks(self):
        self.check_instants(['qcow2', 'raw', 'qcow2'])

    def while_stopped(self):
        """A hook takes the raw disk, and looks whether QEMU can be asked."""
        if not self.rig.qemu:
            return
        said = subprocess.run([interop.SNAPSHOT_PROBE, self.run_dir, self.rig.lib_dir,
                               str(qemu.DOMID), libxl_client.UUID, 'images', 'xvda'],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              check=False)
        self.asked = said.returncode, said.stdout.decode()
        shutil.copyfile(self.image[1][0], self.path('copy'))

    def test_with_a_hook(self):
        self.start(['qcow2', 'raw'])
        self.rig.start_writer()
        self.rig.writer.fill()
        base = list(self.image)
        self.ok('create', self.overlay(0, 'ov'), PROBE_HOOK='works')
        self.assertEqual([s.split(' ')[0] for s in self.said[:-1]],
                         ['pause', 'hook', 'path', 'unpause'])
        self.assertEqual((self.asked[0], self.asked[1].count('\n')), (0, 1), self.asked[1])
        least = self.least
        self.advance('ov', [0])
        self.rig.shut_down()
        last = writer.check(self.contents([base[0], (self.path('copy'), 'raw')]))
        self.assertTrue(least <= last <= least + 1, (least, last))

    def test_with_a_hook_alone(self):
        self.start(['qcow2', 'raw'])
        self.rig.start_writer()
        self.ok('create', PROBE_HOOK='works')
        self.assertEqual(self.said[:-1], ['pause', 'hook', 'unpause'])
        self.rig.shut_down()
        self.ok('create', running=False, PROBE_HOOK='offline')
        self.assertEqual(self.said[:-1], ['hook'])
        self.refused(interop.INVAL, 'neither memory nor a disk', 'create', running=False)

    def test_with_a_hook_that_fails(self):
        self.start(['qcow2', 'raw'])
        self.rig.start_writer()
        self.refused(NOPARAVIRT, 'while the domain stands still', 'create',
                     self.overlay(0, 'ov'), PROBE_HOOK='fail')
        self.assertEqual(self.said, ['pause', 'hook', 'unpause'])
        self.nothing_left('ov')
        self.ok('create', self.disk(0, 's1'), PROBE_HOOK='works')
        self.refused(NOPARAVIRT, 'while the domain', 'create', self.disk(0, 's2'),
                     PROBE_HOOK='fail')
        self.assertEqual(self.ok('list', self.disk(0)), ['s1'])

    def test_mixed_with_internal(self):
        self.start(['qcow2', 'qcow2'])
        self.rig.start_writer()
        self.rig.writer.fill()
        base = list(self.image)
        self.ok('create', self.overlay(0, 'ov'), self.disk(1, 's1'))
        least = self.least
        self.advance('ov', [0])
        result = json.loads(self.said[-1])
        self.assertEqual(result['disks'][0]['handle']['format.qcow2']['overlay']['path'],
                         self.image[0][0])
        self.assertNotIn('id', result['disks'][0])
        self.assertEqual(result['disks'][1]['id'], '1')
        # An overlay takes internal ones as any qcow2 does, through its own node.
        self.ok('create', self.disk(0, 's2'), self.disk(1, 's2'))
        second = self.least
        self.assertEqual(self.ok('list', self.disk(0)), ['s2'])
        self.ok('delete', self.disk(1, 's1'))
        self.refused(interop.INVAL, 'libxl_disk_merge', 'delete', self.overlay(0, 'other'))
        self.rig.shut_down()
        raw = self.path('content.raw')
        both = []
        for path, _ in self.image:
            qemu.qemu_img('convert', '-f', 'qcow2', '-l', 'snapshot.name=s2', '-O', 'raw', path, raw)
            with open(raw, 'rb') as content:
                both.append(content.read(writer.BLOCKS * writer.BLOCK))
        last = writer.check(both)
        self.assertTrue(second <= last <= second + 1, (second, last))
        writer.check(self.contents(self.image))
        self.assertEqual(self.contents(base[:1])[0][:8], b'xlswrite')
        self.assertGreaterEqual(second, least)

    def test_bitmaps_go_on(self):
        self.start(['qcow2'])
        monitor = self.rig.qemu.qmp
        for name, more in (('cp1', {'persistent': True, 'granularity': 131072}),
                           ('cp2', {'persistent': True}), ('off', {'persistent': True,
                                                                   'disabled': True}),
                           ('transient', {})):
            monitor.command('block-dirty-bitmap-add', dict(node='xvda-qcow2', name=name, **more))
        self.refused(interop.INVAL, 'checkpoints', 'create', self.overlay(0, 'ov', 'qed'))
        self.nothing_left('ov')
        self.ok('create', self.overlay(0, 'ov'))
        self.advance('ov')
        self.rig.frontends[0].write(0, writer.block_data(0))
        self.rig.shut_down()
        info = json.loads(qemu.qemu_img('info', '--output=json', self.image[0][0]))
        found = {b['name']: b for b in info['format-specific']['data']['bitmaps']}
        self.assertEqual(sorted(found), ['cp1', 'cp2'])
        self.assertEqual(found['cp1']['granularity'], 131072)
        self.assertEqual(found['cp1']['flags'], ['auto'])
        self.assertTrue(info['backing-filename'].startswith('/'))
        self.assertEqual(info['backing-filename-format'], 'qcow2')

    def test_it_is_opened_as_the_image_was(self):
        self.start(['qcow2'])
        proxy = Proxy(self.directory(), self.rig.run_dir)
        self.addCleanup(proxy.close)
        self.run_dir = proxy.run_dir
        self.ok('create', self.overlay(0, 'ov'))
        added, = [m['arguments'] for m in proxy.messages if m['execute'] == 'blockdev-add']
        for layer in added, added['file']:
            self.assertEqual(layer['discard'], 'unmap')     # as the rig's xenstore says
        self.assertEqual(added['file']['locking'], 'off')
        listed = {node['node-name']: node for node in
                  self.rig.qemu.qmp.command('query-named-block-nodes', {'flat': True})}
        for what in 'cache', 'detect_zeroes':
            self.assertEqual(listed[added['node-name']][what], listed['xvda-qcow2'][what])
        self.assertFalse(listed[added['node-name']]['ro'])
        self.assertTrue(listed['xvda-qcow2']['ro'])

    def test_a_chain_has_an_end(self):
        self.start(['qcow2'])
        below = 'xvda-qcow2'
        for n in range(47):
            top, node = self.path('ch%d.0' % n), 'ch%d' % n
            qemu.qemu_img('create', '-q', '-f', 'qcow2', '-b', self.image[0][0], '-F', 'qcow2', top)
            self.rig.qemu.qmp.command('blockdev-add', {
                'driver': 'qcow2', 'node-name': node, 'backing': None,
                'file': {'driver': 'file', 'filename': top, 'locking': 'off'}})
            self.rig.qemu.qmp.command('blockdev-snapshot', {'node': below, 'overlay': node})
            below = node
            self.advance('ch%d' % n)
            if n == 45:
                self.ok('plan', self.overlay(0, 'ov'))
        self.refused(interop.INVAL, '48 images already; merge', 'create', self.overlay(0, 'ov'))
        self.assertEqual(len(self.ok('images', 'xvda')), 48)


class Reuse(External):
    def make(self, name, *options, base=None, fmt='qcow2'):
        qemu.qemu_img('create', '-q', '-f', fmt, '-b', base or self.image[0][0], '-F',
                      self.image[0][1], *options, self.path(name + '.0'))
        return self.path(name + '.0')

    def reuse(self, name, fmt='qcow2'):
        return self.overlay(0, name, fmt, 'reuse')

    def test_reuse(self):
        self.start(['qcow2'])
        self.rig.start_writer()
        self.make('good')
        before = os.stat(self.path('good.0')).st_ino
        self.ok('create', self.reuse('good'))
        self.assertEqual(os.stat(self.path('good.0')).st_ino, before)
        base = self.image[0]
        self.advance('good')
        self.rig.shut_down()
        last = writer.check(self.contents([base]))
        self.assertTrue(self.least <= last <= self.least + 1)
        writer.check(self.contents(self.image))

    def test_a_failure_leaves_a_reused_one(self):
        self.start(['qcow2', 'qcow2'])
        self.make('good')
        with open(self.path('good.0'), 'rb') as file:
            before = file.read()
        proxy = Proxy(self.directory(), self.rig.run_dir)
        self.addCleanup(proxy.close)
        self.run_dir = proxy.run_dir
        proxy.fail('transaction', 'refuse')
        self.refused(interop.QMP_GENERIC_ERROR, 'not today', 'create', self.reuse('good'),
                     self.disk(1, 's1'))
        with open(self.path('good.0'), 'rb') as file:
            self.assertEqual(file.read(), before)
        self.assertNotIn('xls-ovl-51712-1', self.nodes())
        proxy.fail(None, None)
        self.ok('create', self.reuse('good'), self.disk(1, 's1'))

    def test_refusals(self):
        self.start(['qcow2'])
        good = self.make('good')
        with open(self.path('empty.0'), 'w'):
            pass
        self.refused(interop.INVAL, 'exists already', 'create', self.overlay(0, 'good'))
        self.refused(interop.INVAL, 'exists already', 'create', self.overlay(0, 'empty'))
        self.refused(interop.INVAL, 'cannot be looked at', 'create', self.reuse('empty'))
        self.refused(interop.INVAL, 'to be reused, but', 'create', self.reuse('none'))
        os.symlink('/nowhere', self.path('link.0'))
        self.refused(interop.INVAL, 'exists already', 'create', self.overlay(0, 'link'))
        os.mkdir(self.path('dir.0'))
        self.refused(interop.INVAL, 'neither a file', 'create', self.reuse('dir'))
        other = self.path('other')
        qemu.qemu_img('create', '-q', '-f', 'qcow2', other, '16M')
        self.make('else', base=other)
        self.refused(interop.INVAL, 'does not have the disk', 'create', self.reuse('else'))
        self.make('small', base=self.image[0][0])
        qemu.qemu_img('resize', '-q', '--shrink', self.path('small.0'), '8M')
        self.refused(interop.INVAL, 'less than', 'create', self.reuse('small'))
        self.refused(interop.INVAL, 'not in qed|cannot be looked at', 'create',
                     self.reuse('good', 'qed'))
        for name, command in (('data', 'write 0 64k'), ('zero', 'write -z 1M 64k')):
            path = self.make(name)
            subprocess.run(['qemu-io', '-f', 'qcow2', '-c', command, path], check=True,
                           stdout=subprocess.DEVNULL)
            self.refused(interop.INVAL, 'would hide', 'create', self.reuse(name))
        qemu.qemu_img('snapshot', '-c', 's', self.make('snap'))
        self.refused(interop.INVAL, 'holds snapshots', 'create', self.reuse('snap'))
        qemu.qemu_img('bitmap', '--add', self.make('bitmap'), 'b')
        self.refused(interop.INVAL, 'dirty bitmaps', 'create', self.reuse('bitmap'))
        with open(good, 'rb'):
            self.refused(interop.NOT_READY, 'python', 'create', self.reuse('good'))
        self.assertEqual([n for n in self.nodes() if n.startswith('xls-')], [])
        self.ok('create', self.reuse('good'))


class Failures(External):
    def through_proxy(self):
        proxy = Proxy(self.directory(), self.rig.run_dir)
        self.addCleanup(proxy.close)
        self.run_dir = proxy.run_dir
        proxy.fail(None, None)
        return proxy

    FORMATS = ['qcow2', 'qcow2', 'raw']

    def snapshot(self, name):
        return ['create', self.overlay(0, name), self.disk(1, name), self.overlay(2, name)]

    def begin(self):
        self.start(self.FORMATS)
        self.proxy = self.through_proxy()
        self.rig.start_writer()
        self.rig.writer.fill()
        self.taken = 0

    def finish(self):
        self.rig.shut_down()
        writer.check(self.contents(self.image))

    def happens(self, name):
        self.advance(name, [0, 2])
        self.taken += 1

    def test_every_command_in_every_way(self):
        self.begin()
        self.ok(*self.snapshot('whole'))
        self.happens('whole')
        commands = list(self.proxy.seen)
        self.assertEqual(commands.count('transaction'), 1)
        self.assertEqual(commands.count('blockdev-add'), 2)
        transaction = commands.index('transaction') + 1
        for at in range(1, len(commands) + 1):
            for fault in FAULTS:
                if self.taken > 20:     # a chain has its limits
                    self.finish()
                    self.begin()
                with self.subTest(at=at, command=commands[at - 1], fault=fault):
                    self.one_fault(at, commands[at - 1], fault, at - transaction)
        self.finish()

    def one_fault(self, at, command, fault, past):
        """past: how far behind the transaction."""
        name = 'f%d-%s' % (at, fault)
        before = self.rig.writer.answered
        self.proxy.fail(at, fault)
        status, errors = self.run_probe(*self.snapshot(name))
        self.proxy.fail(None, None)
        # What is asked for only to describe a device can be done without.
        optional = command == 'qom-get' and fault == 'refuse' and not status
        if past > 0:
            self.assertIn(status, (0, BADFAIL), errors)
        elif optional or not past and fault in ('lose-answer', 'garble'):
            self.assertEqual(status, 0, errors)
        else:
            self.assertNotIn(status, (0, BADFAIL), errors)
        if not status or status == BADFAIL:
            self.happens(name)
        else:
            self.assertFalse([n for n in os.listdir(self.rig.directory) if n.startswith(name)])
        self.all_is_well(name, not status)
        while self.rig.writer.answered < before + 3:
            self.assertIsNone(self.rig.writer.error)

    def all_is_well(self, name, taken):
        for index in (0, 2):
            images = self.ok('images', self.rig.disks[index].vdev)
            self.assertEqual(images[0].split(' ', 2)[2], self.image[index][0])
        self.assertEqual(name in self.ok('list', self.disk(1)), taken)
        used = [path for path, _ in self.image]
        nodes = self.rig.qemu.qmp.command('query-named-block-nodes', {'flat': True})
        self.assertEqual([node['node-name'] for node in nodes
                          if node['node-name'].startswith('xls-') and not node['ro'] and
                          node['file'] not in used], [])
        self.assertEqual(os.listdir(self.rig.lib_dir), [])

    def test_a_duplicate_name_on_another_disk(self):
        self.start(['qcow2', 'qcow2'])
        self.rig.start_writer()
        self.rig.qemu.qmp.command('blockdev-snapshot-internal-sync',
                                  {'device': 'xvdb-qcow2', 'name': 's1'})
        self.refused(DEVICE_EXISTS, 'already', 'create', self.overlay(0, 'ov'),
                     self.disk(1, 's1'))
        self.nothing_left('ov')
        # Made behind our back, between the look and the transaction.
        proxy = self.through_proxy()
        self.ok('plan', self.overlay(0, 'ov'), self.disk(1, 's2'))
        sneaked = []

        def sneak(command):
            if command == 'transaction' and not sneaked:
                sneaked.append(self.rig.qemu.qmp.command(
                    'blockdev-snapshot-internal-sync', {'device': 'xvdb-qcow2', 'name': 's2'}))
        proxy.before = sneak
        self.refused(interop.QMP_GENERIC_ERROR, "'s2' already exists", 'create', self.overlay(0, 'ov'),
                     self.disk(1, 's2'))
        self.assertTrue(sneaked)
        self.nothing_left('ov')
        self.ok('create', self.overlay(0, 'ov'), self.disk(1, 's3'))

    def test_a_way_back_that_is_barred(self):
        self.start(['qcow2'])
        proxy = self.through_proxy()
        proxy.faults = {'transaction': 'refuse', 'blockdev-del': 'refuse'}
        self.refused(BADFAIL, 'not today.*stays open in QEMU', 'create', *self.all_external('ov'))
        self.assertTrue(os.path.exists(self.path('ov.0')))      # QEMU has it open
        self.assertIn('xls-ovl-51712-1', self.nodes())
        # Another name for the next one's node, and nothing in its way.
        proxy.fail(None, None)
        self.ok('create', *self.all_external('next'))
        self.assertIn('xls-ovl-51712-2', self.nodes())

    def test_a_path_that_is_not_stored(self):
        self.start(['qcow2', 'qcow2'])
        self.rig.start_writer()
        self.refused(BADFAIL, r'\(xvda\).*no path today.*overlays already', 'create',
                     *self.all_external('ov'), PROBE_SET_PATH_FAILS='xvda')
        self.advance('ov')
        # The other disk's was stored all the same, and the guest runs.
        self.assertIn('path xvdb qcow2 ' + self.image[1][0], self.said)
        self.assertEqual(self.said[-1], 'unpause')
        for index in (0, 1):
            said = self.ok('images', self.rig.disks[index].vdev)
            self.assertEqual(said[0].split(' ')[2], self.image[index][0])

    def test_a_mixed_one_whose_path_is_not_stored(self):
        self.start(['qcow2', 'qcow2'])
        self.refused(BADFAIL, 'overlays already', 'create', self.overlay(0, 'ov'),
                     self.disk(1, 's1'), PROBE_SET_PATH_FAILS='xvda')
        self.assertEqual(self.ok('list', self.disk(1)), [])

    def test_a_pause_that_fails(self):
        self.start(['qcow2'])
        self.refused(interop.FAIL, 'cannot pause', 'create', *self.all_external('ov'),
                     PROBE_PAUSE_FAILS='1')
        self.nothing_left('ov')

    def dies_at(self, command):
        self.start(['qcow2'])
        proxy = self.through_proxy()

        def die(seen):
            if seen == command and self.rig.qemu:
                self.rig.crash_qemu()
                proxy.die()
        proxy.before = die
        return self.run_probe('create', *self.all_external('ov'))

    def test_a_qemu_that_dies_before(self):
        status, errors = self.dies_at('blockdev-add')
        self.assertEqual(status, interop.PROTOCOL_ERROR_QMP, errors)
        self.assertFalse(os.path.exists(self.path('ov.0')))

    def test_a_qemu_that_dies_in_the_transaction(self):
        """Nothing tells what became of it: the overlay stays."""
        status, errors = self.dies_at('transaction')
        self.assertEqual(status, BADFAIL, errors)
        self.assertRegex(errors, 'does not tell')
        self.assertTrue(os.path.exists(self.path('ov.0')))
        self.assertEqual(self.said, ['pause', 'unpause'])


class NotRunning(External):
    def test_offline(self):
        self.start(['qcow2', 'raw', 'qcow2'])
        self.rig.start_writer()
        self.rig.writer.fill()
        self.refused(interop.NOT_READY, 'qemu', 'create', *self.all_external('ov'),
                     running=False)
        self.nothing_left('ov')
        answered = self.rig.writer.answered
        self.rig.shut_down()
        base = self.contents(self.image)
        self.assertGreaterEqual(writer.check(base), answered)
        self.ok('create', self.overlay(0, 'ov'), self.overlay(1, 'ov', 'qed'),
                self.disk(2, 's1'), running=False)
        self.assertEqual(self.contents([(self.path('ov.0'), 'qcow2'), (self.path('ov.1'), 'qed'),
                                        self.image[2]]), base)
        for name in ('ov.0', 'ov.1'):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)
        # The second disk fails: the first one's overlay goes again.
        self.refused(DEVICE_EXISTS, 'already', 'create', self.overlay(0, 'again'),
                     self.disk(2, 's1'), running=False)
        self.assertFalse(os.path.exists(self.path('again.0')))
        qemu.qemu_img('snapshot', '-c', 's1', self.path('ov.0'))
        self.assertEqual(self.ok('list', 'xvda=qcow2=' + self.path('ov.0'), running=False), ['s1'])

    def test_a_new_overlay_for_a_revert(self):
        self.start(['raw'])
        self.rig.shut_down()
        image, _ = self.image[0]
        overlay = self.path('ov.0')
        self.ok('overlay', image, 'raw', overlay, 'qcow2', running=False)
        info = json.loads(qemu.qemu_img('info', '--output=json', overlay))
        self.assertEqual((info['virtual-size'], info['backing-filename'],
                          info['backing-filename-format']), (16 << 20, image, 'raw'))
        self.refused(DEVICE_EXISTS, 'exists already', 'overlay', image, 'raw', overlay, 'qcow2',
                     running=False)
        self.refused(interop.INVAL, 'qcow2 or qed', 'overlay', image, 'raw', self.path('x'), 'raw',
                     running=False)
        self.refused(interop.INVAL, 'absolute', 'overlay', image, 'raw', 'x', 'qcow2',
                     running=False)
        self.refused(interop.FAIL, 'not in qcow2', 'overlay', image, 'qcow2', self.path('x'),
                     'qcow2', running=False)
        self.refused(interop.FAIL, 'No such file', 'overlay', image, 'raw',
                     self.path('none/x'), 'qcow2', running=False)
        self.assertFalse(os.path.exists(self.path('x')))


if __name__ == '__main__':
    interop.main()
