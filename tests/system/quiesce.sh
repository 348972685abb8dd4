#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# File systems frozen by a real agent in the guest: a snapshot holds them clean;
# without an agent that answers it is refused in bounded time; and they are
# thawed whatever happens.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

files() {
    labguest counters g files
}

# Does the guest write to its file system?
writes_files() {
    local before n
    before=$(files) || return 1
    for n in $(seq 40); do
        sleep 0.5
        [ "$(files)" -gt $((before + 2)) ] && return 0
    done
    echo "files: $before, and after $n tries $(files)"
    return 1
}

writes_no_files() {
    local before
    sleep 1             # for the last count to be published
    before=$(files)
    sleep 4
    echo "files: $before, then $(files)"
    [ "$before" -eq "$(files)" ]
}

# The file system of a snapshot, as a raw image in $WORK/files.
take_out() {
    rm -f "$WORK/files"
    qemu-img convert -U -l "snapshot.name=$1" -O raw \
        /var/lib/labguest/g/files.qcow2 "$WORK/files"
}

# ext4 says in its superblock whether its journal has to be replayed.
needs_replay() {
    dumpe2fs -h "$WORK/files" 2>/dev/null | grep -q needs_recovery
}

in_seconds() {
    local limit=$1 began=$SECONDS status
    shift
    "$@"
    status=$?
    echo "after $((SECONDS - began)) s"
    [ $((SECONDS - began)) -le "$limit" ] || return 125
    return "$status"
}

# A named point reached is where our xl is killed.
killed_at() {
    XL_SNAPSHOT_STOP_AT=$1 "${@:2}" >"$OUTPUT" 2>&1 </dev/null
    [ $? -eq 137 ]
}

guest_start g -d 1 --agent
check "it writes files" writes_files

note "quiesced, and not"
check "a snapshot without it" xl snapshot-create --disk-only g plain
check "the file system can be taken out" take_out plain
check "its journal has to be replayed" needs_replay
check "a snapshot with it" xl snapshot-create --disk-only --quiesce g calm
check_said 'quiesced' "and it says so"
check "the guest writes files again" writes_files
check "the file system can be taken out" take_out calm
check_not "its journal is clean" needs_replay
check "fsck finds nothing" fsck.ext4 -fn "$WORK/files"
check_output '^quiesced: +yes' "snapshot-info says it" xl snapshot-info g calm
check "RAM and disks agree" labguest healthy g

note "refused"
check_exit 2 "not with memory" xl snapshot-create --quiesce g no
check "pause" "$SYSTEM_XL" pause g
check_exit 5 "not when it is paused" \
    xl snapshot-create --disk-only --quiesce g no
check_said 'paused' "and it says why"
check "unpause" "$SYSTEM_XL" unpause g

note "killed between freeze and thaw, nobody guards"
check "killed" env XL_SNAPSHOT_NO_GUARD=1 bash -c '
    XL_SNAPSHOT_STOP_AT=create:flush xl snapshot-create --disk-only --quiesce g k
    [ $? -eq 137 ]'
check "the guest writes no files" writes_no_files
count=$(guest_count g)
check "but runs" labguest wait g --past $((count + 10))
check_output 'thaw' "snapshot-recover thaws" xl snapshot-recover g
check "the guest writes files" writes_files

note "killed between freeze and thaw, guarded"
for point in create:flush create:pause create:thaw; do
    check "killed at $point" killed_at "$point" \
        xl snapshot-create --disk-only --quiesce g k
    check "the guard has it thawed" writes_files
    xl snapshot-delete g k >"$OUTPUT" 2>&1
done

note "an agent that hangs"
check "stop it" labguest command g agent-stop
check "it hangs" until_agent hangs
check_exit 4 "refused, in time" in_seconds 12 \
    xl snapshot-create --disk-only --quiesce --quiesce-timeout 5 g no
check_said 'no agent answered' "and it says why"
check "the guest writes files" writes_files
check "let it go on" labguest command g agent-continue
check "its late answers are not taken for new ones" \
    xl snapshot-create --disk-only --quiesce g late
check "the guest writes files" writes_files

note "no agent"
check "kill it" labguest command g agent-kill
check "it is gone" until_agent hangs
check_exit 4 "refused, in time" in_seconds 12 \
    xl snapshot-create --disk-only --quiesce --quiesce-timeout 5 g no
check_said 'qemu-ga' "and it says what to do"
check "the guest writes files" writes_files
check_not "nothing to show for it" xl snapshot-info g no
check "without it a snapshot can be taken" xl snapshot-create --disk-only g yes
check "start it again" labguest command g agent-start
check "it answers" until_agent answers
check "and with it again" xl snapshot-create --disk-only --quiesce g again

note "no channel"
guest_start h
check_exit 5 "refused" xl snapshot-create --disk-only --quiesce h no
check_said 'no channel' "and it says why"
check "RAM and disks agree" labguest healthy g
finish
