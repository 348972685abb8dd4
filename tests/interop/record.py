#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Record what a QEMU answers, for the tests that have none.

    builddir=BUILD record.py DIRECTORY

BUILD must have been through make check-interop. Writes
DIRECTORY/<major>.<minor>/CASE.json, one for each state of a real xenpv qdisk
that the block graph has to be read in, and conversation.txt, one session line
by line. Paths become /images/...; nothing else is touched.

With XEN_QEMU in the environment another QEMU is recorded; one from another
release's unpacked tree runs through that tree's own ld.so.
"""
import json
import os
import socket
import sys

import interop
from rig import qemu
from rig.rig import Rig

PROPERTIES = ('type', 'vdev', 'drive')


def overlay_path(rig):
    return os.path.join(rig.directory, 'overlay.qcow2')


def properties(monitor, path):
    """As the library asks: a property that is not there is left out."""
    found = {}
    for name in PROPERTIES:
        reply = monitor.exchange('qom-get', {'path': path, 'property': name})
        if 'return' in reply:
            found[name] = reply['return']
    return found


def block_state(monitor):
    block = monitor.exchange('query-block')
    return {
        'query-block': block,
        'qom-get': {entry['qdev']: properties(monitor, entry['qdev'])
                    for entry in block['return'] if 'inserted' in entry},
        'query-named-block-nodes': monitor.exchange('query-named-block-nodes', {'flat': True}),
        'query-jobs': monitor.exchange('query-jobs'),
    }


def add_node(monitor, name, path, **more):
    monitor.command('blockdev-add', dict({
        'driver': 'qcow2', 'node-name': name,
        'file': {'driver': 'file', 'locking': 'off', 'filename': path}}, **more))


def plain(rig, monitor):
    pass


def snapshots(rig, monitor):
    for name in ('first', 'second', 'third'):
        monitor.command('transaction', {'actions': [
            {'type': 'blockdev-snapshot-internal-sync',
             'data': {'device': disk.vdev + '-qcow2', 'name': name}}
            for disk in rig.disks if disk.format == 'qcow2']})
    monitor.command('blockdev-snapshot-delete-internal-sync',
                    {'device': 'xvda-qcow2', 'name': 'second'})


def bitmaps(rig, monitor):
    for name, persistent in (('cp1', True), ('memory-only', False)):
        monitor.command('block-dirty-bitmap-add', {
            'node': 'xvda-qcow2', 'name': name, 'persistent': persistent})


def overlay(rig, monitor):
    path = overlay_path(rig)
    qemu.qemu_img('create', '-q', '-f', 'qcow2', '-b', rig.disks[0].path, '-F', 'qcow2', path)
    add_node(monitor, 'overlay0', path, backing=None)
    monitor.command('blockdev-snapshot', {'node': 'xvda-qcow2', 'overlay': 'overlay0'})


def two_nodes(rig, monitor):
    add_node(monitor, 'emulated', rig.disks[0].path)


def backup(rig, monitor):
    target = os.path.join(rig.directory, 'target.qcow2')
    qemu.qemu_img('create', '-q', '-f', 'qcow2', target, '16M')
    add_node(monitor, 'target', target)
    monitor.command('blockdev-backup', {
        'job-id': 'backup0', 'device': 'xvda-qcow2', 'target': 'target', 'sync': 'none',
        'auto-dismiss': False})


def concluded_job(rig, monitor):
    backup(rig, monitor)
    monitor.command('job-cancel', {'id': 'backup0'})
    while monitor.command('query-jobs')[0]['status'] != 'concluded':
        pass


def inactive(rig, monitor):
    """What libxl asks for in a live save of an HVM guest."""
    monitor.command('stop')
    monitor.command('xen-save-devices-state', {
        'filename': os.path.join(rig.directory, 'devices'), 'live': True})


# name -> (formats of the disks, what to do to them)
CASES = {
    'one-disk': (['qcow2'], plain),
    'eight-disks': (['qcow2'] * 8, plain),
    'snapshots': (['qcow2', 'raw', 'qcow2'], snapshots),
    'bitmaps': (['qcow2', 'qcow2'], bitmaps),
    'overlay': (['qcow2', 'qcow2'], overlay),
    'two-nodes': (['qcow2', 'qcow2'], two_nodes),
    'backup': (['qcow2', 'qcow2'], backup),
    'concluded-job': (['qcow2', 'qcow2'], concluded_job),
    'inactive': (['qcow2'], inactive),
}


def clean(text, rig):
    return text.replace(rig.directory, '/images')


def record_cases(directory):
    """Returns the folder of this QEMU's version."""
    for name, (formats, prepare) in CASES.items():
        with Rig(interop.SHIM, interop.PROBE, formats=formats) as rig:
            monitor = rig.qemu.qmp
            version = monitor.greeting['QMP']['version']['qemu']
            folder = os.path.join(directory, '%(major)d.%(minor)d' % version)
            os.makedirs(folder, exist_ok=True)
            prepare(rig, monitor)
            text = json.dumps(block_state(monitor), indent=1, sort_keys=True)
            with open(os.path.join(folder, name + '.json'), 'w') as file:
                file.write(clean(text, rig) + '\n')
            if prepare is inactive:
                monitor.command('cont')
    return folder


CONVERSATION = (
    {'execute': 'qmp_capabilities', 'id': '@0@'},
    {'execute': 'query-version', 'id': '@1@'},
    {'execute': 'transaction', 'id': '@2@', 'arguments': {'actions': [
        {'type': 'blockdev-snapshot-internal-sync',
         'data': {'device': 'xvda-qcow2', 'name': 's1'}}]}},
    {'execute': 'blockdev-snapshot-delete-internal-sync', 'id': '@3@',
     'arguments': {'device': 'xvda-qcow2', 'id': '1', 'name': 's1'}},
    {'execute': 'blockdev-snapshot-delete-internal-sync', 'id': '@4@',
     'arguments': {'device': 'xvda-qcow2', 'id': '1', 'name': 's1'}},
)


def record_conversation(folder):
    """What QEMU says in a session, byte for byte; ids are @N@."""
    with Rig(interop.SHIM, interop.PROBE) as rig, socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(qemu.monitor_path(rig.run_dir))
        lines = monitor.makefile('rb')
        said = lines.readline()
        for message in CONVERSATION:
            monitor.sendall(json.dumps(message).encode() + b'\r\n')
            while True:
                line = lines.readline()
                said += line
                if b'"event"' not in line:
                    break
        lines.close()
        with open(os.path.join(folder, 'conversation.txt'), 'wb') as file:
            file.write(clean(said.decode(), rig).encode())


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    record_conversation(record_cases(sys.argv[1]))
