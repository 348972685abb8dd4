#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# External snapshots: frozen images and overlays, of a running guest and of one
# that is off; reverts to them in every direction; merges, after which only
# the images of the beginning are left.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

guest_start g -d 2
mapfile -t base < <(labguest disks g)
folder=$(dirname "${base[0]}")

# The path that libxl has for each disk.
paths() {
    "$SYSTEM_XL" list -l g | python3 -c '
import json, sys
for disk in json.load(sys.stdin)[0]["config"]["disks"]:
    print(disk["pdev_path"])'
}

images_in() {
    find "$1" -name 'g-*' | wc -l
}

on_image() {
    local path
    while read -r path; do
        case $path in *"$1"*) ;; *) echo "$path"; return 1 ;; esac
    done < <(paths)
}

note "with memory"
before=$(guest_count g)
check "create" xl snapshot-create --external g e1
sed 's/^/        /' "$OUTPUT"
check "libxl has the overlays" on_image .e1
check_equal 4 "$(images_in "$folder")" "there are two overlays"
check_equal "600 600" "$(stat -c %a "$folder"/*.e1.* | xargs)" "for root alone"
check "it runs on" labguest wait g --past $(($(guest_count g) + 10))
check "it is healthy" labguest healthy g
check "the frozen images are of one instant" disks_agree - "${base[@]}"
at=$(labguest disk-counters -c "${base[0]}")
check "and not older than the command" test "$at" -ge $((before - 1))

note "once more, disks alone, of one disk a file that was named"
check "create" xl snapshot-create --external --disk-only \
    --diskspec "xvdb,snapshot=external,file=$folder/g-mine.qcow2" g e2
check "it runs on" labguest wait g --past $(($(guest_count g) + 10))
check "it is healthy" labguest healthy g
check_output 'g-mine.qcow2' "libxl has the file" paths
later=$(guest_count g)

note "back, with RAM; what was after it stays"
check "revert to e1" xl snapshot-revert g e1
check "it counts" labguest wait g
check "RAM went back" test "$(guest_count g)" -lt "$later"
check "RAM and disks agree" labguest healthy g
check_equal "$at" "$(labguest disk-counters -c "${base[0]}")" \
    "the frozen image is what it was"
check "create e3 beside e2" xl snapshot-create --external g e3
check "it runs on" labguest wait g --past $(($(guest_count g) + 10))
xl snapshot-list --tree g | sed 's/^/        /'
check "revert to e2, sideways" xl snapshot-revert --running g e2
check "it boots and counts" labguest wait g --other-boot none --timeout 240
check "it is healthy" labguest healthy g
check "forwards to e3, keeping the present" xl snapshot-revert --undo g e3
check_said "undo-" "it says where the present is"
check "RAM and disks agree" labguest healthy g
undo=$(xl snapshot-list --names g | grep '^undo-')
check "and back to the undo" xl snapshot-revert g "$undo"
check "RAM and disks agree" labguest healthy g

note "an internal snapshot in an overlay"
check "create" xl snapshot-create g i1
check "it runs on" labguest wait g --past $(($(guest_count g) + 5))
check "revert" xl snapshot-revert g i1
check "RAM and disks agree" labguest healthy g
check "an external one on top of it" xl snapshot-create --external g e4
check "it runs on" labguest wait g --past $(($(guest_count g) + 5))
check "revert to the internal one, which is in a frozen image now" \
    xl snapshot-revert g i1
check "RAM and disks agree" labguest healthy g
check "and to e4" xl snapshot-revert g e4
check "RAM and disks agree" labguest healthy g

note "the guest reboots, and is saved and restored, on its overlays"
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240
check "it is healthy" labguest healthy g
check "xl save" "$SYSTEM_XL" save g "$WORK/saved"
check "xl restore" "$SYSTEM_XL" restore "$WORK/saved"
check "RAM and disks agree" labguest healthy g

note "deleting, while the guest runs"
for name in e1 e3 i1 e4 e2 "$undo"; do
    check "delete $name" xl snapshot-delete g "$name"
    sed 's/^/        /' "$OUTPUT"
    check "the guest is healthy" labguest healthy g
done
check_equal "" "$(xl snapshot-list --names g)" "no snapshot is left"
find "$folder" -name 'g-*' -printf '        %f %s\n' | sort
check "recover merges what is left" xl snapshot-recover g
sed 's/^/        /' "$OUTPUT"
check "it is healthy" labguest healthy g
check_equal 2 "$(images_in "$folder")" "as many images as disks are left"
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240
check "it is healthy" labguest healthy g

finish
