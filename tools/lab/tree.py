# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian tree which is dom0's root and the place where we compile."""

import os
import re
import shutil

from . import stage
from .common import LabError, RELEASES, release_dir
from .process import NAMESPACE, capture, run_logged

_PACKAGES = """
    xen-hypervisor-{xen}-amd64 xen-utils-{xen} xenstore-utils
    qemu-system-xen qemu-utils seabios linux-image-amd64
    busybox-static bash kmod iproute2 util-linux e2fsprogs procps psmisc
    strace zstd python3 qemu-guest-agent lvm2 thin-provisioning-tools
    gcc libc6-dev make autoconf automake libtool pkg-config perl
    libxen-dev libyajl-dev libarchive-dev libssl-dev libzstd-dev libxxhash-dev
    libnbd-dev libcmocka-dev
"""
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def packages(release):
    return _PACKAGES.format(xen=RELEASES[release]).split()


def _apt_sources(release):
    """The machine's own Debian mirrors, with the suite's name swapped; nothing
    when apt knows none, and mmdebstrap then uses its default."""
    with open("/etc/os-release") as f:
        match = re.search(r'^VERSION_CODENAME="?(\w+)', f.read(), re.M)
    if not match:
        return []
    here = match.group(1)
    listing = capture(["apt-get", "indextargets", "--format",
                       "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                       "Identifier: Packages"], "reading apt's sources")
    lines = []
    for target in listing.splitlines():
        fields = target.split()
        if len(fields) != 3:
            continue
        uri, suite, component = fields
        wanted = (here, here + "-updates", here + "-security")
        if suite not in wanted or component != "main" or "debian" not in uri:
            continue
        signed = "[signed-by=%s] " % _KEYRING if os.path.exists(_KEYRING) else ""
        line = "deb %s%s %s main" % (signed, uri, release + suite[len(here):])
        if line not in lines:
            lines.append(line)
    return lines


def _apt_options():
    """How the machine reaches its mirrors (proxy, retries, date checks)."""
    dump = capture(["apt-config", "dump"], "reading apt's configuration")
    wanted = r"Acquire::(https?::|Check-|Retries|ForceIPv)"
    return [line.rstrip(";")
            for line in dump.splitlines()
            if re.match(wanted, line) and not line.endswith('"";')]


def obtain(release):
    """The path of the release's tree, made with mmdebstrap when missing."""
    names = packages(release)

    def build(path):
        if os.geteuid() != 0:
            raise LabError("making the Debian tree needs root")
        if not shutil.which("mmdebstrap"):
            raise LabError("mmdebstrap is needed, and is not installed")
        argv = NAMESPACE + [
            "mmdebstrap", "--mode=root", "--variant=minbase",
            "--include=" + ",".join(names),
            '--aptopt=APT::Install-Recommends "false"',
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--customize-hook=mkdir -p $1/work $1/data $1/src $1/xenlab",
        ]
        argv += ["--aptopt=" + option for option in _apt_options()]
        argv += [release, path] + _apt_sources(release)
        # The kernel's own initramfs would never be used, and takes long.
        env = dict(os.environ, INITRD="No", LC_ALL="C")
        log = os.path.join(release_dir(release), "tree.log")
        open(log, "w").close()
        run_logged(argv, log, "mmdebstrap of %s" % release, env)

    digest = stage.recipe_hash(release, " ".join(names), "layout 1")
    return stage.obtain(release, "tree", digest, build)
