#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How large the memory images are of an idle guest with Debian and systemd: of
# the first, and of the next one. Figures, not a test. tests/bench/debian-drive
# makes the drive.
#
#   tools/xenlab run --mem 4G --drive FILE tests/bench/debian.sh

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

data=${XENLAB_DATA:?give the lab a --drive}
idle=${1:-60}

cat >"$WORK/debian.cfg" <<EOF
name = "debian"
type = "${XENLAB_GUEST_TYPE:-pv}"
kernel = "$data/vmlinuz"
ramdisk = "$data/initrd.img"
extra = "root=/dev/xvda rw console=hvc0 net.ifnames=0 mitigations=off"
memory = 512
vcpus = 1
disk = [ "format=qcow2,backendtype=qdisk,vdev=xvda,access=rw,target=$data/debian.qcow2" ]
EOF

# booted SECONDS: until its console, which xenconsoled logs, asks for a name.
booted() {
    local n
    for n in $(seq "$1"); do
        grep -qa 'login: $' /var/log/xen/guest-debian.log && return 0
        sleep 1
    done
    echo "not after $n s"
    return 1
}

# of NAME: its image's bytes as a share of the guest's memory.
share_of() {
    xl snapshot-info --json debian "$1" | python3 -c 'import json, sys
s = json.load(sys.stdin)["snapshot"]
print("%s: %.2f %% of %d MiB" % (s["name"], 100 * s["memory_bytes"] / s["ram_bytes"],
                                 s["ram_bytes"] >> 20))'
}

note "Debian boots"
check "create" xl create "$WORK/debian.cfg"
check "it asks for a name" booted 600
note "idle for $idle s"
sleep "$idle"
check "the first" xl snapshot-create debian first
share_of first
note "idle for $idle s more"
sleep "$idle"
check "the next" xl snapshot-create debian next
share_of next
check "export, for tests/bench/memory_bench.c" \
    xl snapshot-export --xl debian first "${XENLAB_OUT:?}/debian.xl"
"$SYSTEM_XL" destroy debian
finish
