#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Figures, not a test: runs in a lab's dom0, on its throttled drive, and prints
# ratios against the system's own xl in the same run.
#
#   tools/xenlab run --drive bench.img,size=8G,bps-read=50M,bps-write=50M \
#       tests/bench/bench.sh
#
# Arguments: the number of rounds (3), and which of its parts, by default all:
# pause restore disks chains. XENLAB_GUEST_TYPE chooses the kind of guest
# (xenlab run --type).

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

rounds=${1:-3}
[ $# -eq 0 ] || shift
parts=" ${*:-pause restore disks chains} "
data=${XENLAB_DATA:?give the lab a --drive}
chain=/var/lib/xen/snapshots

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

# timed COMMAND...: its milliseconds, in $ms. A failure is a failed check.
timed() {
    local begin
    begin=$(now_ms)
    "$@" >"$OUTPUT" 2>&1 </dev/null || fail_ "$*"
    ms=$(($(now_ms) - begin))
}

median() {
    printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

# The longest time in which the guest's own clock did not see it run.
gap_of() {
    sync
    labguest command g resetgap
    sleep 1
    timed "$@"
    labguest wait g --past $(($(guest_count g) + 2)) >/dev/null
    gap=$(labguest counters g maxgap)
}

mkdir -p "$data/snapshots" "$chain"
check "snapshots go to the slow drive" mount --bind "$data/snapshots" "$chain"

# How long the guest stands still for the system's own save, and for ours.
pauses() {
    local ours=() theirs=() told=() i a b
    for i in $(seq "$rounds"); do
        gap_of "$SYSTEM_XL" save -c g "$data/image"
        theirs+=("$gap")
        rm -f "$data/image"
        gap_of xl snapshot-create --json g "p$i"
        ours+=("$gap")
        told+=("$(xl snapshot-info --json g "p$i" |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["snapshot"]["pause_us"] // 1000)')")
        timed xl snapshot-delete g "p$i"
    done
    a=$(median "${ours[@]}")
    b=$(median "${theirs[@]}")
    printf '%-34s %8s ms\n' "xl save -c" "$b" "xl snapshot-create" "$a" \
        "  as it measured itself" "$(median "${told[@]}")"
    awk -v a="$a" -v b="$b" 'BEGIN { printf "%-34s %8.2f\n", "ratio", a / b }'
}

begin_guest() {
    rm -rf "${chain:?}/g"
    labguest start -n g "$@" --disk-dir "$data" >/dev/null || fail_ "start"
}

# So that the disk is read.
forget_files() {
    sync
    echo 3 >/proc/sys/vm/drop_caches
}

destroy_and_restore() {
    "$SYSTEM_XL" destroy g && "$SYSTEM_XL" restore "$data/image"
}

part_pause() {
    begin_guest -d 2 -m 256
    note "pause with memory (${XENLAB_GUEST_TYPE:-pv}, 256 MiB), median of $rounds, ms as the guest saw them"
    # A guest with more memory than dom0 may hold back from the disk, which is what
    # guests have: no image of theirs disappears in the page cache.
    note "the disk is felt: dom0 may hold back 16 MiB from it"
    echo 8388608 >/proc/sys/vm/dirty_background_bytes
    echo 16777216 >/proc/sys/vm/dirty_bytes
    pauses
    note "the page cache takes most of it: Linux' own limits, 10 and 20 %"
    echo 10 >/proc/sys/vm/dirty_background_ratio
    echo 20 >/proc/sys/vm/dirty_ratio
    pauses
    labguest destroy g >/dev/null
}

part_restore() {
    local ours=() theirs=() i a b
    note "back to a saved guest, which is destroyed first: median of $rounds, ms; nothing in the page cache"
    begin_guest -d 2 -m 256
    for i in $(seq "$rounds"); do
        # Left paused: its disks are to be as its memory knows them.
        timed "$SYSTEM_XL" save -p g "$data/image"
        forget_files
        timed destroy_and_restore
        theirs+=("$ms")
        check "the system's own is back" labguest healthy g
        rm -f "$data/image"
        timed xl snapshot-create g "r$i"
        forget_files
        timed xl snapshot-revert --no-undo g "r$i"
        ours+=("$ms")
        check "and ours" labguest healthy g
        timed xl snapshot-delete g "r$i"
    done
    a=$(median "${ours[@]}")
    b=$(median "${theirs[@]}")
    printf '%-34s %8s ms\n' "xl destroy and xl restore" "$b" "xl snapshot-revert" "$a"
    awk -v a="$a" -v b="$b" 'BEGIN { printf "%-34s %8.2f\n", "ratio", a / b }'
    labguest destroy g >/dev/null
}

part_disks() {
    local disks i create pause delete
    note "disks alone: the whole command, median of $rounds, ms; and the pause it caused"
    printf '%-10s %8s %8s %8s\n' disks create pause delete
    for disks in 1 4 8; do
        begin_guest -d "$disks" -m 192
        create=()
        pause=()
        delete=()
        for i in $(seq "$rounds"); do
            timed xl snapshot-create --disk-only g "d$i"
            create+=("$ms")
            pause+=("$(xl snapshot-info --json g "d$i" |
                python3 -c 'import json, sys; print(json.load(sys.stdin)["snapshot"]["pause_us"] // 1000)')")
            timed xl snapshot-delete g "d$i"
            delete+=("$ms")
        done
        printf '%-10s %8s %8s %8s\n' "$disks" "$(median "${create[@]}")" \
            "$(median "${pause[@]}")" "$(median "${delete[@]}")"
        labguest destroy g >/dev/null
    done
}

part_chains() {
    local n listed created
    begin_guest -d 8 -m 192
    note "long chains: ms, and what the system's 'xl list' takes here"
    timed "$SYSTEM_XL" list
    printf '%-34s %8s ms\n' "xl list" "$ms"
    printf '%-10s %8s %8s %8s\n' snapshots list create delete
    for n in 10 1000 10000; do
        rm -rf "${chain:?}/g"
        mkdir -p "$chain/g"
        python3 - "$n" "$chain/g/chain.json" <<'PYTHON'
import json, sys
n = int(sys.argv[1])
nodes = []
for i in range(1, n + 1):
    node = {"serial": i, "name": "n%d" % i, "created": 1700000000 + i,
            "state": "off",
            "disks": [{"vdev": "xvdz", "path": "/images/old-%d" % i,
                       "format": "raw", "treatment": "skipped_readonly",
                       "handle": {}}]}
    if i > 1:
        node["parent"] = i - 1
    nodes.append(node)
json.dump({"version": 1, "domain": "g", "next_serial": n + 1, "current": n,
           "snapshots": nodes}, open(sys.argv[2], "w"))
PYTHON
        timed xl snapshot-list g
        listed=$ms
        timed xl snapshot-create --disk-only g extra
        created=$ms
        timed xl snapshot-delete g extra
        printf '%-10s %8s %8s %8s\n' "$n" "$listed" "$created" "$ms"
    done

    labguest destroy g >/dev/null
}

for part in pause restore disks chains; do
    case $parts in *" $part "*) "part_$part" ;; esac
done

umount "$chain"
finish
