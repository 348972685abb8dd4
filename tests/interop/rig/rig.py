# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rig as a whole: a domain 1 whose only parts are N qdisks and a writer.

    with Rig(shim, probe, disks=2) as rig:
        rig.start_writer()
        with rig.paused():
            rig.probe('create', 's1', *rig.pairs())
        rig.contents('s1')
"""
import contextlib
import os
import shutil
import subprocess
import tempfile

from . import blkfront, libxl_client, qemu, writer, xenstore

IMAGE_MB = 16


def vdev_name(index):
    return 'xvd' + 'abcdefghijklmnopqrstuvwxyz'[index]


def vdev_number(index):
    """As xen-vbd-interface(7): the short form up to xvdp, then the long one."""
    return 202 << 8 | index << 4 if index < 16 else 1 << 28 | index << 8


class Disk:
    def __init__(self, index, path, fmt):
        self.index = index
        self.vdev = vdev_name(index)
        self.number = vdev_number(index)
        self.path = path
        self.format = fmt


class Rig:
    """formats: of each disk, by default qcow2 for all. Every file of the rig is
    in a folder that goes away with it."""

    def __init__(self, shim, probe, disks=1, formats=None, image_mb=IMAGE_MB):
        self.formats = formats or ['qcow2'] * disks
        self.image_size = '%dM' % image_mb
        self.program = probe
        self.domid = qemu.DOMID
        self.directory = tempfile.mkdtemp(prefix='xls-rig.')
        self.run_dir = self._subdir('run')
        self.lib_dir = self._subdir('lib')
        self.environment = {
            'XEN_RIG_DIR': self.directory,
            'XENSTORED_PATH': os.path.join(self.directory, 'xenstored'),
            'LD_PRELOAD': os.path.abspath(shim),
        }
        self.disks = []
        self.frontends = []
        self.writer = None
        self.next_write = 0
        self.qemu = None
        self.xenstored = None

    def _subdir(self, name):
        path = os.path.join(self.directory, name)
        os.mkdir(path)
        return path

    # Life.

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._clean()
            raise
        return self

    def _start(self):
        pages = 1 + blkfront.PAGES_PER_DISK * len(self.formats)
        with open(os.path.join(self.directory, 'grants'), 'wb') as grants:
            grants.truncate(pages * blkfront.PAGE)
        self.xenstored = xenstore.Daemon(self.environment['XENSTORED_PATH'])
        for index, fmt in enumerate(self.formats):
            self._add_disk(index, fmt)
        self.start_qemu()

    def _add_disk(self, index, fmt):
        disk = Disk(index, os.path.join(self.directory, 'disk%d.%s' % (index, fmt)), fmt)
        qemu.qemu_img('create', '-q', '-f', fmt, disk.path, self.image_size)
        self.disks.append(disk)
        self.frontends.append(blkfront.Frontend(self.directory, self.xenstored.store, index,
                                                disk.number, self.domid))

    def _add_vbd(self, disk):
        """What libxl writes for a qdisk, and in its order: the state last."""
        store = self.xenstored.store
        backend = '/local/domain/0/backend/qdisk/%d/%d' % (self.domid, disk.number)
        frontend = '/local/domain/%d/device/vbd/%d' % (self.domid, disk.number)
        for path, value in (
                (frontend + '/backend', backend), (frontend + '/backend-id', 0),
                (frontend + '/virtual-device', disk.number),
                (frontend + '/device-type', 'disk'), (frontend + '/state', 1),
                (backend + '/frontend', frontend), (backend + '/frontend-id', self.domid),
                (backend + '/online', 1), (backend + '/removable', 0),
                (backend + '/bootable', 1), (backend + '/dev', disk.vdev),
                (backend + '/type', 'qdisk'), (backend + '/mode', 'w'),
                (backend + '/device-type', 'disk'), (backend + '/discard-enable', 1),
                (backend + '/params', '%s:%s' % (disk.format, disk.path)),
                (backend + '/state', 1)):
            store.write(path, value)

    def start_qemu(self, domid=None):
        """Also after crash_qemu: the images are opened as they were left. domid:
        of the domain from now on, as when it is destroyed and made anew."""
        self.domid = domid or self.domid
        for frontend in self.frontends:
            frontend.belong_to(self.domid)
        for disk in self.disks:
            self._add_vbd(disk)
        self.qemu = qemu.xenpv(self.run_dir, os.path.join(self.directory, 'qemu.log'),
                               self.environment, self.domid)
        for frontend in self.frontends:
            frontend.connect()

    def detach(self, index):
        """As libxl and a guest that obeys do it; returns when QEMU has let go
        of the device, whatever it made of its images."""
        frontend = self.frontends[index]
        self.xenstored.store.write(frontend.backend + '/online', 0)
        self.xenstored.store.write(frontend.backend + '/state', blkfront.CLOSING)
        frontend.leave()

    def attach(self, index, path):
        self.disks[index].path = path
        self._add_vbd(self.disks[index])
        self.frontends[index].connect()

    def __exit__(self, kind, error, trace):
        try:
            self.shut_down()
        finally:
            self._clean()

    def shut_down(self):
        """Stop the guest, and QEMU after it. A QEMU that crashed is an error."""
        try:
            self._stop_writer()
        finally:
            if self.qemu:
                process, self.qemu = self.qemu, None
                process.close()

    def crash_qemu(self):
        """SIGKILL, as libxl does it to a domain that is destroyed; the guest
        goes with it."""
        process, self.qemu = self.qemu, None
        process.kill()
        for frontend in self.frontends:
            frontend.abandoned = True
        try:
            self._stop_writer()
        except blkfront.Stuck:
            pass

    def _clean(self):
        if self.qemu:
            self.qemu.kill()
        for frontend in self.frontends:
            frontend.close()
        if self.xenstored:
            self.xenstored.close()
        shutil.rmtree(self.directory)

    # The guest.

    def start_writer(self):
        self.writer = writer.Writer(self.frontends, self.next_write).start()

    def _stop_writer(self):
        stopped, self.writer = self.writer, None
        if stopped:
            try:
                stopped.stop()
            finally:
                self.next_write = stopped.answered + 2  # one may not be answered

    @contextlib.contextmanager
    def paused(self):
        self.writer.pause()
        try:
            yield
        finally:
            self.writer.unpause()

    # The program under test.

    def pairs(self):
        """All disks, as the probe wants them."""
        return ['%s=%s' % (disk.vdev, disk.path) for disk in self.disks]

    def probe_command(self, *arguments):
        return [self.program, self.run_dir, self.lib_dir, str(self.domid),
                libxl_client.UUID] + [str(a) for a in arguments]

    def probe(self, *arguments, timeout=60):
        """Run the probe on this rig's domain. Its exit status is in .returncode,
        what it says in .stdout and .stderr."""
        return subprocess.run(self.probe_command(*arguments), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout)

    def start_probe(self, *arguments):
        return subprocess.Popen(self.probe_command(*arguments), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    # The images, when QEMU is gone.

    def contents(self, snapshot=None):
        """What each disk holds, now or in a snapshot, as bytes."""
        raw = os.path.join(self.directory, 'content.raw')
        contents = []
        for disk in self.disks:
            option = ['-l', 'snapshot.name=' + snapshot] if snapshot else []
            qemu.qemu_img('convert', '-f', disk.format, *option, '-O', 'raw', disk.path, raw)
            with open(raw, 'rb') as content:
                contents.append(content.read(writer.BLOCKS * writer.BLOCK))
        return contents
