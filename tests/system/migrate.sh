#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A migration, to this very host: the domain comes up on the images that it
# had, has its snapshots still, and they can be gone back to. Not for PV, whose
# memory Debian's Xen cannot watch (it is built without shadow paging).

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

image_of() {
    "$SYSTEM_XL" list -l g | python3 -c '
import json, sys
print(json.load(sys.stdin)[0]["config"]["disks"][0]["pdev_path"])'
}

# migrated COMMAND...: over to a new domain, which goes on where the old was.
migrated() {
    local boot domid count
    boot=$(guest_boot g)
    domid=$(xl domid g)
    count=$(guest_count g)
    check "migrate with $1" "$1" migrate -s '' g "$1 migrate-receive"
    check_not "it is another domain" test "$(xl domid g)" = "$domid"
    check "it counts on" labguest wait g --past $((count + 5))
    check_equal "$boot" "$(guest_boot g)" "it was not booted"
    check "RAM and disks agree" labguest healthy g
}

guest_start g -d 2
check "a snapshot with memory" xl snapshot-create g inside
check "an external one" xl snapshot-create --external g outside
overlay=$(image_of)
for xl in xl "$SYSTEM_XL"; do
    migrated "$xl"
    check_equal "$overlay" "$(image_of)" "its disk has the same image"
    check "it is recovered from nothing" xl snapshot-recover g
done

note "the snapshots are its own still"
check_output "inside outside" "both are listed" \
    sh -c 'xl snapshot-list -H -o name g | sort | xargs'
check "another snapshot" xl snapshot-create --external --disk-only g after
check "delete the external ones' first" xl snapshot-delete g outside
check "RAM and disks agree" labguest healthy g
check "go back" xl snapshot-revert g inside
check "RAM and disks agree" labguest healthy g
for name in after inside; do
    check "delete $name" xl snapshot-delete g "$name"
done
check "RAM and disks agree" labguest healthy g
finish
