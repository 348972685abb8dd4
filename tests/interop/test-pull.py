#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Block jobs by the library's own calls, on the real qdisk, under a guest that
writes all the time."""
import json
import signal
import subprocess
import time

import interop
from external import External
from rig import qemu, writer
from rig.proxy import FAULTS, Proxy

INVAL, NOT_READY, NOTFOUND = 6, 11, 23


class Pull(External):
    CYCLES = 3
    REST = (8 << 20) // 512     # where the disk's second half begins

    def build(self):
        """xvda is an overlay of an overlay of an overlay; all are written to."""
        self.start(['qcow2'])
        for sector in range(self.REST, 2 * self.REST, 8):   # to be pulled, too
            self.rig.frontends[0].write(sector, b'\x07' * 4096)
        self.rig.start_writer()
        self.rig.writer.fill()
        self.frozen = []
        for cycle in range(self.CYCLES):
            self.ok('create', *self.all_external('ov%d' % cycle))
            self.frozen.append((self.least, self.image[0]))
            self.advance('ov%d' % cycle)
            self.write_on()
        self.images = [self.image[0][0]] + [image[0] for _, image in reversed(self.frozen)]

    def write_on(self):
        end = self.rig.writer.answered + 20
        while self.rig.writer.answered < end:
            time.sleep(0.001)

    def pull(self, base='-', speed='0', **more):
        return self.ok('pull', self.disk(0), base, speed, **more)

    def job(self, what, **more):
        return [line for line in self.ok('job', self.disk(0), what, **more)
                if line not in ('pause', 'unpause')][0].split(' ')[0]

    def until(self, status):
        by = time.monotonic() + 60
        while self.job('query') != status:
            self.assertLess(time.monotonic(), by, 'the job is never ' + status)
            time.sleep(0.02)

    def chain(self):
        return [line.split(' ')[2] for line in self.ok('images', 'xvda')]

    def header(self):
        said = qemu.qemu_img('info', '-U', '--output=json', self.image[0][0])
        return json.loads(said).get('full-backing-filename')

    def rest_is_there(self):
        said = subprocess.run(['qemu-io', '-r', '-f', 'qcow2', '-c', 'read -P 7 8M 8M',
                               self.image[0][0]], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=True, timeout=60)
        self.assertNotIn(b'failed', said.stdout)

    def sound(self):
        """Each image holds what it held, and the disk all that was answered."""
        answered = self.rig.writer.answered
        self.rig.shut_down()
        for least, image in self.frozen:
            last = writer.check(self.contents([image]))
            self.assertTrue(least <= last <= least + 1, (least, last))
        self.assertGreaterEqual(writer.check(self.contents(self.image)), answered)
        self.rest_is_there()
        for path in self.images:
            qemu.qemu_img('check', '-q', path)

    def test_to_a_base_and_to_nothing(self):
        self.build()
        self.assertEqual(self.job('query'), 'none')
        self.assertEqual(self.job('finish'), 'none')
        self.assertEqual(self.job('abort'), 'none')
        self.refused(NOTFOUND, 'no block job', 'job', self.disk(0), '7')
        self.pull(self.images[2], PROBE_DRY_RUN='1')
        self.assertEqual(self.job('query'), 'none')
        for base in self.images[2], '-':
            self.pull(base)
            self.assertEqual(self.said, ['pause', 'unpause'])
            self.until('ready')
            self.write_on()
            self.assertEqual(self.job('finish'), 'completed')
            self.assertEqual(self.said[:2], ['pause', 'unpause'])
            self.assertEqual(self.job('query'), 'none')
            self.write_on()
            rest = self.images[2:] if base != '-' else []
            self.assertEqual(self.chain(), self.images[:1] + rest)
            self.assertEqual(self.header(), rest[0] if rest else None)
        self.refused(INVAL, 'nothing to pull', 'pull', self.disk(0), '-', '0')
        self.sound()

    def test_refused(self):
        self.build()
        self.refused(INVAL, 'not one of the images below', 'pull', self.disk(0),
                     '/etc/hostname', '0')
        self.refused(INVAL, 'not one of the images below', 'pull', self.disk(0),
                     self.images[0], '0')
        self.refused(INVAL, 'builds on .* already', 'pull', self.disk(0), self.images[1], '0')
        self.pull(speed='1')
        self.refused(NOT_READY, 'has a block job', 'pull', self.disk(0), '-', '0')
        self.refused(NOT_READY, 'block job', 'create', *self.all_external('no'))
        self.assertEqual(self.job('abort'), 'running')
        self.ok('create', self.disk(0, 's1'))
        self.refused(INVAL, "holds internal snapshots .'s1'", 'pull', self.disk(0), '-', '0')
        self.ok('delete', self.disk(0, 's1'))
        self.sound()

    def test_stopped_and_begun_again(self):
        self.build()
        for _ in range(10):
            self.pull(speed='65536')
            self.write_on()
            self.assertEqual(self.job('abort'), 'running')
            self.assertEqual(self.job('query'), 'none')
            self.assertEqual(self.chain(), self.images)
            self.assertEqual(self.header(), self.images[1])
        self.pull(speed='65536')
        self.assertEqual(self.chain(), self.images)
        self.job('0')
        self.until('ready')
        self.assertEqual(self.chain(), self.images)
        self.job('65536')               # too late, and no harm
        self.assertEqual(self.job('abort'), 'ready')
        self.assertEqual(self.chain(), self.images)
        self.pull()
        self.until('ready')
        self.assertEqual(self.job('finish'), 'completed')
        self.assertEqual(self.chain(), self.images[:1])
        self.sound()

    def dies(self, stage, *arguments):
        """kill -9 at that stage, with the guest paused after the first."""
        status, errors = self.run_probe(*arguments, PROBE_DIES_AT=stage)
        self.assertEqual(status, -signal.SIGKILL, errors)

    def freeze(self):
        name = 'more%d' % len(self.frozen)
        self.ok('create', *self.all_external(name))
        self.frozen.append((self.least, self.image[0]))
        self.advance(name)
        self.images.insert(0, self.image[0][0])
        self.write_on()

    def test_killed_while_it_begins(self):
        self.build()
        for stage, was in ('pause', 'none'), ('start', 'none'), ('unpause', 'running'):
            with self.subTest(stage):
                self.dies(stage, 'pull', self.disk(0), '-', '65536')
                self.assertEqual(self.chain(), self.images)
                self.assertEqual(self.job('query'), was)
                self.write_on()
                self.assertEqual(self.job('abort'), was)
        self.sound()

    def test_killed_while_it_ends(self):
        """What QEMU and the header say is right, and a look at it kills no QEMU."""
        self.build()
        for stage, was in (('pause', 'ready'), ('finalize', 'ready'), ('dismiss', 'none'),
                           ('unpause', 'none')):
            with self.subTest(stage):
                self.pull(self.images[2])
                self.until('ready')
                self.dies(stage, 'job', self.disk(0), 'finish')
                below = self.images[1] if was == 'ready' else self.images[2]
                self.assertEqual(self.chain()[:2], [self.images[0], below])
                self.assertEqual(self.header(), below)
                self.assertEqual(self.job('query'), was)
                self.write_on()
                self.assertEqual(self.job('finish'), 'completed' if was == 'ready' else was)
                self.assertEqual(self.header(), self.images[2])
                del self.images[1]
                self.freeze()
        self.sound()

    def test_killed_while_it_is_stopped(self):
        self.build()
        for stage in 'pause', 'cancel', 'dismiss', 'unpause':
            with self.subTest(stage):
                self.pull(speed='65536')
                self.dies(stage, 'job', self.disk(0), 'abort')
                self.assertEqual(self.chain(), self.images)
                self.assertEqual(self.header(), self.images[1])
                self.write_on()
                self.job('abort')
                self.assertEqual(self.job('query'), 'none')
        self.sound()

    def break_reading(self, path):
        """What the image at path, which has no backing image, holds of the disk
        at 12 MiB can no longer be read."""
        extents = json.loads(qemu.qemu_img('map', '-U', '--output=json', path))
        offset = [extent['offset'] + (12 << 20) - extent['start'] for extent in extents
                  if extent['start'] <= 12 << 20 < extent['start'] + extent['length']][0]
        command = self.rig.qemu.qmp.command
        nodes = command('query-named-block-nodes', {'flat': True})
        image = [node for node in nodes if node['file'] == path and node['drv'] == 'qcow2'][0]
        file = [node for node in nodes if node['file'] == path and node['drv'] == 'file'][0]
        command('blockdev-add', {
            'driver': 'blkdebug', 'node-name': 'broken', 'read-only': True,
            'image': file['node-name'],
            'inject-error': [{'event': 'none', 'iotype': 'read', 'errno': 5, 'once': False,
                              'sector': offset // 512}]})
        command('blockdev-reopen', {'options': [{
            'driver': 'qcow2', 'node-name': image['node-name'], 'read-only': True,
            'file': 'broken'}]})

    def test_an_error_stops_it(self):
        """It does not end by itself, so that nobody's look meets it ended."""
        self.build()
        self.break_reading(self.images[-1])
        self.pull()
        self.until('failed')
        self.assertEqual(self.chain()[:-1], self.images[:-1])
        self.assertEqual(self.job('query'), 'failed')
        self.assertEqual(self.job('finish'), 'failed')
        self.assertEqual(self.job('query'), 'none')
        self.assertEqual(self.chain()[:-1], self.images[:-1])
        self.pull()
        self.until('failed')
        self.assertEqual(self.job('abort'), 'failed')
        self.assertEqual(self.job('query'), 'none')
        self.assertEqual(self.header(), self.images[1])

    def test_qemu_dies(self):
        for speed in '65536', '0':
            with self.subTest(speed):
                self.build()
                self.pull(speed=speed)
                if speed == '0':
                    self.until('ready')
                self.rig.crash_qemu()
                self.assertEqual(self.header(), self.images[1])
                # What was not flushed is lost, as in any crash; nothing before.
                self.assertGreaterEqual(writer.check(self.contents(self.image)),
                                        self.frozen[-1][0])
                self.rest_is_there()

    def test_each_command_fails(self):
        """Lost, refused, garbled: what was begun is found and can be ended."""
        self.build()
        direct = self.run_dir
        proxy = Proxy(self.directory(), self.rig.run_dir)
        self.addCleanup(proxy.close)
        for command in ('query-block', 'query-named-block-nodes', 'block-stream'):
            for fault in FAULTS:
                with self.subTest('%s %s' % (command, fault)):
                    self.run_dir = proxy.run_dir
                    proxy.fail(command, fault)
                    status, _ = self.run_probe('pull', self.disk(0), '-', '65536')
                    self.assertNotEqual(status, 0)
                    self.run_dir = direct
                    self.job('abort')
                    self.assertEqual(self.job('query'), 'none')
        for command in ('query-jobs', 'job-finalize', 'job-dismiss', 'human-monitor-command'):
            for fault in FAULTS:
                with self.subTest('%s %s' % (command, fault)):
                    self.pull(self.images[2])
                    self.until('ready')
                    self.run_dir = proxy.run_dir
                    proxy.fail(command, fault)
                    status, _ = self.run_probe('job', self.disk(0), 'finish')
                    self.run_dir = direct
                    self.job('finish')
                    self.assertEqual(self.job('query'), 'none')
                    self.assertEqual(self.header(), self.images[2])
                    self.write_on()
                    del self.images[1]
                    self.freeze()
        self.sound()


if __name__ == '__main__':
    interop.main()
