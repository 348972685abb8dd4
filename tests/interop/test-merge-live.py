#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images are merged by the real qdisk, under a guest that writes all the time."""
import json
import os
import random
import signal
import subprocess
import threading
import time

import interop
from rig import libxl_client, qemu, writer
from rig.rig import Rig

PROBE = os.path.join(interop.BUILD, 'merge-probe')
SEED = int(os.environ.get('SEED', time.time_ns() % 1000000))
ROUNDS = int(os.environ.get('ROUNDS', '8'))
JOB = 'xls-merge-xvda'


class Chained(Rig):
    """One disk, with overlays on it: paths[0] is the lowest. nodes as paths.
    data_mb: that each image holds, beside what the guest writes."""

    def __init__(self, overlays=2, data_mb=12):
        super().__init__(interop.SHIM, interop.PROBE, 1, image_mb=data_mb + 4)
        self.overlays = overlays
        self.data_mb = data_mb
        self.paths = []
        self.serial = 0

    def _start(self):
        super()._start()
        self.paths = [self.disks[0].path]
        for _ in range(self.overlays):
            self.start_writer()
            self.writer.fill()
            self.snapshot()
            self._stop_writer()

    def _add_disk(self, index, fmt):
        super()._add_disk(index, fmt)
        self.fill(self.disks[0].path)

    def fill(self, path, pattern=1):
        """Data that the guest does not touch, so that copying takes a while."""
        subprocess.run(['qemu-io', '-f', 'qcow2', '-c',
                        'write -P %d 2M %dM' % (pattern, self.data_mb), path],
                       check=True, stdout=subprocess.DEVNULL)

    def snapshot(self, bitmaps=()):
        """As an external snapshot: a new overlay becomes the active image."""
        self.serial += 1
        node = 'overlay%d' % self.serial
        path = os.path.join(self.directory, node)
        qemu.qemu_img('create', '-q', '-f', 'qcow2', path, self.image_size)
        self.fill(path, 1 + self.serial)    # no lock of QEMU's is in its way
        qemu.qemu_img('rebase', '-u', '-f', 'qcow2', '-b', self.paths[-1], '-F', 'qcow2', path)
        qmp = self.qemu.qmp
        root = self.root()
        qmp.command('blockdev-add', {
            'driver': 'qcow2', 'node-name': node, 'backing': None,
            'file': {'driver': 'file', 'locking': 'off', 'filename': path}})
        with self.paused():
            qmp.command('transaction', {'actions': [
                {'type': 'block-dirty-bitmap-add',
                 'data': {'node': node, 'name': name, 'persistent': True}} for name in bitmaps] + [
                     {'type': 'blockdev-snapshot', 'data': {'node': root, 'overlay': node}}]})
        self.paths.append(path)
        self.disks[0].path = path

    def root(self):
        return self.qemu.qmp.command('query-block')[0]['inserted']['node-name']

    def root_path(self):
        return self.qemu.qmp.command('query-block')[0]['inserted']['file']

    def nodes(self):
        return {n['node-name']: n
                for n in self.qemu.qmp.command('query-named-block-nodes', {'flat': True})}

    def open_files(self):
        return {n['file'] for n in self.nodes().values()}

    def jobs(self):
        return self.qemu.qmp.command('query-jobs')

    def header(self, path):
        info = json.loads(qemu.qemu_img('info', '-U', '-f', 'qcow2', '--output=json', path))
        return info.get('backing-filename'), info.get('backing-filename-format')

    def restart(self):
        """The guest is shut down and created again, on what is active."""
        self.shut_down()
        self.start_qemu()


class Merge:
    """The probe, and the domain that it has: pauses are the writer's."""

    def __init__(self, rig, direction, *paths, answers=None, stop_ms=None):
        images = [word for path in paths for word in (path, 'qcow2')]
        environment = dict(os.environ)
        if stop_ms:
            environment['MERGE_MAX_STOP_MS'] = str(stop_ms)
        self.rig = rig
        self.answers = answers or {}
        self.asked = []
        self.stops = []
        self.paused_at = None
        self.error = None
        self.process = subprocess.Popen(
            [PROBE, 'live', rig.run_dir, rig.lib_dir, str(qemu.DOMID), libxl_client.UUID, 'xvda',
             direction] + images, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment)
        self.said = ''
        self.threads = [threading.Thread(target=self._serve),
                        threading.Thread(target=self._listen)]
        for thread in self.threads:
            thread.start()

    def _listen(self):
        self.said = self.process.stderr.read()

    def _serve(self):
        try:
            for line in self.process.stdout:
                self._answer(line.strip())
        except BrokenPipeError:
            pass
        except Exception as error:
            self.error = error
        finally:
            if self.paused_at is not None:      # the domain's guard does that
                self._unpause()

    def _unpause(self):
        self.stops.append(time.monotonic() - self.paused_at)
        self.paused_at = None
        self.rig.writer.unpause()

    def _answer(self, what):
        self.asked.append(what)
        if what in ('done', 'elsewhere'):
            return
        if what == 'pause':
            assert self.paused_at is None
            self.rig.writer.pause()
            self.paused_at = time.monotonic()
        elif what == 'unpause':
            self._unpause()
        elif what == 'committed':
            assert self.paused_at is not None
            self.rig.disks[0].path = self.rig.root_path()
        answer = self.answers.get(what, 0)
        self.process.stdin.write('%d\n' % (answer() if callable(answer) else answer))
        self.process.stdin.flush()

    def wait(self, timeout=60):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            for thread in self.threads:
                thread.join()
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
        if self.error:
            raise self.error
        return self.process.returncode


class Case(interop.Case):
    def merges(self, rig, *arguments, **keywords):
        merge = Merge(rig, *arguments, **keywords)
        self.assertEqual(merge.wait(), 0, merge.said)
        self.assertEqual(merge.asked[-1], 'done')
        self.assertLess(max(merge.stops, default=0), 3)
        self.assertEqual(rig.jobs(), [])
        return merge

    def refuses(self, rig, expected, words, *arguments, **keywords):
        merge = Merge(rig, *arguments, **keywords)
        self.assertEqual(merge.wait(), expected, merge.said)
        self.assertRegex(merge.said, words)
        self.assertEqual(merge.asked.count('pause'), merge.asked.count('unpause'))
        return merge

    def consistent(self, rig):
        """The guest's disk, when all is over, is what the guest wrote."""
        rig.writer.fill()
        answered = rig.writer.answered
        rig.shut_down()
        last = writer.check(rig.contents())
        self.assertGreaterEqual(last, answered, 'SEED=%d' % SEED)
        path = rig.disks[0].path
        qemu.qemu_img('check', '-q', '-f', 'qcow2', path)
        said = subprocess.run(['qemu-io', '-f', 'qcow2', '-r', '-c',
                               'read -P %d 2M 12M' % (1 + rig.serial), path], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.assertNotIn('verification failed', said)

    def still_works(self, rig):
        """The next snapshot and its merge; then what the guest has."""
        self.probe_ok(rig, 'lookup', *rig.pairs())
        self.probe_ok(rig, 'create', 'later', *rig.pairs())
        self.probe_ok(rig, 'delete', 'later', *rig.pairs())
        below = rig.disks[0].path
        rig.paths.append(below)
        rig.snapshot()
        self.merges(rig, 'commit', rig.disks[0].path, below)
        self.consistent(rig)


class Kinds(Case):
    def test_commit_active(self):
        with Chained() as rig:
            rig.start_writer()
            merge = self.merges(rig, 'commit', rig.paths[2], rig.paths[1])
            self.assertEqual(merge.asked.count('committed'), 1)
            self.assertEqual(rig.root_path(), rig.paths[1])
            self.assertNotIn(rig.paths[2], rig.open_files())
            self.assertIn('progress', merge.said)
            self.still_works(rig)

    def test_commit_active_into_the_first(self):
        with Chained(1) as rig:
            rig.start_writer()
            self.merges(rig, 'commit', rig.paths[1], rig.paths[0])
            self.assertEqual(rig.root(), 'xvda-qcow2')
            self.still_works(rig)

    def test_commit_below(self):
        with Chained() as rig:
            rig.start_writer()
            merge = self.merges(rig, 'commit', rig.paths[1], rig.paths[0])
            self.assertNotIn('committed', merge.asked)
            self.assertEqual(rig.root_path(), rig.paths[2])
            self.assertNotIn(rig.paths[1], rig.open_files())
            self.assertEqual(rig.header(rig.paths[2]), (rig.paths[0], 'qcow2'))
            os.unlink(rig.paths[1])
            self.still_works(rig)

    def test_commit_deep_below(self):
        with Chained(3) as rig:
            rig.start_writer()
            self.merges(rig, 'commit', rig.paths[1], rig.paths[0])
            self.assertEqual(rig.header(rig.paths[2]), (rig.paths[0], 'qcow2'))
            os.unlink(rig.paths[1])
            self.still_works(rig)

    def test_pull(self):
        with Chained() as rig:
            rig.start_writer()
            self.merges(rig, 'pull', rig.paths[2], rig.paths[1], rig.paths[0])
            self.assertNotIn(rig.paths[1], rig.open_files())
            self.assertEqual(rig.header(rig.paths[2]), (rig.paths[0], 'qcow2'))
            os.unlink(rig.paths[1])
            self.still_works(rig)

    def test_pull_deep_below(self):
        with Chained(3) as rig:
            rig.start_writer()
            self.merges(rig, 'pull', rig.paths[2], rig.paths[1], rig.paths[0])
            self.assertEqual(rig.header(rig.paths[2]), (rig.paths[0], 'qcow2'))
            os.unlink(rig.paths[1])
            self.still_works(rig)

    def test_pull_all(self):
        with Chained(1) as rig:
            rig.start_writer()
            self.merges(rig, 'pull', rig.paths[1], rig.paths[0])
            self.assertNotIn(rig.paths[0], rig.open_files())
            self.assertEqual(rig.header(rig.paths[1]), (None, None))
            os.unlink(rig.paths[0])
            self.still_works(rig)

    def test_after_a_restart(self):
        """Then QEMU itself has named the nodes below the active one."""
        for direction, which in (('commit', (2, 1)), ('commit', (1, 0)), ('pull', (2, 1, 0)),
                                 ('pull', (1, 0))):
            with self.subTest(direction=direction, which=which), Chained() as rig:
                rig.restart()
                rig.start_writer()
                self.merges(rig, direction, *(rig.paths[n] for n in which))
                self.still_works(rig)

    def test_again(self):
        """Done already: the path is set in any case."""
        with Chained() as rig:
            rig.start_writer()
            for active in (True, False):
                paths = rig.paths[2:0:-1] if active else rig.paths[1::-1]
                for _ in range(2):
                    merge = self.merges(rig, 'commit', *paths)
                    self.assertEqual(merge.asked.count('committed'), 1)
            self.still_works(rig)
        with Chained() as rig:
            rig.start_writer()
            for _ in range(2):
                self.merges(rig, 'pull', *rig.paths[::-1])
            self.still_works(rig)

    def test_elsewhere(self):
        with Chained(1) as rig:
            rig.start_writer()
            merge = Merge(rig, 'commit', '/etc/passwd', '/etc/group')
            self.assertEqual(merge.wait(), 0, merge.said)
            self.assertEqual(merge.asked, ['elsewhere'])

    def test_refusals(self):
        with Chained(3) as rig:
            rig.start_writer()
            p = rig.paths
            self.refuses(rig, interop.INVAL, 'not the backing image', 'commit', p[3], p[1])
            self.refuses(rig, interop.INVAL, 'not the backing image', 'commit', p[2], p[3])
            self.refuses(rig, interop.INVAL, 'on the backing image', 'pull', p[2], p[1])


class Bitmaps(Case):
    def bits(self, rig, path):
        return {b['name']: b['recording'] for n in rig.nodes().values() if n['file'] == path
                for b in n.get('dirty-bitmaps', [])}

    def test_they_go_along(self):
        for kind in ('active', 'below', 'pull'):
            with self.subTest(kind=kind), Chained(1) as rig:
                rig.start_writer()
                qmp = rig.qemu.qmp
                add = lambda node, name: qmp.command('block-dirty-bitmap-add', {
                    'node': node, 'name': name, 'persistent': True})
                rig.snapshot()
                add(rig.root(), 'both')
                rig.snapshot(['both'])
                add(rig.root(), 'late')
                p = rig.paths
                rig.writer.fill()
                if kind == 'below':
                    rig.snapshot(['both', 'late'])
                if kind == 'pull':
                    self.merges(rig, 'pull', p[3], p[2], p[1])
                    kept = p[3]
                else:
                    self.merges(rig, 'commit', p[3], p[2])
                    kept = p[2]
                self.assertEqual(self.bits(rig, kept), {'both': True, 'late': True})
                rig.writer.fill()
                rig.shut_down()
                info = json.loads(qemu.qemu_img('info', '-f', 'qcow2', '--output=json', kept))
                stored = info['format-specific']['data']['bitmaps']
                self.assertEqual({b['name'] for b in stored}, {'both', 'late'})
                self.assertFalse(any('in-use' in b['flags'] for b in stored), stored)
                writer.check(rig.contents())


class Failures(Case):
    KINDS = (('commit', (2, 1)), ('commit', (1, 0)), ('pull', (2, 1, 0)))
    LONG_MB = 384   # copied in a time that is long beside a QMP round trip

    def slow(self, rig, merge, speed=4 << 20):
        """Once the job is there, let it crawl."""
        while merge.process.poll() is None:
            for job in rig.jobs():
                if job['id'] == JOB:
                    rig.qemu.qmp.exchange('block-job-set-speed', {'device': JOB, 'speed': speed})
                    return
            time.sleep(0.001)

    def in_time(self, attempt):
        """On a busy machine a job may be over before it can be slowed down."""
        self.assertTrue(any(attempt() for _ in range(5)))

    def test_cancelled(self):
        rng = random.Random(SEED)
        cancelled = 0
        for n in range(ROUNDS):
            with Chained() as rig:
                rig.start_writer()
                direction, which = self.KINDS[n % 3]
                paths = [rig.paths[i] for i in which]
                merge = Merge(rig, direction, *paths)
                if n % 2:
                    self.slow(rig, merge)
                time.sleep(rng.random() * 0.5)
                merge.process.send_signal(signal.SIGUSR1)
                status = merge.wait()
                self.assertIn(status, (0, interop.ABORTED), merge.said)
                self.assertEqual(rig.jobs(), [])
                cancelled += status != 0
                self.merges(rig, direction, *paths)
                self.still_works(rig)
        self.assertGreater(cancelled, 0)

    def test_killed(self):
        """At any moment; what comes next finds the job, and does it again."""
        rng = random.Random(SEED)
        left = 0
        for n in range(ROUNDS):
            with Chained() as rig:
                rig.start_writer()
                direction, which = self.KINDS[n % 3]
                paths = [rig.paths[i] for i in which]
                merge = Merge(rig, direction, *paths)
                if n % 2:
                    self.slow(rig, merge)
                time.sleep(rng.random() * 0.5)
                merge.process.kill()
                merge.wait()
                left += bool(rig.jobs())
                # A killed one cannot have told: QEMU's word counts.
                again = self.merges(rig, direction, *paths)
                if direction == 'commit' and which[0] == 2:
                    self.assertIn('committed', again.asked)
                    self.assertEqual(rig.disks[0].path, paths[1])
                self.still_works(rig)
        self.assertGreater(left, 0)

    def test_ended_and_left(self):
        """QEMU 7.2 dies of a look at a stream that has ended and is still there."""
        with Chained() as rig:
            rig.start_writer()
            qmp = rig.qemu.qmp
            with rig.paused():
                qmp.command('block-stream', {
                    'job-id': JOB, 'device': rig.root(), 'speed': 1, 'auto-finalize': False,
                    'auto-dismiss': False})
            qmp.command('job-cancel', {'id': JOB})
            while rig.jobs()[0]['status'] != 'concluded':
                time.sleep(0.01)
            self.probe_ok(rig, 'lookup', *rig.pairs())
            self.assertEqual(rig.jobs(), [])
            self.merges(rig, 'pull', *rig.paths[::-1])
            self.still_works(rig)

    def test_killed_in_the_window(self):
        for at in ('pause', 'committed', 'unpause'):
            for nth in range(3):
                with self.subTest(at=at, nth=nth), Chained() as rig:
                    rig.start_writer()
                    seen = [0]

                    def die():
                        seen[0] += 1
                        if seen[0] > nth:
                            merge.process.kill()
                        return 0
                    merge = Merge(rig, 'commit', rig.paths[2], rig.paths[1], answers={at: die})
                    merge.wait()
                    rig.disks[0].path = rig.root_path()
                    self.merges(rig, 'commit', rig.paths[2], rig.paths[1])
                    self.still_works(rig)

    def test_the_caller_fails(self):
        with Chained() as rig:
            rig.start_writer()
            merge = self.refuses(rig, interop.FAIL, 'committed failed', 'commit', rig.paths[2],
                                 rig.paths[1], answers={'committed': 3})
            self.assertEqual(merge.asked[-1], 'unpause')
            self.assertEqual(rig.root_path(), rig.paths[1])
            self.assertEqual(rig.jobs(), [])
            self.merges(rig, 'commit', rig.paths[2], rig.paths[1])
            self.still_works(rig)

    def test_no_space(self):
        """What QEMU may write to is full: said in a line, and all as before."""
        for direction, which in self.KINDS:
            with self.subTest(direction=direction, which=which), Chained() as rig:
                rig.start_writer()
                rig.writer.fill()
                paths = [rig.paths[i] for i in which]
                target = paths[1] if direction == 'commit' else paths[0]
                limit = os.stat(target).st_size + (1 << 20)
                pid = str(rig.qemu.process.pid)
                subprocess.run(['prlimit', '--pid', pid, '--fsize=%d:unlimited' % limit],
                               check=True)
                merge = Merge(rig, direction, *paths)
                status = merge.wait()
                subprocess.run(['prlimit', '--pid', pid, '--fsize=unlimited'], check=True)
                self.assertIn(status, (0, interop.FAIL), merge.said)
                if status:
                    self.assertRegex(merge.said, 'QEMU did not merge .*File too large')
                self.assertEqual(rig.jobs(), [])
                self.merges(rig, direction, *paths)
                self.still_works(rig)

    def test_a_guest_that_is_faster(self):
        """Copying crawls, the guest writes: no stop is tried that would be
        long, and the end comes when it can."""
        self.in_time(self.is_faster)

    def is_faster(self):
        with Chained(data_mb=self.LONG_MB) as rig:
            rig.start_writer()
            qmp = rig.qemu.qmp
            begun = threading.Event()

            def crawl():
                """As soon as the job is there, which is when the guest goes on."""
                if not begun.is_set():
                    qmp.exchange('block-job-set-speed', {'device': JOB, 'speed': 1 << 20})
                begun.set()
                return 0
            merge = Merge(rig, 'commit', rig.paths[2], rig.paths[1], stop_ms=200,
                          answers={'unpause': crawl})
            self.assertTrue(begun.wait(60))
            in_time = sum(job['total-progress'] - job['current-progress']
                          for job in rig.jobs()) > 6 << 20
            if in_time:
                time.sleep(3)
                self.assertIsNone(merge.process.poll(), merge.said)
                self.assertNotIn('committed', merge.asked)
            qmp.exchange('block-job-set-speed', {'device': JOB, 'speed': 0})
            self.assertEqual(merge.wait(), 0, merge.said)
            if in_time:
                self.assertLess(max(merge.stops), 1.5)
            self.still_works(rig)
            return in_time

    def test_qemu_dies(self):
        self.in_time(self.dies_in_a_merge)

    def dies_in_a_merge(self):
        """False: it was over before it could be slowed down."""
        with Chained(data_mb=self.LONG_MB) as rig:
            rig.start_writer()
            guest = rig.writer
            guest.flushing = True
            guest.fill()
            merge = Merge(rig, 'commit', rig.paths[2], rig.paths[1])
            self.slow(rig, merge, 1 << 20)
            rig.crash_qemu()
            if not merge.wait():
                return False
            self.assertEqual(merge.asked.count('pause'), merge.asked.count('unpause'))
            self.assertGreater(guest.flushed, 0)
            writer.check_kept(rig.contents(), guest.flushed)
            rig.start_qemu()
            rig.start_writer()
            self.merges(rig, 'commit', rig.paths[2], rig.paths[1])
            self.still_works(rig)
            return True


if __name__ == '__main__':
    interop.main()
