#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks that QEMU does not serve, by hooks: a guest with one disk on qdisk and
# one on a real LVM thin volume, by the ready hook, and by hooks that fail, hang
# or are killed. The same for one that is off.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

hook=/usr/local/libexec/xl-snapshot/hooks/lvm-thin
vg=lab-vg
lv=root-1
device=/dev/$vg/$lv
mapped=/dev/mapper/lab--vg-root--1
export LVM_SUPPRESS_FD_WARNINGS=1
manual="xvdb,snapshot=manual,hook=$hook"

# ---- LVM, in a dom0 without udev ----

lvm_start() {
    cat >/etc/lvm/lvm.conf <<-'EOF'
	activation { udev_sync = 0
	udev_rules = 0
	verify_udev_operations = 0
	monitoring = 0 }
	devices { obtain_device_list_from_udev = 0
	external_device_info_source = "none"
	use_devicesfile = 0
	dir = "/dev" }
	EOF
    truncate -s 1G /tmp/pv.img &&
        loop=$(losetup -f --show /tmp/pv.img) &&
        pvcreate -y "$loop" && vgcreate -y "$vg" "$loop" &&
        lvcreate -y --type thin-pool -L 512M --poolmetadatasize 8M -n pool "$vg" &&
        lvcreate -y --type thin -V 64M --thinpool pool -n "$lv" \
            --addtag mine "$vg"
}

lvm_stop() {
    vgremove -ff -y "$vg" && losetup -d "$loop" && rm -f /tmp/pv.img
}

volumes() {
    lvs --noheadings -o lv_name $vg | sed 's/ //g' | grep -v '^pool$' | sort | xargs
}

only() {
    [ "$(volumes)" = "$*" ] && return
    echo "there are: $(volumes)"
    return 1
}

# The id of the snapshot's manual disk.
id_of() {
    xl snapshot-dump "$1" "$2" | python3 -c '
import json, sys
print([d["id"] for d in json.load(sys.stdin)["snapshot"]["disks"]
       if d.get("treatment") == "manual"][0])'
}

# What the snapshot of a volume has counted.
count_in() {
    lvchange -y -ay -K "$vg/$1" >/dev/null && labguest disk-counters -c "/dev/$vg/$1"
    lvchange -y -an "$vg/$1" >/dev/null
}

# Both snapshots of one instant: the first disk is written first.
agree() {
    local first second
    first=$(labguest disk-counters -c --snapshot "$1" "$image")
    second=$(count_in "$lv-snap-$(id_of g "$1")")
    echo "qcow2: $first, LVM: $second"
    [ -n "$first" ] && [ -n "$second" ] &&
        [ "$second" -le "$first" ] && [ "$first" -le $((second + 1)) ]
}

# A hook that does as the ready one but for one action.
odd_hook() {
    cat >"$WORK/$1" <<-EOF
	#!/bin/sh
	echo "\$XL_SNAPSHOT_ACTION \$XL_SNAPSHOT_FOR" >>$WORK/log
	case \$XL_SNAPSHOT_ACTION in $2) $3 ;; esac
	exec $hook
	EOF
    chmod +x "$WORK/$1"
}

with_hook() {
    echo "xvdb,snapshot=manual,hook=$WORK/$1"
}

killed() {
    "$@" >"$OUTPUT" 2>&1 </dev/null
    [ $? -eq 137 ]
}

check "LVM: a thin pool on a loop device" lvm_start
guest_start g -d 1 --phy "$device"
image=$(labguest disks g | head -n 1)

note "refused early"
check_exit 5 "without a word about the volume" xl snapshot-create g r1
check_said "xvdb" "it says which disk"
check_exit 2 "manual without a hook" xl snapshot-create \
    --diskspec xvdb,snapshot=manual g r1
check_said "$hook" "it says where one is"
check_exit 5 "a hook that is not there" xl snapshot-create \
    --diskspec xvdb,snapshot=manual,hook=/nowhere g r1
check_exit 5 "a hook that cannot be executed" xl snapshot-create \
    --diskspec xvdb,snapshot=manual,hook=/etc/passwd g r1
check_exit 5 "a disk that is no thin volume" xl snapshot-create \
    --diskspec "xvda,snapshot=manual,hook=$hook" --diskspec xvdb,snapshot=no g r1
check_said "xvda.*check create" "the hook says so"
check "nothing was begun" only $lv
check "the guest is healthy" labguest healthy g

note "with memory"
before=$(guest_count g)
check "dry run" xl snapshot-create -N --diskspec "$manual" g m1
check_said '"hook"' "it has the hook's step"
check "create" xl snapshot-create --diskspec "$manual" g m1
sed 's/^/        /' "$OUTPUT"
check "it runs on" labguest wait g --past $(($(guest_count g) + 10))
check "it is healthy" labguest healthy g
id=$(id_of g m1)
check "the snapshot is a volume" only $lv "$lv-snap-$id"
check "both are of one instant" agree m1
check "and not older than the command" test "$(count_in "$lv-snap-$id")" -ge $((before - 1))
check_output 'xvdb .*\(manual, /usr/local/libexec' "info shows it" xl snapshot-info g m1
check_output '^mixed$' "its kind" xl snapshot-list -H -o kind g

note "once more, disks alone, and then back and sideways"
check "create" xl snapshot-create --disk-only --diskspec "$manual" g d1
check "both are of one instant" agree d1
check "it runs on" labguest wait g --past $(($(guest_count g) + 10))
later=$(guest_count g)
check "revert to m1" xl snapshot-revert g m1
check "it counts" labguest wait g
check "RAM went back" test "$(guest_count g)" -lt "$later"
check "RAM and disks agree" labguest healthy g
check "the volumes are those of before" only $lv "$lv-snap-$id" "$lv-snap-$(id_of g d1)"
check_output mine "the volume's tag was kept" lvs --noheadings -o lv_tags $vg/$lv
check_not "and ours is gone" sh -c "lvs --noheadings -o lv_tags $vg/$lv | grep xl-snapshot"
check "create m2, beside d1" xl snapshot-create --diskspec "$manual" g m2
check "forwards, booting, to d1" xl snapshot-revert --running g d1
check "it boots and counts" labguest wait g --other-boot none --timeout 240
check "RAM and disks agree" labguest healthy g
check "sideways to m2, keeping the present" xl snapshot-revert --undo g m2
check "RAM and disks agree" labguest healthy g
undo=$(xl snapshot-list --names g | grep '^undo-')
check "the undo has the volume, too" agree "$undo"
check "and back to it" xl snapshot-revert g "$undo"
check "RAM and disks agree" labguest healthy g

note "a hook that fails, one that hangs, and one that ends badly in the middle"
now=$(volumes)
odd_hook fails create "echo 'error: not today'; exit 3"
check_exit 7 "it fails: rolled back" xl snapshot-create --diskspec "$(with_hook fails)" g x
check_said "not today" "in its own words"
check "nothing stayed" only "$now"
check "RAM and disks agree" labguest healthy g
odd_hook hangs create "sleep 1000"
check_exit 7 "it hangs: ended, rolled back" xl snapshot-create --hook-timeout 20 \
    --diskspec "$(with_hook hangs)" g x
check_said "too long" "it says so"
check_not "nothing of it runs on" pgrep -f 'sleep 1000'
check "nothing stayed" only "$now"
check "RAM and disks agree" labguest healthy g
odd_hook late create "$hook; exit 1"
check_exit 7 "it fails when it has done it" xl snapshot-create --disk-only \
    --diskspec "$(with_hook late)" g x
check "what it did was undone" only "$now"
check "RAM and disks agree" labguest healthy g
check_equal "" "$(xl snapshot-list --names g | grep -x x)" "none of them is in the chain"

note "a hook that does not delete"
odd_hook keeps delete "echo 'error: not yet'; exit 1"
check "create" xl snapshot-create --disk-only --diskspec "$(with_hook keeps)" g k
check "delete succeeds" xl snapshot-delete g k
check_said "not yet" "and says what stayed"
check_not "the chain has forgotten it" xl snapshot-info g k
odd_hook keeps nothing :
check "recover tries again" xl snapshot-recover g
check "it is gone" only "$now"

note "kill -9 while the hook is at work"
odd_hook dies create "kill -9 \$PPID; sleep 1"
check "killed, with the guard" killed xl snapshot-create --diskspec "$(with_hook dies)" g x
check "recover" xl snapshot-recover g
check "the guest is healthy" labguest healthy g
check "nothing stayed" only "$now"
check "killed, without it" killed env XL_SNAPSHOT_NO_GUARD=1 xl snapshot-create \
    --diskspec "$(with_hook dies)" g x
check "recover" xl snapshot-recover g
check "the guest is healthy" labguest healthy g
check "nothing stayed" only "$now"
for point in hook:create-xvdb create:disks; do
    check "killed at $point" killed env XL_SNAPSHOT_STOP_AT=$point XL_SNAPSHOT_NO_GUARD=1 \
        xl snapshot-create --diskspec "$manual" g x
    check "recover" xl snapshot-recover g
    check "the guest is healthy" labguest healthy g
    check "nothing stayed" only "$now"
done
check "killed before going back" killed env XL_SNAPSHOT_STOP_AT=hook:revert-xvdb \
    XL_SNAPSHOT_NO_GUARD=1 xl snapshot-revert g m1
check "recover goes on" xl snapshot-recover g
check "RAM and disks agree" labguest healthy g
check "the volumes are those of before" only "$now"
check "killed before the delete" killed env XL_SNAPSHOT_STOP_AT=hook:delete-xvdb \
    XL_SNAPSHOT_NO_GUARD=1 xl snapshot-delete g m2
check "recover goes on" xl snapshot-recover g
check_not "it is forgotten" xl snapshot-info g m2

note "the guest is off"
check "destroy" "$SYSTEM_XL" destroy g
check "it is gone" labguest gone g
found=$(labguest disk-counters -c "$device")
check "create" xl snapshot-create --diskspec "$manual" g off
check "back to another" xl snapshot-revert --off g m1
check_not "that is another" test "$found" = "$(labguest disk-counters -c "$device")"
check "back to what it was" xl snapshot-revert --off g off
check_equal "$found" "$(labguest disk-counters -c "$device")" "the volume is what it was"

note "the ready hook killed after each of LVM's commands"
by_hand() {
    env XL_SNAPSHOT_ACTION="$1" XL_SNAPSHOT_FOR="${2:-}" XL_SNAPSHOT_ID=0-hand \
        XL_SNAPSHOT_PATH="$mapped" XL_SNAPSHOT_DOMAIN=g "$hook"
}
mkdir "$WORK/bin"
for tool in lvcreate lvrename lvchange lvremove; do
    cat >"$WORK/bin/$tool" <<-EOF
	#!/bin/sh
	echo >>$WORK/steps
	step=\$(wc -l <$WORK/steps)
	/usr/sbin/$tool "\$@" || exit
	[ \$step != "\$DIE_AFTER" ] || kill -9 \$PPID
	EOF
    chmod +x "$WORK/bin/$tool"
done
# dies STEP ACTION: a try that is killed, or comes to its end first; $died.
dies() {
    rm -f "$WORK/steps"
    env PATH="$WORK/bin:$PATH" DIE_AFTER="$1" bash -c \
        "$(declare -f by_hand); hook=$hook mapped=$mapped by_hand $2"
    died=$?
    [ "$died" -eq 137 ] || [ "$died" -eq 0 ]
}
now=$(volumes)
check "check" by_hand check create
check "create" by_hand create
check_not "twice" by_hand create
check_said "already" "it says why"
step=0 died=137
while [ "$died" -eq 137 ] && [ $step -lt 20 ]; do
    step=$((step + 1))
    dd if=/dev/urandom of="$device" bs=4k count=1 conv=notrunc,fsync status=none
    check "revert, killed after step $step" dies $step revert
    check "revert again" by_hand revert
    check_equal "$found" "$(labguest disk-counters -c "$device")" \
        "the volume is what it was"
    check "nothing stayed" only "$(echo "$now" "$lv-snap-0-hand" | xargs -n1 | sort | xargs)"
done
check "those were all, and more than one" test "$died" -eq 0 -a $step -gt 2
check "delete, killed" dies 1 delete
check "delete again" by_hand delete
check "and again" by_hand delete
check "nothing stayed" only "$now"
check_not "going back to what is not there" by_hand check revert
check_said "is gone" "it says why"
# shellcheck disable=SC2016 # it is not to be run
check_not "a path that is no volume's" env XL_SNAPSHOT_ACTION=check XL_SNAPSHOT_FOR=create \
    XL_SNAPSHOT_ID=1-a XL_SNAPSHOT_PATH='/dev/lab-vg/$(touch /tmp/pwned)' "$hook"
check_not "and nothing in it is run" test -e /tmp/pwned

note "and on"
check "boot" xl snapshot-revert --running g off
check "it counts" labguest wait g --timeout 240
check "RAM and disks agree" labguest healthy g

note "deleting all"
for name in $(xl snapshot-list --names g); do
    check "delete $name" xl snapshot-delete g "$name"
done
check "the guest is healthy" labguest healthy g
check "its volume is left" only $lv
check "off" "$SYSTEM_XL" destroy g
check "it is gone" labguest gone g
check "LVM is put away" lvm_stop
finish
