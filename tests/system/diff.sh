#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# snapshot-diff, of what a running guest has done between its snapshots: each
# disk to the byte, as two copies of it differ, and the memory within bounds.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

guest_start g
chain=/var/lib/xen/snapshots/g/chain.json

# what_differs A [B]: VDEV BYTES, from whole copies of the disks; without B
# from the present's images.
cat >"$WORK/what_differs" <<'PYTHON'
import json, subprocess, sys
tree = json.load(open(sys.argv[1]))
work, names = sys.argv[2], sys.argv[3:]
snapshots = {s["name"]: s["disks"] for s in tree["snapshots"]}
now = [dict(d, treatment="external") for d in tree.get("active", [])]

def content(disk, to):
    how = ["-l", "snapshot.id=" + disk["id"]] if disk["treatment"] == "internal" else []
    subprocess.run(["qemu-img", "convert", "-U", "-O", "raw", *how, disk["path"], to],
                   check=True)
    with open(to, "rb") as f:
        return f.read()

for a in snapshots[names[0]]:
    b, = [d for d in (snapshots[names[1]] if names[1:] else now) if d["vdev"] == a["vdev"]]
    x, y = content(a, work + "/a.raw"), content(b, work + "/b.raw")
    print(a["vdev"], sum(4096 for i in range(0, len(x), 4096) if x[i:i + 4096] != y[i:i + 4096]))
PYTHON

what_differs() {
    python3 "$WORK/what_differs" "$chain" "$WORK" "$@"
}

# told PYTHON A [B]: of the JSON that the command prints.
told() {
    local what=$1
    shift
    xl snapshot-diff --json g "$@" >"$WORK/json" || return 1
    python3 -c "
import json, sys
d = json.load(open(sys.argv[1]))
print($what)" "$WORK/json"
}

disks_told() {
    told '"\n".join("%s %s" % (k["vdev"], k["changed_bytes"]) for k in d["disks"])' "$@"
}

# same_disks TEXT A [B]
same_disks() {
    local text=$1
    shift
    check_equal "$(what_differs "$@")" "$(disks_told "$@")" "$text"
}

wait_some() {
    labguest wait g --past $(($(guest_count g) + 20))
}

# The guest counts in a page, writes that to its disk, and its kernel does a little.
memory_within() {
    local text=$1 changed
    shift
    changed=$(told 'd["memory"]["changed_bytes"] >> 10' "$@")
    echo "        $changed KiB of memory changed"
    check "$text" test "$changed" -ge 64 -a "$changed" -le $((32 << 10))
}

note "internal snapshots, and external ones on them"
check "a" xl snapshot-create g a
check "it counts" wait_some
check "b" xl snapshot-create g b
check "it counts" wait_some
check "c, external" xl snapshot-create --external g c
check "it counts" wait_some
check "its target is another" "$SYSTEM_XL" mem-set g 88m
check "d, external, of the disks" xl snapshot-create --external --disk-only g d

check_output "^Memory: .* MiB of .* changed" "a to b" xl snapshot-diff g a b
check_said "^Disk xvda: .* of .* changed" "the first disk"
check_said "^Configuration: no change" "the configuration"
sed 's/^/        /' "$OUTPUT"
same_disks "a to b: as the copies differ" a b
same_disks "b to c: an internal and an external one" b c
same_disks "c to d: two external ones" c d
same_disks "d to a: the other way" d a
memory_within "memory from a to b" a b
check_equal 0 "$(told 'd["memory"]["changed_bytes"] + d["disks"][0]["changed_bytes"]' b b)" \
    "nothing differs from itself"
check_equal "$(told 'd["memory"]["changed_bytes"]' a c)" \
    "$(told 'd["memory"]["changed_bytes"]' c a)" "memory, both ways the same"
check_output "^Memory: not compared: the snapshot 'd' has none" "d has no memory" \
    xl snapshot-diff g c d
check_said 'b_info.target_memkb: [0-9]+ -> 90112' "its target differs"
check_output "^Memory: not compared: that of the present" "a running guest's present" \
    xl snapshot-diff g a
check_said "^Disk xvda: not compared: the domain runs" "is not read"

note "siblings"
check "back to a" xl snapshot-revert --no-undo g a
check "it counts" wait_some
check "e" xl snapshot-create g e
same_disks "b to e: siblings" b e
memory_within "memory from b to e" b e

note "off"
check "it is destroyed" "$SYSTEM_XL" destroy g
check "and gone" labguest gone g
check "an external one, of what is off" xl snapshot-create --external g f
same_disks "a to the present" a
same_disks "d to the present" d
check_exit 3 "no such snapshot" xl snapshot-diff g a nothing
check_exit 3 "no such domain" xl snapshot-diff nobody a b
check_not "no server is left" pgrep -x qemu-nbd

finish
