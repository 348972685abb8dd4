#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# kill -9 of our xl at every named point of create, revert and delete. After
# each: the guest runs, or is off if that was asked for; no file stays that
# belongs to nothing; every snapshot that is left still reverts.
#
# Once as it is, where the guard sees to it at once, and once with the guard
# killed as well, where the next command does.
#
#   kill.sh [guarded|alone|alternate]...
#
# Both, one after the other, unless told otherwise; "alternate" takes turns, so
# that each point is killed at one time, which takes half as long.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

points_of() {
    XL_SNAPSHOT_TRACE_POINTS=$WORK/points "$@" >"$OUTPUT" 2>&1 || return 1
    sort -u "$WORK/points"
    rm -f "$WORK/points"
}

orphans() {
    find /var/lib/xen/snapshots/g -mindepth 1 -maxdepth 1 \
        ! -name chain.json ! -name chain.json.prev ! -name lock ! -name 'snap-*'
    for dir in /var/lib/xen/snapshots/g/snap-*; do
        [ -d "$dir" ] || continue
        grep -q "\"serial\": *${dir##*-}\b" /var/lib/xen/snapshots/g/chain.json ||
            echo "$dir"
    done
}

# The images hold what the chain says, and nothing else.
images_agree() {
    local image
    xl snapshot-list --names g | sort >"$WORK/named"
    for image in $images; do
        qemu-img snapshot -U -l "$image" | awk 'NR > 2 { print $2 }' | sort \
            >"$WORK/held"
        diff "$WORK/held" "$WORK/named" || return 1
    done
}

sound() {
    check "$1: snapshot-recover" xl snapshot-recover g
    check_equal "" "$(orphans)" "$1: no orphan file"
    check "$1: the images hold what the chain names" images_agree
    check_not "$1: no journal is left" test -e /var/lib/xen/snapshots/g/journal.json
}

killed_at() {
    XL_SNAPSHOT_STOP_AT=$1 "${@:2}" >"$OUTPUT" 2>&1 </dev/null
    [ $? -eq 137 ]
}

modes=${*:-guarded alone}
guest_start g -d 2
images=$(labguest disks g)
check "the guest has two images" test "$(echo "$images" | wc -w)" -eq 2
check "the snapshot that must stay" xl snapshot-create g keep
create_points=$(points_of xl snapshot-create g probe)
revert_points=$(points_of xl snapshot-revert g keep)
delete_points=$(points_of xl snapshot-delete g probe)
total=$(echo "$create_points $revert_points $delete_points" | wc -w)
check "there are ten points and more ($total)" test "$total" -ge 10

# at POINT: with or without the guard, as the mode says.
at() {
    local without=
    turn=$((turn + 1))
    case $mode in
    guarded) ;;
    alone) without=1 ;;
    alternate) [ $((turn % 2)) -eq 0 ] || without=1 ;;
    *) fail_ "there is no mode '$mode'" ;;
    esac
    export XL_SNAPSHOT_NO_GUARD=$without
    note "with${without:+out} the guard: $1"
}

turn=0
round() {
    local mode=$1 point boot
    boot=$(guest_boot g)

    for point in $create_points; do
        at "$point"
        check "killed" killed_at "$point" xl snapshot-create g new
        sound "$point"
        check "$point: the guest runs, RAM and disks agree" labguest healthy g
        check_equal "$boot" "$(guest_boot g)" "$point: the same boot"
        xl snapshot-list --names g | grep -qx new &&
            check "it was finished; delete it" xl snapshot-delete g new
    done
    for point in $revert_points; do
        at "$point"
        check "killed" killed_at "$point" xl snapshot-revert g keep
        sound "$point"
        check "$point: the guest runs, RAM and disks agree" labguest healthy g
        check_equal "$boot" "$(guest_boot g)" "$point: the same boot"
        check_equal 1 "$("$SYSTEM_XL" list | grep -c '^g ')" "$point: one domain"
    done
    for point in $delete_points; do
        at "$point"
        xl snapshot-list --names g | grep -qx new ||
            check "create one to delete" xl snapshot-create g new
        check "killed" killed_at "$point" xl snapshot-delete g new
        sound "$point"
        check "$point: the guest runs, RAM and disks agree" labguest healthy g
    done
}

for mode in $modes; do
    round "$mode"
done

note "off, as asked"
check "killed" killed_at revert:destroyed xl snapshot-revert --off g keep
sound "revert --off"
check "it is off" labguest gone g
check "back again" xl snapshot-revert g keep
check "RAM and disks agree" labguest healthy g
finish
