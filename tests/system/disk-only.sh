#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks alone, of a running guest: as after a power cut, all of one instant.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

guest_start g -d 3
count=$(guest_count g)
check "take the disks" xl snapshot-create --disk-only g d1
check "the guest runs on" labguest wait g --past $((count + 10))
check "it is healthy" labguest healthy g
check "the disks are of one instant" disks_agree - g --snapshot d1
frozen=$(labguest disk-counters -c g --snapshot d1 | head -n 1)
check "the disks are not older than the command" test "$frozen" -ge $((count - 1))

note "revert: without memory the domain is off afterwards"
check "revert" xl snapshot-revert g d1
check "the guest is gone" labguest gone g
check "the disks are of one instant" disks_agree - g
check_equal "$frozen" "$(labguest disk-counters -c g | head -n 1)" \
    "the disks are those of the snapshot"

note "revert and boot"
boot=none
check "revert --running" xl snapshot-revert --running g d1
check "it boots and counts" labguest wait g --other-boot "$boot" --timeout 240
check_output "^$frozen," "it found the snapshot's count on its disks" \
    labguest counters g found
check "it is healthy" labguest healthy g

note "somebody acts on its end"
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240

note "its QEMU heeds the SIGHUP by which libxl ends it"
heeds_sighup() {
    local mask
    mask=$(awk '/^SigBlk/ {print $2}' "/proc/$1/status") || return 1
    echo "blocked: $mask"
    (((0x$mask & 1) == 0))
}
qemu=$(pgrep -f 'xen-qemu-system.*-name g ')
check "QEMU $qemu does not block it" heeds_sighup "$qemu"

note "a paused guest"
check "pause" "$SYSTEM_XL" pause g
check_exit 5 "its memory cannot be taken" xl snapshot-create g m1
check_said 'paused' "and it says why"
check "its disks can" xl snapshot-create --disk-only g d2
check_output '^g .* --p--- ' "it is still paused" "$SYSTEM_XL" list g
check "unpause" "$SYSTEM_XL" unpause g
check "it is healthy" labguest healthy g

check "delete" xl snapshot-delete g d2
check "delete" xl snapshot-delete g d1
finish
