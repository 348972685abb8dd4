#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Internal snapshots of several disks in one call, by the library, on the real
qdisk and with qemu-img."""
import interop
from external import External
from rig import writer


class Several(External):
    def begin(self):
        self.start(['qcow2'] * 3)
        self.rig.start_writer()
        self.rig.writer.fill()
        self.ok('create', *self.named('s1', 's1', 's1'))
        self.least = self.rig.writer.answered

    def named(self, *names):
        return [self.disk(index, name) for index, name in enumerate(names)]

    def there(self, *names, running=True):
        """Which of these the disks have, in their order."""
        return [line.split(' ')[1] for line in self.ok('find', *self.named(*names),
                                                       running=running)]

    def test_running(self):
        self.begin()
        self.assertEqual(self.there('s1', 's1', 's1'), ['s1', 's1', 's1'])
        self.assertEqual(self.there('s1', 'no', 's1'), ['s1', '-', 's1'])
        self.assertEqual(self.there('no', 'no', 'no'), ['-', '-', '-'])
        self.refused(interop.NOTFOUND, 'xvdb', 'delete', *self.named('s1', 'no', 's1'))
        self.assertEqual(self.there('s1', 's1', 's1'), ['s1', 's1', 's1'])
        said = self.ok('delete', *self.named('s1', 's1', 's1'))
        self.assertEqual(said, ['pause', 'unpause'])
        self.assertEqual(self.there('s1', 's1', 's1'), ['-', '-', '-'])
        answered = self.rig.writer.answered
        self.rig.shut_down()
        self.assertGreaterEqual(writer.check(self.contents(self.image)), answered)

    def test_one_of_three(self):
        self.begin()
        self.ok('delete', self.disk(1, 's1'))
        self.assertEqual(self.there('s1', 's1', 's1'), ['s1', '-', 's1'])

    def test_not_running(self):
        self.begin()
        self.rig.shut_down()
        self.assertEqual(self.there('s1', 'no', 's1', running=False), ['s1', '-', 's1'])
        self.ok('delete', *self.named('s1', 's1', 's1'), running=False)
        self.assertEqual(self.there('s1', 's1', 's1', running=False), ['-', '-', '-'])

    def test_external_ones_are_refused(self):
        self.begin()
        for call in 'find', 'delete':
            self.refused(interop.INVAL, 'an external snapshot is an image of its own', call,
                         self.disk(0, 's1'), self.overlay(1, 'ov'))
        self.assertEqual(self.there('s1', 's1', 's1'), ['s1', 's1', 's1'])


if __name__ == '__main__':
    interop.main()
