#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What cannot work is refused early, in one line that says what to do, with
# the documented exit status, and with nothing lost.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

chain=/var/lib/xen/snapshots/g/chain.json

# refused CODE WORDS TEXT COMMAND...: one line, and those words in it.
refused() {
    local code=$1 words=$2 text=$3
    shift 3
    check_exit "$code" "$text" "$@" || return
    sed 's/^/        /' "$OUTPUT"
    check_said "$words" "  that says '$words'"
    check_equal 1 "$(grep -c . "$OUTPUT")" "  in one line"
}

unchanged() {
    check_equal "$before" "$(xl snapshot-list --names g; labguest disks g |
        xargs -n 1 qemu-img snapshot -U -l | grep -c good)" "nothing changed"
}

guest_start g -d 2
check "one good snapshot" xl snapshot-create g good
before=$(xl snapshot-list --names g; labguest disks g |
    xargs -n 1 qemu-img snapshot -U -l | grep -c good)

note "domains"
refused 3 "domain 'nobody'" "unknown domain" xl snapshot-create nobody x
check_not "nothing is made for it" test -e /var/lib/xen/snapshots/nobody
refused 3 "no domain 'nobody'" "unknown domain" xl snapshot-list nobody
refused 3 "no domain 'nobody'" "unknown domain" xl snapshot-revert nobody good
refused 5 "dom0" "dom0 itself" xl snapshot-create 0 x
check_exit 2 "a domain that would be a path" xl snapshot-list ../../etc
check_exit 2 "an empty domain" xl snapshot-list ''

note "names"
long=$(printf 'a%.0s' $(seq 300))
for name in ../x '' "$long" $'new\nline' -- '1' 'a/b' '.hidden' 'a b' '*'; do
    [ "$name" = -- ] && continue
    check_exit 2 "the name '${name:0:20}'" xl snapshot-create g "$name"
    unchanged
done
refused 5 "already" "a name that exists" xl snapshot-create g good
refused 3 "no snapshot 'bad'" "an unknown one" xl snapshot-revert g bad
refused 3 "no snapshot 'bad'" "an unknown one" xl snapshot-delete g bad
refused 3 "no snapshot 'bad'" "an unknown one" xl snapshot-info g bad
check_exit 2 "too many words" xl snapshot-create g a b c
check_exit 2 "an unknown option" xl snapshot-create --frobnicate g a
check_exit 2 "two ends at once" xl snapshot-revert --running --off g good
unchanged
check "the guest is healthy" labguest healthy g

note "a snapshot of the name in the image, made by hand"
image=$(labguest disks g | head -n 1)
check "by hand, through QEMU" "$SYSTEM_XL" qemu-monitor-command g \
    "snapshot_blkdev_internal xvda-qcow2 mine"
check "the domain's gets another" xl snapshot-create --disk-only g mine
check_output 'mine-2' "in the image, too" qemu-img snapshot -U -l "$image"
check "delete ours" xl snapshot-delete g mine
check_output '[0-9] +mine ' "the other one stays" qemu-img snapshot -U -l "$image"
check "by hand" "$SYSTEM_XL" qemu-monitor-command g \
    "snapshot_delete_blkdev_internal xvda-qcow2 mine"

note "disks"
truncate -s 16M "$WORK/raw.img"
guest_start r -d 1 --extra-disk "format=raw,vdev=xvdb,access=rw,target=$WORK/raw.img"
refused 5 "xvdb" "a raw disk on phy" xl snapshot-create r x
check_equal "" "$(xl snapshot-list --names r 2>/dev/null)" "no snapshot was made"
check "the guest is healthy" labguest healthy r
guest_start o -d 1 --extra-disk "format=raw,vdev=xvdb,access=ro,target=$WORK/raw.img"
check "a read-only disk is skipped" xl snapshot-create o x
check_said 'xvdb' "and it says so"
check "the guest is healthy" labguest healthy o

note "no space"
mkdir "$WORK/small"
check "a small volume" mount -t tmpfs -o size=64M tmpfs "$WORK/small"
check "for the snapshots" sh -c \
    "mkdir -p /var/lib/xen/snapshots && mount --bind '$WORK/small' /var/lib/xen/snapshots"
refused 6 "MiB" "memory would not fit" xl snapshot-create o x
check_equal '' "$(find "$WORK/small" -name 'snap-*')" 'nothing was left there'
check "the guest is healthy" labguest healthy o
check "away with it" umount /var/lib/xen/snapshots
check "away with it" umount "$WORK/small"

note "a chain that was cut short, and one that was edited"
cp "$chain" "$WORK/chain.json"
head -c 100 "$WORK/chain.json" >"$chain"
check_exit 9 "create" xl snapshot-create g x
check_said 'chain.json' "it names the file"
check_exit 9 "delete" xl snapshot-delete g good
sed 's/"name": "good"/"name": "..\/evil"/' "$WORK/chain.json" >"$chain"
check_exit 9 "create" xl snapshot-create g x
check_said 'name' "it names the place"
cp "$WORK/chain.json" "$chain"
check "the chain is put back" xl snapshot-list g
check "revert to the good one" xl snapshot-revert g good
check "RAM and disks agree" labguest healthy g

note "an image that lost its snapshot behind our back"
"$SYSTEM_XL" destroy g
check "it is gone" labguest gone g
check "by hand" qemu-img snapshot -d good "$image"
refused 5 "other means" "revert" xl snapshot-revert g good
check "delete all the same" xl snapshot-delete g good
finish
