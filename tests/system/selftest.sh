#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The lab tests itself: without our programs, can the counting guest be started,
# saved, restored and told what to do, and does it notice a disk that is not of
# its RAM's instant? All else that the scenarios say rests on it.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

image=$WORK/guest.save

note "guest type: ${XENLAB_GUEST_TYPE:-pv}"
guest_start g -d 2
boot=$(guest_boot g)
count=$(guest_count g)
check "it goes on counting" labguest wait g --past $((count + 10))

note "its orders"
check "it is told to reboot" labguest command g reboot
check "it is back with another boot id" labguest wait g --other-boot "$boot" --timeout 240
check_output '^[1-9][0-9]*,[1-9][0-9]*$' "it found its counts on both disks" \
    labguest counters g found

note "a save that lets it run on"
boot=$(guest_boot g)
count=$(guest_count g)
check "xl save -c" "$SYSTEM_XL" save -c g "$image"
check "it counts on" labguest wait g --past $((count + 1))
check_equal "$boot" "$(guest_boot g)" "it is the same boot"
check "RAM and disks agree" labguest healthy g
rm -f "$image"

note "a save and a restore"
count=$(guest_count g)
check "xl save" "$SYSTEM_XL" save g "$image"
check "it is gone" labguest gone g
check "its disks are of one instant" disks_agree - g
frozen=$(labguest disk-counters -c g | head -n 1)
check "the disks are past the last count seen" test "$frozen" -ge "$count"
check "xl restore" "$SYSTEM_XL" restore "$image"
check "it counts on from there" labguest wait g --past "$frozen"
check_equal "$boot" "$(guest_boot g)" "it is the same boot"
check "RAM and disks agree" labguest healthy g

note "RAM of one instant, a disk of another"
"$SYSTEM_XL" destroy g
check "it is gone" labguest gone g
check "the old RAM is restored beside the newer disks" "$SYSTEM_XL" restore "$image"
check_not "it notices" labguest healthy g
# Which disk, and whether its record or a chunk, depends on where in its round the guest was
# stopped: a write under way is made again, and what it covers looks right.
check_output '^disk[01]:(has-[0-9]+:wants-[0-9]+|chunk-[0-9]+)$' "and says where" \
    labguest counters g why
check "it is told to power off" labguest command g poweroff
check "it is gone" labguest gone g

finish
