#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A tree: branches, deletes in the middle, whole branches, names, the marker.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

snapshot() {
    check "create $1" xl snapshot-create g "$1" || return
    check "it counts on" labguest wait g --past $(($(guest_count g) + 5))
}

revert() {
    check "revert to $1" xl snapshot-revert g "$1"
    check "RAM and disks agree at $1" labguest healthy g
    check_output "^$1\$" "$1 is current" xl snapshot-current g
}

parent_of() {
    xl snapshot-info --json g "$1" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["snapshot"]["parent"] or "-")'
}

names() {
    xl snapshot-list --names g | sort | tr '\n' ' '
}

guest_start g -d 2
snapshot A
snapshot B
revert A
snapshot C
check_equal - "$(parent_of A)" "A is a root"
check_equal A "$(parent_of B)" "B descends from A"
check_equal A "$(parent_of C)" "C descends from A"
check "the tree is shown" xl snapshot-list --tree g
sed 's/^/        /' "$OUTPUT"

note "delete A: B and C stay, bit for bit"
b=$(labguest disk-counters -c g --snapshot B | tr '\n' ' ')
c=$(labguest disk-counters -c g --snapshot C | tr '\n' ' ')
check "delete A" xl snapshot-delete g A
check_equal "B C " "$(names)" "B and C stay"
check_equal - "$(parent_of B)" "B is a root now"
check_equal "$b" "$(labguest disk-counters -c g --snapshot B | tr '\n' ' ')" \
    "B's disks are what they were"
check_equal "$c" "$(labguest disk-counters -c g --snapshot C | tr '\n' ' ')" \
    "C's disks are what they were"
check_output '^C$' "C is still current" xl snapshot-current g
revert B
revert C

note "names"
check "rename C to D" xl snapshot-rename g C D
check_output '^D$' "the current one has the new name" xl snapshot-current g
check_exit 3 "C is no more" xl snapshot-info g C
check_exit 5 "a name in use is refused" xl snapshot-rename g D B
snapshot C
revert D
check "revert to the new C" xl snapshot-revert g C
check "RAM and disks agree" labguest healthy g

note "whole branches"
snapshot E
snapshot F
check "delete C's children" xl snapshot-delete --children-only g C
check_equal "B C D " "$(names)" "E and F are gone"
check_output '^C$' "C is current" xl snapshot-current g
check_exit 5 "there are none left" xl snapshot-delete --children-only g C
snapshot E
check "delete D and its children" xl snapshot-delete --children g D
check_equal "B " "$(names)" "only B is left"
check_exit 3 "no snapshot is current" xl snapshot-current g
revert B
check "delete B" xl snapshot-delete g B
check "RAM and disks agree" labguest healthy g
check_equal "" "$(find /var/lib/xen/snapshots/g -name 'snap-*')" \
    "no payload is left"

finish
