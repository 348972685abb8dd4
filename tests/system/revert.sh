#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job: RAM and every disk of a running guest go back to the instant of
# the snapshot, again and again.
#
#   revert.sh [CYCLES]     20 for pv, 2 for the others, unless told otherwise

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

type=${XENLAB_GUEST_TYPE:-pv}
case $type in pv) cycles=${1:-20} ;; *) cycles=${1:-2} ;; esac

note "guest type $type, two disks, $cycles cycles"
guest_start g -d 2
boot=$(guest_boot g)

cycle() {
    local i=$1 before at later
    before=$(guest_count g)
    check "cycle $i: create" xl snapshot-create g "s$i" || return
    sed 's/^/        /' "$OUTPUT"
    at=$(guest_count g)
    check "cycle $i: it runs on" labguest wait g --past $((at + 10)) || return
    check "cycle $i: it is healthy" labguest healthy g
    check "cycle $i: the disks' snapshots are of one instant" \
        disks_agree - g --snapshot "s$i"
    later=$(guest_count g)
    check "cycle $i: revert" xl snapshot-revert g "s$i" || return
    # Its first new count is after the snapshot, and before what it had
    # reached: RAM went back.
    check "cycle $i: it counts" labguest wait g || return
    check "cycle $i: RAM went back ($before .. $at .. $later)" \
        count_between g "$before" "$later"
    check_equal "$boot" "$(guest_boot g)" "cycle $i: the same boot"
    check "cycle $i: RAM and disks agree" labguest healthy g
    check_output "^s$i\$" "cycle $i: s$i is current" xl snapshot-current g
}

# It may have counted for a moment since the revert.
count_between() {
    local count
    count=$(guest_count "$1")
    echo "count $count"
    [ "$count" -ge "$2" ] && [ "$count" -lt $(($3 + 60)) ]
}

for i in $(seq "$cycles"); do
    cycle "$i" || break
done

note "back to the first, and to the last, of them"
check "revert to s1" xl snapshot-revert g s1
check "RAM and disks agree" labguest healthy g
check "revert to s$cycles, paused" xl snapshot-revert --paused g "s$cycles"
check_output '^g .* --p--- ' "the guest is paused" "$SYSTEM_XL" list g
check "unpause" "$SYSTEM_XL" unpause g
check "RAM and disks agree" labguest healthy g

note "delete them all"
for i in $(seq "$cycles"); do
    check "delete s$i" xl snapshot-delete g "s$i"
done
check "RAM and disks agree" labguest healthy g
check_equal "" "$(xl snapshot-list --names g)" "no snapshot is left"
for image in $(labguest disks g); do
    check_not "no snapshot is left in $image" \
        sh -c "qemu-img snapshot -U -l $image | grep ."
done
check_equal "" "$(find /var/lib/xen/snapshots/g -name 'snap-*')" \
    "no payload is left"

finish
