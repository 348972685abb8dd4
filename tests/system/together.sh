#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The system's xl and ours at the same time on one guest: QEMU's monitor serves
# one client, and neither may fail or hang because of the other.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${1:-1}

# A loop in the background that notes every failure.
busy() {
    local name=$1
    shift
    while [ -e "$WORK/go" ]; do
        timeout 120 "$@" >"$WORK/$name.out" 2>&1 </dev/null ||
            { echo "exit $?: $*"; tail -n 5 "$WORK/$name.out"; } \
                >>"$WORK/$name.failed"
        echo >>"$WORK/$name.rounds"
    done
}

guest_start g -d 2
note "list, uptime, monitor commands and our list, while snapshots come and go"
touch "$WORK/go"
busy list "$SYSTEM_XL" list -l g &
busy vcpus "$SYSTEM_XL" vcpu-list g &
busy qmp "$SYSTEM_XL" qemu-monitor-command g "info block" &
busy ours xl snapshot-list g &
for i in $(seq "$rounds"); do
    check "round $i: disk-only" xl snapshot-create --disk-only g "d$i"
    check "round $i: with memory" xl snapshot-create g "m$i"
    check "round $i: delete" xl snapshot-delete g "d$i"
done
for name in list vcpus qmp ours; do
    check_equal "" "$(cat "$WORK/$name.failed" 2>/dev/null)" \
        "$name: nothing failed ($(wc -l <"$WORK/$name.rounds") rounds)"
done
check "back to the first" xl snapshot-revert g m1
check "RAM and disks agree" labguest healthy g
rm "$WORK/go"
wait
for name in list vcpus qmp ours; do
    # There was no domain for a moment, so they may fail; but not hang.
    check_equal "" "$(grep -A5 'exit 124' "$WORK/$name.failed" 2>/dev/null)" \
        "$name: nothing hung ($(wc -l <"$WORK/$name.rounds") rounds)"
done

note "the system's own save beside ours"
check "xl save -c" "$SYSTEM_XL" save -c g "$WORK/image"
check "create" xl snapshot-create g after-save
check "RAM and disks agree" labguest healthy g
check "xl save" "$SYSTEM_XL" save g "$WORK/image"
check "it is gone" labguest gone g
check "xl restore" "$SYSTEM_XL" restore "$WORK/image"
check "create after a restore" xl snapshot-create g after-restore
check "RAM and disks agree" labguest healthy g
check "back across the save" xl snapshot-revert g after-save
check "RAM and disks agree" labguest healthy g

note "two of ours at once"
xl snapshot-create g one >"$WORK/one" 2>&1 &
one=$!
xl snapshot-create --disk-only g two >"$WORK/two" 2>&1 &
two=$!
wait $one; status_one=$?
wait $two; status_two=$?
check "one of them, or both, succeeded ($status_one, $status_two)" \
    test $((status_one * status_two)) -eq 0
for status in $status_one $status_two; do
    check "each ended well or said that it is busy" \
        sh -c "[ $status -eq 0 ] || [ $status -eq 4 ]"
done
check "RAM and disks agree" labguest healthy g
finish
