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

# The guest's count and boot id of one instant, in $count and $id: an emulated
# machine is slow to start anything.
look() {
    local state
    state=" $(labguest counters g) "
    count=${state#* count=}
    count=${count%% *}
    id=${state#* boot=}
    id=${id%% *}
}

cycle() {
    local i=$1 count id before at
    look
    before=$count
    check "cycle $i: create" xl snapshot-create g "s$i" || return
    sed 's/^/        /' "$OUTPUT"
    look
    at=$count
    check "cycle $i: it runs on, and is healthy" \
        labguest healthy g --past $((at + 10)) || return
    check "cycle $i: the disks' snapshots are of one instant" \
        disks_agree - g --snapshot "s$i"
    look
    check "cycle $i: revert" xl snapshot-revert g "s$i" || return
    check "cycle $i: RAM and disks agree" labguest healthy g || return
    # Its first new count is after the snapshot, and before what it had
    # reached, but for a moment since the revert: RAM went back.
    went_back "$before" "$at" "$count" "$i"
    check_equal "$boot" "$id" "cycle $i: the same boot"
    check_output "^s$i\$" "cycle $i: s$i is current" xl snapshot-current g
}

went_back() {
    local later=$3
    look
    check "cycle $4: RAM went back ($1 .. $2 .. $later, and then $count)" \
        between "$1" "$count" $((later + 60))
}

between() {
    [ "$2" -ge "$1" ] && [ "$2" -lt "$3" ]
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
