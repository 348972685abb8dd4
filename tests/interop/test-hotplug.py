#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk with external snapshots that is detached, on the real qdisk: what QEMU
keeps open of it, that it can be closed, and that the disk can come back."""
import os
import time

import interop
from external import External
from rig import blkfront


class Hotplug(External):
    def begin(self, overlays):
        """xvdb on that many overlays; the images, the active one first."""
        self.start(['qcow2', 'qcow2'])
        images = [self.image[1][0]]
        for n in range(overlays):
            self.ok('create', self.overlay(1, 'ov%d' % n))
            self.advance('ov%d' % n, [1])
            images.insert(0, self.image[1][0])
        return images

    def open_images(self):
        return sorted(node['file']
                      for node in self.rig.qemu.qmp.command('query-named-block-nodes',
                                                            {'flat': True})
                      if node['drv'] == 'qcow2')

    def comes_back(self, path):
        frontend = self.rig.frontends[1]
        self.rig.attach(1, path)
        frontend.write(0, b'b' * blkfront.PAGE)
        self.assertEqual(frontend.read(0), b'b' * blkfront.PAGE)

    def test_without_overlays_qemu_closes_it(self):
        base, = self.begin(0)
        self.rig.detach(1)
        self.assertNotIn(base, self.open_images())
        self.ok('close', 'xvdb', base)
        self.comes_back(base)

    def test_with_overlays(self):
        for overlays in (1, 3):
            with self.subTest(overlays=overlays):
                images = self.begin(overlays)
                self.rig.frontends[1].write(8, b'a' * blkfront.PAGE)
                self.rig.frontends[1].flush()
                self.rig.detach(1)
                self.assertEqual(len(self.open_images()), 1 + len(images))
                self.ok('close', 'xvdb', *images)
                self.assertEqual(self.open_images(), [self.image[0][0]])
                self.ok('close', 'xvdb', *images)
                self.comes_back(images[0])
                self.assertEqual(self.rig.frontends[1].read(8), b'a' * blkfront.PAGE)

    def test_not_closed_it_does_not_come_back(self):
        """What all this is for. If a QEMU does better, it can go."""
        images = self.begin(1)
        self.rig.detach(1)
        with self.assertRaises(blkfront.Stuck):
            self.rig.attach(1, images[0])
        self.assertIn('Duplicate nodes', self.rig.qemu.said())

    def test_merged_before(self):
        """QEMU's own node, whose name it looks for, is gone with its image."""
        images = self.begin(1)
        command = self.rig.qemu.qmp.command
        top, = [node['node-name'] for node in command('query-named-block-nodes', {'flat': True})
                if node['drv'] == 'qcow2' and node['file'] == images[0]]
        command('block-stream', {'job-id': 'pull', 'device': top})
        while command('query-jobs'):
            time.sleep(0.01)
        command('blockdev-del', {'node-name': 'xvdb-qcow2'})
        self.rig.detach(1)
        self.ok('close', 'xvdb', images[0])
        self.assertNotIn(images[0], self.open_images())
        self.comes_back(images[0])

    def test_attached_it_is_left_alone(self):
        images = self.begin(1)
        before = self.nodes()
        self.refused(interop.NOT_READY, 'disk xvdb: QEMU serves it still', 'close', 'xvdb', *images)
        self.assertEqual(self.nodes(), before)

    def test_what_others_use_is_left_alone(self):
        """The images of xvda are no images of xvdb's, and an order that cannot
        be is an error, after which all can be closed still."""
        images = self.begin(1)
        self.rig.detach(1)
        before = self.nodes()
        self.ok('close', 'xvdb', self.image[0][0])
        self.assertEqual(self.nodes(), before)
        self.refused(interop.QMP_GENERIC_ERROR, 'stays open in QEMU', 'close', 'xvdb', *reversed(images))
        self.assertEqual(self.nodes(), before)
        self.ok('close', 'xvdb', *images)

    def test_moved_images(self):
        """Their names are what is left to know them by."""
        images = self.begin(1)
        self.rig.detach(1)
        for image in images:
            os.rename(image, image + '.moved')
        self.ok('close', 'xvdb', *images)
        self.assertEqual(self.open_images(), [self.image[0][0]])


if __name__ == '__main__':
    interop.main()
