# SPDX-License-Identifier: LGPL-2.1-or-later
"""What QEMU and the guests boot: hypervisor, kernel, the two initramfs."""

import gzip
import lzma
import os
import shutil
import struct

from . import initramfs, stage
from .common import LAB_DIR, LabError, release_dir
from .process import NAMESPACE, capture, run_logged

_DOM0_MODULES = ["virtio_pci", "virtio_blk", "9pnet_virtio", "9p", "overlay",
                 "ext4", "loop", "xen-blkback", "xen-gntdev", "xen-gntalloc",
                 "xen-evtchn", "xenfs", "xen-privcmd", "dm_mod",
                 "dm_thin_pool"]
_GUEST_MODULES = ["xen-blkfront"]
# What a guest with an agent has besides: see guest/init.
_AGENT = "/usr/sbin/qemu-ga"
_AGENT_MODULES = ["ext4"]


def _single(folder, prefix, suffix=""):
    found = [n for n in os.listdir(folder)
             if n.startswith(prefix) and n.endswith(suffix)]
    if len(found) != 1:
        raise LabError("expected one %s*%s in %s, found %s"
                       % (prefix, suffix, folder, found))
    return found[0]


def _base_image(tree, init):
    image = initramfs.Image()
    image.console()
    for path in ("proc", "sys", "newroot"):
        image.directory(path)
    busybox = initramfs.read(os.path.join(tree, "usr/bin/busybox"))
    image.file("bin/busybox", busybox, 0o755)
    image.symlink("bin/sh", "busybox")
    image.file("init", initramfs.read(init), 0o755)
    return image


def _add_agent(image, tree, kernel):
    """qemu-ga with its libraries, and the file system that it can freeze."""
    initramfs.add_modules(image, tree, kernel, _AGENT_MODULES, "agent-order")
    listing = capture(["chroot", tree, "ldd", _AGENT], "ldd qemu-ga")
    for name in [_AGENT] + [w for w in listing.split() if w.startswith("/")]:
        # Links in the tree lead from its root, not from ours.
        source = capture(["chroot", tree, "readlink", "-f", name], "readlink")
        image.file(name.lstrip("/"), initramfs.read(tree + source.strip()),
                   0o755)
    # By which the agent sets the hardware clock, if there is one.
    image.symlink("sbin/hwclock", "../bin/busybox")


def _guest_image(tree, kernel, counter, path, with_agent):
    image = _base_image(tree, os.path.join(LAB_DIR, "guest/init"))
    initramfs.add_modules(image, tree, kernel, _GUEST_MODULES)
    image.file("bin/counter", initramfs.read(counter), 0o755)
    agent = initramfs.read(os.path.join(LAB_DIR, "guest/agent"))
    image.file("bin/agent", agent, 0o755)
    # What the kernel runs when the toolstack asks for a shutdown.
    for action in ("poweroff", "reboot"):
        script = "#!/bin/sh\nexec /bin/busybox %s -f\n" % action
        image.file("sbin/" + action, script.encode(), 0o755)
    if with_agent:
        _add_agent(image, tree, kernel)
    image.write(path)


def _guest_files():
    folder = os.path.join(LAB_DIR, "guest")
    return [os.path.join(folder, n) for n in sorted(os.listdir(folder))]


_CLIENT = os.path.join(LAB_DIR, "dom0/labguest.c")


def _unpacked(path):
    """The kernel inside of a bzImage, as Xen and libxc would unpack it each
    time, which takes an emulated processor ten seconds for xz. What is packed
    in another way is quickly unpacked: that image is returned as it is."""
    with open(path, "rb") as f:
        image = f.read()
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    offset += (sectors + 1) * 512
    payload = image[offset:offset + length]
    if not payload.startswith(b"\xfd7zXZ"):
        return image
    return lzma.LZMADecompressor().decompress(payload)


def _compile(release, tree, path):
    """Compile the guest's program and labguest's client in the tree, under its own
    mounts. Static: they start sooner."""
    work = os.path.join(path, "work")
    os.makedirs(os.path.join(work, "guest"))
    for name in _guest_files():
        shutil.copy(name, os.path.join(work, "guest"))
    shutil.copy(_CLIENT, work)
    script = ('mount --bind "$1" "$2/work" && exec chroot "$2" sh -c "cd /work'
              ' && CC=\'gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static\''
              ' && \\$CC -pthread -o counter guest/*.c'
              ' && \\$CC -o labguest labguest.c"')
    log = os.path.join(release_dir(release), "boot.log")
    open(log, "w").close()
    run_logged(NAMESPACE + ["sh", "-c", script, "sh", work, tree], log,
               "compiling the lab's programs")
    return work


def obtain(release, tree):
    """The folder with xen, vmlinuz and the same unpacked, dom0.img, guest.img,
    agent.img, and labguest's client."""

    def build(path):
        folder = os.path.join(tree, "boot")
        kernel = _single(os.path.join(tree, "usr/lib/modules"), "")
        with gzip.open(os.path.join(folder, _single(folder, "xen-", ".gz"))) as f:
            hypervisor = f.read()
        with open(os.path.join(path, "xen"), "wb") as f:
            f.write(hypervisor)
        packed = os.path.join(path, "vmlinuz")
        shutil.copy(os.path.join(folder, "vmlinuz-" + kernel), packed)
        with open(os.path.join(path, "vmlinux"), "wb") as f:
            f.write(_unpacked(packed))
        image = _base_image(tree, os.path.join(LAB_DIR, "dom0/init"))
        initramfs.add_modules(image, tree, kernel, _DOM0_MODULES)
        image.write(os.path.join(path, "dom0.img"))
        work = _compile(release, tree, path)
        shutil.copy(os.path.join(work, "labguest"), path)
        # Two images and not one behind the other: libxl unpacks the first
        # gzip of a PV guest's and no more.
        for name in ("guest", "agent"):
            _guest_image(tree, kernel, os.path.join(work, "counter"),
                         os.path.join(path, name + ".img"), name == "agent")
        shutil.rmtree(work)

    digest = stage.recipe_hash(
        os.path.basename(tree),
        ("file", os.path.join(LAB_DIR, "boot.py")),
        ("file", os.path.join(LAB_DIR, "initramfs.py")),
        ("file", os.path.join(LAB_DIR, "dom0/init")),
        ("file", _CLIENT),
        *(("file", name) for name in _guest_files()))
    return stage.obtain(release, "boot", digest, build)
