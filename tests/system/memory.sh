#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Memory images that build on each other: small, right in any order, whatever is
# deleted, and never used when they are damaged.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

snapshots=/var/lib/xen/snapshots/g

serial() {
    xl snapshot-info --json g "$1" | python3 -c '
import json, sys
print(json.load(sys.stdin)["snapshot"]["serial"])'
}

stored() {
    xl snapshot-list -H -p -o name,stored g | awk -v n="$1" '$1 == n { print $2 }'
}

# The files of a snapshot's memory, in the order that memory-verify wants.
files() {
    python3 - "$snapshots" "$1" <<'EOF'
import json, os, sys
chain = json.load(open(os.path.join(sys.argv[1], "chain.json")))
base = {s["serial"]: s.get("memory_base", 0) for s in chain["snapshots"]}
base.update({m["serial"]: m.get("base", 0) for m in chain.get("memories", [])})
serial = [s["serial"] for s in chain["snapshots"] if s["name"] == sys.argv[2]][0]
while serial:
    print(os.path.join(sys.argv[1], "snap-%d" % serial, "memory"))
    serial = base[serial]
EOF
}

digest() {
    local list
    mapfile -t list < <(files "$1")
    /src/tools/memory-verify --digest "${list[@]}"
}

sound() {
    /src/tools/chain-verify "$snapshots"
}

# All of them are what they were.
all_right() {
    local name
    for name in "$@"; do
        check_equal "${was[$name]}" "$(digest "$name")" "$name's memory is what it was"
    done
    check "the chain is sound" sound
}

back() {
    check "back to $1" xl snapshot-revert --no-undo g "$1"
    check "RAM and disks agree" labguest healthy g
}

killed() {
    env XL_SNAPSHOT_NO_GUARD=1 XL_SNAPSHOT_STOP_AT="$1" xl snapshot-delete g "$2"
    [ $? -eq 137 ]
}

# It changes little, so that many snapshots build on the first.
guest_start g -d 1 --region 1
declare -A was

note "one after the other"
for name in a1 a2 a3 a4; do
    check "create $name" xl snapshot-create g $name
    sed 's/^/        /' "$OUTPUT"
    check_said 'paused for .* \(memory .*, disks .*, resume .*\)' "the pause, in its parts"
    check "it runs on" labguest healthy g --past $(($(guest_count g) + 10))
    was[$name]=$(digest $name)
    check "$name is checked by a program that shares no code" test -n "${was[$name]}"
done
whole=$(stored a1)
for name in a2 a3 a4; do
    check "$name has the differences: $(stored $name) of $whole bytes" \
        test "$(stored $name)" -lt $((whole / 3))
done
check_equal 600 "$(stat -c %a "$snapshots/snap-$(serial a2)/memory")" "root alone can read it"
back a3
back a1

note "a branch"
for name in b1 b2; do
    check "create $name" xl snapshot-create g $name
    check "it runs on" labguest healthy g --past $(($(guest_count g) + 10))
    was[$name]=$(digest $name)
done
check "the chain is sound" sound

note "one in the middle"
gone=$(serial a2)
check "delete a2" xl snapshot-delete g a2
check_not "its file is gone" test -e "$snapshots/snap-$gone"
all_right a3 b2
back a3

note "the first one, on which two build"
root=$(serial a1)
check "delete a1" xl snapshot-delete g a1
check "its memory stays" test -e "$snapshots/snap-$root/memory"
check_not "it is not listed" xl snapshot-info g a1
all_right a4 b1
check "recover finds nothing to do" xl snapshot-recover g
check_said 'nothing to recover' "it says so"
back b2
check "delete a3" xl snapshot-delete g a3
check "a4 needs it still" test -e "$snapshots/snap-$root/memory"
check "delete b1" xl snapshot-delete g b1
all_right a4 b2
check "delete a4" xl snapshot-delete g a4
check_not "now it is one with b2" test -e "$snapshots/snap-$root"
all_right b2
check_equal "$(files b2)" "$snapshots/snap-$(serial b2)/memory" "which builds on none"
back b2

note "kill -9 while two become one"
last=b2
for point in memory:merged memory:replaced memory:published; do
    # A long row would end with a whole image, which is never merged.
    back b2
    for name in c d; do check "create $name" xl snapshot-create g $name; done
    was[d]=$(digest d)
    check "killed at $point" killed $point c
    check "recover" xl snapshot-recover g
    all_right d
    check_equal "" "$(find "$snapshots" -name 'memory.*')" "no file is left over"
    check "rename d" xl snapshot-rename g d "${point#*:}"
    last=${point#*:}
done
check "nothing is left over" xl snapshot-recover g
check_said 'nothing to recover' "it says so"
back "$last"
back b2

note "damaged"
check "create d1" xl snapshot-create g d1
image=$snapshots/snap-$(serial b2)/memory
cp "$image" "$WORK/image"
hit=$(for name in $(xl snapshot-list --names g); do
    files "$name" | grep -qx "$image" && echo "$name"
done | sort | xargs)
check "b2's is part of two at least: $hit" test "${hit#b2 d1}" != "$hit"
for at in 40 5000 $(($(stat -c %s "$image") - 60)); do
    byte=$(od -An -tu1 -j $at -N 1 "$image")
    # shellcheck disable=SC2059 # an octal escape
    printf "$(printf '\\%03o' $((byte ^ 16)))" |
        dd of="$image" bs=1 seek="$at" conv=notrunc status=none
    check_exit 9 "byte $at of b2's changed: no way to d1" xl snapshot-revert --no-undo g d1
    check_said 'damaged|header|end' "it says why"
    check "the guest was not touched" labguest healthy g
    check_exit 9 "verify finds it" xl snapshot-verify g
    check_equal "$hit" "$(sed -n 's/^g \([^:]*\): DAMAGED.*/\1/p' "$OUTPUT" | sort | xargs)" \
        "and whom it hits"
    cp "$WORK/image" "$image"
done
truncate -s -1000 "$image"
check_exit 9 "cut short" xl snapshot-revert --no-undo g d1
check "a new one does not build on it" xl snapshot-create g d2
check_equal "$snapshots/snap-$(serial d2)/memory" "$(files d2)" "d2 is whole"
cp "$WORK/image" "$image"
mv "$image" "$WORK/moved"
check_exit 9 "gone" xl snapshot-revert --no-undo g d1
check_said 'No such file' "it says so"
mv "$WORK/moved" "$image"
check "now all is sound" xl snapshot-verify --all
check_said '^g d1: sound, .* of memory$' "it says so"
back d1
back d2

note "to one file, in little memory, in little time"
check_exit 5 "a budget of 1 ms" xl snapshot-create --pause-budget 1 g never
check_said 'would have to stand still for [0-9]+ ms, as far as can be told from an earlier' \
    "it says for how long"
check "export d1" xl snapshot-export g d1 "$WORK/d1.tar"
check "its memory is whole" sh -c "cd '$WORK' && tar -xf d1.tar memory &&
    /src/tools/memory-verify memory"

note "which file it is"
sha256() {
    xl snapshot-info --json g "$1" | python3 -c 'import json, sys
print(json.load(sys.stdin)["snapshot"]["memory_sha256"])'
}
is_it() {
    check_equal "$(sha256sum <"$snapshots/snap-$(serial "$1")/memory" | cut -c 1-64)" \
        "$(sha256 "$1")" "$1's digest is what sha256sum says"
}
check "create n1" xl snapshot-create g n1
check "create n2" xl snapshot-create --memory-digest sha256 g n2
check_equal None "$(sha256 n1)" "nobody asked for n1's"
is_it n2
old=$(sha256 n2)
was[n2]=$(digest n2)
check "export n2" xl snapshot-export g n2 "$WORK/n2.tar"
check_equal "$(tar -xOf "$WORK/n2.tar" memory | sha256sum | cut -c 1-64)" \
    "$(tar -xOf "$WORK/n2.tar" manifest.json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["snapshot"]["memory_sha256"])')" \
    "the archive has that of its own file"
check "killed while n1 becomes one with n2" killed memory:merged n1
check "recover" xl snapshot-recover g
check "n2 is another file now" test "$(sha256 n2)" != "$old"
is_it n2
all_right n2
check "it verifies" xl snapshot-verify g n2
cp "$snapshots/snap-$(serial n2)/memory" "$WORK/kept"
check "a sound file, but another" cp "$snapshots/snap-$(serial d2)/memory" \
    "$snapshots/snap-$(serial n2)/memory"
check_exit 9 "verify" xl snapshot-verify g n2
check_said 'has the SHA-256 [0-9a-f]{64}, and had [0-9a-f]{64} when it was made' "it says so"
check_exit 9 "export" xl snapshot-export g n2 "$WORK/n2b.tar"
check_not "the independent checker" sound
cp "$WORK/kept" "$snapshots/snap-$(serial n2)/memory"
check "all is sound again" sound
back n2

check "create, with 4 MiB for pages" xl snapshot-create --memory-buffer 4M --memory-level 0 g e1
check "RAM and disks agree" labguest healthy g
back e1
finish
