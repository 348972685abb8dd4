#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images that nobody has open become one; nothing that is read changes."""
import json
import os
import random
import signal
import subprocess
import time

import interop
from rig import qemu

PROBE = os.path.join(interop.BUILD, 'merge-probe')
SEED = int(os.environ.get('SEED', time.time_ns() % 1000000))
KILLS = int(os.environ.get('KILLS', '6'))
MIB = 1 << 20


class Images:
    """A folder of images, and what each of them reads."""

    def __init__(self, directory, seed=SEED):
        self.directory = directory
        self.random = random.Random(seed)

    def path(self, name):
        return os.path.join(self.directory, name)

    def create(self, name, fmt='qcow2', size=32 * MIB, backing=None, backing_format='qcow2',
               options=()):
        on = ['-b', self.path(backing), '-F', backing_format] if backing else []
        qemu.qemu_img('create', '-q', '-f', fmt, *options, *on, self.path(name), size)

    def scribble(self, name, fmt='qcow2', size=32 * MIB, count=40):
        """Data, zeros and discarded places, anywhere."""
        commands = []
        for _ in range(count):
            length = self.random.choice((512, 4096, 65536, 200 * 512, 1 << 20))
            at = self.random.randrange(0, (size - length) // 512) * 512
            kind = self.random.choice(('write -P %d' % self.random.randrange(1, 255),) * 4 +
                                      ('write -z', 'discard'))
            commands += ['-c', '%s %d %d' % (kind, at, length)]
        self.io(name, commands, fmt)

    def io(self, name, commands, fmt='qcow2'):
        subprocess.run(['qemu-io', '-f', fmt, *commands, self.path(name)], check=True,
                       stdout=subprocess.DEVNULL)

    def content(self, name, fmt='qcow2'):
        raw = self.path('content')
        qemu.qemu_img('convert', '-f', fmt, '-O', 'raw', self.path(name), raw)
        with open(raw, 'rb') as content:
            return content.read()

    def info(self, name, fmt='qcow2'):
        return json.loads(qemu.qemu_img('info', '-f', fmt, '--output=json', self.path(name)))

    def bitmap(self, *arguments):
        qemu.qemu_img('bitmap', '-f', 'qcow2', *arguments)

    def dirty(self, name, bitmap):
        """The ranges that a stored bitmap has, by serving the image."""
        socket = self.path('socket')
        server = subprocess.Popen(['qemu-nbd', '-r', '-f', 'qcow2', '-B', bitmap, '-k', socket,
                                   self.path(name)])
        try:
            while not os.path.exists(socket):
                time.sleep(0.01)
            ranges = json.loads(qemu.qemu_img(
                'map', '--output=json', '--image-opts',
                'driver=nbd,server.type=unix,server.path=%s,'
                'x-dirty-bitmap=qemu:dirty-bitmap:%s' % (socket, bitmap)))
            return {(r['start'] + at) // 65536 for r in ranges if not r['data']
                    for at in range(0, r['length'], 65536)}
        finally:
            server.terminate()
            server.wait()
            if os.path.exists(socket):
                os.unlink(socket)


class Case(interop.Case):
    def setUp(self):
        self.images = Images(self.directory())
        # Processes that are not ours cannot be looked into everywhere.
        os.mkdir(self.images.path('proc'))
        os.symlink('/proc/%d' % os.getpid(), self.images.path('proc/%d' % os.getpid()))

    def command(self, direction, *images):
        words = []
        for name, fmt in images:
            words += [self.images.path(name), fmt]
        return [PROBE, 'offline', direction] + words

    def start(self, direction, *images, dependants=()):
        environment = dict(
            os.environ, MERGE_PROC=self.images.path('proc'), MERGE_DEPENDANTS=' '.join(
                '%s=%s' % (self.images.path(name), fmt) for name, fmt in dependants))
        return subprocess.Popen(self.command(direction, *images), env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def merge(self, direction, *images, dependants=()):
        probe = self.start(direction, *images, dependants=dependants)
        said = probe.communicate(timeout=120)[1]
        return probe.returncode, said

    def merges(self, *arguments, **keywords):
        status, said = self.merge(*arguments, **keywords)
        self.assertEqual(status, 0, said)
        return said

    def refuses(self, expected, words, *arguments, **keywords):
        status, said = self.merge(*arguments, **keywords)
        self.assertEqual(status, expected, said)
        self.assertRegex(said, words)
        self.assertEqual([l for l in said.splitlines() if not l.startswith('progress')].__len__(),
                         1, said)

    def chain(self, formats=('qcow2', 'qcow2', 'qcow2'), sizes=(32, 32, 32), count=40):
        """a <- b <- c, and so on, with data in each; what the last one reads."""
        below = None
        for index, (fmt, size) in enumerate(zip(formats, sizes)):
            name = 'abcdef'[index]
            self.images.create(name, fmt, size * MIB, below, formats[index - 1])
            self.images.scribble(name, fmt, size * MIB, count)
            below = name
        return self.images.content(below, formats[-1])

    def backing(self, name, fmt='qcow2'):
        info = self.images.info(name, fmt)
        return (os.path.basename(info['backing-filename']) if 'backing-filename' in info else None,
                info.get('backing-filename-format'))

    def sound(self, *names):
        for name in names:
            qemu.qemu_img('check', '-q', '-f', 'qcow2', self.images.path(name))

    def not_corrupt(self, *names):
        """A tool that is killed may leave clusters that nobody has: only space."""
        for name in names:
            self.assertIn(subprocess.run(
                ['qemu-img', 'check', '-q', '-f', 'qcow2', self.images.path(name)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode, (0, 3), name)


class Merge(Case):
    def test_commit(self):
        for formats in (('qcow2', 'qcow2'), ('raw', 'qcow2'), ('qed', 'qcow2'), ('qcow2', 'qed'),
                        ('raw', 'qed')):
            with self.subTest(formats=formats):
                self.setUp()
                before = self.chain(formats)
                said = self.merges('commit', ('b', formats[1]), ('a', formats[0]))
                self.assertIn('progress 10000 10000', said)
                self.assertEqual(self.images.content('a', formats[0]), before)
                self.assertEqual(self.images.content('b', formats[1]), before)
                self.merges('commit', ('b', formats[1]), ('a', formats[0]))
                self.assertEqual(self.images.content('a', formats[0]), before)

    def test_commit_with_overlays_on_top(self):
        first = self.chain()
        self.images.create('d', backing='b')
        self.images.scribble('d')
        second = self.images.content('d')
        self.merges('commit', ('b', 'qcow2'), ('a', 'qcow2'),
                    dependants=[('c', 'qcow2'), ('d', 'qcow2')])
        os.unlink(self.images.path('b'))
        self.assertEqual(self.backing('c'), ('a', 'qcow2'))
        self.assertEqual(self.backing('d'), ('a', 'qcow2'))
        self.assertEqual(self.images.content('c'), first)
        self.assertEqual(self.images.content('d'), second)
        self.sound('a', 'c', 'd')

    def test_commit_makes_base_larger_and_never_smaller(self):
        before = self.chain(('qcow2', 'qcow2'), (16, 32))
        self.merges('commit', ('b', 'qcow2'), ('a', 'qcow2'))
        self.assertEqual(self.images.content('a'), before)
        self.setUp()
        self.chain(('qcow2', 'qcow2'), (32, 16))
        before = self.images.content('a')
        self.refuses(interop.INVAL, 'larger', 'commit', ('b', 'qcow2'), ('a', 'qcow2'))
        self.assertEqual(self.images.content('a'), before)

    def test_pull(self):
        for formats in (('qcow2', 'qcow2', 'qcow2'), ('raw', 'qcow2', 'qcow2'),
                        ('qed', 'qcow2', 'qcow2'), ('qcow2', 'qed', 'qcow2')):
            for sizes in ((32, 32, 32), (16, 32, 32), (32, 16, 32), (16, 16, 32), (32, 32, 16)):
                with self.subTest(formats=formats, sizes=sizes):
                    self.setUp()
                    before = self.chain(formats, sizes)
                    images = (('c', formats[2]), ('b', formats[1]), ('a', formats[0]))
                    self.merges('pull', *images)
                    os.unlink(self.images.path('b'))
                    self.assertEqual(self.backing('c'), ('a', formats[0]))
                    self.assertEqual(self.images.content('c'), before)
                    self.merges('pull', *images)        # base is gone by then
                    self.assertEqual(self.images.content('c'), before)
                    self.sound('c')

    def test_pull_all(self):
        for fmt in ('qcow2', 'raw', 'qed'):
            with self.subTest(format=fmt):
                self.setUp()
                before = self.chain((fmt, 'qcow2'))
                self.merges('pull', ('b', 'qcow2'), ('a', fmt))
                os.unlink(self.images.path('a'))
                self.assertEqual(self.backing('b'), (None, None))
                self.assertEqual(self.images.content('b'), before)

    def test_a_format_that_was_not_stated(self):
        """A guest has written a header into its raw disk; QEMU must not read it."""
        secret = self.images.path('secret')
        with open(secret, 'wb') as file:
            file.write(b'S' * MIB)
        self.images.create('trap', size=32 * MIB)
        qemu.qemu_img('rebase', '-u', '-f', 'qcow2', '-b', secret, '-F', 'raw',
                      self.images.path('trap'))
        for direction in ('commit', 'pull'):
            with self.subTest(direction=direction):
                self.images.create('a', 'raw')
                with open(self.images.path('trap'), 'rb') as trap, \
                        open(self.images.path('a'), 'r+b') as raw:
                    raw.write(trap.read())
                self.images.create('b', backing='a', backing_format='raw')
                self.images.scribble('b', count=5)
                before = self.images.content('b')
                header = self.images.path('b')
                self.images.create('c', 'qcow2')
                # as an old tool would have made it: without the format
                with open(header, 'r+b') as file:
                    data = bytearray(file.read(65536))
                    at = data.find(b'\xe2\x79\x2a\xca')
                    data[at:at + 4] = b'\x12\x34\x56\x78'
                    file.seek(0)
                    file.write(data)
                self.assertEqual(self.backing('b')[1], None)
                self.merges(direction, ('b', 'qcow2'), ('a', 'raw'))
                self.assertEqual(self.images.content('b'), before)
                if direction == 'commit':
                    self.assertEqual(self.images.content('a', 'raw'), before)

    def test_refusals(self):
        self.chain()
        b, a = ('b', 'qcow2'), ('a', 'qcow2')
        self.images.create('x')
        self.refuses(interop.INVAL, 'backing image is .*/b, not', 'commit', ('c', 'qcow2'), a)
        self.refuses(interop.INVAL, 'backing image is none', 'commit', ('x', 'qcow2'), a)
        self.refuses(interop.INVAL, 'backing image is .*/a, not none', 'pull', ('c', 'qcow2'), b)
        self.refuses(interop.INVAL, 'backing image is none', 'commit', b, a,
                     dependants=[('x', 'qcow2')])
        self.refuses(interop.NOTFOUND, 'nothing', 'commit', ('nothing', 'qcow2'), a)
        self.refuses(interop.INVAL, 'cannot be merged', 'commit', ('b', 'what'), a)

    def test_an_image_in_use(self):
        self.chain()
        for name in ('b', 'a'):
            for mode in (os.O_RDONLY, os.O_RDWR):
                fd = os.open(self.images.path(name), mode)
                before = self.images.content('c')
                self.refuses(interop.NOT_READY, 'in use by', 'commit', ('b', 'qcow2'),
                             ('a', 'qcow2'), dependants=[('c', 'qcow2')])
                os.close(fd)
                self.assertEqual(self.images.content('c'), before)
        fd = os.open(self.images.path('c'), os.O_RDWR)
        self.refuses(interop.NOT_READY, 'in use by', 'commit', ('b', 'qcow2'), ('a', 'qcow2'),
                     dependants=[('c', 'qcow2')])
        os.close(fd)
        self.assertEqual(self.backing('c'), ('b', 'qcow2'))

    def test_no_space(self):
        """A tool that fails says why, in a line."""
        self.chain(('qcow2', 'qcow2'))
        before = self.images.content('b')
        limited = self.images.path('limited')
        with open(limited, 'w') as script:
            script.write('#!/bin/sh\ncase $1 in commit) ulimit -f 1 ;; esac\nexec qemu-img "$@"\n')
        os.chmod(limited, 0o700)
        os.environ['QEMU_IMG'] = limited
        try:
            status, said = self.merge('commit', ('b', 'qcow2'), ('a', 'qcow2'))
        finally:
            del os.environ['QEMU_IMG']
        self.assertEqual(status, interop.FAIL, said)
        self.assertRegex(said, 'qemu-img commit')
        self.assertEqual(self.images.content('b'), before)
        self.merges('commit', ('b', 'qcow2'), ('a', 'qcow2'))
        self.assertEqual(self.images.content('a'), before)


class Bitmaps(Case):
    def bits(self, *clusters):
        return set(clusters)

    def write(self, name, *clusters):
        self.images.io(name, [w for c in clusters for w in
                              ('-c', 'write -P 7 %d 64k' % (c * 65536))])

    def flags(self, name):
        info = self.images.info(name)['format-specific']['data'].get('bitmaps', [])
        return {b['name']: 'auto' in b['flags'] for b in info}

    def pair(self):
        """a has old (ended) and now; then an overlay, where now goes on, and
        another began."""
        i = self.images
        i.create('a')
        i.bitmap('--add', i.path('a'), 'old')
        self.write('a', 1)
        i.bitmap('--disable', i.path('a'), 'old')
        i.bitmap('--add', i.path('a'), 'now')
        self.write('a', 2)
        i.create('b', backing='a')
        i.bitmap('--add', i.path('b'), 'now')
        self.write('b', 3)
        i.bitmap('--add', i.path('b'), 'new')
        self.write('b', 4)

    def test_commit(self):
        for _ in range(2):
            self.pair()
            self.images.bitmap('--disable', self.images.path('a'), 'now')
            self.images.bitmap('--disable', self.images.path('b'), 'now')
            self.merges('commit', ('b', 'qcow2'), ('a', 'qcow2'))
            self.merges('commit', ('b', 'qcow2'), ('a', 'qcow2'))
            self.assertEqual(self.flags('a'), {'old': False, 'now': False, 'new': True})
            self.assertEqual(self.images.dirty('a', 'old'), {1})
            self.assertEqual(self.images.dirty('a', 'now'), {2, 3, 4})
            # the second commit was noted too
            self.assertEqual(self.images.dirty('a', 'new') - {3}, {4})
            for name in 'ab':
                os.unlink(self.images.path(name))

    def test_commit_to_one_that_records(self):
        self.pair()
        self.merges('commit', ('b', 'qcow2'), ('a', 'qcow2'))
        self.assertEqual(self.flags('a'), {'old': False, 'now': True, 'new': True})
        self.assertEqual(self.images.dirty('a', 'now'), {2, 3, 4})
        self.assertEqual(self.images.dirty('a', 'new'), {4})

    def test_pull(self):
        self.pair()
        self.merges('pull', ('b', 'qcow2'), ('a', 'qcow2'))
        os.unlink(self.images.path('a'))
        self.assertEqual(self.flags('b'), {'old': False, 'now': True, 'new': True})
        self.assertEqual(self.images.dirty('b', 'old'), {1})
        # what was copied was noted, too: more than there must be, never less
        self.assertLessEqual({2, 3, 4}, self.images.dirty('b', 'now'))
        self.assertLessEqual({4}, self.images.dirty('b', 'new'))


class Kill(Case):
    """qemu-img, and we, are killed at any moment; then it is done again."""

    def processes(self):
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/cmdline' % pid, 'rb') as file:
                    words = file.read().split(b'\0')
            except OSError:
                continue
            if words[0].endswith(b'qemu-img') and any(
                    w.startswith(self.images.directory.encode()) for w in words):
                found.append(int(pid))
        return found

    def kill_tools(self):
        found = self.processes()
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return found

    def wait_tools(self):
        end = time.monotonic() + 20
        while self.processes() and time.monotonic() < end:
            time.sleep(0.01)

    def check(self, direction, images, dependants, ends, how):
        """ends: the images that must go on reading the same."""
        def fresh():
            self.setUp()
            self.images.random.seed(self.rng.randrange(1 << 30))
            self.chain(count=150)

        # Machines differ by more than ten times: one that nobody disturbs says how long it takes,
        # and the kills are spread over that.
        fresh()
        begin = time.monotonic()
        self.merges(direction, *images, dependants=dependants)
        usual = time.monotonic() - begin
        killed = 0
        for kill in range(KILLS):
            fresh()
            before = {name: self.images.content(name) for name in ends}
            probe = self.start(direction, *images, dependants=dependants)
            time.sleep((kill + self.rng.random()) / KILLS * usual)
            alive = probe.poll() is None
            how(probe)
            probe.communicate()
            self.wait_tools()
            killed += alive and probe.returncode != 0
            for name in ends:
                self.assertEqual(self.images.content(name), before[name],
                                 'SEED=%d %s' % (SEED, name))
            self.merges(direction, *images, dependants=dependants)
            for name in ends:
                self.assertEqual(self.images.content(name), before[name],
                                 'SEED=%d %s' % (SEED, name))
            self.not_corrupt(*ends)
        self.assertGreater(killed, 0)

    def each(self, how):
        self.rng = random.Random(SEED)
        self.check('commit', (('b', 'qcow2'), ('a', 'qcow2')), [('c', 'qcow2')], 'bc', how)
        self.check('pull', (('c', 'qcow2'), ('b', 'qcow2'), ('a', 'qcow2')), [], 'c', how)

    def test_the_tool_is_killed(self):
        def kill(probe):
            while probe.poll() is None and not self.kill_tools():
                pass
        self.each(kill)

    def test_we_are_killed(self):
        self.each(lambda probe: probe.kill())

    def test_cancelled(self):
        def cancel(probe):
            probe.send_signal(signal.SIGUSR1)
        self.each(cancel)


if __name__ == '__main__':
    interop.main()
