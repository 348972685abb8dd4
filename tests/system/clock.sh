#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The guest's clocks after it went back to a snapshot with memory: what they do
# by themselves is what is said; an agent that does not answer is no failure, and
# takes no longer than it may. docs/design/clock.md has the figures.

# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DAYS=864000             # ten of them, in seconds

# clock_is NAME SECONDS: the wall clock is so much ahead of dom0's, to within
# what a busy machine takes to tell.
clock_is() {
    local ms
    ms=$(labguest clock "$1") || return 1
    echo "ahead of dom0 by $ms ms, wanted $2 s"
    [ "$ms" -gt $(($2 * 1000 - 3000)) ] && [ "$ms" -lt $(($2 * 1000 + 3000)) ]
}

# move_clock NAME SECONDS: from where it is to there.
move_clock() {
    local n
    labguest command "$1" "clock:$2" || return 1
    for n in $(seq 50); do
        clock_is "$1" "$2" && return 0
        sleep 0.2
    done
    echo "not after $n tries"
    return 1
}

monotonic() {
    labguest counters "$1" monotonic
}

# stood_still NAME MS: it went on from there, and the time between is left out.
stood_still() {
    local now
    now=$(monotonic "$1")
    echo "monotonic: $2 ms some time ago, then now $now ms"
    [ "$now" -lt "$2" ]
}

guest_start h
note "no agent"
check "a snapshot" xl snapshot-create h a
check "some time goes by" labguest wait h --past $(($(guest_count h) + 200))
later=$(monotonic h)
check "back to it" xl snapshot-revert --no-undo h a
check_said '^Clock: the snapshot is .* old; .*no agent to ask' "the clock is spoken of"
if [ "${XENLAB_GUEST_TYPE:-pv}" = pv ]; then
    check_said 'Linux moves' "and what Linux does"
else
    check_said 'Linux with' "and what Linux does"
fi
check "the guest goes on" labguest wait h
check "its wall clock has caught up" clock_is h 0
check "its monotonic clock has stood still" stood_still h "$later"
check "back to it, paused" xl snapshot-revert --no-undo --paused h a
check_said 'Nothing was set: the guest is paused' "and that is said"
sleep 4
check "unpause" "$SYSTEM_XL" unpause h
check "the guest goes on" labguest wait h
check "its wall clock has caught up" clock_is h 0
check "what was wrong" move_clock h -$DAYS
check "a snapshot" xl snapshot-create h wrong
check "back to it" xl snapshot-revert --no-undo h wrong
check "stays wrong by as much" clock_is h -$DAYS
check "RAM and disks agree" labguest healthy h
check "it goes" labguest destroy h
guests=()

# It writes to its file system, and not to its other disk.
guest_start g --idle --agent
check "the agent answers" until_agent answers
check "a wrong clock" move_clock g -$DAYS
check "an agent that hangs" labguest command g agent-stop
check "it hangs" until_agent hangs
check "a snapshot" xl snapshot-create g hangs
[ "${XENLAB_GUEST_TYPE:-pv}" != pv ] ||
    check_said "'g' has a channel: with Linux" "of which is warned"

note "it hangs after the revert"
check "it is no failure" xl snapshot-revert --no-undo --clock-timeout 3 g hangs
check_said 'could not be asked: no agent answered' "people are told"
check "it is wrong" clock_is g -$DAYS
check "and not asked, if that is not wanted" \
    xl snapshot-revert --no-undo --no-set-clock g hangs
check_said 'by itself\)?\.$' "and nothing is said of it"
check "the guest runs" labguest healthy g
finish
