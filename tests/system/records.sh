#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is known of snapshots, lost and put back; a snapshot that goes to another
# host; snapshots that others made.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

snapshots=/var/lib/xen/snapshots
lost=$WORK/lost

# An array of what snapshot-dump prints of these, with an edit of the objects "by
# name" in Python.
records() {
    local edit=$1 name
    shift
    for name in "$@"; do cat "$WORK/$name.json" || return; done | python3 -c '
import json, sys
decoder, text, all = json.JSONDecoder(), sys.stdin.read().strip(), []
while text:
    one, end = decoder.raw_decode(text)
    all.append(one)
    text = text[end:].strip()
by = {one["snapshot"]["name"]: one["snapshot"] for one in all}
exec(sys.argv[1])
json.dump(all, sys.stdout)' "$edit"
}

tree() {
    xl snapshot-list -H -o name,parent,current,kind "$1"
}

guest_start g -d 2

note "memory alone, for the system's xl"
check "create a" xl snapshot-create g a
check "it runs on" labguest healthy g --past $(($(guest_count g) + 40))
at=$(guest_count g)
check "export" xl snapshot-export --xl g a "$WORK/a.xl"
check "destroy" "$SYSTEM_XL" destroy g
check "it is gone" labguest gone g
for image in $(labguest disks g); do
    check "its disks as they were" qemu-img snapshot -a a "$image"
done
check "the system's xl restores it" "$SYSTEM_XL" restore "$WORK/a.xl"
check "RAM and disks agree" labguest healthy g
check "it went back" test "$(guest_count g)" -lt "$at"

note "lost, and put back"
check "create b" xl snapshot-create --description "the second" g b
check "create c, disks alone, external" xl snapshot-create --disk-only \
    --diskspec xvda,snapshot=external --diskspec xvdb,snapshot=external g c
for name in a b c; do
    check "dump $name" xl snapshot-dump g $name
    cp "$OUTPUT" "$WORK/$name.json"
done
before=$(tree g)
mkdir "$lost"
mv "$snapshots"/g/chain* "$lost"
check_exit 3 "nothing is known" xl snapshot-info g a
records 'by["a"]["parent_name"] = "c"' a b c >"$WORK/cycle"
check_not "a cycle is refused" xl snapshot-redefine g "$WORK/cycle"
check_said 'own descendant' "it says so"
records '' b c >"$WORK/no-parent"
check_not "a parent that is nowhere is refused" xl snapshot-redefine g "$WORK/no-parent"
check_said "'a'" "it says which"
check_equal "" "$(xl snapshot-list --names g)" "nothing was put back"
records '' c b a >"$WORK/all"
check "redefine, the last one first" xl snapshot-redefine g "$WORK/all"
check "c is current" xl snapshot-redefine --update --current g "$WORK/c.json"
check_equal "$before" "$(tree g)" "the tree is what it was"
check_output 'the second' "the description, too" xl snapshot-info g b
later=$(guest_count g)
check "revert to a" xl snapshot-revert --no-undo g a
check "RAM and disks agree" labguest healthy g
check "RAM went back" test "$(guest_count g)" -lt "$later"
check "revert to b" xl snapshot-revert --no-undo g b
check "RAM and disks agree" labguest healthy g
check "delete c" xl snapshot-delete g c

note "to another host"
at=$(guest_count g)
check "export b, while it runs" xl snapshot-export g b "$WORK/b.tar.zst"
check_not "what is there is not overwritten" xl snapshot-export g b "$WORK/b.tar.zst"
check_equal 600 "$(stat -c %a "$WORK/b.tar.zst")" "root alone can read it"
check "tar can read it" tar -tf "$WORK/b.tar.zst"
check "export a to standard output" sh -c "xl snapshot-export g a - >$WORK/a.tar"
check "the guest is healthy" labguest healthy g --past $((at + 10))
check "destroy" "$SYSTEM_XL" destroy g
check "it is gone" labguest gone g
for image in $(labguest disks g); do rm -f "$image"; done
rm -rf "${snapshots:?}/g"
mkdir "$WORK/images"
printf x >"$WORK/bad"
cat "$WORK/b.tar.zst" >>"$WORK/bad"
check_not "what is no export is refused" xl snapshot-import --dir "$WORK/images" "$WORK/bad"
head -c 100000 "$WORK/a.tar" >"$WORK/bad"
check_not "and half of one" xl snapshot-import --dir "$WORK/images" "$WORK/bad"
check_equal "" "$(ls -A "$WORK/images")" "nothing stays of it"
check "import" xl snapshot-import --dir "$WORK/images" "$WORK/b.tar.zst"
check "revert to it" xl snapshot-revert g b
check "RAM and disks agree" labguest healthy g
check "it is where b was" test "$(guest_count g)" -lt $((at + 60))
check "import from standard input, by another name" sh -c "
    xl snapshot-import --name copy --dir '$WORK/images' - <'$WORK/a.tar'"
check "it comes up beside the other" xl snapshot-revert copy a
check "RAM and disks agree" labguest healthy copy
check "in the other, too" labguest healthy g
check_not "they have the same uuid" test "$("$SYSTEM_XL" list -v g | awk 'END { print $7 }')" = \
    "$("$SYSTEM_XL" list -v copy | awk 'END { print $7 }')"
check "a snapshot of it" xl snapshot-create copy c1
check "back to it" xl snapshot-revert copy c1
check "RAM and disks agree" labguest healthy copy
check "the other goes" "$SYSTEM_XL" destroy copy

note "made by others"
check "destroy" "$SYSTEM_XL" destroy g
check "it is gone" labguest gone g
check "a snapshot of one disk alone" qemu-img snapshot -c half "$WORK/images/g-xvda.qcow2"
for disk in xvda xvdb; do
    check "qemu-img makes one of $disk" qemu-img snapshot -c mine "$WORK/images/g-$disk.qcow2"
done
found=$(labguest disk-counters -c "$WORK/images/g-xvda.qcow2")
check_not "half of them is refused" xl snapshot-adopt g half
check_said xvdb "it says which disk has none"
check "adopt" xl snapshot-adopt g mine
check_output '^b$' "it descends from b" sh -c 'xl snapshot-info g mine | sed -n "s/^parent: *//Ip"'
check "back to b" xl snapshot-revert --running g b
check "it runs on" labguest wait g --past $((found + 40))
check "off" "$SYSTEM_XL" destroy g
check "back to what was adopted" xl snapshot-revert --off --no-undo g mine
check_equal "$found" "$(labguest disk-counters -c "$WORK/images/g-xvda.qcow2")" \
    "the disk is what it was"
for name in mine b; do check "delete $name" xl snapshot-delete g $name; done
finish
