#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A disk that comes and goes while the guest runs: snapshots have it or have it
# not, reverts bring it back or take it away, and only its active image can be
# attached again.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

extra=/var/lib/labguest/extra.qcow2

spec() {
    echo "vdev=xvde,format=qcow2,backendtype=qdisk,access=rw,target=$1"
}

attached() {
    "$SYSTEM_XL" block-list g | grep -q '^51776 '
}

# detached [IMAGE]...: libxl answers when the guest has let go; QEMU may be a
# moment later.
detached() {
    local n
    for n in $(seq 40); do
        attached || fuser -s "$extra" "$@" || return 0
        sleep 0.25
    done
    echo "after $n tries it is still there"
    return 1
}

# QEMU serves it, and the guest has it: libxl does not look.
comes_up() {
    local n path
    path=/local/domain/0/backend/qdisk/$(xl domid g)/51776/state
    for n in $(seq 40); do
        [ "$(xenstore-read "$path")" = 4 ] && return
        sleep 0.25
    done
    echo "after $n tries the state is $(xenstore-read "$path")"
    return 1
}

# holds IMAGE BYTE: all of it.
holds() {
    qemu-io -U -r -f qcow2 -c "read -P $2 0 1M" "$1" >"$WORK/io" 2>&1
    cat "$WORK/io"
    ! grep -q 'Pattern verification failed\|error' "$WORK/io"
}

# disks_of NAME: those of a snapshot.
disks_of() {
    xl snapshot-info --json g "$1" | python3 -c '
import json, sys
snapshot = json.load(sys.stdin)
snapshot = snapshot.get("snapshot", snapshot)
print(*sorted(d["vdev"] for d in snapshot["disks"]))'
}

active_of() {
    "$SYSTEM_XL" list -l g | python3 -c '
import json, sys
for disk in json.load(sys.stdin)[0]["config"]["disks"]:
    if disk["vdev"] == "xvde":
        print(disk["pdev_path"])'
}

guest_start g -d 1
qemu-img create -q -f qcow2 "$extra" 1M
check "write ones" qemu-io -f qcow2 -c "write -P 1 0 1M" "$extra"
check "a snapshot before there is the disk" xl snapshot-create g without

note "attached"
check "attach" xl block-attach g "$(spec "$extra")"
check "it is there" comes_up
check "a snapshot" xl snapshot-create g with
check_equal "xvda xvde" "$(disks_of with)" "has both disks"
check_equal "xvda" "$(disks_of without)" "the one before has one"

note "detached"
check "detach" xl block-detach g xvde
check_said "1 snapshot of domain 'g' has the disk xvde" "it says who has it"
check "it is gone" detached
check "write twos" qemu-io -f qcow2 -c "write -P 2 0 1M" "$extra"
check "a snapshot" xl snapshot-create --disk-only g later
check_equal "xvda" "$(disks_of later)" "has one disk"
check "it holds twos still" holds "$extra" 2

note "reverts bring it back, and take it away"
check "to the one that has it" xl snapshot-revert g with
check "RAM and disks agree" labguest healthy g
check "it is there" comes_up
check "and holds ones" holds "$extra" 1
check "to the one that has it not" xl snapshot-revert g without
check "RAM and disks agree" labguest healthy g
check_not "it is not there" attached
check "and its image is left alone" holds "$extra" 1

note "external"
check "attach" xl block-attach g "$(spec "$extra")"
check "an external snapshot" xl snapshot-create --external --disk-only g outside
overlay=$(active_of)
check_not "the disk has an overlay" test "$overlay" = "$extra"
check "detach" xl block-detach g xvde
check_said "name its image $overlay [(]qcow2[)]" "it says which image it has"
check "it is gone" detached "$overlay"
check_exit 5 "the frozen image cannot be attached" \
    xl block-attach g "$(spec "$extra")"
check_said "its image $extra is frozen" "and it says why"
check_not "nothing was attached" attached
check "the overlay can" xl block-attach g "$(spec "$overlay")"
check "it is there" comes_up
check "a snapshot with memory inside it" xl snapshot-create g inside
check_equal "xvda xvde" "$(disks_of inside)" "has both disks"
check "RAM and disks agree" labguest healthy g

note "the system's own block-detach leaves the images open"
check "another external snapshot" \
    xl snapshot-create --external --disk-only g second
overlay=$(active_of)
check "detach" "$SYSTEM_XL" block-detach g xvde
check "QEMU has them still" fuser -s "$overlay"
check "our block-attach has them closed first" \
    xl block-attach g "$(spec "$overlay")"
check "it is there" comes_up
check "one more" xl snapshot-create --external --disk-only g third
check "detach" "$SYSTEM_XL" block-detach g xvde
check "QEMU has them still" fuser -s "$overlay"
check "delete it: a merge of what is open" xl snapshot-delete g third
kept=$(grep kept "$OUTPUT")
check_equal "" "$kept" "nothing is kept"
check "it is gone" detached "$overlay"
left=$(find "$(dirname "$extra")" -maxdepth 1 \
    '(' -name 'extra.second*' -o -name 'extra.third*' ')')
check_equal 1 "$(echo "$left" | wc -w)" "the two images are one"
check "attach it" xl block-attach g "$(spec "$left")"
check "it is there" comes_up
check "another, external" xl snapshot-create --external --disk-only g again
overlay=$(active_of)

note "a reboot"
boot=$(guest_boot g)
check "it is told to reboot" labguest command g reboot
check "it comes back" labguest wait g --other-boot "$boot" --timeout 240
check "the disk is there, as libxl has it" comes_up
check_equal "$overlay" "$(active_of)" "with its overlay"

note "all of them deleted; the disk comes and goes again"
for name in again second outside inside with without later; do
    check "delete $name" xl snapshot-delete g "$name"
    sed 's/^/        /' "$OUTPUT"
done
check "recover" xl snapshot-recover g
check "RAM and disks agree" labguest healthy g
left=$(find "$(dirname "$extra")" -maxdepth 1 -name 'extra*')
check_equal 1 "$(echo "$left" | wc -w)" "one image of the disk is left"
check "it holds ones" holds "$left" 1
check "detach" xl block-detach g xvde
check "it is gone" detached
check "attach" xl block-attach g "$(spec "$left")"
check "it is there" comes_up
check "a snapshot" xl snapshot-create g last
check_equal "xvda xvde" "$(disks_of last)" "has both disks"
check "RAM and disks agree" labguest healthy g
rm -f "$left"
finish
