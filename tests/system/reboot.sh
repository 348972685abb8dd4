#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# After a snapshot the guest's end is acted on as before. On Xen 4.17 xl's own
# daemon leaves when the guest is suspended; somebody must take its place.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

note "on_reboot"
guest_start g -d 1
check "create" xl snapshot-create g one
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240
check "create after the reboot" xl snapshot-create g two
check "create once more" xl snapshot-create g three
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back again" labguest wait g --other-boot "$boot" --timeout 240
sleep 3
check_equal 1 "$("$SYSTEM_XL" list | grep -c '^g ')" "and only once"
check "back to before the reboots" xl snapshot-revert g one
check "RAM and disks agree" labguest healthy g
check "create after a revert" xl snapshot-create g four
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240

note "on_poweroff"
check "create" xl snapshot-create g five
check "it is told to power off" labguest command g poweroff
check "it is gone" labguest gone g

note "on_crash"
guest_start h -d 1 --extra-cfg 'on_crash = "preserve"'
check "create" xl snapshot-create h one
check "it is told to crash" labguest command h crash
for _ in $(seq 60); do
    "$SYSTEM_XL" list h | grep -q -- '-*s\?c-' && break
    sleep 0.5
done
check_output '-s?c-' "it is kept as it crashed" "$SYSTEM_XL" list h
check_exit 5 "its memory is not taken" xl snapshot-create h crashed
check "revert" xl snapshot-revert h one
check "RAM and disks agree" labguest healthy h

note "a guest that nobody watched stays so"
guest_start u -d 1 --no-create
check "create without a daemon" "$SYSTEM_XL" create -q -e "$(labguest cfg u)"
check "it counts" labguest wait u
check "snapshot" xl snapshot-create u one
check "it is told to power off" labguest command u poweroff
sleep 5
check_output '---s-' "nobody cleans it away" "$SYSTEM_XL" list u
finish
