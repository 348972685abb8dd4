#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Figures, not a test: what disk snapshots and merges cost on the real qdisk,
without a hypervisor (tests/interop/README.md, "The rig").

    ROUNDS=5 SIZES="1G 64G" DISKS="1 4 8" MERGE=1024 make bench-disks

The pause is the library's own measure: from the pause to the end of the
unpause, of one transaction over all disks. The images are allocated whole
(metadata only), which is the worst case for an internal snapshot. A merge of
MERGE MiB is compared with qemu-img's own commit of the same two images, in
turns.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'interop'))

import interop                                                      # noqa: E402
from rig import libxl_client, qemu                                  # noqa: E402
from rig.rig import Rig                                             # noqa: E402

ROUNDS = int(os.environ.get('ROUNDS', '5'))
SIZES = os.environ.get('SIZES', '1G 64G').split()
DISKS = [int(n) for n in os.environ.get('DISKS', '1 4 8').split()]
MERGE = int(os.environ.get('MERGE', '1024'))
MERGE_PROBE = os.path.join(interop.BUILD, 'merge-probe')


class Allocated(Rig):
    """Images whose clusters are all allocated, and hold nothing."""

    def __init__(self, size, disks):
        super().__init__(interop.SHIM, interop.PROBE, disks)
        self.size = size

    def _add_disk(self, index, fmt):
        super()._add_disk(index, fmt)
        qemu.qemu_img('create', '-q', '-f', 'qcow2', '-o', 'preallocation=metadata',
                      self.disks[index].path, self.size)


def answer(process, before=lambda word: None):
    """Agree to all that the probe asks of the domain."""
    said = []
    for line in process.stdout:
        said.append(line.strip())
        if said[-1].split(' ')[0] in ('pause', 'unpause', 'path', 'committed'):
            before(said[-1])
            process.stdin.write('0\n')
            process.stdin.flush()
    process.stdin.close()
    process.stdout.close()
    process.errors.seek(0)
    if process.wait():
        sys.exit('%s failed: %s' % (' '.join(process.args), process.errors.read()))
    process.errors.close()
    return said


def start(*command, **environment):
    errors = tempfile.TemporaryFile('w+')
    process = subprocess.Popen([str(word) for word in command], stdin=-1, stdout=-1, stderr=errors,
                               text=True, env=dict(os.environ, **environment))
    process.errors = errors
    return process


def pause_ms(rig, snapshot):
    """One snapshot of all disks: 'NAME' internal, 'new:qcow2' external."""
    disks = []
    for index, disk in enumerate(rig.disks):
        what = snapshot
        if snapshot.startswith('new:'):
            what = '%s:%s.%d' % (snapshot, os.path.join(rig.directory, 'overlay'), index)
        disks.append('%s=qcow2=%s=%s' % (disk.vdev, disk.path, what))
    rig.start_writer()
    said = answer(start(interop.SNAPSHOT_PROBE, rig.run_dir, rig.lib_dir, qemu.DOMID,
                        libxl_client.UUID, 'create', *disks, PROBE_ASK='1'),
                  lambda word: rig.writer.pause() if word == 'pause'
                  else rig.writer.unpause() if word == 'unpause' else None)
    return json.loads(said[-1])['pause_us'] / 1000


def bench_pauses():
    print('the pause of one snapshot of all disks, ms, median of %d (range)' % ROUNDS)
    print('%-6s %5s %24s %24s %6s' % ('size', 'disks', 'internal', 'external', 'ratio'))
    for size in SIZES:
        for disks in DISKS:
            figures = {'one': [], 'new:qcow2': []}
            for _ in range(ROUNDS):
                for kind, measured in figures.items():
                    with Allocated(size, disks) as rig:
                        measured.append(pause_ms(rig, kind))
            internal, external = figures.values()
            print('%-6s %5d %24s %24s %6.2f' % (
                size, disks, summary(internal), summary(external),
                statistics.median(external) / statistics.median(internal)), flush=True)


def summary(figures):
    return '%.1f (%.1f .. %.1f)' % (statistics.median(figures), min(figures), max(figures))


class Pair:
    """An image of MERGE MiB and an overlay that rewrote half of them."""

    def __init__(self, folder):
        self.base = os.path.join(folder, 'base')
        self.top = os.path.join(folder, 'top')

    def make(self):
        qemu.qemu_img('create', '-q', '-f', 'qcow2', self.base, '%dM' % MERGE)
        self._write(self.base, 1, 0, MERGE)
        qemu.qemu_img('create', '-q', '-f', 'qcow2', '-b', self.base, '-F', 'qcow2', self.top)
        self._write(self.top, 2, MERGE // 4, MERGE // 2)
        # Neither of the two is to pay for writing these out.
        for path in self.base, self.top:
            with open(path, 'rb') as image:
                os.fsync(image.fileno())
        return self

    @staticmethod
    def _write(path, pattern, offset, length):
        commands = []
        for at in range(offset, offset + length, 64):
            commands += ['-c', 'write -q -P %d %dM %dM' % (pattern, at, min(64, MERGE))]
        subprocess.run(['qemu-io', '-f', 'qcow2', *commands, path], check=True)


def merge_qemu_img(pair):
    subprocess.run(qemu.tool('QEMU_IMG', 'qemu-img') +
                   ['commit', '-q', '-f', 'qcow2', '-d', pair.top], check=True)


def merge_offline(pair):
    with tempfile.TemporaryDirectory() as nobody:
        answer(start(MERGE_PROBE, 'offline', 'commit', pair.top, 'qcow2', pair.base, 'qcow2',
                     MERGE_PROC=nobody))


class OnPair(Rig):
    """A guest whose disk is the pair's overlay."""

    def __init__(self, pair):
        super().__init__(interop.SHIM, interop.PROBE, 1)
        self.pair = pair

    def _add_disk(self, index, fmt):
        super()._add_disk(index, fmt)
        self.disks[index].path = self.pair.top


def merge_live(pair, rig):
    answer(start(MERGE_PROBE, 'live', rig.run_dir, rig.lib_dir, qemu.DOMID, libxl_client.UUID,
                 'xvda', 'commit', pair.top, 'qcow2', pair.base, 'qcow2'))


def timed(merge, *arguments):
    began = time.monotonic()
    merge(*arguments)
    # What is not on the disk is not merged.
    with open(arguments[0].base, 'rb') as image:
        os.fsync(image.fileno())
    return time.monotonic() - began


def bench_merges():
    took = {'qemu-img commit': [], 'commit, off': [], 'commit, running': []}
    folder = tempfile.mkdtemp(prefix='xls-bench.')
    try:
        for _ in range(ROUNDS):
            took['qemu-img commit'].append(timed(merge_qemu_img, Pair(folder).make()))
            took['commit, off'].append(timed(merge_offline, Pair(folder).make()))
            with OnPair(Pair(folder).make()) as rig:
                took['commit, running'].append(timed(merge_live, rig.pair, rig))
    finally:
        shutil.rmtree(folder)
    print('%d MiB committed into an image of %d MiB, until it is on the disk: s, median of %d '
          '(range); to qemu-img' % (MERGE // 2, MERGE, ROUNDS))
    theirs = statistics.median(took['qemu-img commit'])
    for what, figures in took.items():
        print('%-20s %24s %6.2f' % (what, summary(figures), statistics.median(figures) / theirs))


if __name__ == '__main__':
    bench_pauses()
    bench_merges()
