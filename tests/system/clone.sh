#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Clones: a second domain from a snapshot's memory and disks, beside the first.
# They count on from the same instant, each on disks of its own; the images that
# they share stay as they are for as long as a clone reads them.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

guest_start g -d 2
mapfile -t base < <(labguest disks g)
folder=$(dirname "${base[0]}")
elsewhere=$WORK/elsewhere
mkdir "$elsewhere"

# of DOMAIN PYTHON: of its configuration, as libxl has it.
of() {
    "$SYSTEM_XL" list -l "$1" | python3 -c "
import json, sys
config = json.load(sys.stdin)[0]['config']
print($2)"
}

uuid() {
    of "$1" "config['c_info']['uuid']"
}

paths() {
    of "$1" "' '.join(disk['pdev_path'] for disk in config['disks'])"
}

# Each image's data, whatever is below it and however it is allocated.
sums() {
    local image
    for image; do
        qemu-img convert -U -O raw "$image" "$WORK/raw" || return 1
        sha256sum <"$WORK/raw"
    done
}

gone_clone() {
    "$SYSTEM_XL" destroy "$1" && labguest gone "$1"
}

is_root_only() {
    [ "$(stat -c %a "$@" | sort -u)" = 600 ]
}

images_sound() {
    local image
    for image; do
        qemu-img check -q "$image" || return 1
    done
}

chain_sound() {
    /src/tools/chain-verify /var/lib/xen/snapshots/g
}

none_of() {
    [ -z "$(find "$folder" "$elsewhere" -name "$1-*")" ] &&
        ! "$SYSTEM_XL" domid "$1" 2>/dev/null
}

note "from an external snapshot with memory"
check "create" xl snapshot-create --external g e1
check "it runs on" labguest wait g --past $(($(guest_count g) + 20))
frozen=("${base[@]}")
before=$(sums "${frozen[@]}")
at=$(labguest disk-counters -c "${frozen[0]}")
present=$(guest_count g)
check_output overlay_create "a dry run" xl snapshot-clone -N g e1 twin
check "has made nothing" none_of twin
check "clone" xl snapshot-clone g e1 twin
sed 's/^/        /' "$OUTPUT"
check "the clone counts" labguest wait twin
check_output '^clone: +twin$' "info names it" xl snapshot-info g e1
count=$(guest_count twin)
echo "        snapshot at $at, original at $present, clone at $count"
check "from where the snapshot was" test "$count" -lt "$(guest_count g)" -a "$count" -lt $((at + 15 * 20))
check "its RAM and disks agree" labguest healthy twin
check "and the original's" labguest healthy g --past "$present"
check_not "each has its own uuid" test "$(uuid g)" = "$(uuid twin)"
check_equal "$folder/twin-xvda.qcow2 $folder/twin-xvdb.qcow2" "$(paths twin)" \
    "the clone has images of its own"
check "for root alone" is_root_only "$folder"/twin-*
check "both write on" labguest wait twin --past $((count + 20))
check_equal "$before" "$(sums "${frozen[@]}")" "the frozen images do not change"
check "the chain is sound" chain_sound
check_not "their disks part" test "$(labguest disk-counters -c "$folder/twin-xvda.qcow2")" \
    -eq "$(labguest disk-counters -c "$(paths g | cut -d' ' -f1)")"
boot=$(guest_boot twin)
check "the clone is told to reboot" labguest command twin reboot
check "somebody acts on that" labguest wait twin --other-boot "$boot" --timeout 240
check "it is healthy" labguest healthy twin
check_equal "$folder/twin-xvda.qcow2 $folder/twin-xvdb.qcow2" "$(paths twin)" \
    "on its own images"

note "what cannot be"
check_exit 5 "a name that runs" xl snapshot-clone g e1 twin
check_said "there is a domain 'twin' already" "is refused"
check_exit 5 "a name that has snapshots" xl snapshot-clone g e1 g
check_exit 2 "a number" xl snapshot-clone g e1 17
check_exit 2 "a path" xl snapshot-clone g e1 a/b
check_exit 3 "no such snapshot" xl snapshot-clone g nothing other
check_exit 3 "no such domain" xl snapshot-clone nobody e1 other
check_exit 3 "no such directory" xl snapshot-clone --directory /nowhere g e1 other
check "nothing was made" none_of other

note "a second one, in another folder, paused"
check "clone" xl snapshot-clone --paused --directory "$elsewhere" g e1 third
check_equal "$elsewhere/third-xvda.qcow2 $elsewhere/third-xvdb.qcow2" \
    "$(paths third)" "its images are there"
check_output '--p---' "it is paused" "$SYSTEM_XL" list third
check "it is let go" "$SYSTEM_XL" unpause third
check "it counts" labguest healthy third
check "it is destroyed" gone_clone third

note "the original goes back, and loses the snapshot, while the clone runs"
check "revert to e1" xl snapshot-revert --no-undo g e1
check "RAM and disks agree" labguest healthy g
check_exit 5 "delete --merge" xl snapshot-delete --merge g e1
check_said "cloned from a snapshot" "is refused, with the reason"
check "delete" xl snapshot-delete g e1
check_said "as long as the clone" "it says what is kept"
sed 's/^/        /' "$OUTPUT"
check "the original is healthy" labguest healthy g
check "the clone, too" labguest healthy twin
check_equal "$before" "$(sums "${frozen[@]}")" "the images below do not change"
check "recover has nothing to merge" xl snapshot-recover g
check_equal "$before" "$(sums "${frozen[@]}")" "the images below do not change"
check "the chain is sound" chain_sound

note "the clone has snapshots of its own"
for kind in --external ""; do
    # shellcheck disable=SC2086 # none, or one word
    check "create ${kind:-internal}" xl snapshot-create $kind twin own
    check "it runs on" labguest wait twin --past $(($(guest_count twin) + 10))
    check "revert" xl snapshot-revert --no-undo twin own
    check "RAM and disks agree" labguest healthy twin
    check "delete" xl snapshot-delete twin own
    check "it is healthy" labguest healthy twin
    check_equal "$before" "$(sums "${frozen[@]}")" "the images below do not change"
done
check "its images are its first, again" xl snapshot-recover twin
check_equal "$folder/twin-xvda.qcow2 $folder/twin-xvdb.qcow2" "$(paths twin)" \
    "none was merged into the original's"
check "it is healthy" labguest healthy twin

note "the clone goes, and the original's images are freed"
check "the clone is destroyed" gone_clone twin
check "its images are sound" images_sound "$folder"/twin-*.qcow2
check "recover" xl snapshot-recover g
check_equal "$before" "$(sums "${frozen[@]}")" "as long as they are there, nothing changes"
rm -r "$folder"/twin-*.qcow2 /var/lib/xen/snapshots/twin
rm "$elsewhere"/third-*
check "a folder that is empty may be a volume that is not mounted" xl snapshot-recover g
check_said "not mounted" "which is said"
check_equal "$before" "$(sums "${frozen[@]}")" "and nothing changes"
touch "$elsewhere/file"
check "recover" xl snapshot-recover g
sed 's/^/        /' "$OUTPUT"
check "the original is healthy" labguest healthy g
check_equal "${base[*]}" "$(paths g)" "and has the images that it began with"
check "the chain is sound" chain_sound

note "from an internal snapshot with memory, while the original writes"
check "create" xl snapshot-create g i1
check "it runs on" labguest wait g --past $(($(guest_count g) + 20))
check "clone" xl snapshot-clone g i1 twin
sed 's/^/        /' "$OUTPUT"
check "its RAM and disks agree" labguest healthy twin
check "and the original's" labguest healthy g
check_not "its images are complete in themselves" \
    grep -q backing <(qemu-img info -U "$folder/twin-xvda.qcow2")
check "the snapshot can go" xl snapshot-delete g i1
check "the clone is healthy" labguest healthy twin
check "it is destroyed" gone_clone twin
rm "$folder"/twin-*

note "without memory"
check "create" xl snapshot-create --external --disk-only g d1
check "a clone is off" xl snapshot-clone g d1 twin
check_said "it is off" "which is said"
check_equal 2 "$(find "$folder" -name 'twin-*' | wc -l)" "it has its images"
rm "$folder"/twin-*
boot=$(guest_boot g)
check "a clone that boots" xl snapshot-clone --running g d1 twin
check "it counts" labguest wait twin --other-boot "$boot" --timeout 240
check "it is healthy" labguest healthy twin
check "it is destroyed" gone_clone twin
rm "$folder"/twin-*

note "a disk that the snapshot does not have"
check "create" xl snapshot-create --diskspec xvdb,snapshot=no g part
check_exit 5 "it cannot be cloned" xl snapshot-clone g part twin
check_said "disk xvdb was left out" "which is said"
check "nothing was made" none_of twin

note "killed in the middle"
check "create" xl snapshot-create --external g e2
for point in clone:journaled clone:make-xvdb clone:made clone:starting; do
    check_exit 137 "killed at $point" env XL_SNAPSHOT_NO_GUARD=1 XL_SNAPSHOT_STOP_AT="$point" \
        xl snapshot-clone g e2 twin
    check "recover" xl snapshot-recover g
    check "nothing is left" none_of twin
    check "the chain is sound" chain_sound
done
check_exit 137 "killed when it had been started, with a guard" \
    env XL_SNAPSHOT_STOP_AT=clone:started xl snapshot-clone g e2 twin
check "recover" xl snapshot-recover g
check "nothing is left" none_of twin
check_exit 137 "killed when it was published" \
    env XL_SNAPSHOT_NO_GUARD=1 XL_SNAPSHOT_STOP_AT=clone:published xl snapshot-clone g e2 twin
check "recover" xl snapshot-recover g
check "the clone runs" labguest healthy twin
check "the original, too" labguest healthy g
check "the clone is destroyed" gone_clone twin
rm "$folder"/twin-*
check "the snapshots go" xl snapshot-delete --children g d1
check "the original is healthy" labguest healthy g
check "the chain is sound" chain_sound

# After a failure on the way.
for name in twin third other; do
    "$SYSTEM_XL" destroy "$name" 2>/dev/null
done
finish
