#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest that is off: qemu-img does the work, and never on an image in use.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

power_off() {
    check "it powers off" labguest command g poweroff
    check "it is gone" labguest gone g
}

boots_with() {
    check "it boots" "$SYSTEM_XL" create -q "$(labguest cfg g)"
    check "it counts" labguest wait g
    check_output "^$1," "it finds the count $1" labguest counters g found
}

guest_start g -d 2
power_off
first=$(labguest disk-counters -c g | head -n 1)

note "no chain yet: the configuration comes from a file"
check_exit 3 "without one the domain is not known" xl snapshot-create g off1
check "create" xl snapshot-create --config "$(labguest cfg g)" g off1
check_output '"state": *"off"' "it was off" xl snapshot-info --json g off1
check "the disks hold it" disks_agree - g --snapshot off1

note "run, stop, take another, go back"
boots_with "$first"
check "it counts on" labguest wait g --past $((first + 20))
power_off
second=$(labguest disk-counters -c g | head -n 1)
check "create" xl snapshot-create g off2
check "revert to off1" xl snapshot-revert g off1
check_equal "$first" "$(labguest disk-counters -c g | head -n 1)" "off1's disks"
check_not "it stays off" "$SYSTEM_XL" domid g
check "revert to off2" xl snapshot-revert g off2
check_equal "$second" "$(labguest disk-counters -c g | head -n 1)" "off2's disks"
check "revert to off1 and boot" xl snapshot-revert --running g off1
check "it counts" labguest wait g
check_output "^$first," "it finds off1's count" labguest counters g found

note "dirty bitmaps do not stand in the way of going back"
power_off
for image in $(labguest disks g); do
    check "a bitmap in $image" qemu-img bitmap --add "$image" backup0
done
check "revert to off2" xl snapshot-revert g off2
check_equal "$second" "$(labguest disk-counters -c g | head -n 1)" "off2's disks"

note "an image in use is left alone"
image=$(labguest disks g | head -n 1)
other=/tmp/other.cfg
sed 's/^name = .*/name = "other"/' "$(labguest cfg g)" >"$other"
check "another domain runs on the same images" "$SYSTEM_XL" create -q "$other"
check "it counts" labguest wait other
sum=$(qemu-img snapshot -U -l "$image" | sha256sum)
check_exit 4 "create is refused" xl snapshot-create g nogood
check_said "other" "and it says who has the image"
check_exit 4 "revert is refused" xl snapshot-revert g off1
check_exit 4 "delete is refused" xl snapshot-delete g off1
check_equal "$sum" "$(qemu-img snapshot -U -l "$image" | sha256sum)" \
    "the image's snapshots were not touched"
check "the other goes" "$SYSTEM_XL" destroy other
check "the other is gone" labguest gone other

exec 9<"$image"
check_exit 4 "a process that has it open counts, too" xl snapshot-create g nogood
exec 9<&-

check "delete off1" xl snapshot-delete g off1
check_equal "$second" \
    "$(labguest disk-counters -c g --snapshot off2 | head -n 1)" \
    "off2's disks are what they were"
check "delete off2" xl snapshot-delete g off2
check "the images are sound" sh -c \
    "for i in \$(labguest disks g); do qemu-img check -q \$i || exit 1; done"
rm -f "$other"
finish
